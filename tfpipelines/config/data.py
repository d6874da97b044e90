"""What the `data` sections of several tasks share, whatever their samples are."""

from typing import Annotated, Literal

from pydantic import Field

from .section import FIXED, LEFT_TO_RIGHT, Auto, Count, Fraction, Positive, Role, Section

ColumnName = Annotated[str, Field(pattern=r"[^-+.0-9]")]  # a number alone is a number of folds


class SampleData(Section):
    """Where samples are."""

    path: Annotated[str, Role.PATH] = Field(
        description="a folder, a table (.csv .tsv .jsonl .parquet), or sample:NAME",
        min_length=1,
        json_schema_extra=FIXED,
    )
    label_column: Annotated[str | None, Role.READING] = Field(
        None, description="table: the column of classes", json_schema_extra=FIXED
    )
    split_column: Annotated[str | None, Role.READING] = Field(
        None, description="table: the column of splits", json_schema_extra=FIXED
    )
    limit: Count | None = Field(None, description="use at most so many rows of each split", json_schema_extra=FIXED)
    on_bad: Annotated[Literal["error", "skip"], Role.READING] = Field(
        "error", description="unreadable samples and rows without label", json_schema_extra=FIXED
    )
    on_leak: Literal["warn", "error"] = Field(
        "warn", description="the same sample in training and in another split", json_schema_extra=FIXED
    )


class FileData(SampleData):
    """Samples that are files, or may be."""

    follow_links: Annotated[bool, Role.READING] = Field(
        False, description="follow symbolic links, and paths that leave the data folder", json_schema_extra=FIXED
    )


class LabelledData(FileData):
    """Samples of classes, and how they are split."""

    layout: Annotated[Annotated[Auto | Literal["classes", "splits"], LEFT_TO_RIGHT], Role.READING, Role.ANEW] = Field(
        "auto", description="folders: whether the first level names classes or splits", json_schema_extra=FIXED
    )
    validation: Annotated[Auto | Fraction, LEFT_TO_RIGHT] = Field(
        "auto",
        description="share cut off for validation where none is given; auto: 0.15, or the next fold where a column "
        "names three folds or more",
        json_schema_extra=FIXED,
    )
    test: Fraction = Field(
        0.15,
        description="share cut off for the test where no split is given at all; 0: no test",
        json_schema_extra=FIXED,
    )
    folds: Annotated[Annotated[int, Field(ge=2)] | ColumnName | None, LEFT_TO_RIGHT] = Field(
        None, description="cross-validation: number of folds, or the column that names them", json_schema_extra=FIXED
    )
    class_weights: Annotated[Literal["balanced"] | dict[str, Positive] | None, LEFT_TO_RIGHT] = Field(
        None, description="weight of each class in the loss"
    )
    oversample: bool = Field(False, description="repeat rows of rare classes until all classes are equally frequent")
