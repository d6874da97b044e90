"""Generating images: a generative adversarial network learns to draw what it is shown."""

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from tfpipelines import config, datasets, evaluation, models, networks, training
from tfpipelines.config.gan import AdversarialTrain, GeneratedImageData, GenerationEvaluation
from tfpipelines.config.kinds import GANS, GenerativeNetworks
from tfpipelines.errors import ConfigError, DataError, nearest
from tfpipelines.runs import RunFolder

from .abilities import Ability, Kind
from .generation import (
    AdversarialPhase,
    Painter,
    features_facts,
    features_name,
    features_network,
    features_run,
    measure_elsewhere,
    nearest_training,
)
from .pixels import Pixels
from .trainable import Phase

_DISCRIMINATOR = "discriminator.keras"  # which only further training needs
_LEAST_STEPS = 500  # of an epoch, unless said
_SHOWN = 24  # images beside their nearest training images


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
    train: AdversarialTrain = AdversarialTrain()
    evaluation: GenerationEvaluation = GenerationEvaluation()


class ImageGeneration(Pixels):
    """The task `dcgan`."""

    schema = ImageGenerationPipeline
    kind = Kind.GENERATOR
    abilities = frozenset({Ability.GENERATES})
    unit = "image"
    weight_files = (*Pixels.weight_files, _DISCRIMINATOR)
    loading_fields = ("conditional", "clusters")
    source_fields = ("layout", "item_column", "label_column", "split_column", "root", "follow_links", "on_bad")

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.classes: list[str] = []
        self.groups: dict[str, list] = {
            "shares": [],
            "classes": [],
        }  # what the networks are told of: share of the training images, number of the class
        self._told: np.ndarray | None = None  # the group of each training image

    def preflight(self) -> list[str]:
        features_run(self.pipeline.evaluation.features)
        return []

    # --- data
    def _read(self, findings, path: str, splitting: bool) -> "datasets.ImageSamples":
        shape = {} if splitting else {"size": self.front.size, "channels": self.front.channels}
        data = self.pipeline.data.model_copy(update={"path": path, **shape})
        table = datasets.read_pictures(
            data,
            findings,
            labelled=self.pipeline.model.conditional and splitting,
            seed=self.pipeline.seed_of_splits,
            splitting=splitting,
        )
        scan = datasets.scan_images(table, data)
        seen = scan.shape(data)
        self.front = self._front(*seen) if seen else None
        return datasets.decode_images(scan, self.front, data, findings)

    def _front(self, size: tuple[int, int], channels: int) -> "models.ImageFront":
        side = min(size) // models.IMAGE_STEP * models.IMAGE_STEP
        side = min(max(side, models.SMALLEST_IMAGE), models.LARGEST_IMAGE)
        return super()._front((side, side), channels)

    def check(self, findings, fold: int | None = None) -> Self:
        self.classes = datasets.check_pictures(
            self.samples, self.pipeline.model.conditional, self.pipeline.data.on_leak, findings
        )
        if findings.of("error"):
            return self
        clusters, rows = self.pipeline.model.clusters, self.samples.rows("train")
        labels = self.samples.labels("train", self.classes) if self.classes else None
        pixels = lambda places: evaluation.small_pixels(self.samples.store.images(rows[places]))
        self._told, self.groups = datasets.told_groups(labels, len(rows), clusters, pixels, self.pipeline.seed)
        return self

    def describe(self, findings) -> dict[str, Any]:
        facts = datasets.describe(self.samples, self.classes, findings) | {
            "features": features_facts(self.pipeline.evaluation.features)
        }
        if self.pipeline.model.clusters > 1 and self.groups["shares"]:
            sizes = np.rint(np.array(self.groups["shares"]) * len(self.samples.rows("train"))).astype(int)
            facts["about"] = [
                *facts.get("about", ()),
                f"clusters: {len(sizes)} of {sizes.min()} to {sizes.max()} training images, told to both networks",
            ]
        return facts

    def recall(self, facts: dict[str, Any]) -> Self:
        super().recall(facts)
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
        return datasets.adversarial_batches(
            self.samples.store,
            self.samples.rows("train"),
            self._told,
            **self._steps(first_step, last_step),
            latent=self.pipeline.model.latent,
            augmentation=self._augmentation,
            draws=bool(self.pipeline.train.diff_augment),
        )

    def validation_batches(self):
        return None  # what is generated is measured by `Watch`

    # --- model
    def build(self, fused: bool):
        train, model = self.pipeline.train, self.pipeline.model
        given = {"image_shape": self.front.shape, "classes": len(self.groups["shares"])}
        generator, discriminator = networks.build_network(model, **given, seed=self.pipeline.seed, fused=fused)
        fields = {name: getattr(train, name) for name in ("loss", "label_smoothing", "r1", "r1_interval")}
        return models.GAN(generator, discriminator, **fields, augment=train.diff_augment, name=model.name)

    def phases(self, core, note: Callable[[str], None]) -> Iterator[Phase]:
        yield AdversarialPhase(self, core, self.watch)

    def compile(self, model, optimizer, **settings) -> None:
        train = self.pipeline.train
        others = train.model_copy(update={"learning_rate": train.discriminator_learning_rate or train.learning_rate})
        both = training.TwoOptimizers(
            optimizer,
            training.build_optimizer(others, self.steps_per_epoch()),
            len(model.generator.trainable_variables),
        )
        model.compile(optimizer=both, auto_scale_loss=False, **settings)

    def parts(self, core, earlier, files: dict[str, Path]) -> list[tuple]:
        beside = files.get(_DISCRIMINATOR)
        return [
            (core.generator, models.core_of(earlier.model)),
            (core.discriminator, models.load_artifact(beside).model if beside else None),
        ]

    def carry_over(self, layer, weights: list, earlier) -> list:
        before = earlier.facts.get("groups", {})
        same = earlier.facts.get("classes") == self.classes and (
            before == self.groups
            or (self.pipeline.model.clusters == 1 and len(before.get("classes", [])) == len(self.classes))
        )
        return [] if layer.name in ("class_embedding", "projection") and not same else weights

    @property
    def monitored(self) -> str:
        return f"{self._prefix}kid"

    @property
    def _prefix(self) -> str:
        return "val_" if len(self.samples.rows("validation")) else ""

    def artifact(self, core):
        return models.GeneratorArtifact(core, {"classes": self.classes, "groups": self.groups}, _DISCRIMINATOR)

    # --- results
    def watch(
        self, folder: RunFolder, artifact, load: Callable[[], None], note: Callable[[str], None]
    ) -> "training.Watch":
        """The callback that looks at the images of each epoch."""
        settings = self.pipeline.evaluation
        part = "validation" if self._prefix else "train"
        rows = self._some(self.samples.rows(part), settings.epoch_samples)
        count = min(settings.epoch_samples, len(self.samples.rows("train")))
        began, painter = time.perf_counter(), self._painter(artifact.model)
        watch = training.Watch(
            draw=painter.draw,
            sheet=lambda: evaluation.sheet(painter.grid(self.pipeline.seed)[0]),
            judge=self._judge,
            held=(held := evaluation.Held(self._judge(self.samples.store.images(rows)), self._classes_of(rows))),
            count=count,
            neighbours=settings.neighbours,
            prefix=self._prefix,
            load=load,
            folder=folder.path,
            note=note,
            seed=self.pipeline.seed,
        )
        self._usual = self._real_figures(held, count) if self._prefix else {}
        self.times["measuring"] = time.perf_counter() - began
        return watch

    def _real_figures(self, held, count: int) -> dict[str, float]:
        """What so many real training images get."""
        rows = self._judged[:: max(1, len(self._judged) // count)][:count]
        chosen = np.searchsorted(self._judged, rows)
        features = self._judge.real[chosen]
        return evaluation.generation_metrics(features, held.features, self.pipeline.evaluation.neighbours) | {
            "diversity": evaluation.diversity(features, held.features, self._classes_of(rows), held.classes)
        }

    def validate(self, artifact, folder: RunFolder) -> dict[str, float]:
        return {}  # the watch has told all

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        prefix = self._prefix
        kept = history[best_epoch - 1]
        metrics: dict[str, Any] = (
            {"validation": {name.removeprefix("val_"): kept[name] for name in kept if name.startswith("val_")}}
            if prefix
            else {}
        )
        part = "test" if len(self.samples.rows("test")) else "validation" if prefix else "train"
        began = time.perf_counter()
        metrics |= self._account(artifact.model, part, folder / "plots")
        self._painter(artifact.model).show(
            folder.path, history, self.monitored, self.pipeline.evaluation.frames, self.pipeline.seed
        )
        evaluation.plot_progress(folder / "plots" / "curves.png", history, best_epoch, self._usual)
        collapsed = [row["epoch"] for row in history if row[f"{prefix}diversity"] < evaluation.COLLAPSE]
        if collapsed:
            metrics["about"].append(
                f"collapsed in {len(collapsed)} of {len(history)} epochs (diversity below "
                f"{evaluation.COLLAPSE:g} of that of real images)"
            )
        self.times["measuring"] = round(
            self.times.get("measuring", 0.0) + sum(row["measuring"] for row in history) + time.perf_counter() - began, 3
        )
        return metrics

    def _account(self, model, part: str, plots: Path) -> dict[str, Any]:
        """Figures of generated images against a part of the data, with those of real training images beside them."""
        settings, store = self.pipeline.evaluation, self.samples.store
        train = self.samples.rows("train")
        rows = self._some(self.samples.rows(part), settings.samples)
        unseen = part != "train"  # else there are no real images to compare with
        held = evaluation.Held(self._judge(store.images(rows)), self._classes_of(rows))
        images, classes = self._painter(model).draw(len(self._judged), self.pipeline.seed + 1)
        generated = self._judge(images)
        figures = evaluation.generation_metrics(generated, held.features, settings.neighbours)
        figures["diversity"] = evaluation.diversity(generated, held.features, classes, held.classes)
        usual, _ = nearest_training(store, train, store.images(rows), None if unseen else np.searchsorted(train, rows))
        distances, places = nearest_training(store, train, images)
        copied, typical = evaluation.copies(distances, usual), evaluation.usual_distance(usual)
        figures |= {"nearest": float(np.median(distances) / typical), "copies": float(copied.mean())}
        order = np.argsort(distances)
        order = order[np.sort(np.unique(places[order], return_index=True)[1])[:_SHOWN]]  # each training image once
        evaluation.plot_neighbours(
            plots / "nearest.png",
            images[order],
            store.images(train[places[order]]),
            distances[order] / typical,
            int(copied.sum()),
            len(images),
        )
        result: dict[str, Any] = {part: figures, "baselines": {}, "intervals": {}}
        if unseen:
            real = self._real_figures(held, len(images)) | {
                "nearest": float(np.median(usual) / typical),
                "copies": float(evaluation.copies(usual, usual).mean()),
            }
            result["baselines"] = {f"real images ({part})": real}
        if part == "test":
            result["intervals"] = {"kid": list(evaluation.kernel_interval(generated, held.features))}
        beside = (
            "beside them as many real training images against the same"
            if unseen
            else "no part was held out, so good figures may be those of copies"
        )
        result["about"] = [
            f"{len(images):,} generated images (seed {self.pipeline.seed + 1}) against {len(rows):,} of the "
            f"{part} part; {beside}",
            "lower is better for kid, fid and copies, higher for precision and recall; diversity and "
            "nearest are about 1 for real images",
            f"compared by {generated.shape[1]} features of {features_name(settings.features)}, standardized "
            "by training images; kid and fid mean something beside others of the same features and counts "
            "only",
            "nearest: median distance of pixels to the closest training image, 1 being that of "
            f"{'unseen real' if unseen else 'other training'} images; copies are closer than half of what "
            f"99 % of those keep: {int(copied.sum())} of {len(images):,}",
        ]
        if figures["diversity"] < evaluation.COLLAPSE:
            result["about"].append("the kept images have collapsed: nearest and copies say nothing of them")
        return result

    def generate(
        self, model, count: int, seed: int, label: str | None = None, truncation: float | None = None
    ) -> tuple[np.ndarray, list[str] | None]:
        label = None if label is None else str(label)
        if label is not None and label not in self.classes:
            guess = nearest(label, self.classes)
            remedy = (
                f"Did you mean {guess!r}?"
                if guess
                else f"Classes: {', '.join(self.classes[:20])}."
                if self.classes
                else "Leave --class out, or train with model.conditional=true."
            )
            raise ConfigError(
                f"The class {label!r}: this generator knows {'no such class' if self.classes else 'no classes'}.",
                remedy,
            )
        only = None if label is None else self.classes.index(label)
        images, classes = self._painter(model).draw(count, seed, only, truncation)
        return images, None if classes is None else [self.classes[number] for number in classes]

    def evaluate_new(self, model, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        if features_facts(self.pipeline.evaluation.features) != self._features:
            raise ConfigError(
                f"The classifier {self.pipeline.evaluation.features} is no longer the one that this run was "
                "measured by.",
                "Bring it back.",
            )
        return super().evaluate_new(model, path, split, out)

    def _measure(self, model, path: str, findings, out: Path | None) -> dict[str, Any]:
        samples = self.samples
        settings, rows = self.pipeline.evaluation, samples.frame.index.to_numpy(np.int64)
        if len(rows) < 2 * 16:
            raise DataError(
                f"{path} has {len(rows)} images: too few to measure by.", "Give 32 at least, better a thousand."
            )
        rows = np.random.default_rng([self.pipeline.seed, 3]).permutation(rows)[: 2 * settings.samples]
        halves = samples.store.images(rows[::2]), samples.store.images(rows[1::2])
        figures = measure_elsewhere(
            self._painter(model), *halves, settings.features, settings.neighbours, self.pipeline.seed + 1
        )
        return figures | {"samples": len(rows)}

    def predict(self, model, inputs: Any, batch_size: int, explain: bool):
        raise ConfigError(
            "A generator draws images of noise: there is nothing to predict.",
            f"tfpipe generate {self._folder} --out DIR, or --grid FILE.png",
        )

    # --- export
    def served(self, model) -> "models.Served":
        names = (
            [self.classes[number] for number in self.groups["classes"]]
            if self.classes
            else [f"cluster {number + 1}" for number in range(len(self.groups["shares"]))]
        )
        return models.Served(models.ServedNoise(model, names), models.ServedPictures())

    def replayed(self, splits, parts: tuple[str, ...], count: int) -> "datasets.Replay":
        noise, groups = self._painter(None).inputs(count, self.pipeline.seed + (2 if "train" in parts else 0))
        read = lambda place: (noise[place],) if groups is None else (noise[place], groups[place])
        return datasets.Replay("noise draw", [str(number) for number in range(count)], [None] * count, read)

    # --- details
    def _some(self, rows: np.ndarray, most: int) -> np.ndarray:
        """At most so many rows, seeded, in their order."""
        if len(rows) <= most:
            return rows
        return np.sort(np.random.default_rng([self.pipeline.seed, 3]).choice(rows, most, replace=False))

    def _classes_of(self, rows: np.ndarray) -> np.ndarray | None:
        return datasets.encode_labels(self.samples.frame.loc[rows], self.classes) if self.classes else None

    def _painter(self, model) -> Painter:
        return Painter(model, self.pipeline.model.latent, self.classes, self.groups)

    @cached_property
    def _judged(self) -> np.ndarray:
        """The training images that stand for all of them."""
        return self._some(self.samples.rows("train"), self.pipeline.evaluation.samples)

    @cached_property
    def _judge(self) -> "evaluation.Judge":
        return evaluation.Judge(
            features_network(self.pipeline.evaluation.features, self.front.shape),
            self.samples.store.images(self._judged),
        )
