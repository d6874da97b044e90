"""Principal component analysis."""

from typing import NamedTuple

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedRows
from tfpipelines.core.config.section import Components
from tfpipelines.networks.constants import product
from tfpipelines.networks.normals import Inputs, Normals

_LEAST = 1e-6  # of a variance, as a share of the largest one


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


def pca(
    normals: Normals,
    common: FittedRows,
    components: Components = 0.99,
    inside: bool = True,
    *,
    for_training: bool = False,
) -> keras.Model:
    """Principal component analysis: the distance from the span of the first components, computed in closed form.

    The score is the mean of the contributions of the columns. A contribution is the squared residual of the column
    after projection, as a multiple of the mean variance outside of the span; with `inside` also its part of the squared
    Mahalanobis distance inside. Both together are the distance of probabilistic principal component analysis (Tipping &
    Bishop 1999). The expected values are the projection.

    Args:
        components: number of components, or share of the variance that they explain, such as 0.99; at least one
            direction is left out, unless there is only one.
        inside: whether the distance inside of the span counts, too: rows far from the mean that are combined as usual.
    """
    span = normals.fitted(fit_span, normals.scaled, components=components)
    inputs = Inputs(normals)
    mean = inputs.constants.array(span.mean[None], "mean_of_rows")
    centred = inputs.scaled - mean
    # Residuals are products with the projection to what is outside: a difference of two projections loses digits.
    projection = span.directions.T @ span.directions
    residual = product(centred, inputs.constants.halves(np.eye(len(projection)) - projection, "outside"))
    contributions = keras.ops.square(residual) * float(1.0 / span.rest)
    if inside:
        # Of all matrices that whiten, the symmetric one leaves each number most like the column that it is of.
        whitening = (span.directions.T / np.sqrt(span.variances)) @ span.directions
        contributions += keras.ops.square(product(centred, inputs.constants.halves(whitening, "whitening")))
    score = keras.ops.mean(contributions, -1)
    return inputs.detector("pca", score, contributions, inputs.scaled - residual, for_training)


def fit_span(rows: np.ndarray, components: float) -> Span:
    """The span of the first components of rows, float64 (rows, numbers); `components` as in `pca`."""
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
