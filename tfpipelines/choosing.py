"""`model.name=auto`: the candidates of a run are trained one after the other, and the best of them is chosen.

Each has a folder of its own in `candidates/`. One that has ended left result.json there, and its weights in `weights/`;
one that goes on has checkpoints. So a resumed run repeats none that has ended.
"""

import math
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from . import models, networks, training
from .core import config
from .core.files import atomic_write, write_json
from .core.history import history_rows
from .core.observer import Observer
from .core.pipeline_files import write_pipeline
from .core.run_files import found_json, read_json, read_needed
from .core.run_folder import RunFolder
from .core.run_shapes import OUTCOME
from .core.unchanged import require_same_networks, require_same_splits, splits_text
from .core.words import counted, extreme, fixed, labels
from .datasets import Findings
from .errors import ArtifactError, ConfigError, DivergedError, MemoryExhaustedError, TfpipelinesError
from .tasks import new_task
from .tasks.base import checked
from .tasks.trainable import Combination, Trainable, Trained

FOLDER, RESULT = "candidates", "result.json"
_WEIGHTS = "weights"  # folder of those of the best epoch
_GONE = ("checkpoints", _WEIGHTS)  # folders that a candidate has for as long as the run needs them
_NEEDED = ("status", "reason", "score", "figures", "best_epoch", "epochs", "seconds")


class Trainer(Protocol):
    """What trains: the `Runner`."""

    observer: Observer
    stop: "training.StopSignals"

    def train(
        self, task: Trainable, folder: RunFolder, artifact: "models.Artifact", alone: bool = True
    ) -> "tuple[list[dict], training.BestModel]":
        """See `Runner.train`."""

    def fresh_artifact(self, task: Trainable) -> "models.Artifact":
        """See `Runner.fresh_artifact`."""


class Chosen(NamedTuple):
    """What a run goes on with.

    Args:
        task: with the network that was chosen, or with the first one that a combination is made of.
        artifact: with the weights of the best epoch; nothing is fitted to it yet.
        history: rows of history.csv; of a combination, which has no epochs of its own, none.
        best_epoch: from 1; 0 of a combination.
        table: what metrics.json says of each candidate.
    """

    task: Trainable
    artifact: "models.Artifact"
    history: list[dict[str, Any]]
    best_epoch: int
    table: list[dict[str, Any]]


@dataclass
class _Candidate:
    """One of them.

    Args:
        name: of its network.
        label: what it is called, which no other one is.
        fields: those of the network that are not its defaults.
        folder: of its own; None for a combination.
        result: the content of result.json.
    """

    name: str
    label: str
    fields: dict[str, Any]
    folder: RunFolder | None
    result: dict[str, Any]

    @property
    def failed(self) -> bool:
        return self.result["status"] == "failed"

    def entry(self, chosen: bool) -> dict[str, Any]:
        """What metrics.json says of it."""
        numbers = {name: self.result.get(name, 0) for name in ("parameters", "epochs", "best_epoch", "seconds")}
        figures = {name.removeprefix("val_"): number for name, number in self.result["figures"].items()}
        state = "failed" if self.failed else "done"
        told = {"validation": figures, "chosen": chosen, "state": state, "reason": self.result["reason"]}
        return {"name": self.name, "fields": self.fields, **numbers, **told}


def require_validation(task: Trainable, findings: Findings) -> None:
    """Adds an error to the findings where there is no validation split to choose by."""
    splits = task.split_table()["split"]
    if splits.notna().all() and not (splits == "validation").any():  # else a finding says why there are none
        message = "model.name=auto chooses the network on the validation split, and these data have none"
        findings.add("no_validation", "error", message, "Set data.validation=0.15, for example, or name one network")


def best_of(scores: list[float | None], direction: str) -> int:
    """The place of the best score, the earlier one of equals; None: of a candidate that has failed.

    Args:
        direction: max or min.
    """
    sign = 1 if direction == "max" else -1
    known = [(sign * score, -place) for place, score in enumerate(scores) if score is not None]
    return -max(known)[1]


