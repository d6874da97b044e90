"""Predictions for many files: processes carry out blocks, what is done is not repeated."""

import csv
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..core.config import parse_overrides
from ..core.config.images import PixelData
from ..core.config.search import Resources
from ..core.files import atomic_write, plain
from ..core.lock import locked
from ..core.observer import Observer
from ..core.outputs import output_folder
from ..core.run_files import shown
from ..core.urls import masked_word
from ..core.words import counted, quoted
from ..errors import ConfigError, Interrupted, ResourceError
from ..result import Overrides, Run, open_run
from ..tasks import task_class
from ..tasks.abilities import Ability
from ..tuning.cluster import Cluster, connect
from ..tuning.plan import versions
from ..tuning.pool import Pool
from ..tuning.workers import BLOCKS, ENDS, MOST_LOSSES, Worker, Workers
from .blocks import ERRORS, FILE, FORMS, LOG, Plan, answer_hash
from .child import begin

_MOST_DEATHS = 2  # of processes that have the same block, or that are about to begin
_POLL_SECONDS, _TOLD_EVERY = 0.5, 10.0


@dataclass(frozen=True)
class Predictions:
    """What was written.

    Args:
        folder: of the parts.
        parts: their files, in the order of the inputs.
        count: inputs.
        bad: those that could not be read, which `_errors.csv` lists.
    """

    folder: Path
    parts: list[Path]
    count: int
    bad: int


