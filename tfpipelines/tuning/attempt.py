"""One trial: trained until it is finished or told to end, and accounted for."""

import math
import shutil
import sys
import time
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from .. import decisions, training
from ..core import config
from ..core.files import write_json
from ..core.history import history_rows
from ..core.observer import Observer
from ..core.pipeline_files import with_decisions, with_train, write_pipeline
from ..core.run_files import found_json, require_table
from ..core.run_folder import RunFolder
from ..core.unchanged import write_splits
from ..datasets import Findings
from ..errors import (
    ConfigError,
    DivergedError,
    Interrupted,
    MemoryExhaustedError,
    ResourceError,
    RunInUseError,
    TfpipelinesError,
)
from ..runner import Runner
from ..tasks import SCHEMAS, new_task
from ..tasks.base import checked
from ..tasks.trainable import Trainable
from .pruning import should_prune

PAUSED = "paused"


def print_trace() -> None:
    """Prints the traceback of the error at hand to the log of the process, if the disk has room for it."""
    with suppress(OSError):
        traceback.print_exc()
        sys.stderr.flush()


class Halted(Interrupted):
    """The trial is to end here; its checkpoint is written."""


class Halt(training.StopSignals):
    """Asks for the end of a trial at its next step, as a signal does for a run."""

    def ask(self, reason: str) -> None:
        """The first reason counts, unless it was a mere pause."""
        if self.received in (None, PAUSED):
            self.received = reason

    def error(self) -> Interrupted:
        return Halted(str(self.received))


class TrialObserver(Observer):
    """Reports each epoch, and ends the trial where its time has come."""

    def __init__(self, line, halt: Halt, job: dict[str, Any], objective, epochs: int):
        self.line, self.halt, self.job, self.objective, self.epochs = line, halt, job, objective, epochs

    def epoch(self, row, epochs, samples):
        self.line.send("epoch", {"epoch": row["epoch"], "epochs": self.epochs, "value": row.get(self.objective.metric)})
        self.decide(history_rows(Path(self.job["folder"])))

    def decide(self, rows: list[dict]) -> None:
        """Asks for the end if these rows are all that the trial shall have."""
        job, done, metric = self.job, len(rows), self.objective.metric
        if not 0 < done < self.epochs:
            return
        if job["epochs"] is not None and done >= job["epochs"]:
            self.halt.ask("rung")
        if job["budget"] is not None and done >= job["budget"]:
            self.halt.ask("cut: search.epochs is used up")
        if all(metric in row for row in rows) and should_prune(
            [row[metric] for row in rows], job["limits"], self.objective.direction, job["patience"]
        ):
            self.halt.ask(f"pruned: worse than the median at epoch {done}")


def begin_part(folder: RunFolder, pipeline: config.Pipeline, search: str, epochs: int) -> None:
    """Says in the folder of a search's run what it is."""
    facts = {"pipeline": pipeline.name, "task": pipeline.task, "part_of": search, "epoch": 0, "epochs": epochs}
    folder.set_status("running", **facts)
    write_pipeline(folder, pipeline)


def attempt(
    line, halt: Halt, content: dict[str, Any], job: dict[str, Any], task: Trainable, fold: int | None, folder: RunFolder
):
    """Trains a trial; its result, and what writes its model file. None if it is to go on another time."""
    try:
        began = time.perf_counter()
        pipeline = config.with_values(content, job["values"], SCHEMAS, f"trial {job['number']}")
        pipeline = decisions.with_precision_of(RunFolder(folder.path.parents[1]), with_decisions(folder, pipeline))
        if not task.reuse_data(pipeline):
            fresh = new_task(pipeline)
            fresh.begin()
            fresh.resume(found_json(folder.path.parents[1] / "data.json"))
            task = checked(fresh, fold)
        begin_part(folder, pipeline, str(folder.path.parents[1]), task.epochs)
        if job["parent"] and not any((folder / "checkpoints").iterdir()):
            _take_checkpoints(Path(job["parent"]), folder)
        task.require_steps()
        if pipeline.train.time is not None:
            try:
                pipeline = _with_epochs(task, folder, halt, began + pipeline.train.time)
            except Halted as end:
                status, _, reason = str(end).partition(": ")
                if status == PAUSED:
                    raise
                told = f"{reason}, before its first epoch"
                return {"status": status, "reason": told, "score": None, "epochs": 0, "spent": 0}, None
            begin_part(folder, pipeline, str(folder.path.parents[1]), task.epochs)
        objective, status, reason = pipeline.search.objective, "completed", ""
        observer = TrialObserver(line, halt, job, objective, task.epochs)
        observer.decide(_regained(folder.path))  # what a process that died may have had no time to act upon
        runner = Runner(folder, observer, halt, resume=True, trial=True)
        artifact = runner.fresh_artifact(task)
        try:
            _, best = runner.train(task, folder, artifact)
            artifact.set_weights(best.best_weights)
        except Halted as end:
            status, _, reason = str(end).partition(": ")
            if status == PAUSED:
                raise
            if status == "rung" or len(history_rows(folder.path)) >= task.epochs:
                status, reason = "completed", ""
        result, validated = _evaluate_rows(task, artifact, folder, objective, status, reason)
        result["spent"] = max(0, result["epochs"] - job["before"])
        return result, lambda: _save(task, artifact, folder, runner, validated)
    except Halted:
        line.send("halted", PAUSED)
        return None, None
    except MemoryExhaustedError as error:
        return _failure(folder, job, error.cause), None
    except (ResourceError, RunInUseError):
        raise
    except TfpipelinesError as error:
        return _failure(folder, job, error.cause, error.details), None
    except Exception as error:
        return _failure(folder, job, memory_cause(error) or f"{type(error).__name__}: {error}"), None


