"""Generating images: a generative adversarial network learns to draw what it is shown."""

import time
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfpipelines import config, datasets, evaluation, models, training
from tfpipelines.config.gan import DCGAN, AdversarialTrain, GeneratedImageData, GenerationEvaluation, GenerativeNetwork
from tfpipelines.errors import ConfigError, DataError, nearest
from tfpipelines.runs import RunFolder, atomic_write, file_hash, read_json, write_json

from .base import Phase, Task
from .generation import PROGRESS, Held, Judge, Watch, noise_between

_PIXEL_FIELDS = ("on_bad", "max_pixels", "background", "cache")
_LEAST_STEPS = 500  # of an epoch, unless said
_SAMPLES = 64  # images that a run leaves
_SHOWN = 24  # images beside their nearest training images
_COMPARED = 32  # largest side in pixels of images whose nearest training image is sought
_ROWS, _STEPS = 8, 11  # of the ways from one noise to another
_PER_CLASS = 10


class AdversarialPhase(Phase):
    """The training of both networks, watched."""

    @property
    def averaged(self) -> list:
        return self.model.generator.weights

    def callbacks(self, folder: RunFolder, artifact, weights: Callable[[], list], note: Callable[[str], None]) -> list:
        return [self.task.watch(folder, artifact, lambda: artifact.set_weights(weights()), note)]


