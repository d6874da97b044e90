"""What a process does that works for a search: it prepares the data, waits for one trial, trains it, and ends, so
that memory returns.
"""

import _thread
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import training
from ..core import config
from ..core.files import atomic_write, write_json
from ..core.lease import SECONDS
from ..core.lock import beats_elsewhere, working_for
from ..core.observer import Observer
from ..core.pipeline_files import with_decisions
from ..core.run_files import LARGEST, found_json, open_own, read_text
from ..core.run_folder import RunFolder
from ..datasets import Findings
from ..errors import ConfigError, RunInUseError, TakenOverError, TfpipelinesError
from ..runner import Runner
from ..tasks import SCHEMAS, new_task
from ..tasks.base import Task
from ..tasks.trainable import Trainable
from .attempt import PAUSED, Halt, Halted, attempt, begin_part, kept, print_trace
from .state import BATCH_SIZE, HELD, RESULT

_PATIENCE = 30.0  # seconds in which a thread begins, or that a process which is about to die still holds a folder of
# this machine; of another one it is held until its lease has run out
_COURTESY = 5.0  # of them, for a process of an earlier supervisor, which may write nothing any more


class _HeldElsewhereError(RunInUseError):
    """A node that is cut off from the cluster, but not from the folder, still works on a trial."""


class Line:
    """The connection to the supervisor, on which a thread listens; when the supervisor is gone, so is the process."""

    def __init__(self, connection, halt: Halt):
        self._connection, self._halt = connection, halt
        self._inbox: queue.SimpleQueue = queue.SimpleQueue()
        self._begun = threading.Event()
        # The start of a threading.Thread never returns where there is memory for the thread, but not for what it does.
        _thread.start_new_thread(self._listen, ())
        if not self._begun.wait(_PATIENCE):
            raise MemoryError

    def send(self, kind: str, content: Any = None) -> None:
        self._connection.send((kind, content))

    def receive(self) -> Any:
        """Waits for the next message, but for those that halt."""
        return self._inbox.get()

    def _listen(self) -> None:
        try:
            self._begun.set()
            while True:
                kind, content = self._connection.recv()
                if kind == "halt":
                    self._halt.ask(content)
                else:
                    self._inbox.put(content)
        except (EOFError, OSError, MemoryError):  # nothing would ever be received
            os._exit(1)


class _DataObserver(Observer):
    """Keeps what the data are like."""

    facts: dict[str, Any] = {}

    def data(self, facts):
        self.facts = facts


class _FinalObserver(Observer):
    """Reports each epoch."""

    def __init__(self, line: Line):
        self.line = line

    def epoch(self, row, epochs, samples):
        self.line.send("epoch", {"epoch": row["epoch"], "epochs": epochs})


def main(connection, setup: dict[str, Any]) -> None:
    """The process.

    Args:
        connection: to the supervisor.
        setup: `kind` (trial or final), `content` of the pipeline, `folder` of the search, `command`, `log`,
            `environment`; `token` of the lease on that folder; `threads` to take, 0 for all; `gpu` to see, None for
            all. A trial: `first` (whether to tell of the data). A final run: `values`, `seed`, `run` (its folder),
            `trial` (the folder of that with these values).
    """
    halt = Halt()
    settle(setup, halt)
    line = Line(connection, halt)
    with telling(line, setup["log"]):
        try:
            with training.memory_errors(), working_for(Path(setup["folder"]), setup["token"]):
                {"trial": _trial, "final": _final}[setup["kind"]](line, halt, setup)
        except Halted as end:
            line.send("halted", str(end))
        except _HeldElsewhereError:
            print_trace()
            os._exit(HELD)
    os._exit(0)  # nothing is left to be done, and TensorFlow's own end takes its time


@contextmanager
def telling(line: Line, log: str) -> Iterator[None]:
    """What fails inside is told to the supervisor, and its traceback goes to the log of the process.

    Args:
        log: its path, to name.
    """
    try:
        yield
    except TfpipelinesError as error:
        print_trace()
        line.send("fatal", error)
    except Exception as error:
        print_trace()
        cause = f"This is a bug in tfpipelines: {type(error).__name__}: {error}"
        line.send("fatal", TfpipelinesError(cause, f"Its traceback is in {log}."))


