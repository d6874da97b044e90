"""The kinds of samples, and what a reader of one asks of a source."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..table_files import PLAIN, TableForm

_LABELS = ("label", "class", "target", "category", "class_name", "label_name", "y")
_ODD = ("anomaly", "is_anomaly", "outlier", "is_outlier", "fault")
_SPLITS = ("split", "subset", "set", "partition", "fold_type")
_FILES = tuple("image path file filename file_name filepath file_path image_path image_id id img item".split())
_WORDS = tuple("text sentence review content body message comment document tweet utterance question headline".split())


@dataclass(frozen=True)
class Kind:
    """A kind of samples.

    Args:
        name: by which sources say that they may hold it.
        source: what a source of it is called.
        unit: what one of its files is called.
        roles: role of a column -> the usual names of such a column. A column `image` names a file, a column `text` is
            the sample; `label` and `split` are as in the sample table.
        files: whether a file by itself can be a sample.
        hint: where to go with other data.
        target: the config field that names the column of labels; where it is not the usual one, samples need a label.
    """

    name: str
    source: str
    unit: str
    roles: Mapping[str, tuple[str, ...]]
    files: bool = False
    hint: str = ""
    target: str = "data.label_column"

    def key(self, role: str) -> str:
        """The config field that names the column of a role."""
        return self.target if role == "label" else key_of(role)


IMAGES = Kind("images", "source of images", "image", {"image": _FILES, "label": _LABELS, "split": _SPLITS}, files=True)
_TOPICS = (*_LABELS, "labels", "sentiment", "intent", "topic", "tags")
TEXTS = Kind("texts", "source of texts", "text file", {"text": _WORDS, "label": _TOPICS, "split": _SPLITS}, files=True)
_HINT = " For folders of images there is the pipeline anomaly."
ROWS = Kind("rows", "table", "table", {"label": ("label", "class", "target", *_ODD), "split": _SPLITS}, hint=_HINT)
FEATURES = Kind(
    "rows", "table", "table", {"label": (*_LABELS, "labels"), "split": _SPLITS}, target="data.target_column"
)
SERIES = Kind("series", "table", "table", {"series": (), "label": ("label", "class", *_ODD), "split": _SPLITS})
INTERVALS = Kind("intervals", "table", "table", {"start": ("start",), "end": ("end",)})  # of a series
Column = Any  # of a table: its name, several with a label each, or none
_NEEDED = ("image", "text", "start", "end")
_ENDS = {role: f"the column {role} of data.intervals" for role in INTERVALS.roles}
_KEYS = {"image": "data.item_column", "fold": "data.folds", "clock": "data.time_column", **_ENDS}
SPLITTING = ("fold", "group", "time", "clock")  # roles that tell how a run's own samples are split


@dataclass(frozen=True)
class Request:
    """What is asked of a source.

    Args:
        kind: of the samples.
        columns: role -> the column that the user has named, if any; labels may have several.
        labelled: whether rows need a label; False reads a table without one, and a folder as a list of files.
        training: False for data that only a trained model is to see: then split folders need not hold one for training.
        optional: roles whose column may be absent although it is named.
        whole: whether all columns are wanted, and the rows that name no file, too: these have a `fault` in the frame.
        form: how tables are written.
        by: a column of any table whose cells are wanted as `by` of the frame, where it is there; None: none.
        layout, root, follow_links, on_bad, target, time_format: the fields of the same name in `data`.
    """

    kind: Kind
    columns: Mapping[str, Column] = field(default_factory=dict)
    labelled: bool = True
    training: bool = True
    optional: tuple[str, ...] = ()
    whole: bool = False
    form: TableForm = PLAIN
    layout: str = "auto"
    root: str | None = None
    follow_links: bool = False
    on_bad: str = "error"
    target: str = "class"
    time_format: str | None = None
    by: str | None = None

    @classmethod
    def of(cls, kind: Kind, data: Any, *, labelled: bool = True, training: bool = True) -> "Request":
        """What a `data` section asks; without `training` a column may be absent though it is named."""
        columns = {role: getattr(data, kind.key(role).removeprefix("data."), None) for role in kind.roles}
        if training:
            columns |= _splitting(kind, data)
        optional = () if training else tuple(columns)
        names = ("layout", "root", "follow_links", "on_bad", "target", "time_format")
        given = {name: getattr(data, name) for name in names if hasattr(data, name)}
        return cls(kind, columns, labelled, training, optional, form=form_of(data), **given)

    @classmethod
    def to_predict(
        cls,
        kind: Kind,
        columns: Mapping[str, Column],
        follow_links: bool = False,
        root: str | None = None,
        form: TableForm = PLAIN,
    ) -> "Request":
        """What the raw input of a prediction is asked: no labels, and columns may be absent though they are named."""
        how = cls(kind, columns, labelled=False, training=False, optional=tuple(kind.roles), whole=True)
        return replace(how, root=root, follow_links=follow_links, form=form)

    def required(self, role: str) -> bool:
        """Whether nothing goes without a column of that role."""
        return role in _NEEDED or (role == "label" and self.labelled and (self.kind.files or self.kind is FEATURES))


def form_of(data: Any) -> TableForm:
    """How the tables of a `data` section are written."""
    return TableForm(*(getattr(data, name, None) for name in ("delimiter", "encoding", "sheet")))


def _splitting(kind: Kind, data: Any) -> dict[str, str]:
    """The columns of the roles `SPLITTING` that a `data` section names; that of times means another thing in series."""
    folds, group = getattr(data, "folds", None), getattr(data, "group_column", None)
    times = None if kind is SERIES else getattr(data, "time_column", None)
    day, clock = (times, None) if times is None or isinstance(times, str) else times
    named = {"fold": folds if isinstance(folds, str) else None, "group": group, "time": day, "clock": clock}
    return {role: column for role, column in named.items() if column is not None}


def with_columns(data: Any, columns: Mapping[str, Any]) -> Any:
    """A `data` section that names the columns a table was read by, role -> column, where it names none itself."""
    as_given = lambda column: tuple(column) if isinstance(column, list) else column
    fields = {key_of(role).removeprefix("data."): as_given(column) for role, column in columns.items()}
    free = {name: column for name, column in fields.items() if getattr(data, name, column) is None}
    return data.model_copy(update=free)


def key_of(role: str) -> str:
    """The config field that names the column of a role."""
    return _KEYS.get(role, f"data.{role}_column")
