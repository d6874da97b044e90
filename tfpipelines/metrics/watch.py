"""What a detector's scores of new data tell: whether they still are like those of its calibration split."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from ..core.words import counted
from .conformal import Threshold
from .shift import ShiftTest

_CORRELATED = 0.1  # correlation below which false alarms stay about as rare as asked for


class Watch:
    """Tests the scores of tables of predictions, one after the other, see `ShiftTest`.

    Args:
        threshold: of the detector, with its calibration scores.
        alpha: largest probability of a false alarm.
        seed: of the random numbers that break ties.
        every: only each so many-th score is tested.

    Attributes:
        unread: rows that had no score.
    """

    def __init__(self, threshold: Threshold, alpha: float, seed: int, every: int = 1):
        of_groups = {name: own.scores for name, own in threshold.groups.items()}
        self._threshold, self._test = threshold, ShiftTest(threshold.scores, alpha, seed, of_groups)
        self._groups: Counter = Counter()  # of the scores that were tested
        self._every, self._read = every, 0
        self._alarms, self.unread = 0, 0
        self._calibration = len(threshold.scores)

    @property
    def shifted(self) -> bool:
        """Whether the data have shifted."""
        return self._test.shifted

    @property
    def count(self) -> int:
        """Scores so far that were tested."""
        return self._test.count

    def add(self, table: pd.DataFrame) -> bool:
        """Takes predictions, with `item` and `score`, of a threshold by groups also `group`; those without a score are
        only counted.

        Returns:
            Whether the data have shifted.
        """
        scores = table["score"].to_numpy(np.float64)
        known = ~np.isnan(scores)
        self.unread += int((~known).sum())
        groups = table["group"].to_numpy(object) if self._threshold.by else np.full(len(table), None, object)
        for item, score, group in zip(table["item"].to_numpy(object)[known], scores[known], groups[known]):
            if self._read % self._every == 0:
                self._test.add(score, str(item), group)
                self._alarms += int(self._threshold.alarms(np.array([score]), [group])[0])
                self._groups[group if group in self._threshold.groups else None] += 1
            self._read += 1
        return self.shifted

    def caution(self) -> str:
        """A sentence where neighbouring scores are correlated, so that false alarms are more frequent; else ""."""
        if (told := self._test.correlation) is None:
            return ""
        correlation, count = told
        if correlation <= max(_CORRELATED, 2 / count**0.5):
            return ""
        enough = int(np.ceil(np.log(_CORRELATED) / np.log(min(correlation, 0.99)))) * self._every
        cause = f"Neighbouring scores are correlated ({correlation:.2f}): false alarms are more frequent than alpha"
        return f"{cause}; test each {_ordinal(enough)} with --every {enough}"

    def facts(self) -> dict[str, Any]:
        """JSON values: those of `ShiftTest`, and `unit`, `calibration` (scores), `alarms`, `expected_alarms` (95%
        interval of their number among so many scores that are like those of the calibration split), `unread`,
        `correlation` (of neighbouring scores, None where too few tell).
        """
        low, high = self._threshold.expected(self.count, [*self._groups.elements()]) or (0.0, 1.0)
        expected = [round(low * self.count), round(high * self.count)]
        told: dict[str, Any] = {"unit": self._threshold.unit, "calibration": self._calibration, "alarms": self._alarms}
        correlation = self._test.correlation
        told |= {"correlation": None if correlation is None else correlation[0]}
        return {**self._test.facts(), **told, "expected_alarms": expected, "unread": self.unread}

    def sentence(self) -> str:
        """What was found, in words."""
        test, unit = self._test, self._threshold.unit
        seen = f"{counted(self.count, unit)} against {self._calibration} of the calibration"
        low, high = self.facts()["expected_alarms"]
        alarms = f"{counted(self._alarms, 'alarm')}, expected {low} to {high}"
        if test.found is None or test.since is None:
            so_far = f"evidence at most {test.evidence:.3g}, a shift from {1 / test.alpha:.6g} on"
            return f"as before: {seen}; {so_far}; {alarms}"
        since = f"shifted since {unit} {test.since[1]}"
        more = f"scores are {test.direction}; found at {unit} {test.found[1]}, the {_ordinal(test.found[0] + 1)}"
        return f"{since}: {more}, with evidence {test.evidence:.3g}; {seen}; {alarms}"


def _ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number:,}{'th' if number // 10 % 10 == 1 else ends.get(number % 10, 'th')}"
