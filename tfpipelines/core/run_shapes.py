"""What the JSON files of a run or search folder look like inside, and whether one does."""

from collections.abc import Iterable
from typing import Any

from .splits import SPLITS

_TYPES: dict[Any, tuple[Any, str]] = {
    float: ((int, float), "a number"),
    int: (int, "a whole number"),
    str: (str, "a text"),
    bool: (bool, "true or false"),
    dict: (dict, "an object"),
    list: (list, "a list"),
    None: (type(None), "null"),
}

# A shape is a type (float: any number), None, a set of texts, a tuple of alternatives, [of each entry], [of each of at
# least one, ...], [of the first, of the second], {name: of that entry, where it is there} or {str: of each entry}
_FIGURES = {str: (float, None)}
OUTCOME = {
    "status": str, "score": (float, None), "series": [(float, None)], "figures": _FIGURES, "best_epoch": int,
    "epochs": int, "spent": int, "seconds": float, "reason": str,
}  # fmt: skip
_PROPOSAL = {"identity": str, "encoded": {str: float}, "epochs": (int, None), "parent": (str, None)}
_TRIAL = {"number": int, "values": dict, "proposal": _PROPOSAL, "limits": [(float, None)], "deaths": int, **OUTCOME}
_PIPELINE = {"task": str, "name": str, "seed": int, **dict.fromkeys(("data", "model", "train", "evaluation"), dict)}
_CANDIDATE = {
    **dict.fromkeys(("name", "state", "reason"), str), **dict.fromkeys(("parameters", "epochs", "best_epoch"), int),
    "fields": dict, "seconds": float, "validation": _FIGURES, "chosen": bool,
}  # fmt: skip
_PRODUCT = {
    **dict.fromkeys(("product", "state", "network", "reason"), str), **dict.fromkeys(("validation", "test"), _FIGURES),
    "seconds": float,
}  # fmt: skip
_GROUP = {
    "group": str, "own": bool, "threshold": float, **dict.fromkeys(("calibration", "samples", "normal"), int),
    "false_alarms": int, "false_alarm_rate": float, "expected": [float],
}  # fmt: skip
_FINDING = {**dict.fromkeys(("code", "severity", "message", "remedy"), str), "items": [str], "count": int}
_INTERVAL = {"radius": float, "coverage": float, "interval": [float, float], "samples": int, "source": str}
_COLUMN = {
    **dict.fromkeys(("name", "kind", "order", "first", "commas"), str), "vocabulary": [str], "clock": bool,
}  # fmt: skip
STATES = frozenset({"running", "done", "interrupted", "failed"})
_STATUS = ("kind", "pipeline", "task", "reason", "part_of", "host", "started", "updated")
# fmt: off
SHAPES: dict[str, Any] = {
    "status.json": {
        **dict.fromkeys(_STATUS, str), **dict.fromkeys(("format", "pid", "epoch", "epochs", "fold", "trials"), int),
        **dict.fromkeys(("candidate", "chosen"), int),
        "state": STATES, "best": (float, None), "model_sha256": [str], "manifest": bool,
    },
    "environment.json": {
        **dict.fromkeys(("platform", "device", "command", "started"), str), "git_commit": (str, None),
        "versions": {str: str}, "plugins": {str: str}, "threads": {str: int}, "pipeline": _PIPELINE,
        "code": {str: str}, "distribution": {str: int},
        "resumed": [{"command": str, "started": str, "versions": {str: str}}],
    },
    "data.json": {
        **dict.fromkeys(("classes", "normal", "about", "replaced"), [str]), "columns": [str, ...],
        **dict.fromkeys(("channels", "window", "max_length", "vocabulary", "chunk"), int),
        **dict.fromkeys(("path", "content_hash"), (str, None)),
        **dict.fromkeys(("backbone", "features"), {"name": str}),
        "size": [int, int], "range": [float, float],
        "multi_label": bool, "target": str, "read_columns": {str: (str, [str, ...])},
        "counts": {str: {str: int}}, "rows": {str: int}, "split_by": {str: dict},
        "values": {str: {str: float}}, "findings": [_FINDING],
        "encoder": [_COLUMN], "usual": {"numbers": [(float, None)], "codes": [int]},
    },
    "metrics.json": {
        **dict.fromkeys(SPLITS, {str: (float, None, _FIGURES)}),
        **dict.fromkeys(("per_class", "baselines", "baseline_differences"), {str: _FIGURES}), "best_trial": _FIGURES,
        "intervals": {str: [(float, None), (float, None)]}, "test_interval": [(float, None)],
        "spread": {str: {str: _FIGURES}}, "folds": [{str: _FIGURES}], "time": {str: float}, "about": [str],
        "thresholds": {str: float}, "expected_coverage": [float], "interval": _INTERVAL,
        "temperature": (float, None), "samples": int, "best_epoch": int, "network": {"name": str, "parameters": int},
        "threshold": dict, "groups": [_GROUP], "search": dict, "seeds": [int], "failed_seeds": {str: str},
        "candidates": [_CANDIDATE], "products": [_PRODUCT],
        "importance": [{"column": str, "importance": float, "deviation": float}], "importance_unit": str,
        "slices": [{"column": str, "value": str, "rows": int}],
    },
    "threshold.json": {
        "threshold": float, "false_alarm_rate": float, "unit": str, "source": str, "scores": [float],
        "places": [float, float], "by": str, "few": {str: int},
        "groups": {str: {"threshold": float, "false_alarm_rate": float, "scores": [float], "samples": int}},
    },
    "search.json": {
        "content": {"task": str, "(code)": {str: {"path": str, "text": str}}},
        "fingerprint": {"pipeline": dict, "versions": {str: str}}, "workers": int,
        "trials": [_TRIAL], "events": [[str, int]], "elapsed": float, "stopped": str,
        "left_out": ([int], None), "given": bool, "workers_given": bool,
    },
    "result.json": OUTCOME,
}
# fmt: on

