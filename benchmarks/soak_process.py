"""The processes of soak.py: forked from a server that has TensorFlow loaded, each runs, resumes or looks at a run."""

import csv
import faulthandler
import hashlib
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import psutil

LONGER = ["train.epochs=2", "train.steps_per_execution=1", "train.checkpoint_steps=3"]
OF_SEARCH = ["search.trials=3", "search.algorithm=random", "search.keep_trials=1", "search.final_seeds=[0]"]
SPACES = {"anomaly-table": ["search.space.train.learning_rate={min: 1e-3, max: 1e-2, scale: log}"]}  # has none else
TIMES = ("seconds", "measuring")  # columns of history.csv
NO_MEMORY = "ran out of memory"
faulthandler.register(signal.SIGUSR1)  # where each thread of a hanging process is; workers inherit it from the server


class Child:
    """A process forked from the server that has TensorFlow loaded."""

    def __init__(self, home: Path, target, words):
        self.home = home
        self._servers: set[psutil.Process] = set()
        self._workers: set[psutil.Process] = set()
        self.here, there = multiprocessing.Pipe()
        address = forkserver._forkserver._forkserver_address  # type: ignore[attr-defined]
        self.process = multiprocessing.Process(target=entered, args=(there, address, str(home), target, words))
        self.process.start()
        there.close()

    def alive(self, seconds: float) -> bool:
        """Whether it is still there after so long."""
        self.process.join(seconds)
        self.family()
        return self.process.is_alive()

    def result(self, seconds: float) -> Any:
        """What it has sent, or how it has ended; `hung` if it had to be killed after so many seconds."""
        told = None
        try:
            if not self.here.poll(seconds):
                for one in self.family():
                    print(f"hangs: {one.pid}", file=sys.stderr, flush=True)
                    one.send_signal(signal.SIGUSR1)
                    time.sleep(1)
                print(self.log(), file=sys.stderr, flush=True)
                self.process.kill()
                told = "hung"
            else:
                told = self.here.recv()
        except (EOFError, OSError):
            pass
        self.process.join()
        deadline = time.monotonic() + 30
        while self.workers() and time.monotonic() < deadline:  # they end by themselves
            time.sleep(0.05)
        assert not self.workers(), "worker processes have outlived their supervisor"
        code = self.process.exitcode
        return told if told is not None else f"signal {-code}" if code and code < 0 else f"code {code}"

    def family(self) -> list[psutil.Process]:
        """It and its workers: children of the server of its own, or of the one that it was forked from."""
        common = psutil.Process(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]
        with suppress(psutil.NoSuchProcess):
            self._servers |= set(psutil.Process(self.process.pid).children())
        for server in self._servers:
            with suppress(psutil.NoSuchProcess):
                self._workers |= set(server.children())  # which are known, too, once supervisor and server are gone
        found = {one for one in {*common.children(), *self._workers} if one.is_running()}
        return sorted(found, key=lambda process: (process.pid != self.process.pid, process.pid))

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        return [one for one in self.family() if one.pid != self.process.pid and one.status() != psutil.STATUS_ZOMBIE]

    def limit(self, what: int, value, processes: list[psutil.Process]) -> None:
        """Sets a limit of processes that are still there."""
        for process in processes:
            try:
                hard = resource.prlimit(process.pid, what)[1]
                resource.prlimit(process.pid, what, (value(process), hard))
            except (ProcessLookupError, psutil.Error):
                continue

    def log(self) -> str:
        """The end of what it has printed."""
        path = self.home / "log"
        return path.read_text(errors="replace")[-4000:] if path.is_file() else ""


