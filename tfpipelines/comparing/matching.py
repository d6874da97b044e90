"""Whether runs were tested on the same rows, and which row of one is which of the other."""

from typing import Any

import numpy as np

from ..errors import ConfigError, counted
from ..tasks.abilities import Kind
from .rows import Rows, classes_of, keys_of
from .sides import Side

_SHOWN = 5
_READING = (
    "size",
    "channels",
    "columns",
    "window",
)  # in data.json: what the network sees of a sample, and its fingerprint is of
_FORM = ("resize", "filter", "antialias", "background")  # the same, fields of `data`
_MEASURING = ("samples", "neighbours")  # of a generator's `evaluation`


def matched(sides: list[Side], rows: list[Rows]) -> tuple[list[Rows], list[str]]:
    """The rows of every run in the order of the first one's, and what there is to say of it.

    Raises:
        ConfigError: if the runs were not tested on the same rows, or know other classes.
    """
    first, notes = sides[0], []
    ordered = [rows[0]]
    for side, own in zip(sides[1:], rows[1:]):
        _require_comparable(first, side)
        by_content = _seen_as(first) == _seen_as(side)
        if not by_content:
            if first.data.get("path") != side.data.get("path"):
                raise ConfigError(
                    f"{first.name} and {side.name} read samples in another form ({_forms(first, side)}) and "
                    "from other places: nothing tells which are the same.",
                    "Compare runs on the same data.path.",
                )
            notes.append(
                f"{side.name} sees samples in another form than {first.name} ({_forms(first, side)}): rows "
                "are matched by item and label, not by content"
            )
        ordered.append(
            own.take(_order(first, side, rows[0], own, ("item", "fingerprint") if by_content else ("item",)))
        )
    return ordered, notes


def _require_comparable(first: Side, side: Side) -> None:
    if first.kind is Kind.CLASSIFIER:
        one, other = classes_of(first), classes_of(side)
        if sorted(one) != sorted(other):
            details = [
                f"only {name}: {', '.join(sorted(set(some) - set(more))[:10])}"
                for name, some, more in ((first.name, one, other), (side.name, other, one))
                if set(some) - set(more)
            ]
            raise ConfigError(
                f"{first.name} and {side.name} do not know the same classes.",
                "Compare runs on the same classes.",
                details,
            )
        if bool(first.data.get("multi_label")) != bool(side.data.get("multi_label")):
            raise ConfigError(
                f"Of {first.name} and {side.name} one has one class a row, the other several.",
                "Compare runs on the same data.",
            )
    if first.kind is Kind.GENERATOR:
        measured = [
            {
                "features": run.data.get("features"),
                **{name: run.pipeline.get("evaluation", {}).get(name) for name in _MEASURING},
            }
            for run in (first, side)
        ]
        different = [name for name in measured[0] if measured[0][name] != measured[1][name]]
        if different:
            raise ConfigError(
                f"{first.name} and {side.name} were not measured alike, so that their figures say nothing "
                f"beside each other: evaluation.{different[0]} differs.",
                "Train them with the same evaluation.features, evaluation.samples and evaluation.neighbours.",
            )


def _seen_as(side: Side) -> dict[str, Any]:
    data = side.pipeline.get("data", {})
    return {
        **{name: side.data[name] for name in _READING if name in side.data},
        **{f"data.{name}": data[name] for name in _FORM if name in data},
    }


def _forms(first: Side, side: Side) -> str:
    one, other = _seen_as(first), _seen_as(side)
    return ", ".join(
        f"{name}: {_short(one.get(name))} and {_short(other.get(name))}"
        for name in dict.fromkeys([*one, *other])
        if one.get(name) != other.get(name)
    )


def _short(value: Any) -> str:
    text = " x ".join(map(str, value)) if isinstance(value, list) and len(value) < 4 else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _order(first: Side, side: Side, rows: Rows, own: Rows, columns: tuple[str, ...]) -> np.ndarray:
    """The place among the run's own rows of each of the first one's."""
    wanted, there = keys_of(rows.frame, columns), {key: place for place, key in enumerate(keys_of(own.frame, columns))}
    known = set(wanted)
    gone, more = [key[0] for key in wanted if key not in there], [key[0] for key in there if key not in known]
    truth, others = rows.frame["truth"].tolist(), own.frame["truth"].tolist()
    changed = [
        f"{key[0]}: {truth[place].strip()} in {first.name}, {others[there[key]].strip()} in {side.name}"
        for place, key in enumerate(wanted)
        if key in there and truth[place] != others[there[key]]
    ]
    if not (gone or more or changed):
        return np.array([there[key] for key in wanted], np.int64)
    said = [
        f"{counted(len(gone), 'row')} of {len(wanted)} in {first.name} alone",
        f"{counted(len(more), 'row')} of {len(there)} in {side.name} alone",
        f"{counted(len(changed), 'row')} with another label",
    ]
    said = [text for text, count in zip(said, (gone, more, changed)) if count]
    details = [
        f"only in {name}: {item}" for name, items in ((first.name, gone), (side.name, more)) for item in items[:_SHOWN]
    ] + changed[:_SHOWN]
    raise ConfigError(
        f"The test sets of {first.name} and {side.name} differ: {', '.join(said)}.",
        "Compare runs on the same data with the same splits: give split_seed when you change seed, and the "
        "same data.limit.",
        details,
    )
