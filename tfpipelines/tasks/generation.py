"""What draws images by a trained generator, and what generated images are compared by."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpipelines import evaluation, models, training
from tfpipelines.errors import ConfigError
from tfpipelines.run_files import read_json
from tfpipelines.runs import RunFolder, file_hash

from . import TASKS, task_class
from .abilities import Ability
from .trainable import Phase

if TYPE_CHECKING:
    import keras

    from .trainable import Trainable

SAMPLES = 64  # images that a run leaves, and of a sheet without classes
_ROWS, _STEPS = 10, 11  # of the ways from one noise to another
_BLOCK = 4096  # training images that are looked at together
_PER_CLASS = 10  # images of a sheet with classes, and classes


class AdversarialPhase(Phase):
    """The training of both networks, whose images are looked at after each epoch.

    Args:
        watch: gives the callback that does so.
        (others): as in `Phase`.
    """

    def __init__(self, task: "Trainable", model: "keras.Model", watch: Callable[..., "training.Watch"]):
        super().__init__(task, model)
        self.watch = watch

    @property
    def averaged(self) -> list:
        return self.model.generator.weights

    def callbacks(self, folder: RunFolder, artifact, weights: Callable[[], list], note: Callable[[str], None]) -> list:
        return [self.watch(folder, artifact, lambda: artifact.set_weights(weights()), note)]


class Painter:
    """Draws by a generator that is told of groups, or of nothing.

    Args:
        model: of a `models.GeneratorArtifact`.
        latent: numbers of noise.
        classes: names of the classes; [] without.
        groups: what the generator is told of: `shares` of the training images, and the number of the class of each (0
            without classes); empty lists where it is told nothing.
    """

    def __init__(self, model, latent: int, classes: list[str], groups: dict[str, list]):
        self.model, self.latent, self.classes = model, latent, classes
        self._shares, self._classes = np.array(groups["shares"]), np.array(groups["classes"], np.int64)

    def draw(
        self, count: int, seed: int, only: int | None = None, truncation: float | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Images, uint8, and the number of the class of each, None without classes; the first ones are the same for
        every count.

        Args:
            only: the number of the class of all; None: as frequent as in training.
            truncation: see `models.draw_noise`.
        """
        noise, groups = self.inputs(count, seed, only, truncation)
        return models.generate_images(self.model, noise, groups), self._classes[groups] if self.classes else None

    def inputs(
        self, count: int, seed: int, only: int | None = None, truncation: float | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """What `draw` gives the generator: noise float32 (count, latent), and groups int32 (count,), None where it
        is told nothing.
        """
        return models.draw_noise(count, self.latent, seed, truncation), self._groups(count, seed, only)

    def grid(self, seed: int) -> tuple[np.ndarray, list[str] | None]:
        """Images of noise that is always the same; with classes, as many of each of the first ones, and their names."""
        names = self.classes[:_PER_CLASS]
        if not names:
            return self.draw(SAMPLES, seed)[0], None
        groups = [self._groups(_PER_CLASS, seed, number) for number in range(len(names))]
        return models.generate_images(
            self.model, models.draw_noise(_PER_CLASS * len(names), self.latent, seed), np.concatenate(groups)
        ), names

    def between(self, seed: int) -> tuple[np.ndarray, list[str]]:
        """Images on the way from one noise to another, uint8 (rows, steps, height, width, channels), and the class
        of each row.
        """
        rows = min(_ROWS, len(self.classes) or _ROWS)
        noise = models.noise_between(rows, _STEPS, self.latent, seed).reshape(rows * _STEPS, self.latent)
        groups = (
            [self._groups(1, seed, number) for number in range(rows)] if self.classes else [self._groups(rows, seed)]
        )
        told = None if groups[0] is None else np.repeat(np.concatenate(groups), _STEPS)
        images = models.generate_images(self.model, noise, told)
        return images.reshape(rows, _STEPS, *images.shape[1:]), self.classes[:rows]

    def show(self, folder: Path, history: list[dict], kid: str, frames: int, seed: int) -> None:
        """Writes what a run shows of its model, and how it came about.

        Args:
            folder: of the run.
            history: rows of history.csv.
            kid: name of the distance in them.
            frames: most pictures of the animation.
        """
        plots, progress = folder / "plots", folder / training.PROGRESS
        evaluation.plot_samples(plots / "samples.png", *self.grid(seed))
        evaluation.plot_interpolation(plots / "interpolation.png", *self.between(seed))
        pictures = [
            (f"epoch {row['epoch']}, kid {row[kid]:.3g}", progress / f"epoch-{row['epoch']:04d}.png") for row in history
        ]
        pictures = [(title, file) for title, file in pictures if file.is_file()]
        if pictures:
            evaluation.write_animation(plots / "progress.gif", pictures, frames)
        (folder / "samples").mkdir(exist_ok=True)
        images, classes = self.draw(SAMPLES, seed)
        evaluation.write_samples(
            folder / "samples", images, None if classes is None else [self.classes[number] for number in classes]
        )

    def _groups(self, count: int, seed: int, only: int | None = None) -> np.ndarray | None:
        """Groups as frequent as in training, with `only` those of one class; None where the generator is told
        nothing.
        """
        if not len(self._shares):
            return None
        shares = self._shares if only is None else np.where(self._classes == only, self._shares, 0.0)
        return models.draw_classes(count, shares / shares.sum(), seed)


def nearest_training(
    store, train: np.ndarray, images: np.ndarray, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distance in pixels to the nearest training image, and its position, for each image; a block of them at a time is
    in memory.

    Args:
        store: of images.
        train: its rows of training images.
        images: uint8 (count, side, side, channels).
        own: where they are training images, their positions among `train`.
    """
    blocks = (
        evaluation.small_pixels(store.images(train[start : start + _BLOCK])) for start in range(0, len(train), _BLOCK)
    )
    return evaluation.nearest(evaluation.small_pixels(images), blocks, own)


def features_run(named: str) -> Path | None:
    """The run folder that `evaluation.features` names; None for the bundled backbone.

    Raises:
        ConfigError: if it is no run of an image classifier with a model.
    """
    if named == "backbone":
        return None
    folder = Path(named).expanduser()
    task = read_json(folder / "status.json").get("task")
    known = (folder / "model.keras").is_file() and task in TASKS
    if not known or Ability.COMPARES_IMAGES not in task_class(task).abilities:
        raise ConfigError(
            f"evaluation.features: {named} is no run of an image classifier that has a model.",
            "Give backbone, or the folder of such a run.",
        )
    return folder


def features_facts(named: str) -> dict[str, str]:
    """What data.json says of them: the name, and the hash of a classifier."""
    run = features_run(named)
    return {"name": named, **({"sha256": file_hash(run / "model.keras")} if run else {})}


def features_name(named: str) -> str:
    """What the figures call them."""
    return (
        "the bundled backbone (EfficientNet-Lite0, means of the maps at 1/8 and 1/16)"
        if named == "backbone"
        else f"the classifier {named} (what its last layer sees)"
    )


def features_network(named: str, shape: tuple[int, int, int]):
    """A keras.Model: levels 0 to 255 (batch, *shape) -> features (batch, numbers)."""
    run = features_run(named)
    if run is None:
        return models.pooled_features(shape)
    facts = read_json(run / "data.json", ("size", "channels"))
    return models.classifier_features(
        models.load_artifact(run / "model.keras").model, facts["size"], facts["channels"], shape
    )


def measure_elsewhere(
    painter: Painter, half: np.ndarray, other: np.ndarray, named: str, neighbours: int, seed: int
) -> dict[str, Any]:
    """Figures against images that have nothing to do with the run, one half of them being the reference for the other.

    Args:
        half, other: uint8 (count, side, side, channels), of the generator's size.
        named: what they are compared by, `evaluation.features`.
        neighbours: see `evaluation.generation_metrics`.
        seed: of the generated images.

    Returns:
        `test` (figures), `baselines` (those of `half`), `intervals`, `about`.
    """
    judge = evaluation.Judge(features_network(named, half.shape[1:]), half)
    held, generated = judge(other), judge(painter.draw(len(half), seed)[0])
    figures, real = (evaluation.generation_metrics(features, held, neighbours) for features in (generated, judge.real))
    about = [
        f"{len(half):,} generated images (seed {seed}) against {len(other):,} of these; real images: "
        f"{len(half):,} others of them against the same",
        f"by {held.shape[1]} features of {features_name(named)}, standardized by those others, so not "
        "comparable with the run's own figures",
    ]
    return {
        "test": figures,
        "baselines": {"real images": real},
        "intervals": {"kid": list(evaluation.kernel_interval(generated, held))},
        "about": about,
    }
