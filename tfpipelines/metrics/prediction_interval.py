"""Prediction intervals that hold a stated share of new values, made from held-out rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.words import counted
from ..errors import DataError
from . import promise


@dataclass(frozen=True)
class PredictionInterval:
    """An interval of the same half width around each prediction (Papadopoulos et al. 2002; Lei et al. 2018).

    Its half width is the split conformal quantile, see `promise`, of the absolute errors of held-out rows. The value of
    a new row of the same kind lies inside with a probability of at least `coverage`; over all new rows, given the
    held-out ones, the share inside is a Beta(k, n + 1 - k) variable, which `interval` is the 95% of.

    Args:
        radius: the half width, in the unit of the errors.
        coverage: asked for.
        samples: held-out rows.
        source: where they came from, in words.
    """

    radius: float
    coverage: float
    samples: int
    source: str

    @classmethod
    def least_rows(cls, coverage: float) -> int:
        """How many held-out rows a coverage needs."""
        return promise.least_scores(1 - coverage)

    @classmethod
    def fit(cls, scores: np.ndarray, coverage: float, source: str) -> "PredictionInterval":
        """That of absolute errors of held-out rows, float (n,).

        Raises:
            DataError: if they are too few for the coverage, or not finite.
        """
        scores, rate = np.sort(np.asarray(scores, np.float64)), 1 - coverage
        if promise.above(len(scores), rate) < 1:
            needs = (
                f"Prediction intervals with a coverage of {coverage:g} need at least {cls.least_rows(coverage)} rows"
            )
            cause = f"{needs} in {source}, and there {'is' if len(scores) == 1 else 'are'} {len(scores)}."
            raise DataError(cause, "Add rows, or set evaluation.coverage lower, or to null for no intervals.")
        if not np.isfinite(scores).all():
            cause = f"The errors of {int((~np.isfinite(scores)).sum())} rows of {source} are not finite."
            raise DataError(cause, "The model has not learned these data; look at its loss, or scale the data.")
        return cls(promise.quantile(scores, rate), coverage, len(scores), source)

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> "PredictionInterval":
        """The one whose `facts` these are."""
        return cls(float(facts["radius"]), float(facts["coverage"]), int(facts["samples"]), str(facts["source"]))

    @property
    def interval(self) -> list[float]:
        """95% interval of the share of all new values that lie inside."""
        low, high = promise.rate_interval(self.samples, self._outside)
        return [1 - high, 1 - low]

    @property
    def _outside(self) -> int:
        return promise.above(self.samples, 1 - self.coverage)

    def facts(self) -> dict[str, Any]:
        """For metrics.json."""
        promised = {"coverage": self.coverage, "interval": self.interval}
        return {"radius": self.radius, **promised, "samples": self.samples, "source": self.source}

    def sentence(self) -> str:
        """What it promises, in words."""
        low, high = self.interval
        return (
            f"prediction intervals: at least {self.coverage:.3g} of new values lie inside; "
            f"by the {counted(self.samples, 'row')} of {self.source} the true share lies between {low:.3f} and "
            f"{high:.3f} (95%)"
        )

    def expected(self, count: int) -> list[float]:
        """95% beta-binomial interval of the share inside, measured among `count` new rows; [] of none."""
        if not count:
            return []
        low, high = promise.expected_share(self.samples, self._outside, count)
        return [1 - high, 1 - low]

    def is_inside(self, share: float, count: int) -> bool:
        """Whether the share measured among `count` new rows is in the range expected for so many."""
        low, high = self.expected(count)
        return low - 1e-9 <= share <= high + 1e-9

    def beside_the_promise(self, share: float, count: int) -> str:
        """Whether the share inside among `count` new rows is what is promised, in words."""
        low, high = self.expected(count)
        place, remedy = "inside", ""
        if not self.is_inside(share, count):
            place, remedy = "OUTSIDE", f": these rows differ from those of {self.source}"
            if share > high:
                remedy += ", or many errors there are equal"
        return (
            f"measured: {round(share * count)} of {count} values lie inside their interval ({share:.3f}), "
            f"{place} the {low:.3f} to {high:.3f} expected for so many (95%){remedy}"
        )
