"""Principal component analysis of windows."""

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedSeries
from tfpipelines.core.config.section import Components
from tfpipelines.networks.normals import Normals
from tfpipelines.networks.principal_components import Span, distances_from, fit_span
from tfpipelines.networks.windows import Windows, in_shape

_WIDE = 512  # numbers of a window, from which on fewer windows are fitted to
_MOST_ROWS = 2_000  # of those windows: a random choice


def pca(
    normals: Normals,
    common: FittedSeries,
    components: Components = 0.99,
    inside: bool = True,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Principal component analysis of all numbers of a window: the distance from the span of the first components.

    The score is the mean of the contributions of the numbers. A contribution is the squared residual of the number
    after projection, as a multiple of the mean variance outside of the span; with `inside` also its part of the squared
    Mahalanobis distance inside. Both together are the distance of probabilistic principal component analysis (Tipping &
    Bishop 1999). The expected values are the projection.

    Args:
        components: number of components, or share of the variance that they explain, such as 0.99; at least one
            direction is left out, unless there is only one.
        inside: whether the distance inside of the span counts, too: windows far from the mean that are shaped as usual.
    """
    shape = normals.values.shape[1:]
    fields = {"shape": shape, "components": components, "centered": common.centered, "seed": seed}
    span = normals.fitted(_fit, normals.scaled, **fields)
    inputs = Windows(normals, common.centered)
    contributions, residual = distances_from(span, inputs, inside)
    score = keras.ops.mean(contributions, -1)
    return inputs.detector("pca", score, contributions, inputs.scaled - residual, for_training)


def _fit(rows: np.ndarray, shape: tuple[int, ...], components: float, centered: bool, seed: int | None) -> Span:
    """The span of scaled windows, float64 (rows, numbers)."""
    if rows.shape[1] > _WIDE and len(rows) > _MOST_ROWS:
        rows = rows[np.sort(np.random.default_rng([seed or 0, 10]).choice(len(rows), _MOST_ROWS, replace=False))]
    return fit_span(in_shape(rows, shape, centered).reshape(len(rows), -1), components)