# --- in the process itself
def entered(connection, address, home: str, target, words) -> None:
    """Sends what `target(*words)` gives, or how it ends."""
    log = os.open(os.path.join(home, "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(home)
    os.environ |= {"TFPIPE_CACHE": os.path.join(home, "cache"), "TFPIPE_CONFIG": os.path.join(home, "config")}
    # An editable installation would give the pipelines and sample data of another tree than this one.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not str(finder).count("_EditableFinder")]
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    server._forkserver_address, server.ensure_running = address, lambda: None  # workers come from the same server
    from tests.conftest import draw_nothing

    draw_nothing()
    code = 0
    try:
        told = target(*words)
    except BaseException as error:
        import traceback

        try:
            traceback.print_exc()
            sys.stderr.flush()
        except OSError:  # the disk is full
            pass
        code = getattr(error, "exit_code", 1)
        told = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        if code == 1 and not isinstance(error, KeyboardInterrupt):
            told = f"a bug: {told}"
    connection.send(told)
    connection.close()
    os._exit(code)


def prepared(task: str, networks: str, kind: str) -> tuple[str, list[str]]:
    """Pipeline and overrides of a case; the networks that it needs are made."""
    from tests.tasks.cases import case_with, make_network

    Path(networks).mkdir(exist_ok=True)
    pipeline, overrides, _ = case_with(task, lambda name: make_network(name, Path(networks)))
    of_search = [*OF_SEARCH, *SPACES.get(task, [])] if kind == "search" else []
    return pipeline, [*overrides, *LONGER, *of_search]


def begun(kind: str, pipeline: str, overrides: list[str], name: str) -> str:
    """Runs or searches from the beginning."""
    import tfpipelines

    begin = tfpipelines.tune if kind == "search" else tfpipelines.run
    begin(pipeline, overrides, name=name, observer=tfpipelines.Observer())
    return "done"


def resumed(folder: str) -> str:
    """Goes on."""
    import tfpipelines

    tfpipelines.resume(folder, observer=tfpipelines.Observer())
    return "done"


def left(folder: str, kind: str) -> dict[str, Any]:
    """All that must be equal, by name."""
    import tfpipelines

    found = tfpipelines.load(folder)
    path = found.folder
    assert found.status["state"] == "done"
    result: dict[str, Any] = {"leftovers": [str(one) for one in path.rglob(".tmp-*")]}
    result["verified"] = [str(problem) for problem in tfpipelines.verify(path).problems]
    result["metrics.json"] = {key: value for key, value in found.metrics.items() if key != "time"}
    if kind == "run":
        return result | left_by_run(found)
    state = json.loads((path / "search.json").read_text())
    names = ("number", "values", "status", "score", "series", "figures", "best_epoch", "epochs", "spent", "reason")
    for trial in state["trials"]:
        result[f"trial {trial['number']}"] = {name: trial[name] for name in names}
    result["no memory"] = [trial["number"] for trial in state["trials"] if NO_MEMORY in trial["reason"]]
    result["no memory"] += [seed for seed, why in found.metrics["failed_seeds"].items() if NO_MEMORY in why]
    with open(path / "leaderboard.csv", newline="", encoding="utf-8") as file:
        result["leaderboard.csv"] = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    result["events"] = sorted(map(str, state["events"]))
    result["best.yaml"] = (path / "best.yaml").read_text()
    result["kept"] = sorted(str(one.relative_to(path)) for one in path.glob("trials/*/model.keras"))
    for run in found.runs:
        result |= {f"final: {name}": value for name, value in left_by_run(run).items()}
    return result


def left_by_run(run) -> dict[str, Any]:
    """Weights, predictions or pictures, the last checkpoint's arrays, and the history but for its seconds."""
    import numpy as np

    from tests import golden

    result: dict[str, Any] = dict(golden.bits_of(run))
    last = sorted((run.folder / "checkpoints").glob("*.npz"))[-1]
    with np.load(last) as archive:
        arrays = {name: hashlib.sha256(archive[name].tobytes()).hexdigest() for name in archive.files}
    result["last checkpoint"] = {"name": last.name, **arrays}
    with open(run.folder / "history.csv", newline="", encoding="utf-8") as file:
        result["history.csv"] = [{**row, **dict.fromkeys(TIMES, "")} for row in csv.DictReader(file)]
    own = {"report.html", "README.md"}
    names = [path.relative_to(run.folder) for path in run.folder.rglob("*") if path.is_file()]
    # which checkpoints are left beside the last one hangs on where it was stopped
    kept = {str(name) for name in names if name.parts[0] not in ("logs", ".lock", "checkpoints")}
    result["files"], result["reports"] = sorted(kept - own), sorted(kept & own)
    return result
