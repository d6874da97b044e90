"""Scores of the points of a series.

Each point is judged by the window that ends with it: what comes later changes nothing, so that points are judged as
they come, and the score is one of the kind that the threshold was made from. Windows of neighbouring points overlap in
all points but one, so that an anomaly is in the windows of `window` - 1 points after it, too; the distance of a point
by itself tells whether it is where the deviation is.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ... import metrics
from .points import Points
from .windows import WindowStore

_BLOCK = 4_096  # windows at once
Told = Callable[[np.ndarray], dict[str, np.ndarray]]  # windows -> their `score` and `map`


def point_scores(points: Points, length: int, tell: Told) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the windows that end with each point, and the points' own distances, float64 (points,); NaN where a
    window of so many points would reach across a gap, an empty cell or the beginning.

    Args:
        tell: what the model says of windows, float32 (n, length, channels).
    """
    scores, distances = np.full((2, len(points.values)), np.nan)
    starts = [np.arange(first, end - length + 1) for first, end in points.segments]
    store = WindowStore(points.values.astype(np.float32), np.concatenate([np.zeros(0, np.int64), *starts]), length)
    for first in range(0, len(store.starts), _BLOCK):
        some = np.arange(first, min(first + _BLOCK, len(store.starts)))
        last = store.starts[some] + length - 1
        scores[last], distances[last] = scores_of_last(tell(store.windows(some)))
    return scores, distances


def scores_of_last(told: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The scores of windows, and the distances of their last points, of all channels, float64 (windows,)."""
    return metrics.finite(told["score"]), metrics.finite(np.asarray(told["map"])[:, -1].mean(-1))


def point_table(
    items: list[str],
    scores: np.ndarray,
    distances: np.ndarray,
    errors: list[str],
    threshold: "metrics.Threshold",
    groups: list[str | None] | None = None,
) -> pd.DataFrame:
    """A row per point: as `metrics.detection_table`, and `distance`; without score and verdict where there is no
    window.
    """
    table = metrics.detection_table(items, scores, threshold, errors=errors, groups=groups)
    judged = ~np.isnan(table["score"].to_numpy())
    table["p_value"] = np.where(judged, table["p_value"], np.nan)
    verdicts = [verdict if known else None for verdict, known in zip(table["verdict"], judged)]
    table["verdict"] = pd.Series(verdicts, dtype=object)
    table.insert(list(table.columns).index("verdict") + 1, "distance", np.where(judged, distances, np.nan))
    return table


def errors_of_points(values: np.ndarray, columns: list[str]) -> list[str]:
    """Why points are in no window: the channels that have no number; "" for those that have all.

    Args:
        values: float (points, channels).
    """
    bad = ~np.isfinite(values.astype(np.float32))
    name = lambda row: f"no number: {', '.join(np.array(columns)[row][:5])}"
    return [name(row) if row.any() else "" for row in bad]
