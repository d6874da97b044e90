"""What a process does that works for a search: it prepares the data, waits for one trial, trains it, and ends, so that memory returns."""

import csv
import math
import os
import queue
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import config, training
from ..datasets import Findings
from ..errors import ConfigError, DivergedError, Interrupted, MemoryExhaustedError, ResourceError, RunInUseError, TfpipelinesError
from ..observer import Observer
from ..route import Route
from ..route import run as whole_route
from ..runs import RunFolder, atomic_write, write_json
from ..tasks import SCHEMAS, new_task
from .pruning import hopeless
from .state import RESULT

_PAUSED = "paused"
_PATIENCE = 30.0  # seconds that a trial's folder may still be held by a process that is about to die


class Halted(Interrupted):
    """The trial is to end here; its checkpoint is written."""


class Halt(training.StopSignals):
    """Asks for the end of a trial at its next step, as a signal does for a run."""

    def ask(self, reason: str) -> None:
        """The first reason counts, unless it was a mere pause."""
        if self.received in (None, _PAUSED):
            self.received = reason

    def error(self) -> Interrupted:
        return Halted(self.received)


class _Line:
    """The connection to the supervisor, on which a thread listens; when the supervisor is gone, so is the process."""

    def __init__(self, connection, halt: Halt):
        self._connection, self._halt = connection, halt
        self._inbox: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, kind: str, content: Any = None) -> None:
        self._connection.send((kind, content))

    def receive(self) -> Any:
        """Waits for the next message, but for those that halt."""
        return self._inbox.get()

    def _listen(self) -> None:
        while True:
            try:
                kind, content = self._connection.recv()
            except (EOFError, OSError):
                os._exit(1)
            if kind == "halt":
                self._halt.ask(content)
            else:
                self._inbox.put(content)


class _TrialObserver(Observer):
    """Reports each epoch, and ends the trial where its time has come."""

    def __init__(self, line: _Line, halt: Halt, job: dict[str, Any], objective, epochs: int):
        self.line, self.halt, self.job, self.objective, self.epochs = line, halt, job, objective, epochs

    def epoch(self, row, epochs, samples):
        self.line.send("epoch", {"epoch": row["epoch"], "epochs": self.epochs, "value": row.get(self.objective.metric)})
        self.decide(_rows(Path(self.job["folder"])))

    def decide(self, rows: list[dict]) -> None:
        """Asks for the end if these rows are all that the trial shall have."""
        job, done, metric = self.job, len(rows), self.objective.metric
        if not 0 < done < self.epochs:
            return
        if job["epochs"] is not None and done >= job["epochs"]:
            self.halt.ask("rung")
        if job["budget"] is not None and done >= job["budget"]:
            self.halt.ask("cut: search.epochs is used up")
        if all(metric in row for row in rows) and hopeless([row[metric] for row in rows], job["limits"], self.objective.direction, job["patience"]):
            self.halt.ask(f"pruned: worse than the median at epoch {done}")


class _DataObserver(Observer):
    """Keeps what the data are like."""

    facts: dict[str, Any] = {}

    def data(self, facts):
        self.facts = facts


def main(connection, setup: dict[str, Any]) -> None:
    """The process.

    Args:
        connection: to the supervisor.
        setup: `kind` (trial or final), `content` of the pipeline, `folder` of the search, `command`, `log`, `environment`;
            `threads` to take, 0 for all; `gpu` to see, None for all. A trial: `first` (whether to tell of the data). A final
            run: `values`, `seed`, `run` (its folder).
    """
    _settle(setup)
    halt = Halt()
    line = _Line(connection, halt)
    try:
        with training.memory_errors():
            {"trial": _trial, "final": _final}[setup["kind"]](line, halt, setup)
    except Halted as end:
        line.send("halted", str(end))
    except TfpipelinesError as error:
        traceback.print_exc()
        line.send("fatal", error)
    except Exception as error:
        traceback.print_exc()
        line.send("fatal", TfpipelinesError(f"This is a bug in tfpipelines: {type(error).__name__}: {error}", f"Its traceback is in {setup['log']}."))
    sys.stderr.flush()
    os._exit(0)  # nothing is left to be done, and TensorFlow's own end takes its time


