"""What n held-out scores promise of new ones: the mathematics of split conformal prediction.

Of n scores in ascending order the k-th is taken, k = ceil((n + 1) (1 - rate)) (Vovk et al. 2005). A new score of the
same kind is then above it with a probability of at most `rate`; and over all new ones, given these n, the share above
it is a Beta(n + 1 - k, k) variable. Thresholds of detectors and prediction intervals of regressors are of this form.
"""

import numpy as np
from scipy.stats import beta, betabinom

_SLACK = 1e-9  # for rates such as 0.1, which are no binary fractions
_TAILS = [0.025, 0.975]
_DRAWS = 20_000


def above(count: int, rate: float) -> int:
    """n + 1 - k of `count` scores: how many of n + 1 may be above the k-th; 0 where they are too few for the rate."""
    return int((count + 1) * rate + _SLACK)


def least_scores(rate: float) -> int:
    """How many scores a rate needs."""
    return int(np.ceil(1 / rate - _SLACK)) - 1


def quantile(ascending: np.ndarray, rate: float) -> float:
    """The k-th of the scores, float (n,)."""
    count = len(ascending)
    return float(ascending[count - above(count, rate)])


def rate_interval(count: int, above: int) -> list[float]:
    """95% interval of the share of all new scores that are above the k-th of `count`.

    Args:
        above: n + 1 - k.
    """
    return [float(edge) for edge in beta.ppf(_TAILS, above, count + 1 - above)]


def expected_share(count: int, above: int, measured: int) -> list[float]:
    """95% interval of the share above the k-th of `count` scores among so many measured ones: beta-binomial."""
    edges = betabinom.ppf(_TAILS, measured, above, count + 1 - above)
    return [float(edge) / measured for edge in edges]


def expected_share_of_all(counts: list[tuple[int, int, int]]) -> list[float]:
    """95% interval of the share above among the measured scores of several kinds, each with a threshold of its own: of
    the sum of beta-binomial variables, by draws with a fixed seed.

    Args:
        counts: of each kind `count`, `above` and `measured`, see `expected_share`.
    """
    generator, total = np.random.default_rng(0), sum(measured for _, _, measured in counts)
    drawn = [generator.binomial(measured, generator.beta(above, count + 1 - above, _DRAWS))
             for count, above, measured in counts]  # fmt: skip
    return [float(edge) / total for edge in np.quantile(np.sum(drawn, 0), _TAILS, method="nearest")]