# What is said of a model under `tfpipelines` in the metadata of its file
MODEL_FACTS = {
    **dict.fromkeys(("classes", "normal", "columns"), [str]), "temperature": float, "multi_label": bool,
    "thresholds": [float], "target": str, "scale": {"center": float, "spread": float, "log": bool},
    "interval": (_INTERVAL, None),
    "groups": {"shares": [float], "classes": [int]},
}  # fmt: skip

# Of a run: those of a search have a mean and more in the place of each metric.
RUN_METRICS = {**SHAPES["metrics.json"], **dict.fromkeys(SPLITS, _FIGURES)}


def fault_of(value: Any, shape: Any, where: str = "") -> str:
    """What is wrong with a value, in words; "" if it is of the shape."""
    if isinstance(shape, frozenset):
        fine = isinstance(value, str) and value in shape
        return "" if fine else f"{where or 'it'} is none of {', '.join(sorted(shape))}"
    if isinstance(shape, tuple):
        faults = [fault_of(value, one, where) for one in shape]
        inside = [fault for one, fault in zip(shape, faults) if isinstance(one, (dict, list)) and _of(value, type(one))]
        return "" if "" in faults else inside[0] if inside else _told(value, where, " or ".join(map(_word, shape)))
    if not _of(value, type(shape) if isinstance(shape, (dict, list)) else shape):
        return _told(value, where, _word(shape))
    entries: Iterable[tuple[Any, Any, Any]] = ()
    if isinstance(shape, dict):
        each = shape.get(str)
        entries = ((name, entry, each or shape.get(name)) for name, entry in value.items() if each or name in shape)
    elif isinstance(shape, list):
        if shape[1:] == [...] and not value:
            return f"{where or 'it'} is empty"
        shape = shape[:1] if shape[1:] == [...] else shape
        if len(shape) > 1 and len(value) != len(shape):
            return f"{where or 'it'} has {len(value)} entries, not {len(shape)}"
        entries = ((place, entry, shape[place % len(shape)]) for place, entry in enumerate(value))
    for name, entry, inner in entries:
        if fault := fault_of(entry, inner, f"{where}.{name}"[:200].lstrip(".")):
            return fault
    return ""


def _of(value: Any, kind: Any) -> bool:
    if isinstance(value, bool) and kind is not bool:
        return False
    return isinstance(value, _TYPES[kind][0]) and (kind is not int or abs(value) < 2**63)


def _told(value: Any, where: str, wanted: str) -> str:
    large = isinstance(value, int) and not isinstance(value, bool) and "whole" in wanted
    return f"{where or 'it'} is {'too large a number' if large else f'{kind_of(value)}, not {wanted}'}"


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return next(word for kind, (_, word) in reversed(_TYPES.items()) if _of(value, kind))


def _word(shape: Any) -> str:
    return _TYPES[type(shape) if isinstance(shape, (dict, list)) else shape][1]