def predict_files(
    run: str | Path | Run,
    inputs: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    workers: int | None = None,
    overrides: Overrides = (),
    batch_size: int = 128,
    block_size: int = 2048,
    form: str = "csv",
    keep_columns: bool = False,
    safe_csv: bool = False,
    cluster: str | None = None,
    observer: Observer | None = None,
    trust: bool = False,
) -> Predictions:
    """Predicts for many images or texts, with several processes and block by block. Called again after whatever ended
    it, it goes on with the blocks that are missing.

    Args:
        run: a run folder of a task of images or texts, or what `run` or `load` gave.
        inputs: paths of files, folders and tables, glob patterns, URLs.
        out: a folder, made if missing, for `part-000000.csv` and so on: a row for each input, in order, as
            `Run.predict` has it, always with a column `error`; `_errors.csv`: the inputs that could not be read.
        workers: processes, with a GPU of their own where there are several; by default 1, on a cluster as many as it
            has room for.
        overrides, batch_size, keep_columns: as those of `Run.predict`.
        block_size: inputs of a block, rounded up to whole batches.
        form: of the parts, csv or parquet.
        safe_csv: put an apostrophe before text in CSV that a spreadsheet would take for a formula.
        cluster: of Ray, on whose nodes the processes run, each on one core and, where nodes have them, with one GPU:
            HOST:PORT, `auto` (that of which this machine is a node) or `local` (one of this process alone). All nodes
            see the run, the inputs and `out` under the same paths.
        observer: is told how it goes.
        trust: as in `load`.

    Raises:
        ConfigError: if the run has no model, or predicts neither images nor texts; if `out` holds something else; or if
            there is no such cluster.
        DataError: if the inputs are others than those of the parts that are there.
        RunInUseError: if another process writes there.
        ResourceError, Interrupted: call it again.
    """
    from ..training import StopSignals

    observer = observer or Observer()
    for name, value in (("workers", workers), ("batch_size", batch_size), ("block_size", block_size)):
        if value is not None and value < 1:
            raise ConfigError(f"{name}: got {value}; allowed: a whole number from 1.")
    if form not in FORMS:
        raise ConfigError(f"form: got {form}; allowed: {', '.join(FORMS)}.")
    if form == "parquet":
        from .block import require_pyarrow

        require_pyarrow()
    opened = run if isinstance(run, Run) else open_run(run, trust)
    names = [str(name) for name in ([inputs] if isinstance(inputs, (str, Path)) else inputs)]
    whole_batches = -(-block_size // batch_size) * batch_size
    plan = Plan(
        run=str(opened.folder),
        model=answer_hash(_model(opened).parent, task_class(opened.pipeline.task).weight_files),
        inputs=[masked_word(name) for name in names],
        base=os.getcwd(),
        overrides=plain(parse_overrides(overrides)),
        batch_size=batch_size,
        block_size=whole_batches,
        form=form,
        keep_columns=keep_columns,
        safe_csv=safe_csv,
    )
    folder = Path(out).absolute()
    if not (folder / FILE).is_file():
        _require_empty(folder)
    if cluster is not None:
        observer.note(f"connecting to the cluster {cluster}")
    there = nullcontext() if cluster is None else connect(cluster, Resources(), BLOCKS)
    with there as nodes, StopSignals() as stop, output_folder(folder), locked(folder, is_run=False) as token:
        with stop.hold(), _processes(nodes, workers, folder, opened, observer, stop) as pool:
            return _Blocks(folder, plan, names, token, observer, stop, trust).carry_out(pool)


@contextmanager
def _processes(
    cluster: Cluster | None, count: int | None, folder: Path, run: Run, observer: Observer, stop
) -> Iterator[Workers]:
    """Those of this machine, or of the nodes of a cluster."""
    if cluster is not None:
        with ExitStack() as stack:
            with stop.released():  # nodes may take minutes to answer
                asked = folder, count or cluster.room, versions(run.pipeline), observer.note
                actors = stack.enter_context(cluster.workers(*asked))
            yield actors
        return
    pool = Pool(count or 1)
    try:
        yield pool
    finally:
        pool.close()


def _model(run: Run) -> Path:
    """The model file of a run whose samples are images or texts.

    Raises:
        ConfigError: for other runs.
    """
    data, task = type(run.pipeline.data), run.pipeline.task
    several = issubclass(data, PixelData) or "text_column" in data.model_fields
    if Ability.GENERATES in task_class(task).abilities or not several:
        cause = f"{task} predicts neither images nor texts, of which there are blocks."
        raise ConfigError(cause, f"Predict each table by itself: tfpipe predict {quoted(shown(run.folder))} TABLE")
    path = run.folder / "model.keras"
    if not path.is_file():
        run.model  # noqa: B018  # says why
    return path


def _require_empty(folder: Path) -> None:
    """Refuses a folder in which there is something else. What a process left that died at its very beginning may be."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise ConfigError(f"--out {folder} is a file.", "Name a folder for the parts.") from None
    if others := [name for name in names if not name.startswith(".")]:
        raise ConfigError(f"{folder} holds other files, such as {others[0]}.", "Name a new folder with --out.")


class _Blocks:
    """The blocks of a plan, in a folder that is held."""

    def __init__(self, folder: Path, plan: Plan, inputs: list[str], token: str, observer: Observer, stop, trust: bool):
        self.folder, self.observer, self.stop = folder, observer, stop
        if (folder / FILE).is_file():
            known = Plan.load(folder)
            known.require_same(folder, plan)
            plan = known.here(plan)
        self.plan = plan
        self.plan.save(folder)
        self._setup = {"folder": str(folder), "token": token, "inputs": inputs, "trust": trust}
        self._deaths: Counter = Counter()
        self._losses: Counter = Counter()
        self._left: list[int] = []
        self._listed = False
        self._began, self._told, self._new = time.monotonic(), time.monotonic(), 0

    def carry_out(self, pool: Workers) -> Predictions:
        """Predicts the blocks that are missing, and writes what could not be read."""
        try:
            with self.stop.released():
                self._start(pool)
            while pool.workers:
                for worker, kind, content in pool.messages(_POLL_SECONDS):
                    self._handle(pool, worker, kind, content)
                self.stop.raise_if_interrupted()
                self._tell()
        except Interrupted as signal:
            signal.remedy = "What is done is kept: go on with the same command."
            raise
        return self._finish()

    def _start(self, pool: Workers) -> None:
        setup: dict[str, Any] = {**self._setup, "plan": asdict(self.plan)}
        pool.start(setup, self.folder / LOG, begin)

    def _handle(self, pool: Workers, worker: Worker, kind: str, content: Any) -> None:
        if kind == "ready":
            self._count(*content)
            worker.state = "ready"
            if not self._listed:
                self._listed = True
                self._left = [number for number in range(self.plan.blocks) if not self._is_done(number)]
                if self.plan.done:
                    self.observer.note(f"{shown(self.folder)} is done already")
                elif done := self.plan.blocks - len(self._left):
                    self.observer.note(f"{done} of {counted(self.plan.blocks, 'block')} are done already")
                for _ in range(min(pool.count, len(self._left)) - 1):
                    self._start(pool)
        elif kind == "done":
            worker.state, worker.assigned, self._new = "ready", None, self._new + 1
        elif kind == "fatal":
            raise content
        elif kind in ENDS:
            self._on_end(pool, worker, content, lost=kind == "lost")
        if kind in ("ready", "done"):
            if self._left:
                worker.state, worker.assigned = "running", self._left.pop(0)
                worker.send("block", worker.assigned)
            else:
                worker.send("block", None)

    def _count(self, count: int, digest: str) -> None:
        plan = self.plan.counted(count, digest)
        if plan != self.plan:
            self.plan = plan
            plan.save(self.folder)

    def _on_end(self, pool: Workers, worker: Worker, how: str, lost: bool) -> None:
        """A process has ended, whether it was to or not.

        Args:
            lost: with its machine, which says nothing about its block.
        """
        number = worker.assigned
        if worker.state == "ready" and number is None:
            return  # it was told to
        ends = self._losses if lost else self._deaths
        ends[number] += 1
        if ends[number] >= (MOST_LOSSES if lost else _MOST_DEATHS):
            what = "before it could begin"
            if number is not None:
                start, stop = self.plan.places(number)
                what = f"with block {number}, inputs {start:,} to {stop - 1:,}"
            cause = f"A process was {how} {what}, {ends[number]} times."
            remedy = "Take fewer --workers or a smaller --batch-size if memory does not suffice; what is done is kept."
            if lost:
                remedy = "`ray status` shows whether the nodes work; what is done is kept."
            raise ResourceError(cause, remedy, [f"its output is in {self.folder / LOG}"])
        if number is not None:
            self._left.insert(0, number)
            self.observer.warning(f"block {number}: its process was {how}; it is tried again")
        self._start(pool)

    def _is_done(self, number: int) -> bool:
        return (self.folder / self.plan.part(number)).is_file()

    def _tell(self) -> None:
        if self._new and time.monotonic() - self._told > _TOLD_EVERY:
            self._told = time.monotonic()
            done = sum(self._is_done(number) for number in range(self.plan.blocks))
            rate = self._new * self.plan.block_size / (self._told - self._began)
            self.observer.note(f"{done} of {counted(self.plan.blocks, 'block')} are done, {rate:,.0f} inputs/s")

    def _finish(self) -> Predictions:
        """Writes what could not be read, and that all is done, unless it was before."""
        if self.plan.done:
            return self._result()
        pieces = [self.folder / self.plan.errors(number) for number in range(self.plan.blocks)]

        def write(temporary: Path) -> None:
            with open(temporary, "wb") as file:
                file.write(b"item,error\n")
                for path in filter(Path.is_file, pieces):
                    file.write(path.read_bytes())

        atomic_write(self.folder / ERRORS, write)
        self.plan = replace(self.plan, done=True, bad=_rows(self.folder / ERRORS))
        self.plan.save(self.folder)
        for path in self.folder.glob(".errors-*.csv"):
            path.unlink(missing_ok=True)
        return self._result()

    def _result(self) -> Predictions:
        parts = [self.folder / self.plan.part(number) for number in range(self.plan.blocks)]
        return Predictions(self.folder, parts, self.plan.count or 0, self.plan.bad)


def _rows(path: Path) -> int:
    """Of a CSV file with a header; cells may hold line breaks."""
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        return sum(1 for _ in csv.reader(file)) - 1
