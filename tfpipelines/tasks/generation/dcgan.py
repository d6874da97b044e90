"""Generating images: a generative adversarial network learns to draw what it is shown."""

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from tfpipelines import datasets, evaluation, metrics, models, networks, training
from tfpipelines.core import config
from tfpipelines.core.config.images import IMAGE_STEP, LARGEST_IMAGE, SMALLEST_IMAGE
from tfpipelines.core.config.kinds import GANS, GenerativeNetworks
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import nearest
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.tasks import generation
from tfpipelines.tasks.generation.config import AdversarialTrain, GeneratedImageData, GenerationEvaluation

from ..abilities import Ability, Kind
from ..image_task import Pixels
from ..trainable import Phase
from .base import AdversarialPhase, Painter
from .reference import Comparison, features_facts, features_run, measure_elsewhere

_DISCRIMINATOR = "discriminator.keras"  # which only further training needs
_LEAST_STEPS = 500  # of an epoch, unless said


class ImageGenerationPipeline(config.Pipeline):
    """A dcgan pipeline."""

    default_network = "dcgan"
    objective = "val_kid"
    takes, gives = (
        "noise, float32 (batch, numbers), and where it was trained with classes or groups the number "
        "of one, int32 (batch,)",
        "an image for each, levels 0 to 255",
    )
    hub_task = "unconditional-image-generation"
    use = "generate {} --grid FILE.png"

    task: Literal["dcgan"] = "dcgan"
    data: GeneratedImageData
    model: GenerativeNetworks = GANS.default(default_network)
    train: AdversarialTrain = AdversarialTrain()  # type: ignore[assignment]  # a section of its own
    evaluation: GenerationEvaluation = GenerationEvaluation()  # type: ignore[assignment]  # a section of its own