class Choice:
    """The choice of the network of a run, or of one of its folds.

    Args:
        trainer: that trains the candidates.
        task: with the data of the run, its splits known; its network is that of the first candidate.
        folder: of the run or fold; its data.json and splits.csv are written.
        fold: that `task` has taken; None without folds.
    """

    def __init__(self, trainer: Trainer, task: Trainable, folder: RunFolder, fold: int | None):
        self.trainer, self.task, self.folder, self.fold = trainer, task, folder, fold
        self.pipelines = task.asked.candidates()
        networks = [(config.short_name(one.network or ""), config.given_fields(one.model)) for one in self.pipelines]
        told = labels(networks)
        self.named = [(name, label, fields) for (name, fields), label in zip(networks, told)]
        assert task.asked.search.objective is not None  # of a resolved pipeline
        self.objective = task.asked.search.objective
        self.facts = read_json(folder / "data.json")

    def best(self) -> Chosen:
        """Trains those that have not ended, and gives the best.

        Raises:
            DivergedError, MemoryExhaustedError: if all have failed.
            ConfigError: if the objective is not measured.
        """
        candidates = [self._ended(number) for number in range(len(self.pipelines))]
        good = [number for number, candidate in enumerate(candidates) if not candidate.failed]
        if not good:
            self._raise_failure(candidates)
        combined = self._combined(candidates, good) if len(good) > 1 else None
        if combined is not None and combined[0] is not None:
            candidates.append(combined[0])
        number = self._number_of_best(candidates, good, combined and combined[1])
        chosen = candidates[number]
        self._say_chosen(candidates, chosen, combined and combined[1])
        owner = number if chosen.folder is not None else good[0]
        self.folder.set_status("running", chosen=owner, epoch=chosen.result["epochs"])
        table = [candidate.entry(candidate is chosen) for candidate in candidates]
        if combined is not None and chosen is combined[0]:
            return Chosen(self.task, self._artifact_of(combined[1]), [], 0, table)
        training.forget_networks()
        self._read_for(owner)
        artifact = self.trainer.fresh_artifact(self.task)
        artifact.set_weights(_weights_of(chosen))
        return Chosen(self.task, artifact, self._history(chosen), chosen.result["best_epoch"], table)

    def _number_of_best(self, candidates: list[_Candidate], good: list[int], combination: Combination | None) -> int:
        if combination is not None and combination.decides:
            if combination.sole is not None:
                return good[combination.sole]
            if not candidates[-1].failed:
                return len(candidates) - 1
        return best_of([one.result["score"] for one in candidates], self.objective.direction)

    def close(self) -> None:
        """Once all of the run is written: data.json is that of the chosen network, and no weights of candidates are
        left.
        """
        owner = self._place(self.folder.status.get("chosen", 0))
        write_json(self.folder / "data.json", read_json(owner / "data.json"))
        for number in range(len(self.pipelines)):
            for part in _GONE:
                shutil.rmtree(self._place(number) / part, ignore_errors=True)

    # --- one candidate
    def _place(self, number: int) -> Path:
        pipeline = self.pipelines[number]
        return self.folder / FOLDER / f"{number}-{_plain_name(pipeline)}"

    def _ended(self, number: int) -> _Candidate:
        """A candidate that has ended, now or before."""
        place = self._place(number)
        candidate = _Candidate(*self.named[number], RunFolder(place), {})
        if (place / RESULT).is_file():
            candidate.result = read_json(place / RESULT, _NEEDED, OUTCOME)
            return candidate
        self.trainer.stop.raise_if_interrupted()
        self.trainer.observer.note(f"Candidate {number + 1} of {len(self.pipelines)}: {candidate.label}")
        training.forget_networks()
        self._read_for(number)
        inner = self._begin(number)
        candidate.result = self._train(inner)
        for part in ("checkpoints", "plots"):
            if candidate.failed or part == "checkpoints" or not any((inner / part).iterdir()):
                shutil.rmtree(inner / part, ignore_errors=True)
        self._say(candidate)
        return candidate

    def _read_for(self, number: int) -> None:
        """Gives the task the network of a candidate; only where it takes another input, the data are read again."""
        pipeline = self.pipelines[number]
        if self.task.reuse_data(pipeline):
            return
        fresh = new_task(pipeline)
        fresh.begin()
        fresh.resume(found_json(self.folder / "data.json"))
        findings = Findings()
        self.task = checked(fresh, self.fold, findings)
        require_same_splits(self.folder, splits_text(self.task.split_table()))
        self.facts = self.task.describe(findings)

    def _begin(self, number: int) -> RunFolder:
        """The folder of a candidate, which says what it is."""
        pipeline, inner = self.pipelines[number], RunFolder(self._place(number))
        inner.complete()
        named = {"pipeline": pipeline.name, "task": pipeline.task, "candidate": number}
        inner.set_status("running", **named, epoch=0, epochs=self.task.epochs)
        write_pipeline(inner, pipeline)
        if (inner / "data.json").is_file():
            require_same_networks(inner, self.facts)
        write_json(inner / "data.json", self.facts)
        return inner

    def _train(self, inner: RunFolder) -> dict[str, Any]:
        """Trains a candidate to its end, and writes its result."""
        settings = self.task.pipeline.model
        with networks.user_errors(settings):
            try:
                with training.memory_errors():
                    result = self._trained(inner)
            except (DivergedError, MemoryExhaustedError) as error:
                result = _failure(error, len(history_rows(inner.path)))
        result["seconds"] = round(sum(row["seconds"] for row in history_rows(inner.path)), 3)
        write_json(inner / RESULT, result)
        inner.set_status("failed" if result["status"] == "failed" else "done", reason=result["reason"])
        return result

    def _trained(self, inner: RunFolder) -> dict[str, Any]:
        artifact = self.trainer.fresh_artifact(self.task)
        history, best = self.trainer.train(self.task, inner, artifact, alone=False)
        artifact.set_weights(best.best_weights)
        kept = history[best.best_epoch - 1]
        figures = {name: number for name, number in kept.items() if name.startswith("val_")}
        result = self._measured(artifact, figures)
        (inner / _WEIGHTS).mkdir(exist_ok=True)
        arrays = {f"{place:05d}": variable.numpy() for place, variable in enumerate(artifact.network.weights)}
        facts: dict[str, Any] = {"finished": True, "callbacks": {}}
        training.Checkpoints(inner / _WEIGHTS).save(best.best_epoch, arrays, facts)
        return {**result, "best_epoch": best.best_epoch, "epochs": len(history)}

    def _measured(self, artifact: "models.Artifact", figures: dict[str, float]) -> dict[str, Any]:
        """What the objective and other metrics of the validation split are."""
        figures |= {f"val_{name}": float(number) for name, number in self.task.validation_figures(artifact).items()}
        metric = self.objective.metric
        if metric not in figures:
            cause = f"search.objective: {metric} is not measured here, so no network can be chosen by it."
            raise ConfigError(cause, f"Metrics that are: {', '.join(figures)}.")
        if not math.isfinite(figures[metric]):
            raise DivergedError(f"{metric} is {figures[metric]}.", "Lower train.learning_rate.")
        parameters = artifact.network.count_params()
        told = {"status": "completed", "reason": "", "score": figures[metric], "figures": figures}
        return {**told, "parameters": parameters, "best_epoch": 0, "epochs": 0, "seconds": 0.0}

    def _history(self, candidate: _Candidate) -> list[dict[str, Any]]:
        """The rows of a candidate's history.csv, which becomes the run's own."""
        assert candidate.folder is not None
        atomic_write(self.folder / "history.csv", read_needed(candidate.folder / "history.csv", 2**30))
        return [row | {"epoch": int(row["epoch"])} for row in history_rows(self.folder.path)]

    # --- a combination
    def _combined(self, candidates: list[_Candidate], good: list[int]) -> tuple[_Candidate | None, Combination] | None:
        """The task's combination of candidates, measured where it has a network; None if it has none."""
        if type(self.task).combine is Trainable.combine:
            return None
        began = time.perf_counter()
        training.forget_networks()
        combination = self._combination(candidates, good)
        if combination is None or combination.network is None:
            return combination and (None, combination)
        try:
            with training.memory_errors():
                result = self._measured(self._artifact_of(combination), {})
        except (ConfigError, DivergedError, MemoryExhaustedError) as error:
            result = _failure(error, 0)
        result["seconds"] = round(time.perf_counter() - began, 3)
        name = combination.network.name
        candidate = _Candidate(name, name, combination.fields, None, result)
        self._say(candidate)
        return candidate, combination

    def _combination(self, candidates: list[_Candidate], good: list[int]) -> Combination | None:
        self._read_for(good[0])
        trained = []
        for number in good:
            if not self.task.reuse_data(self.pipelines[number]):
                return None  # their inputs are not the same
            artifact = self.trainer.fresh_artifact(self.task)
            artifact.set_weights(_weights_of(candidates[number]))
            artifact.network.name += f"_{number}"  # parts of one network must not share a name
            trained.append(Trained(candidates[number].label, self.pipelines[number], artifact.network))
        self.task.reuse_data(self.pipelines[good[0]])
        with training.precision("float32"):
            return self.task.combine(trained)

    def _artifact_of(self, combination: Combination) -> "models.Artifact":
        assert combination.network is not None
        with training.precision("float32"):
            return self.task.artifact(combination.network)

    # --- what there is to say
    def _say(self, candidate: _Candidate) -> None:
        result, note = candidate.result, self.trainer.observer.note
        if candidate.failed:
            note(f"{candidate.label} has failed and is left out: {result['reason']}")
            return
        at = f", epoch {result['best_epoch']} of {result['epochs']}" if result["epochs"] else ""
        note(f"{candidate.label}: {self.objective.metric} {fixed(result['score'])}{at}")

    def _say_chosen(self, candidates: list[_Candidate], chosen: _Candidate, combination: Combination | None) -> None:
        by = f"the {extreme(self.objective.direction)} {self.objective.metric}, {fixed(chosen.result['score'])}"
        if combination is not None and combination.decides and (combination.sole is not None or chosen.folder is None):
            shares = [f"{label} {weight:g}" for label, weight in combination.fields.items()]
            by = f"the weights that cross-validation gives: {', '.join(shares)}"
        self.trainer.observer.note(f"Chosen of {counted(len(candidates), 'candidate')}: {chosen.label}, by {by}")

    def _raise_failure(self, candidates: list[_Candidate]) -> None:
        for candidate in candidates:  # so that `tfpipe resume` tries them again
            assert candidate.folder is not None
            with suppress(OSError):
                (candidate.folder / RESULT).unlink()
        memory = all(candidate.result.get("memory") for candidate in candidates)
        kind: type[TfpipelinesError] = MemoryExhaustedError if memory else DivergedError
        remedy = "Lower train.learning_rate, or set train.clip_norm=1.0, or choose among other networks."
        details = [f"{candidate.label}: {candidate.result['reason']}" for candidate in candidates]
        raise kind(f"All {counted(len(candidates), 'candidate')} have failed.", remedy, details)


def _failure(error: TfpipelinesError, epochs: int) -> dict[str, Any]:
    told = {"status": "failed", "reason": error.cause, "memory": isinstance(error, MemoryExhaustedError)}
    return {**told, "score": None, "figures": {}, "best_epoch": 0, "epochs": epochs, "seconds": 0.0}


def _weights_of(candidate: _Candidate) -> list:
    """Those of its best epoch, in the order of the network's weights."""
    assert candidate.folder is not None
    saved = training.Checkpoints(candidate.folder / _WEIGHTS).last()
    if saved is None:
        cause = f"{candidate.folder / _WEIGHTS} is missing."
        raise ArtifactError(cause, "Start again with `tfpipe run`.")
    return [saved.arrays[name] for name in sorted(saved.arrays)]


def _plain_name(pipeline: config.Pipeline) -> str:
    """The network's name as a part of a folder's."""
    name = (pipeline.network or "").rpartition(":")[2]
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
