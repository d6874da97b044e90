"""What generated images are compared with, and by what."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpipelines import datasets, metrics, models
from tfpipelines.core.files import file_hash
from tfpipelines.core.run_files import read_json
from tfpipelines.errors import ConfigError
from tfpipelines.networks import backbones
from tfpipelines.tasks import generation

from .. import known_class
from ..abilities import Ability
from .base import Painter

if TYPE_CHECKING:
    from tfpipelines.datasets import Samples
    from tfpipelines.tasks.generation.config import GenerationEvaluation

_BLOCK = 4096  # training images that are looked at together
_SHOWN = 24  # images beside their nearest training images


class Comparison:
    """Generated images beside the real ones of a run.

    Args:
        settings, seed: of the run.
        samples: its images.
        classes: their names; [] without.
        shape: of an image.

    Attributes:
        rows: the training images that stand for all of them.
        extractor: of the features by which images are compared.
    """

    def __init__(
        self,
        settings: "GenerationEvaluation",
        seed: int,
        samples: "Samples",
        classes: list[str],
        shape: tuple[int, int, int],
    ):
        self.settings, self.seed = settings, seed
        self.samples, self.classes, self.train = samples, classes, samples.rows("train")
        self.rows = self._some(self.train, self.settings.samples)
        network = features_network(self.settings.features, shape)
        self.extractor = metrics.FeatureExtractor(network, samples.store.images(self.rows))

    def reference(self, rows: np.ndarray) -> "metrics.ReferenceSet":
        """Real images that generated ones are compared with."""
        return metrics.ReferenceSet(self.extractor(self.samples.store.images(rows)), self._classes_of(rows))

    def some(self, split: str, most: int) -> np.ndarray:
        """At most so many rows of a split, seeded, in their order."""
        return self._some(self.samples.rows(split), most)

    def figures(self, features: np.ndarray, classes: np.ndarray | None, reference) -> dict[str, float]:
        """Of some images, by their features."""
        figures = metrics.generation_metrics(features, reference.features, self.settings.neighbours)
        return figures | {"diversity": metrics.diversity(features, reference.features, classes, reference.classes)}

    def real(self, reference, count: int) -> dict[str, float]:
        """What so many real training images get."""
        rows = self.rows[:: max(1, len(self.rows) // count)][:count]
        return self.figures(self.extractor.real[np.searchsorted(self.rows, rows)], self._classes_of(rows), reference)

    def evaluate(self, painter: Painter, split: str, plots: Path) -> dict[str, Any]:
        """Metrics of generated images against a split of the data, with those of real training images beside them."""
        store, train, seed = self.samples.store, self.train, self.seed + 1
        rows = self.some(split, self.settings.samples)
        unseen = split != "train"  # else there are no real images to compare with
        reference = self.reference(rows)
        images, classes = painter.draw(len(self.rows), seed)
        generated = self.extractor(images)
        figures = self.figures(generated, classes, reference)
        usual, _ = self._nearest(store.images(rows), None if unseen else np.searchsorted(train, rows))
        distances, places = self._nearest(images)
        copied, typical = metrics.copies(distances, usual), metrics.usual_distance(usual)
        count = int(copied.sum())
        figures |= {"nearest": float(np.median(distances) / typical), "copies": float(copied.mean())}
        order = np.argsort(distances)
        order = order[np.sort(np.unique(places[order], return_index=True)[1])[:_SHOWN]]  # each training image once
        shown, beside = images[order], store.images(train[places[order]])
        path = plots / "nearest.png"
        generation.plot_neighbours(path, shown, beside, distances[order] / typical, count, len(images))
        result: dict[str, Any] = {split: figures, "baselines": {}, "intervals": {}}
        if unseen:
            real, copies = self.real(reference, len(images)), float(metrics.copies(usual, usual).mean())
            real |= {"nearest": float(np.median(usual) / typical), "copies": copies}
            result["baselines"] = {f"real images ({split})": real}
            others, than = "for comparison, as many real training images against the same", "unseen real"
        else:
            others, than = "there is no other split, so good metrics may be those of copies", "other training"
        if split == "test":
            result["intervals"] = {"kid": list(metrics.kernel_interval(generated, reference.features))}
        result["about"] = [
            f"{len(images):,} generated images (seed {seed}) against {len(rows):,} of the {split} split; {others}",
            "lower is better for kid, fid and copies, higher for precision and recall; diversity and "
            "nearest are about 1 for real images",
            f"compared by {generated.shape[1]} features of {features_name(self.settings.features)}, standardized "
            "by training images; kid and fid are comparable only with the same features and counts",
            f"nearest: median distance of pixels to the closest training image, 1 being that of {than} images; "
            f"copies are closer than half the distance that 99 % of those have: {count} of {len(images):,}",
        ]
        if figures["diversity"] < metrics.COLLAPSE:
            result["about"].append("the kept images show mode collapse: nearest and copies mean nothing")
        return result

    def _some(self, rows: np.ndarray, most: int) -> np.ndarray:
        if len(rows) <= most:
            return rows
        return np.sort(np.random.default_rng([self.seed, 3]).choice(rows, most, replace=False))

    def _classes_of(self, rows: np.ndarray) -> np.ndarray | None:
        return datasets.encode_labels(self.samples.frame.loc[rows], self.classes) if self.classes else None

    def _nearest(self, images: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Distance in pixels to the nearest training image, and its position, for each image; a block of them at a
        time is in memory.

        Args:
            images: uint8 (count, side, side, channels).
            own: where they are training images, their positions among these.
        """
        starts = range(0, len(self.train), _BLOCK)
        parts = (self.samples.store.images(self.train[start : start + _BLOCK]) for start in starts)
        return metrics.nearest(metrics.small_pixels(images), map(metrics.small_pixels, parts), own)