def _settle(setup: dict[str, Any]) -> None:
    """Signals, output and device of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to all; the supervisor decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _write_to(Path(setup["log"]))
    os.environ.clear()  # the server has that of the moment it was started
    os.environ.update({"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false", **setup["environment"]})
    if setup["gpu"] is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = setup["gpu"]
    if setup["threads"]:
        training.limit_threads(setup["threads"])


def _write_to(log: Path) -> None:
    """Sends what is printed to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _trial(line: _Line, halt: Halt, setup: dict[str, Any]) -> None:
    base = config.with_values(setup["content"], {}, SCHEMAS, "the pipeline")
    task, observer, search = new_task(base), _DataObserver(), RunFolder(Path(setup["folder"]))
    fold = _prepare(task, observer, halt, search)
    line.send("ready", {"environment": training.environment_facts(base.seed, setup["command"]), "data": observer.facts, "epochs": task.epochs} if setup["first"] else None)
    job = line.receive()
    folder = RunFolder(Path(job["folder"]))
    with _held(folder):
        _write_to(folder / "logs" / "run.log")
        began = time.perf_counter()
        result, keep = _attempt(line, halt, setup, job, task, fold, folder)
        if result is None:
            return
        result["seconds"] = round(time.perf_counter() - began, 3)
        write_json(folder / RESULT, result)
        line.send("result", result)
        trouble = _kept(keep) if line.receive() and keep is not None else ""
        folder.set_status("failed" if result["status"] == "failed" else "done", reason=result["reason"])
        line.send("saved", trouble)


def _kept(keep) -> str:
    """Writes a model file; why that was not possible, "" if it was."""
    try:
        keep()
    except ResourceError as error:
        if not isinstance(error, MemoryExhaustedError):
            raise
        return error.cause
    except Exception as error:
        traceback.print_exc()
        return _memory_cause(error) or f"{type(error).__name__}: {error}"
    return ""


def _prepare(task, observer: Observer, halt: Halt, search: RunFolder) -> int | None:
    """Loads and checks what the pipeline itself names, which must be what the search began with; the fold that a search takes."""
    findings = Findings()
    task.begin()
    task.load(findings)
    findings.raise_errors()
    fold = 0 if task.folds() else None
    Route(task, search, observer, halt, resume=True).splits(search, Findings(list(findings.entries)), fold)
    if not (task.split_table()["split"] == "validation").any():
        raise ConfigError("A search needs a validation part, and these data have none.", "Set data.validation=0.15, for example.")
    return fold