def _with_epochs(task: Trainable, folder: RunFolder, halt: Halt, until: float) -> config.Pipeline:
    """The pipeline of a trial, which becomes its task's, with the number of epochs there is time for.

    Args:
        until: by `time.perf_counter`.
    """
    fields: dict[str, Any] = {"time": None}
    if task.learns:
        maker = partial(Runner, stop=halt, resume=False, trial=True)
        left = lambda: until - time.perf_counter()
        fields = decisions.decided_epochs(task, maker, folder, left, evaluates=False)
    task.pipeline = with_train(task.pipeline, fields)
    return task.pipeline


def _take_checkpoints(parent: Path, folder: RunFolder) -> None:
    """Copies those of another trial, all or none, and the rows of its history."""
    copy = folder / "checkpoints-copied"
    shutil.rmtree(copy, ignore_errors=True)
    require_table(parent / "history.csv")
    shutil.copytree(parent / "checkpoints", copy, symlinks=True)
    shutil.copyfile(parent / "history.csv", folder / "history.csv")
    copy.rename(folder / "checkpoints")  # over the empty folder


def memory_cause(error: Exception) -> str:
    """What to call an error of an exhausted memory; "" for others."""
    try:
        with training.memory_errors():
            raise error
    except MemoryExhaustedError as exhausted:
        return exhausted.cause
    except Exception:
        return ""


def _evaluate_rows(
    task, artifact, folder: RunFolder, objective, status: str, reason: str
) -> tuple[dict[str, Any], bool]:
    """The result of a trial whose artifact has the kept weights, and whether the artifact is validated."""
    rows = history_rows(folder.path)
    if not rows:
        return {"status": status, "reason": f"{reason}, within the first epoch", "score": None, "epochs": 0}, True
    monitor = f"val_{task.monitored}" if f"val_{task.monitored}" in rows[-1] else task.monitored
    kept = rows[-1] if task.pipeline.train.keep == "last" else min(rows, key=lambda row: row[monitor])
    figures = {name: value for name, value in kept.items() if name.startswith("val_")}
    validated = objective.metric not in figures
    if validated:
        figures |= {f"val_{name}": float(value) for name, value in task.validate(artifact, folder).items()}
    if objective.metric not in figures:
        cause = f"search.objective: {objective.metric} is not measured here."
        remedy = "Set data.target=number, or search.objective=val_rmse." if "val_rmse" in figures else ""
        raise ConfigError(cause, remedy, [f"there are: {', '.join(figures)}"])
    score = figures[objective.metric]
    if not math.isfinite(score):
        raise DivergedError(f"{objective.metric} is {score}.")
    series = [row[objective.metric] for row in rows] if all(objective.metric in row for row in rows) else []
    result = {"status": status, "reason": reason, "score": score, "series": series, "figures": figures}
    return {**result, "best_epoch": int(kept["epoch"]), "epochs": len(rows)}, validated


def _failure(folder: RunFolder, job: dict[str, Any], cause: str, details=()) -> dict[str, Any]:
    print_trace()
    epochs, reason = len(history_rows(folder.path)), " ".join([cause, *details])
    spent = max(0, epochs - job["before"])
    return {"status": "failed", "reason": reason, "score": None, "epochs": epochs, "spent": spent}


def _save(task, artifact, folder: RunFolder, runner: Runner, validated: bool) -> None:
    """Writes the model file of a trial, and what `tfpipe predict` needs beside it."""
    if not validated:
        task.validate(artifact, folder)
    write_json(folder / "data.json", task.describe(Findings()))
    write_splits(folder / "splits.csv", task.split_table())
    runner.save_model(artifact, folder)


def _regained(folder: Path) -> list[dict]:
    """The rows of history.csv that the newest checkpoint knows of; the file itself may be ahead of it."""
    rows: list[dict] = []
    for place in (folder / "checkpoints", *(folder / "checkpoints").glob("*/")):
        last = training.Checkpoints(place).last()
        for state in last.facts.get("callbacks", {}).values() if last else ():
            rows = max(rows, state.get("rows", []), key=len)
    return rows


def kept(keep) -> str:
    """Writes a model file; why that was not possible, "" if it was."""
    try:
        keep()
    except MemoryExhaustedError as error:
        return error.cause
    except (ResourceError, RunInUseError):
        raise
    except Exception as error:
        print_trace()
        return memory_cause(error) or f"{type(error).__name__}: {error}"
    return ""
