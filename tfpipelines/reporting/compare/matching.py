"""Whether runs were tested on the same rows, and which row of one is which of the other."""

from typing import Any

import numpy as np

from ...core.words import counted
from ...errors import ConfigError
from ...tasks import has_several_labels
from ...tasks.abilities import Kind
from .run_records import RunRecord
from .test_rows import Rows, classes_of, keys_of

_SHOWN = 5
# in data.json: what the network sees of a sample, and its fingerprint is of
_READING = ("size", "channels", "range", "columns", "window")
_FORM = ("resize", "filter", "antialias", "background")  # the same, fields of `data`
_MEASURING = ("samples", "neighbours")  # of a generator's `evaluation`


def matched(records: list[RunRecord], rows: list[Rows]) -> tuple[list[Rows], list[str]]:
    """The rows of every run in the order of the first one's, and what there is to say of it.

    Raises:
        ConfigError: if the runs were not tested on the same rows, or know other classes.
    """
    first, notes = records[0], []
    ordered = [rows[0]]
    for record, own in zip(records[1:], rows[1:]):
        _require_comparable(first, record)
        by_content = _seen_as(first) == _seen_as(record)
        if not by_content:
            forms = f"in another form ({_forms(first, record)})"
            if first.data.get("path") != record.data.get("path"):
                cause = f"{first.name} and {record.name} read samples {forms} and from different paths"
                raise ConfigError(f"{cause}: their rows cannot be matched.", "Compare runs on the same data.path.")
            seen = f"{record.name} sees samples in another form than {first.name} ({_forms(first, record)})"
            notes.append(f"{seen}: rows are matched by item and label, not by content")
        columns = ("item", "fingerprint") if by_content else ("item",)
        ordered.append(own.take(_order(first, record, rows[0], own, columns)))
    return ordered, notes


def _require_comparable(first: RunRecord, record: RunRecord) -> None:
    if first.kind is Kind.CLASSIFIER:
        one, other = classes_of(first), classes_of(record)
        if sorted(one) != sorted(other):
            alone = ((first.name, set(one) - set(other)), (record.name, set(other) - set(one)))
            details = [f"only {name}: {', '.join(sorted(some)[:10])}" for name, some in alone if some]
            cause = f"{first.name} and {record.name} do not know the same classes."
            raise ConfigError(cause, "Compare runs on the same classes.", details)
        if has_several_labels(first.data) != has_several_labels(record.data):
            cause = f"One of {first.name} and {record.name} has one class per row, the other several."
            raise ConfigError(cause, "Compare runs on the same data.")
    if first.kind is Kind.GENERATOR:
        settings = [run.pipeline.get("evaluation", {}) for run in (first, record)]
        different = [name for name in _MEASURING if settings[0].get(name) != settings[1].get(name)]
        if first.data.get("features") != record.data.get("features"):
            different.insert(0, "features")
        if different:
            raise ConfigError(
                f"{first.name} and {record.name} were measured differently, so their metrics cannot be compared: "
                f"evaluation.{different[0]} differs.",
                "Train them with the same evaluation.features, evaluation.samples and evaluation.neighbours.",
            )


def _seen_as(record: RunRecord) -> dict[str, Any]:
    data = record.pipeline.get("data", {})
    read = {name: record.data[name] for name in _READING if name in record.data}
    return {**read, **{f"data.{name}": data[name] for name in _FORM if name in data}}


def _forms(first: RunRecord, record: RunRecord) -> str:
    one, other = _seen_as(first), _seen_as(record)
    different = [name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]
    return ", ".join(f"{name}: {_short(one.get(name))} and {_short(other.get(name))}" for name in different)


def _short(value: Any) -> str:
    text = " x ".join(map(str, value)) if isinstance(value, list) and len(value) < 4 else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _order(first: RunRecord, record: RunRecord, rows: Rows, own: Rows, columns: tuple[str, ...]) -> np.ndarray:
    """The place among the run's own rows of each of the first one's."""
    wanted, there = keys_of(rows.frame, columns), {key: place for place, key in enumerate(keys_of(own.frame, columns))}
    known = set(wanted)
    gone, more = [key[0] for key in wanted if key not in there], [key[0] for key in there if key not in known]
    truth, others = rows.frame["truth"].tolist(), own.frame["truth"].tolist()
    changed = [
        f"{key[0]}: {truth[place].strip()} in {first.name}, {others[there[key]].strip()} in {record.name}"
        for place, key in enumerate(wanted)
        if key in there and truth[place] != others[there[key]]
    ]
    if not (gone or more or changed):
        return np.array([there[key] for key in wanted], np.int64)
    counts = {
        f"of {len(wanted)} in {first.name} alone": len(gone),
        f"of {len(there)} in {record.name} alone": len(more),
        "with another label": len(changed),
    }
    said = [f"{counted(count, 'row')} {words}" for words, count in counts.items() if count]
    details = [f"only in {first.name}: {item}" for item in gone[:_SHOWN]]
    details += [f"only in {record.name}: {item}" for item in more[:_SHOWN]] + changed[:_SHOWN]
    raise ConfigError(
        f"The test sets of {first.name} and {record.name} differ: {', '.join(said)}.",
        "Compare runs on the same data with the same splits: give split_seed when you change seed, and the same "
        "data.limit.",
        details,
    )
