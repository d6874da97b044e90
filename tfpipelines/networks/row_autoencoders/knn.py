"""Distance to the nearest training rows."""

from typing import Literal

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedRows
from tfpipelines.core.config.section import Count
from tfpipelines.networks.constants import product
from tfpipelines.networks.normals import ROWS, Inputs, Normals

_MORE = 8  # candidates beside the neighbours that are asked for


def knn(
    normals: Normals,
    common: FittedRows,
    neighbors: Count = 5,
    distance: Literal["largest", "mean"] = "mean",
    rows: Count = 10_000,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Euclidean distance to the nearest training rows (Ramaswamy et al. 2000), which are part of the model.

    What a column contributes is its mean squared difference from the neighbours. The expected values are the mean of
    the neighbours.

    Args:
        neighbors: neighbours that count, of few rows fewer.
        distance: to which of them; largest: the farthest one; mean: the mean of all.
        rows: training rows that are kept at most; of more a random choice, each as probable, by the seed.
    """
    kept = normals.fitted(some_rows, normals.few, most=rows, seed=seed)
    count = min(neighbors, len(kept))
    candidates = min(count + _MORE, len(kept))
    inputs, ops = Inputs(normals), keras.ops
    x = inputs.scaled  # (batch, numbers)
    # |x|^2 - 2 x m + |m|^2 loses digits: it only says which rows are near, |x|^2 left out, and their distances are
    # computed again.
    squares = inputs.constants.array(np.square(kept).sum(1)[None], "squares")
    large, small = inputs.constants.halves(kept, ROWS)
    near = squares - 2.0 * product(x, (ops.transpose(large), ops.transpose(small)))  # (batch, rows)
    places = ops.top_k(-near, candidates)[1]
    differences = ops.take(large + small, places, axis=0) - ops.expand_dims(x, 1)
    distances = ops.sqrt(ops.sum(ops.square(differences), -1))  # (batch, candidates)
    nearest, order = ops.top_k(-distances, count)
    score = -nearest[:, -1] if distance == "largest" else ops.mean(-nearest, -1)
    of_nearest = ops.take_along_axis(differences, ops.expand_dims(order, -1), axis=1)  # (batch, neighbours, numbers)
    contributions = ops.mean(ops.square(of_nearest), 1)
    return inputs.detector("knn", score, contributions, x + ops.mean(of_nearest, 1), for_training)


def some_rows(rows: np.ndarray, most: int, seed: int | None) -> np.ndarray:
    """At most so many rows, float32, in their order; which ones hangs on the seed."""
    if len(rows) > most:
        rows = rows[np.sort(np.random.default_rng([seed or 0, 8]).choice(len(rows), most, replace=False))]
    return rows.astype(np.float32)