@contextmanager
def _held(folder: RunFolder):
    """The lock of a trial's folder, for which a dying process may have to be waited."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with folder.locked():
                yield
            return
        except RunInUseError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _attempt(line: _Line, halt: Halt, setup: dict[str, Any], job: dict[str, Any], task, fold: int | None, folder: RunFolder):
    """Trains a trial; its result, and what writes its model file. None if it is to go on another time."""
    try:
        pipeline = config.with_values(setup["content"], job["values"], SCHEMAS, f"trial {job['number']}")
        if not task.take_over(pipeline):
            task = new_task(pipeline)
            findings = Findings()
            task.begin()
            task.load(findings)
            findings.raise_errors()
            task.check(findings, fold)
            findings.raise_errors()
        folder.set_status("running", pipeline=pipeline.name, task=pipeline.task, part_of=setup["folder"], epoch=0, epochs=task.epochs)
        atomic_write(folder / "pipeline.yaml", config.to_yaml(pipeline))
        if job["parent"] and not any((folder / "checkpoints").iterdir()):
            _take_checkpoints(Path(job["parent"]), folder)
        if task.steps_per_epoch() < 1:
            raise ConfigError(f"train.batch_size: got {pipeline.train.batch_size}, but there are {int((task.split_table()['split'] == 'train').sum())} training samples.")
        objective, status, reason = pipeline.search.objective, "completed", ""
        observer = _TrialObserver(line, halt, job, objective, task.epochs)
        observer.decide(_regained(folder.path))  # what a process that died may have had no time to act upon
        route = Route(task, folder, observer, halt, resume=True, trial=True)
        artifact = route.fresh_artifact()
        try:
            _, best = route.train(folder, artifact)
            artifact.set_weights(best.best_weights)
        except Halted as end:
            status, _, reason = str(end).partition(": ")
            if status == _PAUSED:
                raise
            if status == "rung" or len(_rows(folder.path)) >= task.epochs:
                status, reason = "completed", ""
        result, validated = _account(task, artifact, folder, objective, status, reason)
        return {**result, "spent": max(0, result["epochs"] - job["before"])}, lambda: _save(task, artifact, folder, route, validated)
    except Halted:
        line.send("halted", _PAUSED)
        return None, None
    except ResourceError as error:
        if not isinstance(error, MemoryExhaustedError):
            raise
        return _failure(folder, job, error.cause), None
    except TfpipelinesError as error:
        return _failure(folder, job, error.cause, error.details), None
    except Exception as error:
        return _failure(folder, job, _memory_cause(error) or f"{type(error).__name__}: {error}"), None


def _take_checkpoints(parent: Path, folder: RunFolder) -> None:
    """Copies those of another trial, all or none, and the rows of its history."""
    copy = folder / "checkpoints-copied"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(parent / "checkpoints", copy)
    shutil.copyfile(parent / "history.csv", folder / "history.csv")
    copy.rename(folder / "checkpoints")  # over the empty folder


def _memory_cause(error: Exception) -> str:
    """What to call an error of an exhausted memory; "" for others."""
    try:
        with training.memory_errors():
            raise error
    except MemoryExhaustedError as exhausted:
        return exhausted.cause
    except Exception:
        return ""


def _account(task, artifact, folder: RunFolder, objective, status: str, reason: str) -> tuple[dict[str, Any], bool]:
    """The result of a trial whose artifact has the kept weights, and whether the artifact is validated."""
    rows = _rows(folder.path)
    if not rows:
        return {"status": status, "reason": f"{reason}, within the first epoch", "score": None, "epochs": 0}, True
    monitor = f"val_{task.monitored}" if f"val_{task.monitored}" in rows[-1] else task.monitored
    kept = rows[-1] if task.pipeline.train.keep == "last" else min(rows, key=lambda row: row[monitor])
    figures = {name: value for name, value in kept.items() if name.startswith("val_")}
    validated = objective.metric not in figures
    if validated:
        figures |= {f"val_{name}": float(value) for name, value in task.validate(artifact, folder).items()}
    if objective.metric not in figures:
        raise ConfigError(f"search.objective: {objective.metric} is not measured here.", "", [f"there are: {', '.join(figures)}"])
    score = figures[objective.metric]
    if not math.isfinite(score):
        raise DivergedError(f"{objective.metric} is {score}.")
    series = [row[objective.metric] for row in rows] if all(objective.metric in row for row in rows) else []
    result = {"status": status, "reason": reason, "score": score, "series": series, "figures": figures, "best_epoch": int(kept["epoch"]), "epochs": len(rows)}
    return result, validated


def _failure(folder: RunFolder, job: dict[str, Any], cause: str, details=()) -> dict[str, Any]:
    traceback.print_exc()
    epochs = len(_rows(folder.path))
    return {"status": "failed", "reason": " ".join([cause, *details]), "score": None, "epochs": epochs, "spent": max(0, epochs - job["before"])}


def _save(task, artifact, folder: RunFolder, route: Route, validated: bool) -> None:
    """Writes the model file of a trial, and what `tfpipe predict` needs beside it."""
    if not validated:
        task.validate(artifact, folder)
    write_json(folder / "data.json", task.describe(Findings()))
    atomic_write(folder / "splits.csv", task.split_table().to_csv(index=False, lineterminator="\n"))
    route.save_model(artifact, folder)


def _regained(folder: Path) -> list[dict]:
    """The rows of history.csv that the newest checkpoint knows of; the file itself may be ahead of it."""
    rows: list[dict] = []
    for place in (folder / "checkpoints", *(folder / "checkpoints").glob("*/")):
        last = training.Checkpoints(place).last()
        for state in last.facts["callbacks"].values() if last else ():
            rows = max(rows, state.get("rows", []), key=len)
    return rows


def _rows(folder: Path) -> list[dict[str, float]]:
    """The rows of history.csv; [] before the first epoch."""
    try:
        with open(folder / "history.csv", newline="", encoding="utf-8") as file:
            return [{name: _number(value) for name, value in row.items() if value not in ("", None)} for row in csv.DictReader(file)]
    except FileNotFoundError:
        return []


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:  # the name of a phase
        return text


def _final(line: _Line, halt: Halt, setup: dict[str, Any]) -> None:
    """A whole run with the best values."""
    pipeline = config.with_values(setup["content"], setup["values"], SCHEMAS, "the best pipeline")
    pipeline = pipeline.model_copy(update={"seed": setup["seed"], "split_seed": pipeline.seed_of_splits})
    task, folder = new_task(pipeline), RunFolder(Path(setup["run"]))
    with _held(folder):
        folder.set_status("running", pipeline=pipeline.name, task=pipeline.task, part_of=setup["folder"], epoch=0, epochs=task.epochs)
        atomic_write(folder / "pipeline.yaml", config.to_yaml(pipeline))
        for name in ("splits.csv", "data.json"):  # the route compares them with what it reads
            if not (folder / name).exists() and not any(path.startswith("data.") for path in setup["values"]):
                atomic_write(folder / name, (Path(setup["folder"]) / name).read_bytes())
        metrics = whole_route(task, folder, Observer(), halt, setup["command"], resume=True, fold=0)
    line.send("done", metrics)
