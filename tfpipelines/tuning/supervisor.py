"""The supervisor of a search: it owns the oracle, hands trials to workers, and survives whatever happens to them."""

import os
import re
import shutil
import time
from collections import Counter
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from ..core import config
from ..core.files import require_held, write_json
from ..core.observer import Observer
from ..core.run_files import damaged, read_json
from ..core.run_folder import RunFolder
from ..core.unchanged import with_resumption
from ..errors import ArtifactError, ConfigError, ResourceError, SearchError
from ..tasks import SCHEMAS, new_task
from .leaderboard import best_pipeline, write_leaderboard
from .progress import search_facts, trial_facts
from .pruning import medians
from .space import Space, field_values
from .state import BATCH_SIZE, EXHAUSTED, FILE, FINALS, RESULT, WAIT, State, Trial
from .workers import ENDS, MOST_LOSSES, Worker, Workers

MOST_DEATHS = 2  # of workers that have the same trial, or that prepare the data one after the other
_SAME_FAILURES = 3  # first trials that fail in the same way
_SAVED_EVERY = 30.0  # seconds, so that a kill gives no more back to search.time
POLL_SECONDS = 0.5  # seconds after which budgets and signals are looked at again


class Search:
    """The trials of a search, from its state on.

    Args:
        folder: of the search, locked.
        state: of it; what has ended is not repeated.
        observer: is told of every trial.
        stop: a `training.StopSignals`, entered and held.
        command: for environment.json.
    """

    def __init__(self, folder: RunFolder, state: State, observer: Observer, stop, command: str):
        self.folder, self.state, self.observer, self.stop, self.command = folder, state, observer, stop, command
        self.pipeline = config.with_values(state.content, {}, SCHEMAS, "the pipeline")
        self.settings = self.pipeline.search
        assert self.settings.objective is not None  # of a resolved pipeline
        self.objective = self.settings.objective
        self.space = Space(self.settings.space, {BATCH_SIZE: state.left_out or []})
        for trial in state.trials:  # JSON has no tuples
            try:
                trial.values = self.space.decode(trial.proposal.encoded)
            except (IndexError, ValueError, OverflowError) as error:
                damaged(folder / FILE, f"trial {trial.number} has values that are not of the search space", error)
        self._began, self._before = time.monotonic(), state.elapsed
        self._told, self._restarts, self._saved = False, 0, self._began
        self._largest = max((_size(self._path(trial)) for trial in state.trials), default=0)
        self._epochs: Counter = Counter()  # done by running trials, those of parents included
        self._losses: Counter = Counter()  # of workers, by the number of their trial, None while they prepare
        self._again: list[Trial] = []  # that have ended, and whose model files are to be written again
        self._tried_again: set[int] = set()

    def run(self, pool: Workers) -> None:
        """Runs trials until a budget or the space is used up.

        Raises:
            SearchError: if the first trials fail in the same way.
            ConfigError, DataError: if the data cannot be used, or have changed since.
            Interrupted: after a signal; trials under way have written checkpoints.
        """
        with self.stop.released():  # nothing is trained yet, and the workers' server takes its time to load TensorFlow
            self._prepare_worker(pool)  # while KerasTuner is imported
        from . import oracle  # noqa: F401

        self.stop.raise_if_interrupted()
        for trial in self._waiting():
            self._take_lost_result(trial)
        while True:
            self._hand_out(pool)
            if not pool.among("running", "saving") and not self._waiting() and self.state.stopped:
                self._again = self._unsaved()
                if not self._again:
                    break
                self._tried_again |= {trial.number for trial in self._again}
                for trial in self._again:
                    self.observer.note(f"trial {trial.number} has no model file: it is written from its checkpoint")
                continue
            for worker, kind, content in pool.messages(POLL_SECONDS):
                self._handle(worker, kind, content)
            self._look_at_budgets(pool)
            if time.monotonic() - self._saved > _SAVED_EVERY:
                self._save()
            if self.stop.received is not None:
                self._pause(pool)
                self.stop.raise_if_interrupted()
        for worker in pool.among("preparing", "ready"):
            pool.remove(worker)
        self._save()
        self._drop_weights(ended=True)

    def require_best(self) -> None:
        """Raises SearchError if no trial has a score."""
        if self.state.ranked(self.objective.direction):
            return
        reasons = Counter(trial.reason for trial in self.state.trials)
        remedy = "Change search.space, or what its fields are combined with."
        if not reasons:
            remedy = f"Raise the budget: the search ended by {self.state.stopped}."
        often = [f"{count} times: {reason}" for reason, count in reasons.most_common(3)]
        raise SearchError("No trial has finished: there is no best.", remedy, often)

    @property
    def best(self) -> Trial:
        """The best trial so far."""
        return self.state.ranked(self.objective.direction)[0]

    @property
    def final_epochs(self) -> int:
        """Those of a run with the values of the best trial, at most."""
        return new_task(best_pipeline(self.folder.path, self.state, self.best)).epochs

    def begin_finals(self) -> None:
        """Makes room for final runs of the best values, where there are some of other values: the budget was raised."""
        before, best = self.state.finals_of, self.best.number
        if before not in (None, best) and (self.folder / FINALS).is_dir():
            require_held(self.folder / FINALS)
            taken = (number for number in count(1) if not (self.folder / f"{FINALS}-{number}").exists())
            aside = self.folder / f"{FINALS}-{next(taken)}"
            os.rename(self.folder / FINALS, aside)
            self.observer.note(f"trial {best} is the best now; the final runs of trial {before} are in {aside.name}/")
        self.state.finals_of = best
        self._save()

    # --- the oracle
    @cached_property
    def oracle(self):
        """An oracle that knows what has happened so far."""
        from .oracle import Oracle  # KerasTuner, and with it TensorFlow, takes seconds

        start = None
        if self.settings.start and self.settings.algorithm != "grid":
            start = self.space.encode(field_values(self.pipeline, self.space.dimensions))
            if start is None and not self.state.trials:
                self.observer.note("the unchanged pipeline is not in the search space, so it is not the first trial")
        oracle = Oracle(self.space, self.settings, self.pipeline.seed, new_task(self.pipeline).epochs, start)
        for event, number in self.state.events:
            trial = self.state.trials[number - 1]
            if event == "start":
                oracle.repeat(trial.proposal)
            else:
                oracle.end(trial.proposal.identity, trial.score)
        return oracle

    def _leave_out(self, unfit: list[int], fitting: int) -> None:
        """Leaves the batch sizes out that are larger than the training split, before the first trial.

        Args:
            unfit: those that are.
            fitting: one that is not.

        Raises:
            ConfigError: if the user has asked for them, or none is left.
        """
        if self.state.left_out is not None or self.state.trials:
            return
        if unfit:
            told = f"larger than the training split: {', '.join(map(str, unfit))}"
            fit = [size for size in self.space.choices(BATCH_SIZE) or () if size not in unfit]
            if self.state.given or not fit:
                remedy = f"These fit: {', '.join(map(str, fit))}" if fit else f"{fitting} fits, for example"
                raise ConfigError(f"search.space: values of {BATCH_SIZE} are {told}.", f"{remedy}.")
            self.observer.note(f"values of {BATCH_SIZE} that are left out of the search, since they are {told}")
        self.state.left_out = list(unfit)
        self.space = Space(self.settings.space, {BATCH_SIZE: self.state.left_out})
        vars(self).pop("oracle", None)
        self._save()

    def _take_lost_result(self, trial: Trial) -> bool:
        """Takes a result that a worker has written and no supervisor has read, if there is one."""
        try:
            result = read_json(self._path(trial) / RESULT, ("status",))
        except ArtifactError:  # missing or damaged: the trial is to be run again
            return False
        self._end(trial, result)
        return True

    def _next(self) -> Trial | None:
        """The trial to be run next: one that lost its worker, or a new one; None if there is none now."""
        waiting = self._waiting()
        if waiting or self.state.stopped:
            return waiting[0] if waiting else None
        proposal = self.oracle.propose()
        if proposal is None:
            self.state.stopped = EXHAUSTED
        if proposal is None or proposal == WAIT:
            return None
        trial = Trial(len(self.state.trials) + 1, self.space.decode(proposal.encoded), proposal, self._limits())
        self.state.trials.append(trial)
        self.state.events.append(["start", trial.number])
        self._save()
        return trial

    def _limits(self) -> list[float]:
        """What a new trial is compared with by the median rule."""
        if self.settings.pruning == "none" or self.settings.algorithm not in ("random", "bayesian"):
            return []
        if self.pipeline.train.time is not None:  # epochs of trials are of different lengths
            return []
        completed = (trial.series for trial in self.state.trials if trial.status == "completed")
        return medians(completed, self.settings.pruning_trials)

    def _waiting(self) -> list[Trial]:
        """Trials that no worker has, and that have begun and not ended, or whose model files are missing."""
        begun = [trial for trial in self.state.trials if not trial.ended]
        return [trial for trial in (*begun, *self._again) if trial.number not in self._epochs]

    @property
    def ended(self) -> bool:
        """Whether no trial is left to be begun, gone on with or saved."""
        return bool(self.state.stopped) and not self._waiting() and not self._unsaved()

    def _unsaved(self) -> list[Trial]:
        """Completed trials among the best whose model file was never written, as after a full disk, and has not been
        tried again: trained on from their last checkpoints, which are their ends, they can be saved.
        """
        lacking = [one for one in self._kept() if one.status == "completed" and one.number not in self._tried_again]
        lacking = [one for one in lacking if not (self._path(one) / "model.keras").is_file()]
        return [one for one in lacking if any(self._path(one).glob("checkpoints/**/*.npz"))]

    # --- budgets
    def _used_up(self) -> str:
        """The budget that forbids another trial; "" if none does."""
        settings, count = self.settings, len(self.state.trials)
        if count >= settings.trials:
            return f"search.trials={settings.trials}"
        if settings.epochs is not None and self._epochs_spent() >= settings.epochs:
            return f"search.epochs={settings.epochs}"
        if settings.time is not None and self.elapsed >= settings.time:
            return f"search.time={settings.time:g} s"
        if settings.disk is not None:
            more = self._largest * (1 + len(self._epochs))
            return f"search.disk={settings.disk / 1e9:g} GB" if _size(self.folder.path) + more > settings.disk else ""
        return ""

    def _epochs_spent(self) -> int:
        running = [trial for trial in self.state.trials if trial.number in self._epochs and not trial.ended]
        return self.state.epochs + sum(self._spent(trial, self._epochs[trial.number]) for trial in running)

    def _spent(self, trial: Trial, epochs: int) -> int:
        """Epochs of its own, of those done by a trial and its parents."""
        return max(0, epochs - self._epochs_before(trial))

    def _epochs_before(self, trial: Trial) -> int:
        parent = self._parent(trial)
        return parent.epochs if parent else 0

    def _look_at_budgets(self, pool: Workers) -> None:
        """Cuts running trials short where their time or their epochs are used up."""
        settings = self.settings
        over = "search.time" if settings.time is not None and self.elapsed >= settings.time else ""
        if settings.epochs is not None and self._epochs_spent() >= settings.epochs:
            over = "search.epochs"
        if over:
            self.state.stopped = self.state.stopped or self._used_up()
            for worker in pool.among("running"):
                worker.send("halt", f"cut: {over} is used up")

    @property
    def elapsed(self) -> float:
        """Seconds that the trials have taken, waits between processes not counted."""
        return self._before + time.monotonic() - self._began

    # --- workers
    def _hand_out(self, pool: Workers) -> None:
        """Gives trials to workers that are ready, and keeps as many in preparation as will be needed."""
        self.state.stopped = self.state.stopped or self._used_up()
        while (ready := pool.among("ready")) and len(pool.among("running")) < pool.count and self.stop.received is None:
            trial = self._next()
            if trial is None:
                break
            self._give(ready[0], trial)
        free = pool.count - len(pool.among("running"))
        left = len(self._waiting()) + (0 if self.state.stopped else self.settings.trials - len(self.state.trials))
        while len(pool.among("preparing", "ready")) < min(max(free, pool.spare), left):
            self._prepare_worker(pool)

    def _prepare_worker(self, pool: Workers) -> None:
        setup: dict[str, Any] = {"kind": "trial", "content": self.state.content, "folder": str(self.folder.path)}
        setup |= {"first": not self._told, "command": self.command, "token": self.folder.token}
        pool.start(setup, self.folder / "logs" / "workers.log")

    def _give(self, worker: Worker, trial: Trial) -> None:
        parent, before, most = self._parent(trial), self._epochs_before(trial), self.settings.epochs
        folder = self.folder.child(f"trials/{trial.name}").path
        job: dict[str, Any] = {"number": trial.number, "values": trial.values, "folder": str(folder)}
        job |= {"parent": str(self._path(parent)) if parent else None, "before": before}
        job |= {"epochs": trial.proposal.epochs, "limits": trial.limits, "patience": self.settings.pruning_epochs}
        job["budget"] = None if most is None or trial.ended else before + max(1, most - self._epochs_spent())
        worker.state, worker.assigned = "running", trial
        self._epochs[trial.number] = before
        worker.send("job", job)

    def _handle(self, worker: Worker, kind: str, content: Any) -> None:
        trial = worker.assigned
        if kind == "ready":
            worker.state, self._restarts, self._losses[None] = "ready", 0, 0
            if content and not self._told:
                self._told = True
                self._leave_out(content["unfit"], content["fitting"])
                self._record_environment(content["environment"])
                self.observer.environment(content["environment"])
                self.observer.data(content["data"])
                epochs = content["epochs"] if self.pipeline.train.time is None else None
                self.observer.search(search_facts(self.settings, self.space, self.state, epochs))
        elif kind == "epoch":
            self._epochs[trial.number] = max(self._epochs[trial.number], content["epoch"])
            self.observer.trial_epoch(trial.number, content["epoch"], content["epochs"], content["value"])
        elif kind == "result":
            worker.state = "saving"
            if trial.ended:
                self._leave(trial)
            else:
                self._end(trial, content)
            worker.send("keep", trial in self._kept())
        elif kind == "fatal":
            raise content
        elif kind == "saved" and content:
            self.observer.warning(f"trial {trial.number}: its model could not be written: {content}")
        elif kind in ENDS:
            self._on_worker_exit(worker, content, lost=kind == "lost")
        if kind in ("saved", *ENDS):
            self._largest = max(self._largest, _size(self._path(trial)) if trial else 0)
            self._drop_weights()

    def _record_environment(self, facts: dict[str, Any]) -> None:
        """Writes environment.json; a search that goes on adds to it."""
        facts = with_resumption(read_json(self.folder / "environment.json"), facts)
        write_json(self.folder / "environment.json", {**facts, "pipeline": self.state.fingerprint["pipeline"]})

    def _on_worker_exit(self, worker: Worker, how: str, lost: bool) -> None:
        """A process has ended, whether it was to or not.

        Args:
            lost: whether it is gone with its machine, which is no fault of its own.
        """
        trial = worker.assigned
        if worker.state == "preparing" and self.stop.received is None:
            self._restarts += not lost
            self._losses[None] += lost
            if self._restarts >= MOST_DEATHS or self._losses[None] >= MOST_LOSSES:
                remedy = f"Is there enough memory? Their output is in {self.folder / 'logs' / 'workers.log'}."
                raise ResourceError(f"The worker processes die while they prepare the data: {how}.", remedy)
        if worker.state != "running":
            return
        if trial.ended:
            self._leave(trial)
            self.observer.warning(f"trial {trial.number}: its model could not be written: its worker was {how}")
            return
        epochs = self._epochs.pop(trial.number)
        if self.stop.received is not None or self._take_lost_result(trial):
            return
        trial.deaths += not lost
        self._losses[trial.number] += lost
        if trial.deaths >= MOST_DEATHS or self._losses[trial.number] >= MOST_LOSSES:
            times = trial.deaths + self._losses[trial.number]
            result = {"status": "failed", "reason": f"its worker died {times} times: {how}"}
            self._end(trial, {**result, "epochs": epochs, "spent": self._spent(trial, epochs)})
        else:
            self.observer.warning(f"trial {trial.number}: its worker was {how}; it is tried again")
            self._save()

    def _leave(self, trial: Trial) -> None:
        """A trial that had ended before is written, or will not be."""
        self._epochs.pop(trial.number, None)
        self._again = [other for other in self._again if other is not trial]

    def _end(self, trial: Trial, result: dict[str, Any]) -> None:
        """Records a result, tells the oracle, and stops a search that cannot succeed."""
        trial.take(result)
        self._epochs.pop(trial.number, None)
        self.state.events.append(["end", trial.number])
        self.oracle.end(trial.proposal.identity, trial.score)
        self._largest = max(self._largest, _size(self._path(trial)))
        self._save()
        write_leaderboard(self.folder.path, self.state, self.space, self.objective)
        self.observer.trial(trial_facts(trial, self._parent(trial), self.settings, self.state, self.elapsed))
        ended = [self.state.trials[number - 1] for event, number in self.state.events if event == "end"]
        first = {re.sub(r"[0-9.]+", "#", some.reason) for some in ended[:_SAME_FAILURES] if some.status == "failed"}
        if len(ended) == _SAME_FAILURES and len(first) == 1 and all(some.status == "failed" for some in ended):
            cause = f"The first {_SAME_FAILURES} trials failed in the same way: {trial.reason}"
            raise SearchError(cause, "Fix the pipeline or search.space: what helps one run helps the search.")

    def _pause(self, pool: Workers) -> None:
        """Lets every trial write a checkpoint and end."""
        for worker in pool.among("preparing", "ready"):
            pool.remove(worker)
        for worker in pool.among("running"):
            worker.send("halt", "paused")
        while pool.among("running", "saving"):
            for message in pool.messages(POLL_SECONDS):
                self._handle(*message)
        self._save()

    # --- files
    def _path(self, trial: Trial) -> Path:
        return self.folder / "trials" / trial.name

    def _parent(self, trial: Trial) -> Trial | None:
        """The trial from whose checkpoint this one goes on."""
        identity = trial.proposal.parent
        same = (other for other in self.state.trials if other.proposal.identity == identity)
        return None if identity is None else next(same, None)

    def _kept(self) -> list[Trial]:
        return self.state.ranked(self.objective.direction)[: self.settings.keep_trials]

    def _drop_weights(self, ended: bool = False) -> None:
        """Removes the weights of trials that are neither among the best nor, unless all has ended, parents of
        others.
        """
        kept, parents = {trial.number for trial in self._kept()}, set() if ended else self.oracle.parents()
        parents |= {trial.proposal.parent for trial in self.state.trials if not trial.ended}
        for trial in self.state.trials:
            if trial.ended and trial.number not in kept:
                path = self._path(trial)
                for model in path.glob("*.keras"):
                    model.unlink()
                if trial.proposal.identity not in parents:
                    shutil.rmtree(path / "checkpoints", ignore_errors=True)

    def _save(self) -> None:
        self._saved = time.monotonic()
        self.state.elapsed = round(self.elapsed, 3)
        self.state.save(self.folder.path)
        ranked = self.state.ranked(self.objective.direction)
        ended = sum(trial.ended for trial in self.state.trials)
        self.folder.set_status("running", trials=ended, best=ranked[0].score if ranked else None)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
        except OSError:  # just removed
            continue
    return total
