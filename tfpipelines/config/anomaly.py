"""The sections of the anomaly detection pipelines besides their networks: what is normal, and how far from it is
too far.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .data import SampleData
from .images import Distortion, PixelData
from .pipeline import Pipeline
from .section import FIXED, LEFT_TO_RIGHT, Auto, Count, Fraction, Names, Role, Section
from .train import Training

Scaling = Literal["standard", "robust", "none"]


# --- data
class NormalData(Section):
    """Which samples are normal, and how they are parted."""

    normal: Annotated[Names | None, Role.OF_SOURCE, Role.READING, Role.ANEW] = Field(
        None,
        description="labels that mean normal; default: good, normal, ok, 0 and the like, or else those of a given "
        "training part",
        json_schema_extra=FIXED,
    )
    validation: Annotated[Auto | Fraction, LEFT_TO_RIGHT] = Field(
        "auto",
        description="share of the normal samples held out for the threshold, where no such part is given; auto: 0.2, "
        "or as many as evaluation.false_alarm_rate needs",
        json_schema_extra=FIXED,
    )
    test: Annotated[Auto | Fraction, LEFT_TO_RIGHT] = Field(
        "auto",
        description="share of the normal samples held out for the test, where no split is given at all; auto: 0.2 "
        "where there are anomalies, else 0",
        json_schema_extra=FIXED,
    )


class AnomalyImageData(PixelData, NormalData):
    """Images, most of them or all of them normal."""

    layout: Annotated[
        Annotated[Auto | Literal["classes", "splits", "flat"], LEFT_TO_RIGHT], Role.READING, Role.ANEW
    ] = Field(
        "auto",
        description="folders: whether the first level names labels, splits (as MVTec has it: train/good, test/DEFECT) "
        "or nothing",
        json_schema_extra=FIXED,
    )
    masks: Annotated[str | None, Role.PATH, Role.OF_SOURCE, Role.READING, Role.ANEW] = Field(
        None,
        description="folder of masks of the anomalies, named as the images; default: ground_truth beside the splits",
        json_schema_extra=FIXED,
    )
    augment: Distortion = Distortion()


class AnomalyTableData(SampleData, NormalData):
    """Rows of numbers."""

    path: Annotated[str, Role.PATH] = Field(
        description="a table (.csv .tsv .jsonl .parquet), an .npz file of x and y, or sample:NAME",
        min_length=1,
        json_schema_extra=FIXED,
    )
    test_path: Annotated[str | None, Role.PATH, Role.OF_SOURCE] = Field(
        None, description="a second table, for the test alone", json_schema_extra=FIXED
    )
    columns: Annotated[Names | None, Role.OF_SOURCE] = Field(
        None,
        description="columns that are looked at; default: all that hold nothing but numbers",
        json_schema_extra=FIXED,
    )
    scaling: Scaling = Field(
        "standard", description="of each column: standard (mean and deviation), robust (median and quartiles) or none"
    )


class AnomalySeriesData(SampleData):
    """Time series, cut into windows."""

    path: Annotated[str, Role.PATH] = Field(
        description="a table (.csv .tsv .jsonl .parquet) with a row for each point in time, or sample:NAME",
        min_length=1,
        json_schema_extra=FIXED,
    )
    test_path: Annotated[str | None, Role.PATH, Role.OF_SOURCE] = Field(
        None, description="a second table, for the test alone", json_schema_extra=FIXED
    )
    time_column: Annotated[str | None, Role.OF_SOURCE, Role.READING] = Field(
        None,
        description="numbers or dates, rising; default: the column named time, timestamp, date or the like",
        json_schema_extra=FIXED,
    )
    series_column: Annotated[str | None, Role.OF_SOURCE, Role.READING] = Field(
        None, description="which of several series a row belongs to", json_schema_extra=FIXED
    )
    columns: Annotated[Names | None, Role.OF_SOURCE] = Field(
        None, description="channels; default: all columns that hold nothing but numbers", json_schema_extra=FIXED
    )
    normal: Annotated[Names | None, Role.OF_SOURCE, Role.READING, Role.ANEW] = Field(
        None, description="labels that mean normal; default: 0, normal, false and the like", json_schema_extra=FIXED
    )
    intervals: Annotated[str | None, Role.PATH, Role.OF_SOURCE, Role.READING, Role.ANEW] = Field(
        None,
        description="a table of the anomalies: columns start and end, both within, in the units of the time column",
        json_schema_extra=FIXED,
    )
    window: Annotated[int, Field(ge=4)] = Field(
        32,
        description="points of a window; windows are scored side by side, the last one of a stretch may overlap the "
        "one before it",
    )
    stride: Annotated[Auto | Count, LEFT_TO_RIGHT] = Field(
        "auto",
        description="points between the beginnings of training windows; auto: 1, or more so that there are at most "
        "20,000",
    )
    validation: Fraction = Field(
        0.4,
        gt=0,
        description="share of the training points, the last ones, held out for the threshold where no such part is "
        "given",
        json_schema_extra=FIXED,
    )
    test: Annotated[Auto | Fraction, LEFT_TO_RIGHT] = Field(
        "auto",
        description="share of the points, the last ones, for the test where no split is given; auto: 0.3 where "
        "anomalies are known, else 0",
        json_schema_extra=FIXED,
    )
    on_leak: Literal["warn", "error", "drop"] = Field(
        "warn",
        description="test windows that are part of the training series; drop: leave them out",
        json_schema_extra=FIXED,
    )
    scaling: Scaling = Field(
        "standard", description="of each channel: standard (mean and deviation), robust (median and quartiles) or none"
    )


# --- training and evaluation
class AnomalyTrain(Training):
    """The held-out samples make the threshold, so no epoch is chosen by them unless that is asked for."""

    keep: Literal["best", "last"] = Field(
        "last",
        description="which epoch becomes the model: the last one, or that of the best reconstruction of the held-out "
        "samples, which then are no longer unseen",
    )


class AnomalyEvaluation(Section):
    """What is measured once training has ended."""

    false_alarm_rate: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.05, description="share of normal samples that the threshold is to take for anomalies"
    )
    baselines: bool = Field(
        True, description="measure PCA, isolation forest and nearest neighbour beside the model, where labels are known"
    )
    bootstrap: Annotated[int, Field(ge=0)] = Field(1000, description="resamples for the 95% intervals; 0: none")

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

    train: AnomalyTrain = AnomalyTrain()
    evaluation: AnomalyEvaluation = AnomalyEvaluation()

    @model_validator(mode="after")
    def _schedule_without_validation(self) -> "AnomalyPipeline":
        if self.data.validation == 0:
            raise ValueError("data.validation must be above 0: the threshold is made from held-out normal samples")
        return self