class ImageGeneration(Pixels):
    """The task `dcgan`."""

    schema = ImageGenerationPipeline
    pipeline: ImageGenerationPipeline
    kind = Kind.GENERATOR
    abilities = frozenset({Ability.GENERATES})
    unit = "image"
    weight_files = (*Pixels.weight_files, _DISCRIMINATOR)
    loading_fields = ("conditional", "clusters")

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.classes: list[str] = []
        # what the networks are told of: share of the training images, number of the class
        self.groups: dict[str, list] = {"shares": [], "classes": []}
        self._told: np.ndarray | None = None  # the group of each training image

    def preflight(self) -> list[str]:
        features_run(self.pipeline.evaluation.features)
        return []

    # --- data
    def _list(self, data, findings, splitting: bool):
        labelled, seed = self.pipeline.model.conditional and splitting, self.pipeline.seed_of_splits
        return generation.read_pictures(data, findings, labelled=labelled, seed=seed, splitting=splitting)

    def _preprocessor_for(self, size: tuple[int, int], channels: int) -> "models.ImagePreprocessor":
        side = min(size) // IMAGE_STEP * IMAGE_STEP
        side = min(max(side, SMALLEST_IMAGE), LARGEST_IMAGE)
        return super()._preprocessor_for((side, side), channels)

    def check(self, findings, fold: int | None = None) -> Self:
        model, rows = self.pipeline.model, self.samples.rows("train")
        self.classes = generation.check_pictures(self.samples, model.conditional, self.pipeline.data.on_leak, findings)
        if findings.of("error"):
            return self
        labels = self.samples.labels("train", self.classes) if self.classes else None
        pixels = lambda places: metrics.small_pixels(self.samples.store.images(rows[places]))
        self._told, self.groups = generation.conditioning_labels(
            labels, len(rows), model.clusters, pixels, self.pipeline.seed
        )
        return self

    def describe(self, findings) -> dict[str, Any]:
        facts = datasets.describe(self.samples, self.classes, findings)
        facts["features"] = features_facts(self.pipeline.evaluation.features)
        if self.pipeline.model.clusters > 1 and self.groups["shares"]:
            sizes = np.rint(np.array(self.groups["shares"]) * len(self.samples.rows("train"))).astype(int)
            told = f"clusters: {len(sizes)} of {sizes.min()} to {sizes.max()} training images, given to both networks"
            facts["about"] = [*facts.get("about", ()), told]
        return facts

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self.classes, self.groups = list(facts["classes"]), facts["groups"]
        self._folder, self._features = facts["folder"], facts.get("features")
        return self

    def steps_per_epoch(self) -> int:
        train = self.pipeline.train
        once = len(self.samples.rows("train")) // train.batch_size
        if not once:
            return 0
        return max(once, _LEAST_STEPS) if train.steps_per_epoch == "auto" else train.steps_per_epoch

    def training_batches(self, first_step: int, last_step: int):
        drawn = {"latent": self.pipeline.model.latent, "draws": bool(self.pipeline.train.diff_augment)}
        # whatever an epoch is here, the order of the images begins anew once all have been seen
        steps = {name: value for name, value in self._steps(first_step, last_step).items() if name != "steps_per_epoch"}
        further = {**steps, **drawn, "augmentation": self._augmentation}
        return generation.adversarial_batches(self.samples.store, self.samples.rows("train"), self._told, **further)

    def validation_batches(self):
        return None  # what is generated is measured by `GANMonitor`

    # --- model
    def build(self, for_training: bool):
        train, model = self.pipeline.train, self.pipeline.model
        given = {"image_shape": self.preprocessor.shape, "classes": len(self.groups["shares"])}
        generator, discriminator = networks.build_network(
            model, **given, seed=self.pipeline.seed, for_training=for_training
        )
        fields = {name: getattr(train, name) for name in ("loss", "label_smoothing", "r1", "r1_interval")}
        return generation.GAN(generator, discriminator, **fields, augment=train.diff_augment, name=model.name)

    def phases(self, network, note: Callable[[str], None]) -> Iterator[Phase]:
        yield AdversarialPhase(self, network, self.monitor)

    def compile(self, model, optimizer, **settings) -> None:
        train = self.pipeline.train
        others = train.model_copy(update={"learning_rate": train.discriminator_learning_rate or train.learning_rate})
        second, count = training.build_optimizer(others, self.steps_per_epoch()), model.generator.trainable_variables
        both = generation.TwoOptimizers(optimizer, second, len(count))
        model.compile(optimizer=both, auto_scale_loss=False, **settings)

    def parts(self, network, earlier, files: dict[str, Path]) -> list[tuple]:
        beside = files.get(_DISCRIMINATOR)
        return [
            (network.generator, models.network_of(earlier.model)),
            (network.discriminator, models.load_artifact(beside).model if beside else None),
        ]

    def transfer_weights(self, layer, weights: list, earlier) -> list:
        before = earlier.facts.get("groups", {})
        undivided = self.pipeline.model.clusters == 1 and len(before.get("classes", [])) == len(self.classes)
        same = earlier.facts.get("classes") == self.classes and (before == self.groups or undivided)
        return [] if layer.name in ("class_embedding", "projection") and not same else weights

    @property
    def monitored(self) -> str:
        return f"{self._prefix}kid"

    @property
    def _prefix(self) -> str:
        return "val_" if len(self.samples.rows("validation")) else ""

    def artifact(self, network):
        return generation.GeneratorArtifact(network, {"classes": self.classes, "groups": self.groups}, _DISCRIMINATOR)

    # --- results
    def monitor(
        self, folder: RunFolder, artifact, load: Callable[[], None], note: Callable[[str], None]
    ) -> "generation.GANMonitor":
        """The callback that looks at the images of each epoch."""
        settings, seed, began = self.pipeline.evaluation, self.pipeline.seed, time.perf_counter()
        rows = self._comparison.some("validation" if self._prefix else "train", settings.epoch_samples)
        count = min(settings.epoch_samples, len(self.samples.rows("train")))
        painter, reference = self._painter(artifact.model), self._comparison.reference(rows)
        monitor = generation.GANMonitor(
            draw=painter.draw,
            sheet=lambda: evaluation.sheet(painter.grid(seed)[0]),
            extractor=self._comparison.extractor,
            reference=reference,
            count=count,
            neighbours=settings.neighbours,
            prefix=self._prefix,
            load=load,
            folder=folder.path,
            note=note,
            seed=seed,
        )
        self._usual = self._comparison.real(reference, count) if self._prefix else {}
        self.times["measuring"] = time.perf_counter() - began
        return monitor

    def validate(self, artifact, folder: RunFolder) -> dict[str, float]:
        return {}  # the monitor has measured all

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        prefix, began, plots = self._prefix, time.perf_counter(), folder / "plots"
        kept = history[best_epoch - 1]
        validation = {name.removeprefix("val_"): kept[name] for name in kept if name.startswith("val_")}
        part = "test" if len(self.samples.rows("test")) else "validation" if prefix else "train"
        results: dict[str, Any] = {"validation": validation} if prefix else {}
        painter = self._painter(artifact.model)
        results |= self._comparison.evaluate(painter, part, plots)
        painter.show(folder.path, history, self.monitored, self.pipeline.evaluation.frames, self.pipeline.seed)
        generation.plot_progress(plots / "curves.png", history, best_epoch, self._usual)
        collapsed = [row["epoch"] for row in history if row[f"{prefix}diversity"] < metrics.COLLAPSE]
        if collapsed:
            least = f"{metrics.COLLAPSE:g} of that of real images"
            told = f"collapsed in {len(collapsed)} of {len(history)} epochs (diversity below {least})"
            results["about"].append(told)
        measured = self.times.get("measuring", 0.0) + sum(row["measuring"] for row in history)
        self.times["measuring"] = round(measured + time.perf_counter() - began, 3)
        return results

    def generate(
        self, model, count: int, seed: int, label: str | None = None, truncation: float | None = None
    ) -> tuple[np.ndarray, list[str] | None]:
        label = None if label is None else str(label)
        if label is not None and not self.classes:
            remedy = "Leave --class out, or train with model.conditional=true."
            raise ConfigError(f"The class {label!r}: this generator knows no classes.", remedy)
        if label is not None and label not in self.classes:
            guess = nearest(label, self.classes)
            remedy = f"Did you mean {guess!r}?" if guess else f"Classes: {', '.join(self.classes[:20])}."
            raise ConfigError(f"The class {label!r}: this generator knows no such class.", remedy)
        only, painter = None if label is None else self.classes.index(label), self._painter(model)
        images, classes = painter.draw(count, seed, only, truncation)
        return images, painter.names(classes)

    def evaluate_new(self, model, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        named = self.pipeline.evaluation.features
        if features_facts(named) != self._features:
            cause = f"The classifier {named} is no longer the one that this run was measured by."
            raise ConfigError(cause, "Bring it back.")
        return super().evaluate_new(model, path, split, out)

    def _measure(self, model, path: str, findings, out: Path | None) -> dict[str, Any]:
        settings, seed, images = self.pipeline.evaluation, self.pipeline.seed, self.samples.store.images
        rows = self.samples.frame.index.to_numpy(np.int64)
        if len(rows) < 2 * 16:
            cause = f"{path} has {len(rows)} images: too few to measure by."
            raise DataError(cause, "Give 32 at least, better a thousand.")
        rows = np.random.default_rng([seed, 3]).permutation(rows)[: 2 * settings.samples]
        halves, painter = (images(rows[::2]), images(rows[1::2])), self._painter(model)
        figures = measure_elsewhere(painter, *halves, settings.features, settings.neighbours, seed + 1)
        return figures | {"samples": len(rows)}

    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        remedy = f"tfpipe generate {self._folder} --out DIR, or --grid FILE.png"
        raise ConfigError("A generator draws images of noise: there is nothing to predict.", remedy)

    # --- export
    def served(self, model) -> "models.Served":
        names = [f"cluster {number + 1}" for number in range(len(self.groups["shares"]))]
        if self.classes:
            names = [self.classes[number] for number in self.groups["classes"]]
        return models.Served(models.ServedNoise(model, names), models.ServedPictures())

    def replayed(self, splits, parts: tuple[str, ...], count: int) -> "datasets.Replay":
        noise, groups = self._painter(None).inputs(count, self.pipeline.seed + (2 if "train" in parts else 0))
        read = lambda place: (noise[place],) if groups is None else (noise[place], groups[place])
        return datasets.Replay("noise draw", [str(number) for number in range(count)], [None] * count, read)

    # --- details
    def _painter(self, model) -> Painter:
        return Painter(model, self.pipeline.model.latent, self.classes, self.groups)

    @cached_property
    def _comparison(self) -> Comparison:
        settings, seed = self.pipeline.evaluation, self.pipeline.seed
        return Comparison(settings, seed, self.samples, self.classes, self.preprocessor.shape)
