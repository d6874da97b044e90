"""Whether new scores are still like those of the calibration split, by a test that may be looked at after every score.

A conformal test martingale (Vovk, Nouretdinov & Gammerman 2003; Vovk et al. 2021). The p-value of a new score is its
rank among the calibration scores and all new ones so far, ties broken at random: as long as all of them are
exchangeable, these p-values are independent and uniform, whatever the distribution of scores. The test bets against
them: a bet is a function of the p-value that is 1 on average if it is uniform. So the capital, which begins with 1,
does not grow on average, and by Ville's inequality the probability that it ever reaches 1 / alpha is at most alpha.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_SMALLEST = 1e-12  # of a p-value, so that no bet is infinite; it only makes bets smaller
_AT_ONCE = 0.5  # share of the capital that bets from the first score on
_PATIENCE = 30  # scores after which the rest has begun to bet: more is better for late shifts, less for early ones
_FEWEST = 30  # scores that tell whether neighbouring ones are correlated
_DIRECTIONS = ("higher", "higher", "higher", "lower", "lower", "lower", "more spread")


def _bets(p: float) -> np.ndarray:
    """What each bet returns for a p-value, float64 (7,): powers and a line that win where p-values are small, as those
    of high scores are, the same for large ones, and one for both.
    """
    sides = max(p, _SMALLEST), max(1 - p, _SMALLEST)
    power = lambda value, size: size * value ** (size - 1)
    one_sided = [bet for side in sides for bet in (power(side, 0.2), power(side, 0.5), 1 + 1.6 * (0.5 - side))]
    return np.array([*one_sided, (power(sides[0], 0.3) + power(sides[1], 0.3)) / 2])


class ShiftTest:
    """Tests scores one after the other.

    Half of the capital is spread over all bets at once; the rest is moved to them by and by, so that a shift is found
    whenever it comes: after k scores 1 / (2 + 2 log(1 + k / 30)) of the whole has not been moved. Memory: eight bytes a
    score.

    Args:
        calibration: held-out normal scores, float (n,), in any order.
        alpha: largest probability of a false alarm, over all scores that will ever be added.
        seed: of the random numbers that break ties.
        groups: calibration scores of groups, whose new scores are compared with those of their group alone (Vovk et al.
            2005): p-values are independent and uniform then, too.

    Attributes:
        count: scores so far.
        evidence: the most that the capital has been; the test is over when it reaches 1 / alpha.
        found: number, from 0, and name of the score at which a shift was found; None as long as there is none.
        since: the same of the first score that is estimated to have shifted, as seen when it was found.
        direction: what the new scores are: higher, lower or more spread; "" before.
    """

    def __init__(
        self,
        calibration: Iterable[float],
        alpha: float = 0.01,
        seed: int = 0,
        groups: Mapping[str, Iterable[float]] | None = None,
    ):
        self.alpha = alpha
        self.count, self.evidence = 0, 1.0
        self.found: tuple[int, str] | None = None
        self.since: tuple[int, str] | None = None
        self.direction = ""
        each: dict[str | None, Iterable[float]] = {None: calibration}
        each.update(groups or {})
        self._seen = {name: array("d", sorted(map(float, scores))) for name, scores in each.items()}
        self._random = np.random.default_rng(seed)
        bets = len(_DIRECTIONS)
        self._capital = np.full(bets, _AT_ONCE / bets)
        self._gain = np.zeros(bets)  # logarithm of what each bet has made of 1 since it began to gain, which is
        self._start: list[tuple[int, str]] = [(0, "")] * bets  # its estimate of when scores have shifted (Page 1954)
        self._last: float | None = None  # p-value
        self._sums = np.zeros(6)  # over neighbouring p-values, see `_correlation`
        self._before = [self._sums] * bets  # the same up to the start of each bet
        self._best = 0  # bet

    @property
    def shifted(self) -> bool:
        """Whether a shift was found."""
        return self.found is not None

    def add(self, score: float, name: str = "", group: str | None = None) -> bool:
        """Takes the next score, and says whether scores have shifted; once they have, further ones are only counted.

        Args:
            name: of what has the score.
            group: that it is of; of others than those of the calibration all scores are compared with all.
        """
        number = self.count
        self.count += 1
        if self.shifted:
            return True
        p_value = self._p_value(float(score), group)
        bets = _bets(p_value)
        moved = (_reserve(number) - _reserve(number + 1)) / len(bets)
        self._capital = (self._capital + moved) * bets
        self._start = [before if gain > 0 else (number, name) for before, gain in zip(self._start, self._gain)]
        self._before = [before if gain > 0 else self._sums for before, gain in zip(self._before, self._gain)]
        self._gain = np.maximum(self._gain, 0) + np.log(bets)
        if self._last is not None:
            x, y = self._last, p_value
            self._sums = self._sums + [1, x, y, x * x, y * y, x * y]
        self._last = p_value
        self.evidence = max(self.evidence, float(_reserve(number + 1) + self._capital.sum()))
        if self.evidence >= 1 / self.alpha:
            self._best = best = int(self._gain.argmax())
            self.found, self.since, self.direction = (number, name), self._start[best], _DIRECTIONS[best]
        return self.shifted

    @property
    def correlation(self) -> tuple[float, int] | None:
        """Of the p-values of neighbouring scores, as long as they had not shifted, and how many there were: clearly
        above 0 where scores depend on the ones before, and alpha does not hold. None where there are fewer than 30.
        """
        sums = self._before[self._best] if self.shifted else self._sums
        return (_correlation(sums), int(sums[0])) if sums[0] >= _FEWEST else None

    def _p_value(self, score: float, group: str | None = None) -> float:
        """The share of the scores so far, of a group that is known those of it, that are as high, itself among them;
        puts it among them.
        """
        seen = self._seen[group if group in self._seen else None]
        first, end = bisect_left(seen, score), bisect_right(seen, score)
        above, ties = len(seen) - end, end - first + 1
        seen.insert(end, score)
        return (above + (1 - self._random.random()) * ties) / len(seen)

    def facts(self) -> dict[str, Any]:
        """JSON values."""
        named = lambda place: None if place is None else {"number": place[0], "item": place[1]}
        told: dict[str, Any] = {"shifted": self.shifted, "since": named(self.since), "found": named(self.found)}
        told |= {"direction": self.direction or None, "evidence": self.evidence, "alpha": self.alpha}
        return {**told, "samples": self.count}


def _correlation(sums: np.ndarray) -> float:
    """Pearson's, by the number of pairs and the sums of x, y, x x, y y and x y."""
    x, y, xx, yy, xy = sums[1:] / sums[0]
    return float((xy - x * y) / np.sqrt(max((xx - x * x) * (yy - y * y), _SMALLEST)))


def _reserve(count: int) -> float:
    """The capital that has not been moved to the bets after so many scores."""
    return (1 - _AT_ONCE) / (1 + np.log1p(count / _PATIENCE))
