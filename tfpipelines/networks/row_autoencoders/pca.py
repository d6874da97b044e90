"""Principal component analysis."""

import keras

from tfpipelines.core.config.networks import FittedRows
from tfpipelines.core.config.section import Components
from tfpipelines.networks.normals import Inputs, Normals
from tfpipelines.networks.principal_components import distances_from, fit_span


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
    span = normals.fitted(fit_span, normals.few, components=components)
    inputs = Inputs(normals)
    contributions, residual = distances_from(span, inputs, inside)
    score = keras.ops.mean(contributions, -1)
    return inputs.detector("pca", score, contributions, inputs.scaled - residual, for_training)
