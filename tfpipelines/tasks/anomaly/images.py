"""Anomaly detection in images: autoencoders of normal ones, and detectors fitted to what a pretrained backbone says of
them.
"""

import math
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from tfpipelines import datasets, metrics, models, networks
from tfpipelines.core import config
from tfpipelines.core.config.kinds import IMAGE_AUTOENCODERS, ImageAutoencoders
from tfpipelines.networks import backbones
from tfpipelines.tasks import anomaly
from tfpipelines.tasks.anomaly.config import AnomalyImageData, AnomalyPipeline

from ..base import Products
from ..image_task import explained
from .image_features import FeatureDetection
from .image_sizes import SizedImages

_TRIED = 64  # normal validation images at most that a detector is tried on
_MOST_KNOWN = 200  # anomalies of a given validation split that choose a detector
_SHOWN = 12
_LARGE = 256**2  # pixels of images of which fewer pass at once
_MOST_PLACES = 2**27  # of maps that are in memory at once
_MOST_PIXELS = 2 * 10**7  # whose distances are ranked


class ImageAnomaliesPipeline(AnomalyPipeline):
    """An anomaly pipeline."""

    default_network = "auto"
    default_candidates = ("memory", "padim", {"name": "feature", "smoothing": 5, "top": 0.005})
    takes, gives = (
        "images: files of the usual formats, or uint8 arrays (batch, height, width, channels)",
        "a score for each, higher the less it is like normal images, and a map of where it differs",
    )
    hub_tags = ("anomaly-detection", "image-anomaly-detection")

    task: Literal["anomaly"] = "anomaly"
    data: AnomalyImageData
    model: ImageAutoencoders = IMAGE_AUTOENCODERS.default(default_network, default_candidates)

    @model_validator(mode="after")
    def _no_trimming(self) -> "ImageAnomaliesPipeline":
        if self.train.contamination:
            raise ValueError("train.contamination is of tables and series: leave it at 0, and take odd images out")
        return self


