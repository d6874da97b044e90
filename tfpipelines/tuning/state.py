"""What is known of a search and its trials; search.json holds it, whole at any instant."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..core.files import plain, write_json
from ..core.run_files import read_json, shown
from ..core.run_shapes import OUTCOME
from ..errors import ArtifactError

FILE = "search.json"
RESULT = "result.json"  # in the folder of a trial: what its worker found
WAIT = "wait"  # said by an oracle that must hear of a trial under way first
BATCH_SIZE = "train.batch_size"
EXHAUSTED = "no further combination of values"  # why a search has stopped
HELD = 75  # exit code of a process whose folder another node holds for too long
FINALS = "final"  # folder of the final runs
# Fields that searches of earlier versions do not have
_LATER = ("left_out", "given", "raised", "finals_of", "workers_given")
ENDED = ("completed", "pruned", "cut", "failed")


@dataclass(frozen=True)
class Proposal:
    """What to try.

    Args:
        identity: the oracle's name for it.
        encoded: values, as `Space` encodes them.
        epochs: after which to stop, None for all; Hyperband's.
        parent: identity of the trial to go on from, or None.
    """

    identity: str
    encoded: dict[str, Any]
    epochs: int | None = None
    parent: str | None = None


@dataclass
class Trial:
    """One evaluation of a search.

    Args:
        number: from 1.
        values: {path: value} of the fields searched.
        proposal: where it comes from.
        limits: medians by epoch that it is compared with; [] for none.
        status: running; completed, pruned (by the median rule), cut (by a budget) or failed.
        score: objective at the epoch whose weights are kept; None if it failed.
        series: objective by epoch; [] where it is not measured in each.
        figures: of the validation split at the kept epoch.
        best_epoch, epochs: the kept epoch, and epochs done, those of a parent included.
        spent: epochs of its own.
        seconds: of its own work, from its values to its result; dead attempts are not counted.
        reason: of a failure or an early end.
        deaths: of workers that had it.
    """

    number: int
    values: dict[str, Any]
    proposal: Proposal
    limits: list[float] = field(default_factory=list)
    status: str = "running"
    score: float | None = None
    series: list[float] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    best_epoch: int = 0
    epochs: int = 0
    spent: int = 0
    seconds: float = 0.0
    reason: str = ""
    deaths: int = 0

    @property
    def ended(self) -> bool:
        """Whether there is a result, or never will be."""
        return self.status in ENDED

    @property
    def name(self) -> str:
        """Of its folder in `trials/`."""
        return f"{self.number:04d}"

    def take(self, result: dict[str, Any]) -> None:
        """Takes over the fields that a worker reports."""
        vars(self).update((name, result[name]) for name in OUTCOME if name in result)


def ranked(trials: Iterable[Trial], direction: str) -> list[Trial]:
    """Those of the trials that have a score, in the order of `State.ranked`."""
    sign = -1 if direction == "max" else 1
    loss = lambda trial: trial.figures.get("val_log_loss", trial.figures.get("val_loss", 0.0))
    scored = ((sign * trial.score, loss(trial), trial.number, trial) for trial in trials if trial.score is not None)
    return [trial for *_, trial in sorted(scored, key=lambda entry: entry[:3])]


@dataclass
class State:
    """A search so far.

    Args:
        content: of the pipeline, as `config.Loaded` has it.
        fingerprint: what must not change: `pipeline` (resolved), `versions`.
        workers: trials at a time.
        trials: by number.
        events: (`start` or `end`, number) in the order in which the oracle was told.
        elapsed: seconds of all processes that have worked on the trials.
        stopped: why there are no more trials; "" while there are.
        left_out: batch sizes of the space that are larger than the training split, so no trial has them; None while
            the data are not known, and in searches of earlier versions, which go on with the whole space.
        given: whether the user has given the batch sizes of the space, not only the pipeline's file.
        raised: {`time`, `before`, `after`} of each time that budgets were raised, the last two {budget: value}.
        finals_of: number of the trial whose values the final runs have; None before there are any.
        workers_given: whether the user has given their number, or an earlier version has begun the search; else it is
            as many as there is room for on the cluster where it goes on, in one machine 1.
    """

    content: dict[str, Any]
    fingerprint: dict[str, Any]
    workers: int = 1
    trials: list[Trial] = field(default_factory=list)
    events: list[list] = field(default_factory=list)
    elapsed: float = 0.0
    stopped: str = ""
    left_out: list[int] | None = None
    given: bool = False
    raised: list[dict[str, Any]] = field(default_factory=list)
    finals_of: int | None = None
    workers_given: bool = True

    def save(self, folder: Path) -> None:
        """Writes search.json."""
        write_json(folder / FILE, plain(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> "State":
        """Reads search.json.

        Raises:
            ArtifactError: if it is missing or damaged.
        """
        names = [item.name for item in fields(cls) if item.name not in _LATER]
        try:
            content = read_json(folder / FILE, (*names, "content.task", "fingerprint.pipeline", "fingerprint.versions"))
            trials = [Trial(**{**entry, "proposal": Proposal(**entry["proposal"])}) for entry in content["trials"]]
            if [trial.number for trial in trials] != list(range(1, len(trials) + 1)):
                raise KeyError("trials in their order")
            if not all(1 <= number <= len(trials) for _, number in content["events"]) or content["workers"] < 1:
                raise KeyError("events and workers that there can be")
            later = {name: content[name] for name in _LATER if name in content}
            if not isinstance(later.get("left_out") or [], list):
                raise KeyError("batch sizes that are left out")
            raised = later.get("raised", [])
            if not all(isinstance(entry[part], dict) for entry in raised for part in ("before", "after")):
                raise KeyError("budgets that were raised")
            return cls(**{name: content[name] for name in names} | later | {"trials": trials})
        except (ArtifactError, KeyError, TypeError) as error:
            cause = error.cause if isinstance(error, ArtifactError) else f"{shown(folder / FILE)} is damaged: {error}."
            raise ArtifactError(cause, "Begin a new search with `tfpipe tune`.") from error

    def ranked(self, direction: str) -> list[Trial]:
        """Trials that have a score, the best first; of equal ones that of the lower validation loss, then the
        earlier one.
        """
        return ranked((trial for trial in self.trials if trial.ended), direction)

    @property
    def epochs(self) -> int:
        """Spent by all trials that have ended."""
        return sum(trial.spent for trial in self.trials)
