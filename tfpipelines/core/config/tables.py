"""The `data` section of tasks that learn from the columns of a table."""

from typing import Annotated, Literal

from .data import TARGET_COLUMN, TargetColumn, TargetData
from .fields import field, fixed
from .section import Count, Names, Role

Types = Annotated[dict[str, Literal["number", "boolean", "category", "date", "text"]], Role.OF_SOURCE]
TYPES = fixed({}, "what columns hold, where it is not what their cells look like: {zip: category}")
MIN_COUNT = field(1, "training rows that a category must have; rarer ones are unknown")


class TableData(TargetData):
    """A table, its target and the columns that it is predicted from."""

    path: Annotated[str, Role.PATH] = fixed(
        ...,
        "a table (.csv .tsv .json .jsonl .parquet .xlsx, also .gz), an .npz file of x and y, shards "
        "(Parquet, TFRecord), the URL of one (https s3 gs hf), or sample:NAME",
        min_length=1,
    )
    target_column: TargetColumn = TARGET_COLUMN
    columns: Annotated[Names | None, Role.OF_SOURCE] = fixed(
        None, "columns that the target is predicted from; default: all but identifiers and constants"
    )
    exclude: Annotated[Names | None, Role.OF_SOURCE] = fixed(
        None, "columns that are left out, such as those that are not known when the model is used"
    )
    types: Types = TYPES
    min_count: Count = MIN_COUNT
    categories: Count = field(1000, "categories of a column, the most frequent ones; others are unknown")
