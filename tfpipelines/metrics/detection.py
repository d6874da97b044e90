"""Figures of an anomaly detector, and its table of predictions.

A score is the higher the odder; `anomalous` is what is true.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn import metrics

from . import intervals
from .conformal import LARGEST, Threshold
from .p_values import ANOMALY, NORMAL
from .ranking import Ranking
from .registry import DETECTOR, metric

MOST_MAPS = 2_000  # samples whose places are looked at
_MOST_FALSE = 0.3  # false-positive rate up to which per-region overlap counts (Bergmann et al. 2020)
_STEPS = 300


def finite(scores: np.ndarray) -> np.ndarray:
    """Scores, float64, of which those that are not finite are as large as can be: so odd that the network overflows."""
    scores = np.asarray(scores, np.float64)
    return np.nan_to_num(scores, nan=LARGEST, posinf=LARGEST, neginf=-LARGEST).clip(-LARGEST, LARGEST)


def detection_metrics(
    anomalous: np.ndarray, scores: np.ndarray, threshold: Threshold, groups: Any = None
) -> dict[str, float]:
    """The metrics that the labels allow.

    Args:
        anomalous: bool (n,).
        scores: float (n,).
        groups: of each score, see `Threshold.alarms`.

    Returns:
        roc_auc and average_precision where both kinds are there; precision, recall and f1 at the threshold where there
        are anomalies; false_alarm_rate where there are normal samples.
    """
    alarms = _alarms(threshold, scores, groups)
    values = ranking_metrics(anomalous, scores)
    if anomalous.any():
        scored = metrics.precision_recall_fscore_support(anomalous, alarms, average="binary", zero_division=0)
        precision, recall, f1, _ = scored
        values |= {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
    if not anomalous.all():
        values["false_alarm_rate"] = float(alarms[~anomalous].mean())
    return values


def _alarms(threshold: Threshold, scores: np.ndarray, groups: Any) -> np.ndarray:
    return threshold.alarms(scores) if groups is None else threshold.alarms(scores, groups)


def ranking_metrics(anomalous: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """roc_auc and average_precision; {} unless both kinds are there."""
    if anomalous.all() or not anomalous.any():
        return {}
    return {
        "roc_auc": float(metrics.roc_auc_score(anomalous, scores)),
        "average_precision": float(metrics.average_precision_score(anomalous, scores)),
    }


def mean_roc_auc(normal: np.ndarray, kinds: Sequence[np.ndarray]) -> float:
    """The mean over kinds of anomalies of the roc_auc of each against the same normal samples; NaN without a kind.

    Args:
        normal: scores, float (n,), at least one.
        kinds: scores of each kind.
    """
    areas = [ranking_metrics(np.arange(len(normal) + len(odd)) >= len(normal), np.concatenate([normal, odd]))["roc_auc"]
             for odd in kinds]  # fmt: skip
    return float(np.mean(areas)) if areas else math.nan


def detection_intervals(
    anomalous: np.ndarray, scores: np.ndarray, threshold: Threshold, resamples: int, seed: int, groups: Any = None
) -> dict[str, list[float]]:
    """95% intervals of `detection_metrics`, see `intervals`; {} without resamples. Normal samples and anomalies are
    resampled apart; a wrong anomaly has the lowest score, a wrong normal sample the highest.
    """
    if not resamples:
        return {}
    alarms = _alarms(threshold, scores, groups)
    hits, claimed, positives = int((alarms & anomalous).sum()), int(alarms.sum()), int(anomalous.sum())
    normal, result = len(scores) - positives, {}
    count = intervals.resamples_of(resamples, len(scores))
    if positives and normal:
        kinds, rankings = (positives, normal), [metric(name, DETECTOR) for name in ("roc_auc", "average_precision")]

        def figures(wrong: bool) -> Iterator[dict[str, float]]:
            generator = np.random.default_rng([seed, 2])
            ends = (-np.inf, np.inf) if wrong else (np.inf, -np.inf)
            ordered = np.concatenate([scores[anomalous], ends[:1], scores[~anomalous], ends[1:]])
            ranking = Ranking(np.arange(len(ordered)) <= positives, ordered)
            for _ in range(count):
                drawn = [np.bincount(generator.integers(0, some + 1, some), minlength=some + 1) for some in kinds]
                yield ranking.figures(np.concatenate(drawn))

        wanted = [entry for entry in rankings if entry and len(scores) >= intervals.FEWEST_ROWS]
        result = intervals.of_resamples(figures, wanted, ranking_metrics(anomalous, scores)) if wanted else {}
    if positives:
        result["f1"] = intervals.of_f1(hits, claimed + positives - 2 * hits)
        if claimed:
            result["precision"] = intervals.of_share(hits, claimed)
        result["recall"] = intervals.of_share(hits, positives)
    if normal:
        result["false_alarm_rate"] = intervals.of_share(claimed - hits, normal)
    return result


def kinds_of(anomalous: np.ndarray) -> list[np.ndarray]:
    """Row numbers of the normal samples and those of the anomalies, which are resampled apart; those that there are."""
    return [rows for rows in (np.flatnonzero(~anomalous), np.flatnonzero(anomalous)) if len(rows)]


def detection_row_figures(
    anomalous: np.ndarray, alarms: np.ndarray, scores: np.ndarray
) -> Callable[[np.ndarray], dict[str, float]]:
    """The metrics of `detection_metrics` as a function of row numbers, in which a row may occur several times.

    Args:
        anomalous, scores: as there.
        alarms: which samples are said to be anomalies, bool (n,).
    """
    ranking = Ranking(anomalous, scores)

    def figures(rows: np.ndarray) -> dict[str, float]:
        odd, told = anomalous[rows], alarms[rows]
        hits, positives, claimed = int((odd & told).sum()), int(odd.sum()), int(told.sum())
        values = ranking.figures(np.bincount(rows, minlength=len(anomalous)))
        if positives:
            precision, recall = hits / max(claimed, 1), hits / positives
            values |= {"f1": 2 * hits / (positives + claimed), "precision": precision, "recall": recall}
        if positives < len(rows):
            values["false_alarm_rate"] = (claimed - hits) / (len(rows) - positives)
        return values

    return figures


def by_label(
    labels: np.ndarray,
    anomalous: np.ndarray,
    known: np.ndarray,
    scores: np.ndarray,
    threshold: Threshold,
    groups: Any = None,
) -> dict[str, dict[str, float]]:
    """Of each label: the share of alarms, and for anomalies how well they are told from the normal samples.

    Args:
        labels: of each sample.
        known: of which it is known what they are, bool.
        groups: of each score, see `Threshold.alarms`.
    """
    alarms, table = threshold.alarms(scores, groups), {}
    normal = ~anomalous & known
    for label in [*dict.fromkeys(labels[normal]), *sorted(set(labels[~normal]))]:
        rows = labels == label
        middle = float(np.median(scores[rows]))
        table[label] = {"alarms": float(alarms[rows].mean()), "median_score": middle, "support": int(rows.sum())}
        if anomalous[rows].all() and normal.any():
            some = rows | normal
            table[label]["roc_auc"] = float(metrics.roc_auc_score(anomalous[some], scores[some]))
    return table


def by_group(
    groups: Any, anomalous: np.ndarray, known: np.ndarray, scores: np.ndarray, threshold: Threshold
) -> list[dict[str, Any]]:
    """What the thresholds of groups have done, the groups in order of their names, last the samples without one.

    Args:
        groups: of each sample, str or None.
        anomalous, known: of each, bool (n,).

    Returns:
        Of each `group`, `own` (whether it has a threshold of its own), `threshold`, `calibration` (held-out samples of
        it), `samples`, `normal` (of these), `false_alarms`, and where there are normal samples `false_alarm_rate` and
        `expected`, its 95% interval by the threshold; [] of the common one, which promises nothing for one group.
    """
    names, alarms = np.array([name or "" for name in groups], object), threshold.alarms(scores, groups)
    found = []
    for name in [*sorted({*names} - {""}), *[""][: int((names == "").any())]]:
        some = names == name
        own, normal = threshold.groups.get(name), some & known & ~anomalous
        row: dict[str, Any] = {"group": name, "own": own is not None, "threshold": (own or threshold).threshold}
        row["calibration"] = len(own.scores) if own else threshold.few.get(name, 0)
        row |= {"samples": int(some.sum()), "normal": int(normal.sum()), "false_alarms": int(alarms[normal].sum())}
        if normal.any():
            row["false_alarm_rate"] = float(alarms[normal].mean())
            row["expected"] = own.expected(row["normal"]) if own else []
        found.append(row)
    return found


def outside_by_group(rows: Iterable[dict[str, Any]], unit: str) -> list[str]:
    """Sentences on groups whose share of false alarms is outside of what their threshold lets expect.

    Args:
        rows: as `by_group` gives them.
    """
    told = []
    for row in rows:
        if row.get("expected") and not row["expected"][0] <= row["false_alarm_rate"] <= row["expected"][1]:
            low, high = row["expected"]
            some = f"{row['false_alarms']} of {row['normal']} normal {unit}s of {row['group']} gave an alarm"
            told.append(f"{some} ({row['false_alarm_rate']:.3f}), OUTSIDE the {low:.3f} to {high:.3f} expected (95%)")
    return told


def place_metrics(masks: np.ndarray, maps: np.ndarray) -> dict[str, float]:
    """How well the places of anomalies are found.

    Args:
        masks: bool (images, height, width); all False for normal images.
        maps: the distances, float (images, height, width).

    Returns:
        pixel_roc_auc, and per_region_overlap: the mean share of each connected anomaly that is found, integrated over
        false-positive rates of pixels up to 0.3, and divided by that (Bergmann et al. 2020); {} without any anomalous
        pixel.
    """
    if not masks.any() or masks.all():
        return {}
    area = float(metrics.roc_auc_score(masks.ravel(), maps.ravel()))
    return {"pixel_roc_auc": area, "per_region_overlap": _region_overlap(masks, maps)}


def _region_overlap(masks: np.ndarray, maps: np.ndarray) -> float:
    normal = np.sort(maps[~masks])
    rates = np.linspace(0, _MOST_FALSE, _STEPS + 1)
    # the threshold that a share of the normal pixels lies above
    thresholds = normal[np.clip(np.ceil((1 - rates) * len(normal)).astype(int) - 1, 0, len(normal) - 1)]
    overlaps = []
    for mask, distances in zip(masks, maps):
        regions, count = ndimage.label(mask, np.ones((3, 3)))
        for number in range(1, count + 1):
            inside = np.sort(distances[regions == number])
            overlaps.append(1 - np.searchsorted(inside, thresholds, "right") / len(inside))
    return float(np.trapezoid(np.mean(overlaps, 0), rates) / _MOST_FALSE)


def series_metrics(anomalous: np.ndarray, beyond: np.ndarray, alarms: np.ndarray) -> dict[str, float]:
    """Figures by point and by event of a series.

    Args:
        anomalous: bool (points,).
        beyond: points of alarmed windows that are themselves beyond the threshold, bool (points,).
        alarms: points of alarmed windows, bool (points,): neighbouring windows are one alarm.

    Returns:
        point_f1 (of the points beyond the threshold); event_f1, event_precision (share of alarms that touch an anomaly)
        and event_recall (share of the anomalies that an alarm touches); {} where no point is an anomaly.
    """
    if not anomalous.any():
        return {}
    true, told = runs(anomalous), runs(alarms)
    recall = float(np.mean([alarms[first:end].any() for first, end in true]))
    precision = float(np.mean([anomalous[first:end].any() for first, end in told])) if told else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    by_point = float(metrics.f1_score(anomalous, beyond, zero_division=0))
    return {"point_f1": by_point, "event_f1": f1, "event_precision": precision, "event_recall": recall}


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


def detection_table(
    items, scores: np.ndarray, threshold: Threshold, labels=None, errors=None, groups: Any = None
) -> pd.DataFrame:
    """A row per sample: `item`, `score`, `p_value`, `verdict`, of a threshold by groups `group` and the `threshold`
    that applies, known `label`, `error` if some could not be read.

    Args:
        groups: of each score, see `Threshold.alarms`.
    """
    failed = np.array([bool(error) for error in errors or [""] * len(scores)], bool)
    alarms = threshold.alarms(scores, groups)
    verdicts = [None if bad else ANOMALY if alarm else NORMAL for bad, alarm in zip(failed, alarms)]
    numbers = {"score": scores, "p_value": threshold.p_values(scores, groups)}
    numbers = {name: np.where(failed, math.nan, values) for name, values in numbers.items()}
    table = pd.DataFrame({"item": list(items), **numbers, "verdict": pd.Series(verdicts, dtype=object)})
    if threshold.by:
        table["group"] = pd.Series([None] * len(scores) if groups is None else list(groups), dtype=object)
        table["threshold"] = np.where(failed, math.nan, threshold.limits(groups, len(scores)))
    if labels is not None:
        table["label"] = list(labels)
    return table.assign(error=list(errors)) if failed.any() else table
