"""What the `data` sections of several tasks share, whatever their samples are."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from .fields import field, fixed
from .section import LEFT_TO_RIGHT, Auto, AutoFraction, Count, Fraction, Positive, Role, Section

Columns = Annotated[str | Annotated[tuple[str, ...], Field(min_length=2)] | None, LEFT_TO_RIGHT]
LabelColumn = Annotated[Columns, Role.READING]
LABEL_COLUMN = fixed(
    None, "table: the column of classes, labels or numbers; or several columns of 0 and 1, a label each"
)
TargetColumn = Annotated[Columns, Role.OF_SOURCE, Role.READING]
TARGET_COLUMN = fixed(
    None, "the column to predict: classes, labels or numbers; or several columns of 0 and 1, a label each"
)
ColumnName = Annotated[str, Field(pattern=r"[^-+.0-9]")]  # a number alone is a number of folds


def _delimiter(value: object) -> object:
    """A character; a tab may be written as \\t or tab."""
    value = "\t" if value in ("\\t", "tab") else value
    if isinstance(value, str) and (len(value) != 1 or value in '"\r\n'):
        raise ValueError("data.delimiter must be one character, such as ; or tab")
    return value


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError(f"data.encoding: there is no encoding {name!r} of texts; usual: cp1252, latin-1") from error
    return name


class SourceData(Section):
    """Where data are."""

    path: Annotated[str, Role.PATH] = fixed(
        ...,
        "a folder, a table (.csv .tsv .json .jsonl .parquet .xlsx, also .gz), an archive (.zip .tar.gz) of such, "
        "shards (TFRecord, WebDataset, Parquet), the URL of one (https s3 gs hf), or sample:NAME",
        min_length=1,
    )
    split_column: Annotated[str | None, Role.READING] = fixed(None, "table: the column of splits")
    delimiter: Annotated[Annotated[str, BeforeValidator(_delimiter)] | None, Role.OF_SOURCE, Role.READING] = fixed(
        None,
        "table: the character between the columns of CSV; default: a comma, or what the header has instead (; tab |)",
    )
    encoding: Annotated[Annotated[str, AfterValidator(_known_encoding)] | None, Role.OF_SOURCE, Role.READING] = fixed(
        None, "table: the encoding of text that is not UTF-8, such as cp1252; default: such text is refused"
    )
    sheet: Annotated[str | None, Role.OF_SOURCE, Role.READING] = fixed(
        None, "workbook (.xlsx .xls .ods): the name of the sheet; default: the first"
    )
    limit: Count | None = fixed(None, "use at most this many rows of each split")
    on_bad: Annotated[Literal["auto", "error", "skip"], Role.READING] = fixed(
        "auto",
        "unreadable samples and rows without label or content: error: refuse the data; skip: leave them out; auto: "
        "leave them out if they are at most 1% of a split, else refuse the data",
    )
    on_leak: Literal["warn", "error"] = fixed("warn", "what to do if a training sample is also in another split")


class SampleData(SourceData):
    """Where samples are, and the column of their labels."""

    label_column: Annotated[str | None, Role.READING] = fixed(None, "table: the column of classes")


class FileData(SampleData):
    """Samples that are files, or may be."""

    follow_links: Annotated[bool, Role.READING] = fixed(
        False, "follow symbolic links, and paths that leave the data folder"
    )


class GroupedData(Section):
    """What keeps samples together when they are split."""

    group_column: Annotated[str | None, Role.OF_SOURCE] = fixed(
        None, "table: the column of groups, such as patients; samples of one group are never in two splits"
    )
    time_column: Annotated[str | tuple[str, str] | None, Role.OF_SOURCE] = fixed(
        None,
        "table: numbers or dates; the test split is the latest part, calibration and validation are the parts before "
        "it; [DATE, TIME] joins two columns",
    )
    time_format: Annotated[str | None, Role.OF_SOURCE] = fixed(
        None,
        "how dates are written, as for strptime: %d/%m/%Y %H:%M; default: numbers, ISO 8601, or day and month in the "
        "order that the column tells",
        pattern="%",
    )


class TargetData(GroupedData, SourceData):
    """What is learned of samples, and how they are split."""

    target: Annotated[Auto | Literal["class", "labels", "number"], LEFT_TO_RIGHT] = fixed(
        "auto",
        "what is predicted of a sample: its class; any number of labels, as a|b, a list or columns of 0 and 1; or a "
        "number (regression); auto: as the labels look",
    )
    target_scale: Literal["linear", "log"] = field(
        "linear", "of numbers: log: their logarithm is learned, for values above 0 whose errors grow with them"
    )
    validation: AutoFraction = fixed(
        "auto",
        "share of the training split taken for validation where none is given; auto: 0.15, or the next fold where a "
        "column names three folds or more",
    )
    test: Fraction = fixed(
        0.15, "share of the rows taken for the test split where no split is given at all; 0: no test split"
    )
    calibration: AutoFraction = fixed(
        "auto",
        "share of the rows taken for the calibration split, where none is given, from the training split where others "
        "are; auto: 0.15, at most 500 rows, where intervals promise a coverage, else 0",
    )
    folds: Annotated[Annotated[int, Field(ge=2)] | ColumnName | None, LEFT_TO_RIGHT] = fixed(
        None, "cross-validation: number of folds, or the column that names them"
    )
    class_weights: Annotated[Literal["balanced"] | dict[str, Positive] | None, LEFT_TO_RIGHT] = field(
        None, "weight of each class in the loss"
    )
    oversample: bool = field(False, "repeat rows of rare classes until all classes are equally frequent")

    @model_validator(mode="after")
    def _folds_in_time(self) -> "TargetData":
        if isinstance(self.folds, str) and self.time_column is not None:
            raise ValueError(
                f"data.folds={self.folds} names the fold of each row, and data.time_column makes folds in order of "
                "time: give data.folds a number, or leave data.time_column out"
            )
        return self


class LabelledData(TargetData, FileData):
    """Samples of classes or numbers, and how they are split."""

    label_column: LabelColumn = LABEL_COLUMN  # type: ignore[assignment]  # may be several
    layout: Annotated[Annotated[Auto | Literal["classes", "splits"], LEFT_TO_RIGHT], Role.READING, Role.ANEW] = fixed(
        "auto", "folders: whether the first level names classes or splits"
    )
