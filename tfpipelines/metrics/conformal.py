"""A threshold that keeps a stated false-alarm rate, made from normal samples alone."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import write_json
from ..core.run_files import damaged, read_json
from ..core.run_folder import THRESHOLD, THRESHOLD_BEFORE
from ..core.words import counted, listed
from ..errors import ArtifactError, DataError
from . import promise
from .p_values import is_normal, p_values

FILE, BEFORE = THRESHOLD, THRESHOLD_BEFORE
_BEYOND = 1.5  # the second of `places`, as a multiple of the largest distance
LARGEST = float(np.finfo(np.float32).max)  # stands for scores that are not finite


@dataclass
class Threshold:
    """Where alarms begin: a score above it is an anomaly.

    The split conformal quantile of n held-out normal scores, see `promise` (Laxhammar & Falkman 2010). A new normal
    sample like them is above it with a probability of at most `rate`; and over all new samples, given these n, the rate
    of alarms is a Beta variable, which `interval` is the 95% of.

    Args:
        threshold: the score.
        false_alarm_rate: asked for.
        scores: of the held-out samples, ascending.
        unit: what has one score: image, row or window.
        source: where the held-out samples came from, in words.
        interval: see above.
        edited: whether the value was set by hand.
        places: two distances of single places: what is usual among the held-out samples, and more than any of them has.
        pixel: distance above which a pixel of an image is odd, see `pixel_threshold`; None: of no image, or of a run of
            an earlier version.
        findings: on the data that it was made from.
        by: column of the groups that have thresholds of their own (Mondrian conformal prediction: Vovk et al. 2005);
            "" without.
        groups: of each of these its threshold; it has none of a group itself.
        few: held-out samples of the groups that have too few of them, to which the common threshold applies.
    """

    threshold: float
    false_alarm_rate: float
    scores: np.ndarray
    unit: str
    source: str
    interval: list[float] = field(default_factory=list)
    places: tuple[float, float] = (0.0, 1.0)
    findings: list[dict[str, Any]] = field(default_factory=list)
    edited: bool = False
    pixel: float | None = None
    by: str = ""
    groups: dict[str, "Threshold"] = field(default_factory=dict)
    few: dict[str, int] = field(default_factory=dict)

    @classmethod
    def fit(cls, scores: np.ndarray, rate: float, unit: str, source: str) -> "Threshold":
        """The threshold by held-out normal scores, float (n,).

        Raises:
            DataError: if they are too few for the rate.
        """
        count = len(scores)
        alarms = cls.require(count, rate, unit)
        scores = np.sort(np.asarray(scores, np.float64))
        if not np.isfinite(scores).all() or scores[-1] >= LARGEST:
            endless = int((~np.isfinite(scores) | (scores >= LARGEST)).sum())
            remedy = "The model has not learned these data; look at its loss, or scale the data."
            raise DataError(f"The scores of {endless} held-out {unit}s are not finite.", remedy)
        interval = promise.rate_interval(count, alarms)
        return cls(promise.quantile(scores, rate), rate, scores, unit, source, interval)

    def fit_groups(self, by: str, groups: np.ndarray, scores: np.ndarray) -> None:
        """Gives each group that has enough held-out samples a threshold of its own.

        Args:
            by: column of the groups.
            groups: of each held-out sample, str or None, object (n,).
            scores: of these, float (n,).
        """
        self.by, self.groups, self.few = by, {}, {}
        names, rate = np.array([name or "" for name in groups], object), self.false_alarm_rate
        for name in sorted({*names} - {""}):
            own = scores[names == name]
            if promise.above(len(own), rate) >= 1:
                self.groups[name] = Threshold.fit(own, rate, self.unit, f"{by}={name} of {self.source}")
            else:
                self.few[name] = len(own)

    def _of(self, groups: Any, count: int) -> list[tuple["Threshold", np.ndarray]]:
        """Each threshold, and to which of `count` samples it applies, bool (count,).

        Args:
            groups: of each sample, str or None; None: of all the common threshold.
        """
        if not self.groups or groups is None:
            return [(self, np.ones(count, bool))]
        names = np.array([name if name in self.groups else "" for name in groups], object)
        each = [(self.groups[name] if name else self, names == name) for name in dict.fromkeys(names)]
        return [(one, np.asarray(some, bool)) for one, some in each]

    def limits(self, groups: Any, count: int) -> np.ndarray:
        """The threshold of each of `count` samples by its group, see `_of`, float64 (count,)."""
        found = np.full(count, self.threshold, np.float64)
        for one, some in self._of(groups, count):
            found[some] = one.threshold
        return found

    @staticmethod
    def require(count: int, rate: float, unit: str) -> int:
        """How many of `count` held-out normal scores may be above the threshold; it needs no score.

        Raises:
            DataError: if they are too few for the rate.
        """
        alarms = promise.above(count, rate)
        if alarms < 1:
            least, are = promise.least_scores(rate), "is" if count == 1 else "are"
            needs = f"A false-alarm rate of {rate:g} needs at least {least} normal {unit}s"
            raise DataError(f"{needs}, and there {are} {count}.", "Add some, or ask for a higher rate.")
        return alarms

    @classmethod
    def read(cls, folder: Path) -> "Threshold":
        """That of a run.

        Raises:
            ArtifactError: if its file is missing or damaged.
        """
        try:
            facts = read_json(folder / FILE, ("threshold", "false_alarm_rate", "scores", "unit", "source", "places"))
            value, rate = float(facts["threshold"]), float(facts["false_alarm_rate"])
            if not 0 < rate < 1 or not np.isfinite(value):
                damaged(folder / FILE, "its numbers are invalid")
            threshold = cls.fit(np.array(facts["scores"], np.float64), rate, facts["unit"], facts["source"])
            threshold.pixel = None if facts.get("pixel") is None else float(facts["pixel"])
            threshold.by, threshold.few = facts.get("by", ""), facts.get("few", {})
            for name, own in facts.get("groups", {}).items():
                source = f"{threshold.by}={name} of {threshold.source}"
                of_its_own = float(own.get("false_alarm_rate", rate))  # that of all may have been edited
                of_group = cls.fit(np.array(own["scores"], np.float64), of_its_own, threshold.unit, source)
                if float(own["threshold"]) != of_group.threshold:
                    of_group.edit(float(own["threshold"]))
                threshold.groups[name] = of_group
        except (ArtifactError, DataError) as error:
            remedy = f"Restore it, or fit it again: tfpipe recalibrate {folder} PATH, with normal data in PATH."
            raise ArtifactError(error.cause, remedy) from error

        usual, most = map(float, facts["places"])
        threshold.places = usual, most
        if value != threshold.threshold:
            threshold.edit(value)
        return threshold

    def edit(self, value: float) -> None:
        """Takes another value; the rate and its interval become those that the held-out samples say it has."""
        count, self.threshold, self.edited = len(self.scores), value, True
        alarms = min(int((self.scores > value).sum()) + 1, count)
        self.false_alarm_rate = alarms / (count + 1)
        self.interval = promise.rate_interval(count, alarms)

    def write(self, folder: Path, name: str = FILE) -> None:
        """Writes threshold.json, in which `threshold` may be edited by hand."""
        facts = {**self.facts(), "places": list(self.places), "scores": self.scores.tolist()}
        for group, own in self.groups.items():
            facts["groups"][group]["scores"] = own.scores.tolist()
        write_json(folder / name, facts)

    def alarms(self, scores: np.ndarray, groups: Any = None) -> np.ndarray:
        """Which scores are anomalies, bool; one that is no number is.

        Args:
            groups: of each score, str or None, by which it has a threshold; None: the common one for all.
        """
        return ~is_normal(scores, self.threshold if groups is None else self.limits(groups, len(scores)))

    def p_values(self, scores: np.ndarray, groups: Any = None) -> np.ndarray:
        """`conformal.p_values` of scores, among those of their groups, float (n,); `groups` as in `alarms`."""
        scores = np.asarray(scores)
        if groups is None:
            return p_values(scores, self.scores, np)
        found = np.zeros(len(scores))
        for one, some in self._of(groups, len(scores)):
            found[some] = p_values(scores[some], one.scores, np)
        return found

    def expected(self, count: int, groups: Any = None) -> list[float]:
        """95% interval of the share of alarms measured among `count` new normal samples: beta-binomial; with several
        thresholds that of the sum over them, by simulation.

        Args:
            groups: as in `alarms`.
        """
        counts = [(len(one.scores), promise.above(len(one.scores), one.false_alarm_rate), int(some.sum()))
                  for one, some in self._of(groups, count)]  # fmt: skip
        if not count or not all(alarms for _, alarms, _ in counts):
            return []
        return promise.expected_share(*counts[0]) if len(counts) == 1 else promise.expected_share_of_all(counts)

    def beside_the_promise(self, rate: float, count: int, trained_on: int = 0, groups: Any = None) -> str:
        """Whether the share of alarms among `count` new normal samples is what the threshold promises, in words.

        Args:
            trained_on: how many of them the model has seen in training.
            groups: as in `alarms`.
        """
        low, high = self.expected(count, groups)
        inside = low <= rate <= high
        remedy = ": they differ from the held-out ones; `tfpipe recalibrate` fits the threshold to new data"
        if rate < low:
            seen = f", unless it is that {trained_on} of these were trained on" if trained_on else ""
            suspect = f"suspect anomalies in the training data, which raise the threshold{seen}"
            fit = "or fit the threshold to normal data alone: `tfpipe recalibrate`"
            remedy = f", too few: {suspect}. Remove or label them and train again, {fit}"
        return (
            f"measured: {round(rate * count)} of {count} normal {self.unit}s gave an alarm ({rate:.3f}), "
            f"{'inside' if inside else 'OUTSIDE'} the {low:.3f} to {high:.3f} expected for so many (95%)"
            f"{'' if inside else remedy}"
        )

    def facts(self) -> dict[str, Any]:
        """For metrics.json: all but the scores."""
        promise = {"false_alarm_rate": self.false_alarm_rate, "interval": self.interval}
        origin = {"samples": len(self.scores), "unit": self.unit, "source": self.source}
        places = {} if self.pixel is None else {"pixel": self.pixel}
        facts: dict[str, Any] = {"threshold": self.threshold, **promise, **origin, **places}
        if self.by:
            names = "threshold", "false_alarm_rate", "interval", "samples"
            groups = {name: {key: one.facts()[key] for key in names} for name, one in self.groups.items()}
            facts |= {"by": self.by, "groups": groups, "few": self.few}
        return facts

    @property
    def odd_pixel(self) -> float:
        """`pixel`; where it is not known, the largest distance of the held-out samples."""
        return self.places[1] / _BEYOND if self.pixel is None else self.pixel

    def sentence(self) -> str:
        """What it promises, in words."""
        (low, high), common = self.interval, "common " if self.by else ""
        return (
            f"{common}threshold {self.threshold:.6g}{' (edited by hand)' if self.edited else ''}: "
            f"{'about' if self.edited else 'at most'} {self.false_alarm_rate:.3g} of normal {self.unit}s "
            f"give an alarm; by the {counted(len(self.scores), f'normal {self.unit}')} of {self.source} "
            f"the true rate lies between {low:.3f} and {high:.3f} (95%)"
        )

    def of_others(self, groups: Any, unit: str) -> str:
        """To which of some samples the common threshold applies although groups have their own, in words; else ""."""
        if not self.by:
            return ""
        names = [None] if groups is None else [name for name in groups if name not in self.groups]
        known = listed([f"{name}" for name in dict.fromkeys(names) if name is not None], 5)
        if not names:
            return ""
        many = f"to all {unit}s" if groups is None else f"to {counted(len(names), unit)}"
        of = f", of groups without a threshold of their own: {known}" if known else f", which have no {self.by}"
        return f"the common threshold applies {many}{of}"

    def group_sentence(self) -> str:
        """Which groups have thresholds of their own, in words; "" without groups."""
        if not self.by:
            return ""
        own = f"{counted(len(self.groups), 'group')} of {self.by} {'has' if len(self.groups) == 1 else 'have'}"
        told = f"{own} a threshold of {'its' if len(self.groups) == 1 else 'their'} own"
        if self.few:
            least = promise.least_scores(self.false_alarm_rate)
            short = listed([f"{name} ({count})" for name, count in self.few.items()], 10)
            told += f"; to others, which have fewer than {least} held-out {self.unit}s, the common one applies: {short}"
        return f"{told}; to new groups, too, the common one applies, which promises nothing for a single group"


def usual_distances(maps: np.ndarray) -> tuple[float, float]:
    """What is usual among the distances of normal samples' places (their 90% quantile), and 1.5 times the largest."""
    return (float(np.quantile(maps, 0.9)), _BEYOND * float(maps.max())) if maps.size else (0.0, 1.0)


def pixel_threshold(maps: np.ndarray, rate: float) -> float | None:
    """The distance above which a pixel is odd: a share `rate` of normal images has any such pixel, at most.

    The split conformal quantile of the largest distance of each held-out normal image; of too few images for the rate
    the largest of all; None without one.

    Args:
        maps: distances of their pixels, float (images, height, width).
    """
    if not len(maps):
        return None
    largest = np.sort(maps.reshape(len(maps), -1).max(1))
    return float(largest[len(largest) - max(promise.above(len(largest), rate), 1)])
