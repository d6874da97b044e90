"""What predictions.csv tells of mistakes: which classes are predicted as which, the clearest ones; largest errors."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..core.run_files import found_json
from ..core.words import figure
from ..evaluation.score_names import score_columns
from ..tasks import has_several_labels
from ..tasks.abilities import Kind
from . import values

_MOST_ROWS = 200_000
_PAIRS = 10
_SAMPLES = 12


@dataclass(frozen=True)
class Failures:
    """Mistakes of the test split.

    Args:
        total: mistakes, or numbers outside of their prediction interval; None where predictions.csv does not tell.
        of: samples looked at.
        pairs: (true class, predicted class, how often), the most frequent first.
        samples: (item, what it is, what was said, how surely, or of a number how wrong it is) of the clearest ones.
        rows: of predictions.csv that were read.
        cut: whether predictions.csv has more rows than were looked at.
    """

    total: int | None = None
    of: int = 0
    pairs: list[tuple[str, str, int]] = field(default_factory=list)
    samples: list[tuple[str, str, str, str]] = field(default_factory=list)
    rows: int = 0
    cut: bool = False


def read_failures(folder: Path, path: Path, kind: Kind | None) -> Failures:
    """Reads predictions.csv of a classifier, detector or regressor.

    Args:
        folder: of the run, whose data.json names what is normal.
        path: of predictions.csv.
        kind: of the run; None where it is not known.
    """
    rows = values.rows_of(path, _MOST_ROWS + 1)
    cut, rows = len(rows) > _MOST_ROWS, rows[:_MOST_ROWS]
    if kind is Kind.CLASSIFIER and rows and {"label", "predicted"} <= rows[0].keys():
        data = found_json(folder / "data.json")
        return _of_classifier(rows, cut, values.texts(data.get("classes")), has_several_labels(data))
    if kind is Kind.REGRESSOR and rows and {"label", "predicted"} <= rows[0].keys():
        return _of_regressor(rows, cut)
    if kind is Kind.DETECTOR and rows and {"label", "verdict", "p_value"} <= rows[0].keys():
        normal = values.texts(found_json(folder / "data.json").get("normal"))
        return _of_detector(rows, cut, set(normal)) if normal else Failures()
    return Failures()


def _of_classifier(rows: list[dict[str, str]], cut: bool, classes: list[str], several: bool) -> Failures:
    names = lambda text: set(text.split("|")) if several else {text}
    columns = dict(zip(classes, score_columns(classes)))
    wrong = [row for row in rows if names(row.get("label", "")) != names(row.get("predicted", ""))]
    pairs = Counter((row.get("label", ""), row.get("predicted", "")) for row in wrong)
    surety = lambda row: _confidence(row, [columns.get(name, name) for name in names(row.get("predicted", ""))])
    samples = [
        (row.get("item", ""), row.get("label", ""), row.get("predicted", ""), f"{share:.2f}" if share else "")
        for share, row in sorted(((surety(row), row) for row in wrong), key=lambda entry: -entry[0])[:_SAMPLES]
    ]
    return Failures(len(wrong), len(rows), _most_common(pairs), samples, len(rows), cut)


def _most_common(pairs: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    return [(true, told, count) for (true, told), count in pairs.most_common(_PAIRS)]


def _confidence(row: dict[str, str], columns: list[str]) -> float:
    """The probability of the predicted class; of several, the largest; 0 where it is not told."""
    found = [values.parsed(row.get(name)) for name in columns]
    return max((share for share in found if share is not None), default=0.0)


def _of_detector(rows: list[dict[str, str]], cut: bool, normal: set[str]) -> Failures:
    known = [row for row in rows if row.get("label")]
    wrong = [row for row in known if (row["label"] in normal) != (row.get("verdict") == "normal")]
    pairs = Counter((row["label"], row.get("verdict", "")) for row in wrong)
    score = lambda row: values.parsed(row.get("score")) or 0.0
    alarms = sorted((row for row in wrong if row.get("verdict") != "normal"), key=lambda row: -score(row))
    misses = sorted((row for row in wrong if row.get("verdict") == "normal"), key=score)
    samples = []
    for row in [*alarms[: _SAMPLES // 2], *misses[: _SAMPLES // 2]]:
        surely = f"score {row.get('score', '')}, p = {row.get('p_value', '')}"
        samples.append((row.get("item", ""), row["label"], row.get("verdict", ""), surely))
    return Failures(len(wrong), len(known), _most_common(pairs), samples, len(rows), cut)


def _of_regressor(rows: list[dict[str, str]], cut: bool) -> Failures:
    found = []
    for row in rows:
        true, told, low, high = (values.parsed(row.get(name)) for name in ("label", "predicted", "low", "high"))
        if true is not None and told is not None:
            found.append((abs(true - told), true, told, low, high, row.get("item", "")))
    largest = heapq.nlargest(_SAMPLES, found, key=lambda entry: entry[0])
    samples = [
        (item, figure(true), figure(told) + _range(low, high), figure(error))
        for error, true, told, low, high, item in largest
    ]
    ranged = [(low, true, high) for _, true, _, low, high, _ in found if low is not None and high is not None]
    outside = sum(not low <= true <= high for low, true, high in ranged) if ranged else None
    return Failures(outside, len(found), [], samples, len(rows), cut)


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({figure(low)} to {figure(high)})"