def settle(setup: dict[str, Any], halt: Halt) -> None:
    """Signals, output and device of the process; arguments as those of `main`."""

    def pause(*_: Any) -> None:  # cluster managers send SIGTERM to all processes of a job
        if not halt.deferred:
            os._exit(128 + signal.SIGTERM)
        halt.ask(PAUSED)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to all; the supervisor decides
    signal.signal(signal.SIGTERM, pause)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _write_to(Path(setup["log"]))
    os.environ.clear()  # the server has that of the moment it was started
    os.environ |= {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    os.environ |= setup["environment"]
    if setup["gpu"] is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = setup["gpu"]
    if setup["threads"]:
        training.limit_threads(setup["threads"])


def _write_to(log: Path) -> None:
    """Sends what is printed to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open_own(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _trial(line: Line, halt: Halt, setup: dict[str, Any]) -> None:
    base = config.with_values(setup["content"], {}, SCHEMAS, "the pipeline")
    observer, search = _DataObserver(), RunFolder(Path(setup["folder"]))
    task, fold = _prepare(new_task(base), observer, halt, search)
    facts = None
    if setup["first"]:
        environment = training.environment_facts(base.seed, setup["command"], config.packages_of(base))
        facts = {"environment": environment, "data": observer.facts, "epochs": task.epochs}
        facts |= {"unfit": _unfit(task, base), "fitting": task.fitting_batch_size}
    line.send("ready", facts)
    job = line.receive()
    folder = RunFolder(Path(job["folder"]))
    with _held(folder, setup["token"]):
        _write_to(folder / "logs" / "run.log")
        began = time.perf_counter()
        result, keep = attempt(line, halt, setup["content"], job, task, fold, folder)
        if result is None:
            return
        result["seconds"] = round(time.perf_counter() - began, 3)
        write_json(folder / RESULT, result)
        line.send("result", result)
        trouble = kept(keep) if line.receive() and keep is not None else ""
        folder.set_status("failed" if result["status"] == "failed" else "done", reason=result["reason"])
        line.send("saved", trouble)


def _unfit(task: Trainable, base: config.Pipeline) -> list[int]:
    """Batch sizes of the space that are larger than the training split, where all trials have the same samples."""
    space, unfit = base.search.space, []
    sizes = space[BATCH_SIZE].values if BATCH_SIZE in space else None
    if any(path.startswith("data.") and not path.startswith("data.augment") for path in space):
        return []
    before = task.pipeline
    for size in sizes or ():
        task.pipeline = before.model_copy(update={"train": before.train.model_copy(update={"batch_size": size})})
        if task.steps_per_epoch() < 1:
            unfit.append(size)
    task.pipeline = before
    return unfit


def _prepare(task: Task, observer: Observer, halt: Halt, search: RunFolder) -> tuple[Trainable, int | None]:
    """Loads and checks what the pipeline itself names, which must be what the search began with; also the fold that
    a search takes.
    """
    findings = Findings()
    task.begin()
    task.resume(found_json(search / "data.json"))
    loaded = task.load(findings)
    findings.raise_errors()
    fold, runner = 0 if loaded.folds() else None, Runner(search, observer, halt, resume=True)
    ready = runner.splits(loaded, search, findings.copy(), fold, any_batch_size=BATCH_SIZE in task.asked.search.space)
    if not (ready.split_table()["split"] == "validation").any():
        cause = "A search needs a validation split, and these data have none."
        raise ConfigError(cause, "Set data.validation=0.15, for example.")
    return ready, fold


@contextmanager
def _held(folder: RunFolder, within: str):
    """The lock of a trial's folder, for which a dying process may have to be waited.

    Args:
        within: token of the lease on the folder of the search.
    """
    began = time.monotonic()
    while True:
        try:
            with folder.locked(time.monotonic() - began > _COURTESY, within):
                yield
            return
        except TakenOverError:
            raise
        except RunInUseError as error:  # whoever worked on it on another node may live until its lease has run out
            elsewhere = beats_elsewhere(folder.path)
            if time.monotonic() - began > _PATIENCE + (SECONDS if elsewhere else 0):
                if elsewhere:
                    raise _HeldElsewhereError(error.cause, error.remedy) from error
                raise
            time.sleep(0.1)


def _final(line: Line, halt: Halt, setup: dict[str, Any]) -> None:
    """A whole run with the best values."""
    pipeline = config.with_values(setup["content"], setup["values"], SCHEMAS, "the best pipeline")
    pipeline = pipeline.model_copy(update={"seed": setup["seed"], "split_seed": pipeline.seed_of_splits})
    folder = RunFolder(Path(setup["run"]))
    pipeline = with_decisions(folder, with_decisions(RunFolder(Path(setup["trial"])), pipeline))
    task = new_task(pipeline)
    with _held(folder, setup["token"]):
        begin_part(folder, pipeline, setup["folder"], task.epochs)
        for name in ("splits.csv", "data.json"):  # the runner compares them with what it reads
            if not (folder / name).exists() and not any(path.startswith("data.") for path in setup["values"]):
                atomic_write(folder / name, read_text(Path(setup["folder"]) / name, LARGEST))
        metrics = Runner(folder, _FinalObserver(line), halt, resume=True).run(task, setup["command"], fold=0)
    line.send("done", metrics)
