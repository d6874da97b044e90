"""The sections of anomaly detection besides networks: what is normal, and how far from it is too far."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from ...core.config.data import GroupedData, SampleData
from ...core.config.fields import field, fixed
from ...core.config.images import Distortion, PixelData
from ...core.config.networks import is_fitted
from ...core.config.pipeline import Pipeline
from ...core.config.section import LEFT_TO_RIGHT, Auto, AutoCount, AutoFraction, Count, Names, Positive, Role, Section
from ...core.config.tables import MIN_COUNT, TYPES, Types
from ...core.config.train import Training

PSEUDO = "pseudo_roc_auc"  # the metric by which detectors are chosen where no anomaly is known
Scaling = Literal["standard", "robust", "auto", "none"]
_LENGTH = r"^(\d*[1-9]\d*(\.\d+)?|\d+\.\d*[1-9]\d*)\s*(ms|s|min|h|d)$"  # none is 0
_Step = Annotated[Auto | Positive | Annotated[str, Field(pattern=_LENGTH)], LEFT_TO_RIGHT]
_Side = Annotated[int, Field(ge=4)]
_Size = Annotated[Auto | _Side | tuple[_Side, _Side], LEFT_TO_RIGHT]
_Tiles = Annotated[int, Field(ge=1, le=8)]
_Layout = Annotated[Auto | Literal["classes", "splits", "flat"], LEFT_TO_RIGHT]


# --- data
class NormalData(GroupedData):
    """Which samples are normal, and how they are parted."""

    normal: Annotated[Names | None, Role.OF_SOURCE, Role.READING, Role.ANEW] = fixed(
        None,
        "labels that mean normal; default: good, normal, ok, 0 and the like, or else those of a given training split",
    )
    validation: AutoFraction = fixed(
        "auto",
        "share of the normal samples held out to choose epoch and network, where no such split is given; auto: about a "
        "fifth of those that are held out",
    )
    calibration: AutoFraction = fixed(
        "auto",
        "share of the normal samples held out for the threshold, where no such split is given; auto: with validation "
        "0.2, or as many as evaluation.false_alarm_rate needs; 0: the validation split makes the threshold, too",
    )
    test: AutoFraction = fixed(
        "auto",
        "share of the normal samples held out for the test, where no split is given at all; auto: 0.2 where there are "
        "anomalies, else 0",
    )


class AnomalyImageData(PixelData, NormalData):
    """Images, most of them or all of them normal."""

    size: _Size = field(
        "auto",
        "side in pixels, or [height, width]; auto: as they are up to 256 (autoencoders of pixels: 128), else the "
        "median side, at most that; with data.tiles at most as many times 256",
    )
    tiles: Annotated[Auto | Literal["none"] | _Tiles | tuple[_Tiles, _Tiles], LEFT_TO_RIGHT] = field(
        "none",
        "how many overlapping tiles along each side, or [rows, columns], a backbone sees of an image of data.size; its "
        "features of them make one map; auto: of about 256 pixels, at most 4 along a side. n tiles along each side are "
        "n x n times the work",
    )
    layout: Annotated[_Layout, Role.READING, Role.ANEW] = fixed(
        "auto",
        "folders: whether the first level names labels, splits (as MVTec has it: train/good, test/DEFECT) or nothing",
    )
    masks: Annotated[str | None, Role.PATH, Role.OF_SOURCE, Role.READING, Role.ANEW] = fixed(
        None,
        "folder of masks of the anomalies, named as the images; default: ground_truth beside the splits, or Data/Masks "
        "as VisA has it",
    )
    products: Annotated[Names | None, Role.OF_SOURCE] = fixed(
        None,
        "where the path is a folder of several products, such as MVTec or VisA: those that get a run; default: all",
    )
    augment: Distortion = Distortion()


class AnomalyTableData(SampleData, NormalData):
    """Rows of a table."""

    path: Annotated[str, Role.PATH] = fixed(
        ...,
        "a table (.csv .tsv .json .jsonl .parquet .xlsx, also .gz), an .npz file of x and y, the URL of one "
        "(https s3 gs hf), or sample:NAME",
        min_length=1,
    )
    test_path: Annotated[str | None, Role.PATH, Role.OF_SOURCE] = fixed(None, "a second table, for the test alone")
    columns: Annotated[Names | None, Role.OF_SOURCE] = fixed(
        None, "columns that are looked at; default: numbers, categories and booleans"
    )
    exclude: Annotated[Names | None, Role.OF_SOURCE] = fixed(
        None, "columns that are left out, neither features nor labels, such as identifiers"
    )
    types: Types = TYPES
    min_count: Count = MIN_COUNT
    categories: Count = field(
        32, "categories of a column, the most frequent ones, each a column of 0 and 1; others are unknown"
    )
    impute: bool = field(
        False,
        "missing numbers become the median of the training rows, and a column of 0 and 1 says where; false: rows with "
        "missing numbers are bad",
    )
    scaling: Scaling = field(
        "standard",
        "of each column: standard (mean and deviation), robust (median and quartiles), auto (robust where a few "
        "extreme values make the deviation more than 5 times what the quartiles tell, else standard) or none",
    )


class AnomalySeriesData(SampleData):
    """Time series, cut into windows."""

    path: Annotated[str, Role.PATH] = fixed(
        ...,
        "a table (.csv .tsv .json .jsonl .parquet .xlsx, also .gz) with a row for each point in time, the "
        "URL of one (https s3 gs hf), or sample:NAME",
        min_length=1,
    )
    test_path: Annotated[str | None, Role.PATH, Role.OF_SOURCE] = fixed(None, "a second table, for the test alone")
    time_column: Annotated[str | tuple[str, str] | None, Role.OF_SOURCE, Role.READING] = fixed(
        None,
        "numbers or dates, rising; [DATE, TIME] joins two columns; default: the column named time, timestamp, date or "
        "the like",
    )
    time_format: Annotated[str | None, Role.OF_SOURCE, Role.READING] = fixed(
        None,
        "how dates are written, as for strptime: %d/%m/%Y %H:%M; default: numbers, ISO 8601, or day and month in the "
        "order that the column tells",
        pattern="%",
    )
    resample: Annotated[_Step | None, Role.OF_SOURCE] = fixed(
        None,
        "step of a regular grid that the points are put on: a number in the unit of the times (of dates: seconds), or "
        "10s, 1min, 2h, 1d; means of the points of a step, interpolated over at most 3 steps without one; auto: by the "
        "steps of the training table; null: points as they are",
    )
    series_column: Annotated[str | None, Role.OF_SOURCE, Role.READING] = fixed(
        None, "which of several series a row belongs to"
    )
    columns: Annotated[Names | None, Role.OF_SOURCE] = fixed(
        None, "channels; default: all columns that hold nothing but numbers"
    )
    exclude: Annotated[Names | None, Role.OF_SOURCE] = fixed(
        None, "columns that are left out, neither channels nor labels, such as identifiers"
    )
    normal: Annotated[Names | None, Role.OF_SOURCE, Role.READING, Role.ANEW] = fixed(
        None, "labels that mean normal; default: 0, normal, false and the like"
    )
    intervals: Annotated[str | None, Role.PATH, Role.OF_SOURCE, Role.READING, Role.ANEW] = fixed(
        None, "a table of the anomalies: columns start and end, both inclusive, in the units of the time column"
    )
    window: Annotated[Auto | Annotated[int, Field(ge=4)], LEFT_TO_RIGHT] = field(
        "auto",
        "points of a window; scored windows do not overlap, but the last one of a stretch may overlap the one before; "
        "auto: 1.5 times the dominant period of the training series, from 16 to 256, and 32 without one; shorter where "
        "the threshold would have too few",
    )
    stride: AutoCount = field(
        "auto", "points between the beginnings of training windows; auto: 1, or more so that there are at most 20,000"
    )
    validation: Annotated[AutoFraction, Role.OF_SOURCE] = fixed(
        "auto",
        "share of the training points held out to choose epoch and network, before those of calibration, where no such "
        "split is given; auto: 0.08",
    )
    calibration: Annotated[AutoFraction, Role.OF_SOURCE] = fixed(
        "auto",
        "share of the training points, the last ones, held out for the threshold where no such split is given; auto: "
        "0.32, or 0.4 where evaluation.false_alarm_rate needs it; 0: the validation split makes the threshold, too",
    )
    test: AutoFraction = fixed(
        "auto",
        "share of the points, the last ones, for the test where no split is given; auto: 0.3 where anomalies are "
        "known, else 0",
    )
    on_leak: Literal["warn", "error", "drop"] = fixed(  # type: ignore[assignment]  # one choice more
        "warn", "test windows that are part of the training series; drop: leave them out"
    )
    scaling: Scaling = field(
        "standard",
        "of each channel: standard (mean and deviation), robust (median and quartiles), auto (robust where a few "
        "extreme values make the deviation more than 5 times what the quartiles tell, else standard) or none",
    )


# --- training and evaluation
class AnomalyTrain(Training):
    """The epoch is chosen by the reconstruction of the validation split only where that is asked for."""

    keep: Literal["best", "last"] = field(
        "last",
        "which epoch becomes the model: the last one, or that of the best reconstruction of the validation split",
    )
    contamination: Annotated[float, Field(ge=0, le=0.5)] = fixed(
        0.0,
        "tables and series: share of the training samples that may be anomalies without a label; the oddest ones are "
        "left out of training, as many",
    )


class AnomalyEvaluation(Section):
    """What is measured once training has ended."""

    false_alarm_rate: Annotated[float, Field(gt=0, le=0.5)] = field(
        0.05, "target share of normal samples that give an alarm"
    )
    threshold_by: str | None = fixed(
        None,
        "table: a column of groups, such as machines; each that has enough held-out samples gets a threshold of its "
        "own (Vovk et al. 2005), the others share the common one. Of time series it is data.series_column",
    )
    baselines: bool = field(
        True, "also measure PCA, isolation forest and nearest neighbour as baselines, if labels are known"
    )
    bootstrap: Annotated[int, Field(ge=0)] = field(1000, "resamples for the 95% intervals; 0: none")

    @property
    def least(self) -> int:
        """Normal samples without which no threshold has that rate."""
        return least_normals(self.false_alarm_rate)


def least_normals(rate: float) -> int:
    """How many held-out normal samples a false-alarm rate needs: floor((n + 1) * rate) must be 1 at least."""
    count = max(int(1 / rate) - 2, 0)
    while int((count + 1) * rate + 1e-9) < 1:
        count += 1
    return count


class AnomalyPipeline(Pipeline):
    """What every anomaly detection pipeline has; a task adds its `task`, `data` and `model`."""

    if TYPE_CHECKING:
        data: AnomalyImageData | AnomalyTableData | AnomalySeriesData

    train: AnomalyTrain = AnomalyTrain()  # type: ignore[assignment]  # a section of its own
    evaluation: AnomalyEvaluation = AnomalyEvaluation()  # type: ignore[assignment]  # a section of its own

    @model_validator(mode="after")
    def _schedule_without_validation(self) -> "AnomalyPipeline":
        if self.data.validation == 0:
            raise ValueError("data.validation must be above 0: each epoch is measured by held-out normal samples")
        return self

    @property
    def usual_objective(self) -> str:
        """`val_loss` of one autoencoder; scores of several detectors, or of fitted ones, have no loss in common."""
        several = self.chooses or "model.name" in self.search.space
        return f"val_{PSEUDO}" if several or is_fitted(self.model) else self.objective