class ImageGeneration(Task):
    """The task `dcgan`."""

    class Pipeline(config.Pipeline):
        """A dcgan pipeline."""

        default_network = "dcgan"
        use = "generate {} --grid FILE.png"

        task: Literal["dcgan"] = "dcgan"
        data: GeneratedImageData
        model: GenerativeNetwork = DCGAN()
        train: AdversarialTrain = AdversarialTrain()
        evaluation: GenerationEvaluation = GenerationEvaluation()

    source_fields = ("layout", "item_column", "label_column", "split_column", "root", "follow_links", "on_bad")
    reading_fields = (*source_fields, "max_pixels", "cache")
    place_fields = ("layout", "root")

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.classes: list[str] = []
        self.samples: datasets.ImageSamples | None = None
        self.front: Any = None
        self._watch: Watch | None = None

    def preflight(self) -> list[str]:
        self._features_run()
        return []

    # --- data
    def load(self, findings) -> None:
        self.samples = self._read(findings, self.pipeline.data.path, splitting=True)

    def _read(self, findings, path: str, splitting: bool) -> "datasets.ImageSamples":
        data, fields = self.pipeline.data, self._data(*self.source_fields)
        if splitting:
            fields |= self._data("validation", "test", "limit")
        size, channels = (data.size, data.channels) if splitting else (self.front.size, self.front.channels)
        read = partial(datasets.read_pictures, labelled=self.pipeline.model.conditional and splitting, seed=self.pipeline.seed, splitting=splitting, **fields)
        samples = datasets.read_image_samples(findings, self._front, path=path, read=read, size=size, channels=channels, **self._data(*_PIXEL_FIELDS))
        self.front = samples.front
        return samples

    def _front(self, size: tuple[int, int], channels: int):
        data = self.pipeline.data
        side = min(size) // models.IMAGE_STEP * models.IMAGE_STEP
        side = min(max(side, models.SMALLEST_IMAGE), models.LARGEST_IMAGE)
        return models.ImageFront((side, side), channels, data.resize, data.filter, data.antialias)

    def check(self, findings, fold: int | None = None) -> None:
        self.classes = datasets.check_pictures(self.samples, self.pipeline.model.conditional, self.pipeline.data.on_leak, findings)

    def describe(self, findings) -> dict[str, Any]:
        if not self.samples:
            return {"findings": findings.as_list()}
        run = self._features_run()
        features = {"name": self.pipeline.evaluation.features, **({"sha256": file_hash(run / "model.keras")} if run else {})}
        return {**datasets.describe(self.samples, self.classes, findings), "features": features}

    def split_table(self):
        return self.samples.split_table()

    def recall(self, facts: dict[str, Any]) -> None:
        self.classes, self._shares = list(facts["classes"]), np.array(facts["shares"])
        self.front = self._front(tuple(facts["size"]), facts["channels"])
        self._trained_on = facts.get("trained_on", frozenset())

    def steps_per_epoch(self) -> int:
        train = self.pipeline.train
        once = len(self.samples.rows("train")) // train.batch_size
        if not once:
            return 0
        return max(once, _LEAST_STEPS) if train.steps_per_epoch == "auto" else train.steps_per_epoch

    def training_batches(self, first_step: int, last_step: int):
        data, train = self.pipeline.data, self.pipeline.train
        return datasets.adversarial_batches(
            self.samples.store,
            self.samples.rows("train"),
            self._labels("train"),
            batch_size=train.batch_size,
            seed=self.pipeline.seed,
            first_step=first_step,
            last_step=last_step,
            latent=self.pipeline.model.latent,
            augmentation=datasets.Augmentation(**dict(data.augment)),
            draws=bool(train.diff_augment),
        )

    def validation_batches(self):
        return None  # what is generated is measured by `Watch`

    def _labels(self, split: str) -> np.ndarray | None:
        return self.samples.labels(split, self.classes) if self.classes else None

    # --- model
    def build(self, fused: bool):
        train, settings = self.pipeline.train, dict(self.pipeline.model)
        build = models.GANS[settings.pop("name")]
        del settings["conditional"]
        fields = {name: getattr(train, name) for name in ("loss", "label_smoothing", "r1", "r1_interval")}
        return build(self.front.shape, len(self.classes), **settings, **fields, augment=train.diff_augment, seed=self.pipeline.seed, fused=fused)

    def phases(self, core, note: Callable[[str], None]) -> Iterator[Phase]:
        yield AdversarialPhase(self, core)

    def compile(self, model, optimizer, **settings) -> None:
        train = self.pipeline.train
        others = train.model_copy(update={"learning_rate": train.discriminator_learning_rate or train.learning_rate})
        both = training.TwoOptimizers(optimizer, training.optimizer_of(others, self.steps_per_epoch()), len(model.generator.trainable_variables))
        model.compile(optimizer=both, auto_scale_loss=False, **settings)

    @property
    def monitored(self) -> str:
        return f"{self._prefix}kid"

    @property
    def _prefix(self) -> str:
        return "val_" if len(self.samples.rows("validation")) else ""

    def artifact(self, core):
        frequencies = np.bincount(self._labels("train"), minlength=len(self.classes)) if self.classes else np.ones(1)
        facts = {"classes": self.classes, "shares": (frequencies / frequencies.sum()).tolist(), "latent": self.pipeline.model.latent}
        return models.GeneratorArtifact(core, facts)

    # --- results
    def watch(self, folder: RunFolder, artifact, load: Callable[[], None], note: Callable[[str], None]) -> Watch:
        """The callback that looks at the images of each epoch."""
        settings = self.pipeline.evaluation
        part = "validation" if self._prefix else "train"
        rows = self._some(self.samples.rows(part), settings.epoch_samples)
        began = time.perf_counter()
        self._watch = Watch(
            draw=partial(self._draw, artifact.model),
            sheet=lambda: evaluation.sheet(self._grid(artifact.model)[0]),
            judge=self._judge,
            held=Held(self._judge(self.samples.store.images(rows)), self._classes_of(rows)),
            count=min(settings.epoch_samples, len(self.samples.rows("train"))),
            neighbours=settings.neighbours,
            prefix=self._prefix,
            load=load,
            folder=folder.path,
            note=note,
            seed=self.pipeline.seed,
        )
        self.times["measuring"] = time.perf_counter() - began
        return self._watch

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        prefix, settings = self._prefix, self.pipeline.evaluation
        kept = history[best_epoch - 1]
        metrics: dict[str, Any] = {"validation": {name.removeprefix("val_"): kept[name] for name in kept if name.startswith("val_")}} if prefix else {}
        part = "test" if len(self.samples.rows("test")) else "validation" if prefix else "train"
        began = time.perf_counter()
        metrics |= self._account(artifact.model, part, folder / "plots")
        self._show(artifact.model, folder, history)
        evaluation.plot_progress(folder / "plots" / "curves.png", history, best_epoch, metrics["baselines"]["real images"])
        collapsed = [row["epoch"] for row in history if row[f"{prefix}diversity"] < evaluation.COLLAPSE]
        if collapsed:
            metrics["about"].append(f"collapsed in {len(collapsed)} of {len(history)} epochs (diversity below {evaluation.COLLAPSE:g} of that of real images)")
        self.times["measuring"] = round(self.times.get("measuring", 0.0) + sum(row["measuring"] for row in history) + time.perf_counter() - began, 3)
        return metrics

    def _account(self, model, part: str, plots: Path) -> dict[str, Any]:
        """Figures of generated images against a part of the data, with those of real training images beside them."""
        settings, store = self.pipeline.evaluation, self.samples.store
        train = self.samples.rows("train")
        held = self._some(self.samples.rows(part), settings.samples)
        features = self._judge(store.images(held))
        images, classes = self._draw(model, len(self._judge.real), self.pipeline.seed + 1)
        generated = self._judge(images)
        figures = evaluation.generation_metrics(generated, features, settings.neighbours)
        figures["diversity"] = evaluation.diversity(generated, features, classes, self._classes_of(held))
        real = evaluation.generation_metrics(self._judge.real, features, settings.neighbours) | {"diversity": 1.0}
        compared = self._compared(store.images(train))
        usual, _ = evaluation.nearest(self._compared(store.images(held)), compared, own=part == "train")
        distances, places = evaluation.nearest(self._compared(images), compared)
        copied = evaluation.copies(distances, usual)
        figures |= {"nearest": float(np.median(distances) / np.median(usual)), "copies": float(copied.mean())}
        real |= {"nearest": 1.0, "copies": float(evaluation.copies(usual, usual).mean())}
        order = np.argsort(distances)[:_SHOWN]
        shares = distances[order] / np.median(usual)
        evaluation.plot_neighbours(plots / "nearest.png", images[order], store.images(train[places[order]]), shares, int(copied.sum()), len(images))
        about = [
            f"{len(images):,} generated images (seed {self.pipeline.seed + 1}) against {len(held):,} of the {part} part; real images: as many of the training part against the same",
            f"kid, fid, precision, recall, diversity by {features.shape[1]} features of {self._features_name()}, standardized by training images; kid and fid are comparable for the same features and counts only",
            f"nearest: median distance of pixels to the nearest training image, 1 being that of unseen real images; copies: share less than half as far as all but 1 % of those ({int(copied.sum())} of {len(images):,})",
        ]
        return {part: figures, "baselines": {"real images": real}, "intervals": {"kid": list(evaluation.kernel_interval(generated, features))} if part == "test" else {}, "about": about}

    def _show(self, model, folder: RunFolder, history: list[dict]) -> None:
        """The pictures of the model that is kept."""
        plots, latent, seed = folder / "plots", self.pipeline.model.latent, self.pipeline.seed
        images, names = self._grid(model)
        evaluation.plot_samples(plots / "samples.png", images, names)
        rows = min(_ROWS, len(self.classes)) if self.classes else _ROWS
        noise = noise_between(rows, _STEPS, latent, seed)
        classes = np.repeat(np.arange(rows, dtype=np.int32), _STEPS) if self.classes else None
        between = models.generate_images(model, noise.reshape(-1, latent), classes)
        evaluation.plot_interpolation(plots / "interpolation.png", between.reshape(rows, _STEPS, *self.front.shape), self.classes[:rows])
        frames = [(f"epoch {row['epoch']}, kid {row[f'{self._prefix}kid']:.3g}", folder / PROGRESS / f"epoch-{row['epoch']:04d}.png") for row in history]
        evaluation.write_animation(plots / "progress.gif", [frame for frame in frames if frame[1].is_file()], self.pipeline.evaluation.frames)
        (folder / "samples").mkdir(exist_ok=True)
        self.write(folder / "samples", *self._draw(model, _SAMPLES, seed))

    def generate(self, model, count: int, seed: int, label: str | None = None, truncation: float | None = None) -> tuple[np.ndarray, list[str] | None]:
        """Images and their classes, None without; the first ones are the same for every `count`.

        Args:
            model: the artifact's.
            label: the class of all; None: as frequent as in training.
            truncation: see `models.draw_noise`.

        Raises:
            ConfigError: for an unknown class, or any without labels.
        """
        if label is not None and label not in self.classes:
            guess = nearest(label, self.classes)
            remedy = f"Did you mean {guess!r}?" if guess else f"Classes: {', '.join(self.classes[:20])}." if self.classes else "Leave --class out, or train with model.conditional=true."
            raise ConfigError(f"The class {label!r}: this generator knows {'no such class' if self.classes else 'no classes'}.", remedy)
        only = None if label is None else self.classes.index(label)
        images, classes = self._draw(model, count, seed, only, truncation)
        return images, None if classes is None else [self.classes[number] for number in classes]

    def write(self, folder: Path, images: np.ndarray, classes) -> None:
        """Writes each image as PNG into a folder, and a table of them, which is a source of data for other pipelines."""
        names = [f"{number:05d}.png" for number in range(len(images))]
        for name, image in zip(names, images):
            evaluation.write_picture(folder / name, image)
        import pandas as pd

        table = pd.DataFrame({"image": names})
        if classes is not None:
            table["label"] = [self.classes[name] if isinstance(name, (int, np.integer)) else name for name in classes]
        atomic_write(folder / "samples.csv", table.to_csv(index=False, lineterminator="\n"))

    def evaluate_new(self, model, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        findings = datasets.Findings()
        samples = self._read(findings, path, splitting=False)
        findings.raise_errors()
        split = datasets.take_part(samples, path, split)
        datasets.known_from(samples.frame, self._trained_on, "image", findings)
        settings, rows = self.pipeline.evaluation, samples.frame.index.to_numpy(np.int64)
        if len(rows) < 2 * 16:
            raise DataError(f"{path} has {len(rows)} images: too few to measure by.", "Give 32 at least, better a thousand.")
        rows = self._some(rows, 2 * settings.samples)
        half, other = (samples.store.images(np.sort(part)) for part in (rows[::2], rows[1::2]))
        judge = Judge(self._network(), half)
        features = judge(other)
        images, _ = self._draw(model, len(half), self.pipeline.seed + 1)
        figures = evaluation.generation_metrics(judge(images), features, settings.neighbours) | {"diversity": evaluation.diversity(judge(images), features)}
        real = evaluation.generation_metrics(judge.real, features, settings.neighbours) | {"diversity": evaluation.diversity(judge.real, features)}
        about = [f"{len(images):,} generated images against one half of the real ones; real images: the other half against the same", f"by {features.shape[1]} features of {self._features_name()}"]
        result = {"test": figures, "baselines": {"real images": real}, "intervals": {"kid": list(evaluation.kernel_interval(judge(images), features))}, "about": about}
        result |= {"samples": len(samples.frame), "split": split, "findings": findings.as_list()}
        if out is not None:
            write_json(out / "metrics.json", result)
        return result

    def predict(self, model, inputs: Any, batch_size: int, explain: bool):
        raise ConfigError("A generator draws images of noise: there is nothing to predict.", "tfpipe generate RUN --out DIR, or --grid FILE.png")

    # --- details
    def _data(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self.pipeline.data, name) for name in names}

    def _some(self, rows: np.ndarray, most: int) -> np.ndarray:
        """At most so many rows, seeded, in their order."""
        if len(rows) <= most:
            return rows
        return np.sort(np.random.default_rng([self.pipeline.seed, 3]).choice(rows, most, replace=False))

    def _classes_of(self, rows: np.ndarray) -> np.ndarray | None:
        return datasets.encode_labels(self.samples.frame.loc[rows], self.classes) if self.classes else None

    def _class_shares(self) -> np.ndarray:
        return np.bincount(self._labels("train"), minlength=len(self.classes)) / len(self.samples.rows("train")) if self.samples is not None else self._shares

    def _draw(self, model, count: int, seed: int, only: int | None = None, truncation: float | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        noise = models.draw_noise(count, self.pipeline.model.latent, seed, truncation)
        classes = None
        if self.classes:
            classes = np.full(count, only, np.int32) if only is not None else models.draw_classes(count, self._class_shares(), seed)
        return models.generate_images(model, noise, classes), classes

    def _grid(self, model) -> tuple[np.ndarray, list[str] | None]:
        """Images of noise that is always the same; with classes, as many of each of the first ones, and their names."""
        names = self.classes[:_PER_CLASS]
        count = _PER_CLASS * len(names) if names else _SAMPLES
        noise = models.draw_noise(count, self.pipeline.model.latent, self.pipeline.seed)
        return models.generate_images(model, noise, np.repeat(np.arange(len(names), dtype=np.int32), _PER_CLASS) if names else None), names or None

    def _compared(self, images: np.ndarray) -> np.ndarray:
        """Pixels of images as the nearest ones are sought by, (images, numbers): means of squares, so that no side is above 32."""
        factor = -(-images.shape[1] // _COMPARED)
        while images.shape[1] % factor:
            factor += 1
        side = images.shape[1] // factor
        return images.reshape(len(images), side, factor, side, factor, -1).mean((2, 4)).reshape(len(images), -1) / 255.0

    @cached_property
    def _judge(self) -> Judge:
        rows = self._some(self.samples.rows("train"), self.pipeline.evaluation.samples)
        return Judge(self._network(), self.samples.store.images(rows))

    def _network(self):
        run = self._features_run()
        if run is None:
            return models.pooled_features(self.front.shape)
        facts = read_json(run / "data.json")
        return models.classifier_features(models.load_artifact(run / "model.keras").model, facts["size"], facts["channels"], self.front.shape)

    def _features_run(self) -> Path | None:
        """The run folder that `evaluation.features` names; None for the bundled backbone."""
        named = self.pipeline.evaluation.features
        if named == "backbone":
            return None
        folder = Path(named).expanduser()
        if not (folder / "model.keras").is_file() or read_json(folder / "status.json").get("task") != "image-cls":
            raise ConfigError(f"evaluation.features: {named} is no finished run of image-cls.", "Give backbone, or the folder of such a run.")
        return folder

    def _features_name(self) -> str:
        return "the bundled backbone (EfficientNet-Lite0, means over the maps at 1/8 and 1/16)" if self._features_run() is None else f"the classifier {self.pipeline.evaluation.features} (what its last layer sees)"