class ImageAnomalies(SizedImages, FeatureDetection):
    """The task `anomaly`."""

    schema = ImageAnomaliesPipeline
    pipeline: ImageAnomaliesPipeline
    unit = "image"
    loading_fields = ("backbone", "weights", "scaling")
    _odd: Any = None  # the table of known anomalies of a given validation split, see `NormalTable`
    _known_images: np.ndarray | None = None  # these, uint8 (images, height, width, channels)
    _covered: float | None = None  # of an image by an anomaly with a mask, a share: the median of the test
    _answered: tuple[Any, Any, np.ndarray, dict[str, np.ndarray]] = None, None, np.zeros(0, np.int64), {}

    @cached_property
    def source(self) -> "config.BackboneSource | None":
        """What `model.backbone` means; None for networks without one."""
        backbone = getattr(self.pipeline.model, "backbone", None)
        return None if backbone is None else config.backbone_source(backbone)

    def preflight(self) -> list[str]:
        self._require_known_tiles()
        if self.source is None:
            networks.probe(self.pipeline.model, self._sample_shapes())
            return []
        config.require_weights(self.pipeline.model.weights, self.source)
        self._require_scaling(self.source, self.pipeline.model.scaling)
        self._require_input(self.source)
        return []

    def products(self) -> Products:
        return anomaly.find_products(self.pipeline, self.pipeline.data)

    def begin(self) -> None:
        if self.source is None:
            return
        if self.source.kind != "bundled" or self.pipeline.model.weights not in ("auto", "none"):  # which may be wrong
            self._load_backbone()

    # --- data
    def _list(self, data, findings, splitting: bool):
        least, seed, usual = self.pipeline.evaluation.least, self.pipeline.seed_of_splits, self._usual(splitting)
        how: dict[str, Any] = {"least": least, "seed": seed, "splitting": splitting, "usual": usual}
        how["by"] = self.pipeline.evaluation.threshold_by
        table = anomaly.read_normal_images(self._as_split(data), findings, **how)
        self._odd = table.odd
        return table

    def _read(self, findings, path: str, splitting: bool) -> "datasets.ImageSamples":
        samples = super()._read(findings, path, splitting)
        odd, self._known_images = self._odd, None
        if odd is not None and self.preprocessor is not None:
            rows = np.random.default_rng([self.pipeline.seed, 15]).permutation(len(odd.frame))
            odd = odd.keep(np.isin(np.arange(len(odd.frame)), rows[:_MOST_KNOWN]))
            data = self._pixel_data.model_copy(update={"range": self.range, "cache": "auto"})
            found = datasets.decode_images(datasets.scan_images(odd, data), self.preprocessor, data, findings)
            self._known_images = found.store.images(found.frame.index.to_numpy(np.int64))
        return samples

    def _input_fields(self) -> dict[str, Any]:
        if self.source is None:
            return {}
        fields: dict[str, Any] = {"channels": 3} if self.source.known else self._fields_of(self._load_backbone())
        if self._asks_tiles:  # it is that of a tile
            self._takes = fields.pop("size", None)
        return fields

    def check(self, findings, fold: int | None = None):
        self._features_of_all.clear()  # of other samples
        super().check(findings, fold)
        if self.source is not None and self.source.kind == "file" and "anomalous" in self.samples.frame:
            self._find_scaling(self._load_backbone(), findings)
        if self.preprocessor is not None:
            self._tell_cost(len(self.asked.candidates()) if self.asked.chooses else 1, findings)
        return self

    def describe(self, findings) -> dict[str, Any]:
        facts = self._size_facts | ({} if self.scaling is None else {"scaling": self.scaling})
        told = super().describe(findings) | facts
        if (tiles := self._tiles) is not None:
            seen = f"tiles: {' x '.join(map(str, tiles.counts))} of {' x '.join(map(str, tiles.tile))} pixels each"
            told["about"] = [*told.get("about", []), seen]
        return told

    def training_batches(self, first_step: int, last_step: int):
        steps, rows = self._steps(first_step, last_step), self.samples.rows("train")
        return datasets.training_batches(self.samples.store, rows, None, **steps, augmentation=self._augmentation)

    # --- model
    def build(self, for_training: bool):
        given: dict[str, Any] = {} if self.source is None else {"backbone": self._load_backbone()}
        if not self._fits:
            return self._network(for_training, **given)
        with self.timed("fitting"):
            return self._network(for_training, normals=self._normals, **given)

    @property
    def _inference_batch(self) -> int:
        # Of large images a memory compares more places with each other than fit, and a backbone's maps are as large.
        most = super()._inference_batch
        pixels = math.prod(self.preprocessor.size)
        return most if pixels <= _LARGE or self.source is None else max(1, 20 * _LARGE // pixels)

    # --- a choice among candidates
    @cached_property
    def _untouched(self) -> np.ndarray:
        rows = self.samples.rows("validation")
        some = np.sort(np.random.default_rng([self.pipeline.seed, 14]).permutation(rows)[:_TRIED])
        return self.samples.store.images(some)

    @property
    def _known_odd(self) -> tuple[np.ndarray, int]:
        return super()._known_odd if self._known_images is None else (self._known_images, len(self._known_images))

    def _of_validation(self) -> dict[str, np.ndarray]:
        return anomaly.made_images(self._untouched, self.pipeline.seed)

    def _contained(self, artifact) -> str:
        if not (kept := networks.places_kept(artifact.model)):
            return ""
        told = "whoever has it can tell whether an image was among them"
        return f"the model contains features of {kept} places of training images: {told}"

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        part = self._part(model, "score", "map") if explain else self._part(model, "score")
        read: list[Any] = []
        scores, pictures, explanations, outlines = [np.zeros(0)], [], [], []
        if self._fits or self.pipeline.chooses:  # a memory compares all places of a batch with all that it keeps
            batch_size = min(batch_size, self._inference_batch)
        for some, images in self._decoded(inputs, batch_size):
            read += some
            answer = part.predict_on_batch(images)
            scores.append(np.asarray(answer["score"] if explain else answer, np.float64))
            if explain:
                pictures.append(images)
                maps = (np.asarray(distances, np.float64) for distances in answer["map"])
                alarms = self.threshold.alarms(scores[-1], self._groups_of(some))
                for entry, distances, alarm in zip(some, maps, alarms):
                    heat = anomaly.heat_of(distances, self.threshold.places).round(3).tolist()
                    regions = self._regions(distances) if alarm else []
                    outlines.append([region.outline for region in regions])
                    explanations.append({"heat": heat, "regions": self._in_original(regions, entry.size)})
        items, errors = [entry.item for entry in read], [entry.error for entry in read]
        explained = explanations if explain else None
        table = self._table(items, np.concatenate(scores), errors, explained, self._groups_of(read))
        if explain:
            table.attrs["pictures"] = self._pictures(pictures, outlines)
        return self._with_columns(table, read) if keep_columns else table

    def _groups_of(self, entries: list) -> list[str | None] | None:
        """The groups of raw inputs, see `_table`."""
        return datasets.cells_of_origins([one.origin for one in entries], self.pipeline.evaluation.threshold_by)

    def _regions(self, distances: np.ndarray) -> "list[anomaly.Region]":
        return anomaly.regions_of(distances, self.threshold.odd_pixel)

    def _in_original(self, regions: "list[anomaly.Region]", size: tuple[int, int] | None) -> list[dict[str, Any]]:
        """Regions in coordinates of an image of that size; [] of one that could not be read."""
        if size is None:
            return []
        original = anomaly.Original(self.preprocessor.size, size, self.pipeline.data.resize)
        return [original.told(region) for region in regions]

    def _answers(self, model, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Scores and maps of rows, at most as many as `_in_chunks` gives: by one function, which is traced once, and
        once for the same rows.
        """
        samples, of, known, answer = self._answered
        if of is not model or samples is not self.samples or not np.isin(rows, known).all():
            known, answer = rows, self._part(model, "score", "map").predict(self._batches(rows), verbose=0)
            self._answered = self.samples, model, known, answer
        place = {row: number for number, row in enumerate(known.tolist())}
        some = [place[row] for row in rows.tolist()]
        return {name: values[some] for name, values in answer.items()}

    def _in_chunks(self, rows: np.ndarray) -> list[np.ndarray]:
        most = max(1, _MOST_PIXELS // math.prod(self.preprocessor.size))
        return [rows[start : start + most] for start in range(0, len(rows), most)]

    def _scores(self, model, rows: np.ndarray) -> np.ndarray:
        scores = [self._answers(model, some)["score"] for some in self._in_chunks(rows)]
        return metrics.finite(np.concatenate(scores)) if scores else np.zeros(0)

    def _maps(self, model, rows: np.ndarray) -> np.ndarray:
        none = np.zeros((0, *self.preprocessor.size), np.float32)
        return np.concatenate([none, *(self._answers(model, some)["map"] for some in self._in_chunks(rows))])

    @property
    def _most_maps(self) -> int:
        return max(1, min(super()._most_maps, _MOST_PLACES // math.prod(self.preprocessor.size)))

    def _know_places(self, threshold, maps: np.ndarray, rate: float) -> None:
        super()._know_places(threshold, maps, rate)
        threshold.pixel = metrics.pixel_threshold(maps, rate)

    def draw_explanations(self, table, path: Path) -> None:
        rows = sorted(explained(table), key=lambda entry: -entry[1]["score"])
        told = [(row["verdict"], f"score {row['score']:.4g}, p = {row['p_value']:.3f}") for _, row in rows]
        note = (
            "Left: the image as the network sees it, of alarms with the outlines of odd regions. Right: the same in "
            "grey; the brighter a place, the farther it is from normal. Dark places look like those of normal images."
        )
        self._draw_heat(path, "Where the pictures differ from what is normal", note, table, rows, told)

    def _evaluate_rows(self, model, threshold, rows, folder, plots, known=None) -> dict[str, Any]:
        self._covered = None
        figures = super()._evaluate_rows(model, threshold, rows, folder, plots, known)
        if self._covered is not None and "roc_auc" in figures["test"]:
            sides = max(self.preprocessor.size), None if self._original is None else max(self._original)
            able = self.source is not None and self._takes is None
            figures["about"] += anomaly.why_missed(figures["test"]["roc_auc"], self._covered, *sides, able)
        return figures

    def _more(self, model, threshold, rows: np.ndarray, scores: np.ndarray, plots: Path | None) -> dict[str, float]:
        frame = self.samples.frame.loc[rows]
        figures: dict[str, float] = {}
        masks: dict[int, np.ndarray] = {}
        if frame["mask"].notna().any():
            data, size = self.pipeline.data, self.preprocessor.size
            preprocessor = models.ImagePreprocessor(size, 1, data.resize, "nearest", False)
            masks = anomaly.read_masks(frame, preprocessor, data.max_pixels)
            shares = [mask.mean() for mask in masks.values() if mask.any()]
            self._covered = float(np.median(shares)) if shares else None
            most = max(1, min(metrics.MOST_MAPS, _MOST_PIXELS // math.prod(size)))
            known = np.array(sorted(masks, key=lambda row: not masks[row].any()), np.int64)[:most]
            if len(known):
                odd = np.stack([masks[row] for row in known])
                figures = metrics.place_metrics(odd, self._maps(model, known))
        if plots is not None:
            self._draw(model, threshold, rows, scores, masks, plots)
        return figures

    def _show_held_out(self, model, threshold, plots: Path) -> None:
        super()._show_held_out(model, threshold, plots)
        rows = self.samples.rows(self.samples.calibrating)
        self._draw(model, threshold, rows, self._scores(model, rows), {}, plots)

    def _draw(
        self, model, threshold, rows: np.ndarray, scores: np.ndarray, masks: dict[int, np.ndarray], plots: Path
    ) -> None:
        frame, groups = self.samples.frame.loc[rows], self._groups(rows)
        alarms, limits = threshold.alarms(scores, groups), threshold.limits(groups, len(rows))
        wrong = (alarms != frame["anomalous"].to_numpy(bool)) & frame["known"].to_numpy(bool)
        in_turn = frame.assign(score=scores, place=np.arange(len(rows))).sort_values("score", ascending=False)
        in_turn["turn"] = in_turn.groupby("label").cumcount()  # the highest of each label, then the second ones, ...
        in_turn = in_turn.sort_values(["turn", "score"], ascending=[True, False])
        worst = np.flatnonzero(wrong)[np.argsort(-np.abs(scores[wrong] - limits[wrong]))][: _SHOWN // 2]
        order = dict.fromkeys([*worst.tolist(), *in_turn["place"].tolist()])
        shown = np.array(list(order)[:_SHOWN], np.int64)
        whole = "reconstruction" in model.output
        answer = model.predict(self._batches(rows[shown]), verbose=0) if whole else self._answers(model, rows[shown])
        verdicts = np.where(alarms[shown], metrics.ANOMALY, metrics.NORMAL).tolist()
        entries = [
            {"item": item, "label": label, "score": score, "verdict": verdict}
            for item, label, score, verdict in zip(
                frame["item"].iloc[shown], frame["label"].iloc[shown], scores[shown], verdicts
            )
        ]
        low, high = threshold.places
        scale = low, max(high, float(np.quantile(answer["map"], 0.995)))
        pictures, of_shown = self.samples.store.images(rows[shown]), [masks.get(row) for row in rows[shown]]
        reconstructions = answer.get("reconstruction")
        outlines = [
            [region.outline for region in anomaly.regions_of(distances, threshold.odd_pixel)] if alarm else []
            for distances, alarm in zip(answer["map"], alarms[shown])
        ]
        maps = answer["map"]
        anomaly.plot_maps(plots / "heat.png", pictures, entries, maps, scale, of_shown, outlines, reconstructions)

    # --- export
    def _served_input(self, model) -> "models.ServedInput":
        return models.ServedImages(model, self.preprocessor, self.pipeline.data.background)

    # --- details
    def _load_backbone(self):
        size = self._asked_size if self.preprocessor is None else self.preprocessor.size
        assert self.source is not None
        model = self.pipeline.model
        tiles = self._tiles
        seen = size if tiles is None else tiles.tile
        backbone = backbones.load_backbone(self.source, model.weights, model.scaling, seen, self.pipeline.seed)
        return backbone.scaled_as(self.scaling)._replace(tiles=tiles)

    def _preprocessor_for(self, size: tuple[int, int], channels: int) -> "models.ImagePreprocessor":
        if self.source is not None and self.source.kind == "bundled":
            size = (max(size[0], backbones.SMALLEST), max(size[1], backbones.SMALLEST))
        return super()._preprocessor_for(size, channels)

    def _numbers(self, rows: np.ndarray) -> np.ndarray:
        return self.samples.store.images(rows).reshape(len(rows), -1).astype(np.float32) / 255.0

    def _features(self, rows: np.ndarray) -> np.ndarray:
        features = self._extractor.predict(self._batches(rows), verbose=0)
        return features.reshape(len(rows), -1, features.shape[-1])

    @cached_property
    def _extractor(self):
        return backbones.feature_extractor(self.preprocessor.shape, self.pipeline.seed)
