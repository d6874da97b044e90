"""Principal component analysis of windows."""

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedSeries
from tfpipelines.core.config.section import Components
from tfpipelines.networks.constants import product
from tfpipelines.networks.normals import Normals
from tfpipelines.networks.row_autoencoders.pca import Span, fit_span
from tfpipelines.networks.windows import Windows, in_shape

_MOST_NUMBERS = 512  # of a window, up to which matrices of their square are kept
_MOST_ROWS = 2_000  # windows that wider ones are fitted to: a random choice


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
    inputs, numbers = Windows(normals, common.centered), int(np.prod(shape))
    centred = inputs.scaled - inputs.constants.array(span.mean[None], "mean_of_rows")
    halves, scale = inputs.constants.halves, 1.0 / np.sqrt(span.variances)
    if numbers <= _MOST_NUMBERS:
        outside = np.eye(numbers) - span.directions.T @ span.directions
        residual = product(centred, halves(outside, "outside"))
        whitening = (span.directions.T * scale) @ span.directions
        within = product(centred, halves(whitening, "whitening")) if inside else None
    else:  # the matrices of this are as long as a window, but only as wide as the span
        there, back = halves(span.directions.T, "span"), halves(span.directions, "span_back")
        along = product(centred, there)
        residual = centred - product(along, back)
        weights = inputs.constants.array(scale[None], "scale")
        within = product(along * weights, back) if inside else None
    contributions = keras.ops.square(residual) * float(1.0 / span.rest)
    if within is not None:
        contributions += keras.ops.square(within)
    score = keras.ops.mean(contributions, -1)
    return inputs.detector("pca", score, contributions, inputs.scaled - residual, for_training)


def _fit(rows: np.ndarray, shape: tuple[int, ...], components: float, centered: bool, seed: int | None) -> Span:
    """The span of scaled windows, float64 (rows, numbers)."""
    if rows.shape[1] > _MOST_NUMBERS and len(rows) > _MOST_ROWS:
        rows = rows[np.sort(np.random.default_rng([seed or 0, 10]).choice(len(rows), _MOST_ROWS, replace=False))]
    return fit_span(in_shape(rows, shape, centered).reshape(len(rows), -1), components)
