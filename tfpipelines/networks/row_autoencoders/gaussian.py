"""A normal distribution with a robust or shrunk covariance."""

import warnings
from typing import Literal, NamedTuple

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedRows
from tfpipelines.networks.constants import product
from tfpipelines.networks.normals import Inputs, Normals

_LEAST = 1e-6  # of a variance, as a share of the largest one
_ROWS_OF_COLUMN = 5  # from which on the covariance determinant is used: below it breaks down (Rousseeuw & Van Driessen)
_MOST_COLUMNS = 100  # up to which: it takes minutes beyond


class Normal(NamedTuple):
    """A normal distribution.

    Args:
        mean: float64 (numbers,).
        variances: float64 (numbers,), along the directions.
        directions: float64 (numbers, numbers), one a column.
    """

    mean: np.ndarray
    variances: np.ndarray
    directions: np.ndarray


def gaussian(
    normals: Normals,
    common: FittedRows,
    covariance: Literal["auto", "robust", "shrunk"] = "shrunk",
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Mahalanobis distance from the mean of the training rows, by a covariance that scikit-learn estimates.

    The score is the mean of the contributions of the columns, which add up to the squared distance: the squares of the
    whitened row, by the symmetric whitening, which leaves each number most like the column that it is of (Garthwaite &
    Koch 2016). The expected value of a column is its conditional mean given all others.

    Args:
        covariance: robust: minimum covariance determinant (Rousseeuw & Van Driessen 1999), which half of the rows tell
            at least, so that odd ones among them do not count; shrunk: of all rows, shrunk towards a multiple of the
            identity (Ledoit & Wolf 2004); auto: robust with at least five rows a column and at most 100 columns, else
            shrunk. Also shrunk where more than half of the rows are equal in some direction.
    """
    normal = normals.fitted(fit_normal, normals.few, covariance=covariance, seed=seed)
    inputs = Inputs(normals)
    whitening = (normal.directions / np.sqrt(normal.variances)) @ normal.directions.T
    precision = (normal.directions / normal.variances) @ normal.directions.T
    centred = inputs.scaled - inputs.constants.array(normal.mean[None], "mean_of_rows")
    contributions = keras.ops.square(product(centred, inputs.constants.halves(whitening, "whitening")))
    score = keras.ops.mean(contributions, -1)
    # Of a normal distribution the mean of x_j given the others is x_j - (P (x - mean))_j / P_jj.
    unexpected = product(centred, inputs.constants.halves(precision / np.diag(precision), "regression"))
    return inputs.detector("gaussian", score, contributions, inputs.scaled - unexpected, for_training)


def fit_normal(rows: np.ndarray, covariance: str, seed: int | None) -> Normal:
    """The distribution of rows, float64 (rows, numbers); arguments as in `gaussian`."""
    from sklearn.covariance import LedoitWolf, MinCovDet

    count, numbers = rows.shape
    robust = covariance == "robust"
    if covariance == "auto":
        robust = count >= _ROWS_OF_COLUMN * numbers and numbers <= _MOST_COLUMNS
    if robust and count > numbers:
        with warnings.catch_warnings():  # of columns that hang on each other, which the least variance takes care of
            warnings.simplefilter("ignore")
            try:
                found = MinCovDet(random_state=seed).fit(rows)
            except ValueError:  # more than half of the rows are the same in some direction
                found = LedoitWolf().fit(rows)
    else:
        found = LedoitWolf().fit(rows)
    variances, directions = np.linalg.eigh(found.covariance_)
    least = _LEAST * variances[-1] if variances[-1] > 0 else 1.0
    return Normal(found.location_, np.maximum(variances, least), directions)