def features_run(named: str) -> Path | None:
    """The run folder that `evaluation.features` names; None for the bundled backbone.

    Raises:
        ConfigError: if it is no run of an image classifier with a model.
    """
    if named == "backbone":
        return None
    folder = Path(named).expanduser()
    made = known_class(read_json(folder / "status.json").get("task"))
    able = made is not None and Ability.COMPARES_IMAGES in made.abilities
    if not able or not (folder / "model.keras").is_file():
        cause = f"evaluation.features: {named} is no run of an image classifier that has a model."
        raise ConfigError(cause, "Give backbone, or the folder of such a run.")
    return folder


def features_facts(named: str) -> dict[str, str]:
    """What data.json says of them: the name, and the hash of a classifier."""
    run = features_run(named)
    return {"name": named, **({"sha256": file_hash(run / "model.keras")} if run else {})}


def features_name(named: str) -> str:
    """What the metrics call them."""
    if named == "backbone":
        return "the bundled backbone (EfficientNet-Lite0, means of the maps at 1/8 and 1/16)"
    return f"the classifier {named} (input of its last layer)"


def features_network(named: str, shape: tuple[int, int, int]):
    """A keras.Model: levels 0 to 255 (batch, *shape) -> features (batch, numbers)."""
    run = features_run(named)
    if run is None:
        return backbones.pooled_features(shape)
    facts = read_json(run / "data.json", ("size", "channels"))
    model = models.load_artifact(run / "model.keras").model
    return backbones.classifier_features(model, facts["size"], facts["channels"], shape)


def measure_elsewhere(
    painter: Painter, half: np.ndarray, other: np.ndarray, named: str, neighbours: int, seed: int
) -> dict[str, Any]:
    """Figures against images that have nothing to do with the run, one half of them being the reference for the other.

    Args:
        half, other: uint8 (count, side, side, channels), of the generator's size.
        named: what they are compared by, `evaluation.features`.
        neighbours: see `metrics.generation_metrics`.
        seed: of the generated images.

    Returns:
        `test` (metrics), `baselines` (those of `half`), `intervals`, `about`.
    """
    extractor = metrics.FeatureExtractor(features_network(named, half.shape[1:]), half)
    reference, generated = extractor(other), extractor(painter.draw(len(half), seed)[0])
    figures, real = (
        metrics.generation_metrics(features, reference, neighbours) for features in (generated, extractor.real)
    )
    about = [
        f"{len(half):,} generated images (seed {seed}) against {len(other):,} of these; real images: "
        f"{len(half):,} others of them against the same",
        f"by {reference.shape[1]} features of {features_name(named)}, standardized by those others, so not "
        "comparable with the run's own figures",
    ]
    interval = list(metrics.kernel_interval(generated, reference))
    return {"test": figures, "baselines": {"real images": real}, "intervals": {"kid": interval}, "about": about}
