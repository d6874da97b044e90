"""Distances from the span of principal components, of rows and of windows."""

from typing import NamedTuple

import keras
import numpy as np

from .constants import product
from .normals import Inputs

_LEAST = 1e-6  # of a variance, as a share of the largest one
_MOST_NUMBERS = 512  # of a sample, up to which matrices of their square are kept


class Span(NamedTuple):
    """The principal components that are kept.

    Args:
        mean: float64 (numbers,).
        directions: float64 (components, numbers), each of length 1.
        variances: float64 (components,), of the rows along each.
        rest: mean variance along a direction outside of the span.
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    rest: float


def distances_from(span: Span, inputs: Inputs, inside: bool) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The distance of probabilistic principal component analysis (Tipping & Bishop 1999), by numbers.

    Args:
        inputs: of the graph; `scaled` is what the span was fitted to.
        inside: whether the squared Mahalanobis distance inside of the span counts, too.

    Returns:
        Contributions, float32 (batch, numbers): squared residuals as multiples of the mean variance outside of the
        span, and with `inside` the squares of the symmetrically whitened sample; and the residuals, of that shape.
    """
    centred = inputs.scaled - inputs.constants.array(span.mean[None], "mean_of_rows")
    halves, numbers = inputs.constants.halves, len(span.mean)
    if numbers <= _MOST_NUMBERS:
        # Residuals are products with the projection to what is outside: a difference of two projections loses digits.
        outside = np.eye(numbers) - span.directions.T @ span.directions
        residual = product(centred, halves(outside, "outside"))
        # Of all matrices that whiten, the symmetric one leaves each number most like the column that it is of.
        whitening = (span.directions.T / np.sqrt(span.variances)) @ span.directions
        within = product(centred, halves(whitening, "whitening")) if inside else None
    else:  # the matrices of this are as long as a sample, but only as wide as the span
        there, back = halves(span.directions.T, "span"), halves(span.directions, "span_back")
        along = product(centred, there)
        residual = centred - product(along, back)
        scale = inputs.constants.array(1.0 / np.sqrt(span.variances)[None], "scale")
        within = product(along * scale, back) if inside else None
    contributions = keras.ops.square(residual) * float(1.0 / span.rest)
    if within is not None:
        contributions += keras.ops.square(within)
    return contributions, residual


def fit_span(rows: np.ndarray, components: float) -> Span:
    """The span of the first components of rows, float64 (rows, numbers); `components` as in the network `pca`."""
    mean = rows.mean(0)
    _, lengths, directions = np.linalg.svd(rows - mean, full_matrices=False)
    variances = lengths**2 / max(len(rows) - 1, 1)
    total, numbers = variances.sum(), rows.shape[1]
    if isinstance(components, int):
        count = components
    else:
        count = int(np.searchsorted(np.cumsum(variances), components * total)) + 1
    count = max(min(count, len(variances), numbers - 1), min(1, numbers))
    least = max(_LEAST * variances[0], np.finfo(np.float32).tiny) if total else 1.0
    rest = variances[count:].sum() / max(numbers - count, 1)
    return Span(mean, directions[:count], np.maximum(variances[:count], least), float(max(rest, least)))
