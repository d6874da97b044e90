"""What draws images by a trained generator, and the phase that trains it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfpipelines import evaluation
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.tasks import generation

from ..trainable import Phase

if TYPE_CHECKING:
    import keras

    from ..trainable import Trainable

Drawn = tuple[np.ndarray, np.ndarray | None]
SAMPLES = 64  # images that a run leaves, and of a sheet without classes
_ROWS, _STEPS = 10, 11  # of the ways from one noise to another
_PER_CLASS = 10  # images of a sheet with classes, and classes


class AdversarialPhase(Phase):
    """The training of both networks, whose images are looked at after each epoch, by the callback of `watch`."""

    def __init__(self, task: "Trainable", model: "keras.Model", monitor: Callable[..., "generation.GANMonitor"]):
        super().__init__(task, model)
        self.monitor = monitor

    @property
    def averaged(self) -> list:
        return self.model.generator.weights

    def callbacks(self, folder: RunFolder, artifact, weights: Callable[[], list], note: Callable[[str], None]) -> list:
        return [self.monitor(folder, artifact, lambda: artifact.set_weights(weights()), note)]


class Painter:
    """Draws by a generator that is told of groups, or of nothing.

    Args:
        model: of a `generation.GeneratorArtifact`.
        latent: numbers of noise.
        classes: names of the classes; [] without.
        groups: what the generator is told of: `shares` of the training images, and the number of the class of each (0
            without classes); empty lists where it is told nothing.
    """

    def __init__(self, model, latent: int, classes: list[str], groups: dict[str, list]):
        self.model, self.latent, self.classes = model, latent, classes
        self._shares, self._classes = np.array(groups["shares"]), np.array(groups["classes"], np.int64)

    def draw(self, count: int, seed: int, only: int | None = None, truncation: float | None = None) -> Drawn:
        """Images, uint8, and the number of the class of each, None without classes; the first ones are the same for
        every count.

        Args:
            only: the number of the class of all; None: as frequent as in training.
            truncation: see `generation.draw_noise`.
        """
        noise, groups = self.inputs(count, seed, only, truncation)
        images = generation.generate_images(self.model, noise, groups)
        return images, self._classes[groups] if self.classes and groups is not None else None

    def inputs(self, count: int, seed: int, only: int | None = None, truncation: float | None = None) -> Drawn:
        """What `draw` gives the generator: noise float32 (count, latent), and groups int32 (count,), None where it
        is told nothing.
        """
        return generation.draw_noise(count, self.latent, seed, truncation), self._groups(count, seed, only)

    def grid(self, seed: int) -> tuple[np.ndarray, list[str] | None]:
        """Images of noise that is always the same; with classes, as many of each of the first ones, and their names."""
        names = self.classes[:_PER_CLASS]
        if not names:
            return self.draw(SAMPLES, seed)[0], None
        noise = generation.draw_noise(_PER_CLASS * len(names), self.latent, seed)
        return generation.generate_images(self.model, noise, self._in_turn(_PER_CLASS, len(names), seed)), names

    def between(self, seed: int) -> tuple[np.ndarray, list[str]]:
        """Images on the way from one noise to another, uint8 (rows, steps, height, width, channels), and the class
        of each row.
        """
        rows = min(_ROWS, len(self.classes) or _ROWS)
        noise = generation.noise_between(rows, _STEPS, self.latent, seed).reshape(rows * _STEPS, self.latent)
        groups = self._in_turn(1, rows, seed) if self.classes else self._groups(rows, seed)
        images = generation.generate_images(self.model, noise, None if groups is None else np.repeat(groups, _STEPS))
        return images.reshape(rows, _STEPS, *images.shape[1:]), self.classes[:rows]

    def show(self, folder: Path, history: list[dict], kid: str, frames: int, seed: int) -> None:
        """Writes what a run shows of its model, and how it came about.

        Args:
            folder: of the run.
            history: rows of history.csv.
            kid: name of the distance in them.
            frames: most pictures of the animation.
        """
        plots, progress = folder / "plots", folder / generation.PROGRESS
        generation.plot_samples(plots / "samples.png", *self.grid(seed))
        generation.plot_interpolation(plots / "interpolation.png", *self.between(seed))
        titled = {
            progress / f"epoch-{row['epoch']:04d}.png": f"epoch {row['epoch']}, kid {row[kid]:.3g}" for row in history
        }
        pictures = [(title, file) for file, title in titled.items() if file.is_file()]
        if pictures:
            generation.write_animation(plots / "progress.gif", pictures, frames)
        (folder / "samples").mkdir(exist_ok=True)
        images, classes = self.draw(SAMPLES, seed)
        evaluation.write_samples(folder / "samples", images, self.names(classes))

    def names(self, classes: np.ndarray | None) -> list[str] | None:
        """Of the classes that `draw` gives."""
        return None if classes is None else [self.classes[number] for number in classes]

    def _in_turn(self, count: int, classes: int, seed: int) -> np.ndarray | None:
        """So many groups of each of the first classes."""
        groups = [self._groups(count, seed, number) for number in range(classes)]
        return np.concatenate([some for some in groups if some is not None]) if groups[0] is not None else None

    def _groups(self, count: int, seed: int, only: int | None = None) -> np.ndarray | None:
        """Groups as frequent as in training, with `only` those of one class; None where the generator is told
        nothing.
        """
        if not len(self._shares):
            return None
        shares = self._shares if only is None else np.where(self._classes == only, self._shares, 0.0)
        return generation.draw_classes(count, shares / shares.sum(), seed)
