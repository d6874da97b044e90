"""The Python API: run, tune, resume, load, check. The command line is a thin layer over it."""

import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .catalogue import list_pipelines
from .core import config, plugins
from .core.begun import begun, require_begun_as, require_same_start
from .core.files import atomic_write, silent
from .core.heartbeat import tell as tell_of_heartbeats
from .core.lock import wait_for_silence
from .core.machine import choose_deterministic_kernels
from .core.observer import Observer
from .core.pipeline_files import require_same_code, undecided, write_pipeline
from .core.processes import Group, require_alone, require_divisible, require_same_number, started
from .core.run_files import read_json
from .core.run_folder import DEFAULT_BATCH_SIZE, PRODUCTS, START, UNDECIDED, RunFolder
from .core.trust import asking
from .core.trust import require as require_trust
from .core.unchanged import require_same_pipeline
from .core.urls import as_text, masked, masked_word
from .core.words import counted, is_url, listed, quoted
from .errors import ConfigError, DataError, RunInUseError
from .result import Overrides, Run, verified_model
from .tasks import SCHEMAS, new_task, task_class
from .tasks.abilities import Ability

if TYPE_CHECKING:
    from . import tuning
    from .training import StopSignals
    from .tuning.state import State

_SEVERAL = "One process searches on several devices by --workers or --cluster."
_STOPPING = (
    "stopping: what is trained now ends after its current step, with a checkpoint; a second Ctrl-C stops at once"
)


def run(
    pipeline: str,
    overrides: Overrides = (),
    *,
    out: str | Path = "runs",
    name: str | None = None,
    start: str | Path | None = None,
    observer: Observer | None = None,
    command: str = "",
    trust: bool = False,
    resume_if_exists: bool = False,
) -> Run:
    """Runs a pipeline in a new run folder. Where `data.path` is a folder of several products, as of MVTec or VisA, each
    has a run folder of its own inside of it, and metrics.json is of all.

    Args:
        pipeline: name of a packaged pipeline, or the path of a YAML file.
        overrides: `{"train.epochs": 5}` or `["train.epochs=5"]`.
        out: folder the run folder is made in; made itself if only it is missing.
        name: of the run folder; default: `<pipeline>-<n>`.
        start: an earlier run folder whose model gives the initial weights.
        observer: receives the progress; default: lines on stderr, or the log of a program that has set up `logging` at
            level INFO. `Observer()` prints nothing.
        command: recorded in environment.json; default: the process' own command line.
        trust: run the code of a network that the pipeline's file names, and remember the trust. An override that names
            code counts as trust.
        resume_if_exists: go on with the run of that `name`, if there is one, as `resume` does; a finished one is
            returned. For job scripts that are started again: a process on another host is waited for until it has shown
            no heartbeat for 60 s, or has shown one.

    Returns:
        The finished run.

    Raises:
        ConfigError: before anything is made on disk, if the pipeline or an override is wrong, or an own network fails;
            or if the existing run is of another pipeline.
        RunInUseError: if another process works on the existing run.
        ArtifactError: if the pipeline's file names code that is not trusted.
        DataError, ResourceError, DivergedError, Interrupted: the run folder then says so in status.json. With several
            products the error of the first that failed comes once the others are done.
    """
    began, observer = time.perf_counter(), _told(observer)
    loaded = config.load(pipeline, overrides, schemas=SCHEMAS, ask=asking(trust))
    origin = _start_model(start)
    resolved = config.with_absolute_paths(loaded.pipeline)
    task = new_task(resolved)
    require_trust(resolved)
    given = [origin.parent / name for name in task.weight_files] if origin else []
    starting = [path for path in given if path.is_file() and not path.is_symlink()]
    with _together(resolved, observer) as group:
        if not group.leads:
            return _follow(group, resolved, observer, command, trust)
        if resume_if_exists and (earlier := begun(out, name)) is not None:
            of_url = is_url(resolved.data.path)
            asked = resolved if of_url else task.products().asked or resolved
            require_begun_as(earlier, asked, any_batch_size=loaded.default_batch_size)
            require_same_start(earlier, starting)
            return cast(Run, _go_on(earlier, observer, command, trust, group=group))
        if (here := _with_copies(resolved, observer)) is not resolved:
            resolved = here
            task = new_task(resolved)
        observer.preparing()
        if resolved.train.deterministic:
            choose_deterministic_kernels()
        several = task.products()
        resolved = several.asked or resolved
        each = [new_task(pipeline) for pipeline in resolved.candidates()]
        notes = [*loaded.notes, *dict.fromkeys(note for one in each for note in one.preflight()), *several.notes]
        from .training import StopSignals

        with StopSignals() as stop:
            stem = f"products-{resolved.name}" if several.pipelines else resolved.name
            folder = RunFolder.create(Path(out), stem, name, bare=_is_bare(resume_if_exists, out, name))
            with folder.locked():
                _require_bare(folder)
                with stop.hold():  # from the first sign of the run on no Ctrl-C may vanish
                    facts: dict[str, Any] = {DEFAULT_BATCH_SIZE: True} if loaded.default_batch_size else {}
                    if wished := undecided(resolved):
                        facts[UNDECIDED] = wished
                    if several.pipelines:
                        facts["kind"] = PRODUCTS
                    folder.set_status(
                        "running", pipeline=resolved.name, task=resolved.task, epoch=0, epochs=task.epochs, **facts
                    )
                    for path in starting:
                        atomic_write(folder / f"{START}{path.name}", partial(shutil.copyfile, path))
                    write_pipeline(folder, resolved)  # last: what has none has not begun
                    group.share({"folder": str(folder.path), "resume": False})
                    observer.started(folder, resolved)
                    for note in notes:
                        observer.note(note)
                _carry_out(resolved, folder, observer, command, stop, resume=False, began=began, group=group)
        return Run(folder)


@contextmanager
def _together(pipeline: config.Pipeline, observer: Observer) -> Iterator[Group]:
    """The processes that carry out a run together, of which this one may be the only one.

    Raises:
        ConfigError: if several were started, and the pipeline does not divide its training among them, or cannot.
    """
    require_divisible(pipeline, lambda: Ability.DIVIDES in task_class(pipeline.task).abilities)
    if pipeline.train.distribute is None:
        yield Group()
        return
    observer.preparing()
    from .training import joined

    with joined(started()) as group:
        yield group


def _follow(group: Group, pipeline: config.Pipeline, observer: Observer, command: str, trust: bool) -> Run:
    """What another process than the one that leads does of a run: it trains along, and writes nothing.

    Args:
        pipeline: as this process resolved it.
    """
    if (here := _with_copies(pipeline, observer)) is not pipeline:
        pipeline = here
    observer.preparing()
    if pipeline.train.deterministic:
        choose_deterministic_kernels()
    new_task(pipeline).preflight()
    told = group.share()
    folder = RunFolder(Path(told["folder"]))
    if not (folder / "pipeline.yaml").is_file():
        cause = f"Process {group.number} does not see {folder.path}, where process 0 writes."
        raise ConfigError(cause, "Give an --out on a file system that all processes share.")
    if told["resume"] is None:  # it is done already
        return Run(folder)
    from .training import StopSignals

    if told["resume"]:
        pipeline = config.load(str(folder / "pipeline.yaml"), schemas=SCHEMAS, ask=asking(trust)).pipeline
        require_trust(pipeline)
    with silent(folder.path), StopSignals() as stop:
        _carry_out(pipeline, folder, Observer(), command, stop, resume=told["resume"], group=group)
    return Run(folder)


def _is_bare(resume_if_exists: bool, out: str | Path, name: str | None) -> bool:
    """Whether a run may begin in a folder of that name that is there already, with nothing begun in it."""
    return resume_if_exists and name is not None and (Path(out) / name).is_dir() and begun(out, name) is None


def _require_bare(folder: RunFolder) -> None:
    """Raises RunInUseError if another process has begun in a folder before this one could."""
    if (folder / "pipeline.yaml").exists():
        raise RunInUseError(f"{folder} was begun by another process just now.", f"tfpipe resume {folder}")


def require_finetuning(pipeline: str, overrides: Overrides = ()) -> None:
    """Refuses pipelines that do not fine-tune a backbone.

    Raises:
        ConfigError: naming those that do.
    """
    if config.load(pipeline, overrides, schemas=SCHEMAS).pipeline.backbone is None:
        finetunes = lambda entry: Ability.FINETUNES in task_class(entry["task"]).abilities
        names = ", ".join(entry["name"] for entry in list_pipelines() if finetunes(entry))
        cause = f"The pipeline {pipeline} trains a network of its own: there is no backbone to fine-tune."
        raise ConfigError(cause, f"`tfpipe run {pipeline}`, or fine-tune by: {names}.")


def tune(
    pipeline: str = "image-cls",
    overrides: Overrides = (),
    *,
    workers: int | None = None,
    cluster: str | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    observer: Observer | None = None,
    command: str = "",
    trust: bool = False,
    resume_if_exists: bool = False,
) -> "tuning.SearchResult":
    """Searches for better values of a pipeline's fields, in a new folder; the test set plays no part before the end.

    Args:
        pipeline, overrides, out, observer, command, trust, resume_if_exists: as in `run`. A field that is given a value
            is not searched. The search itself is set by the fields of `search`. An existing search keeps its budgets.
        workers: trials at a time, each in a process of its own, with a GPU of its own where there are several; None: 1,
            on a cluster as many as it has room for.
        cluster: of Ray, on whose nodes the trials run: HOST:PORT, `auto` (that of which this machine is a node) or
            `local`. All nodes must see the folder of the search, and the data under the same paths.
        name: of the folder; default: `tune-<pipeline>-<n>`.

    The server process from which workers are forked stays for further searches until the caller ends.

    Returns:
        The finished search.

    Raises:
        ConfigError: before anything is made on disk, if the pipeline, an override or the space is wrong.
        SearchError: if the first trials fail in the same way, or no trial has finished.
        DataError, ResourceError, Interrupted: as in `run`; `resume` goes on.
    """
    from . import tuning

    observer = _told(observer)
    if workers is not None and workers < 1:
        raise ConfigError(f"workers: got {workers}; allowed: a whole number from 1.")
    plan = tuning.Plan.of(pipeline, overrides, SCHEMAS, asking(trust))
    if plan.pipeline.train.distribute is not None:
        raise ConfigError(
            "train.distribute=data: a search trains each trial on one device.",
            f"Leave it out. {_SEVERAL}",
        )
    require_alone("search", _SEVERAL)
    require_trust(plan.pipeline)
    if resume_if_exists and (earlier := begun(out, name)) is not None:
        require_begun_as(earlier, plan.pipeline, search=True)
        _tell_budgets(earlier, plan.pipeline, observer)
        return cast(
            "tuning.SearchResult",
            _go_on(earlier, observer, command, trust, None, workers, cluster=cluster),
        )
    plan = plan.with_data(_with_copies(plan.pipeline, observer))
    if several := new_task(plan.pipeline).products().pipelines:
        cause = (
            f"data.path={plan.pipeline.data.path} holds several products, and a search is of one: {listed([*several])}."
        )
        raise ConfigError(cause, f"Give one of them: data.path={next(iter(several.values())).data.path}")
    observer.preparing()
    if plan.pipeline.train.deterministic:
        choose_deterministic_kernels()
    notes = [*plan.notes, *new_task(plan.pipeline).preflight()]
    with _connected(cluster, plan.pipeline, observer) as there:
        from .training import StopSignals

        with StopSignals() as stop:
            bare = _is_bare(resume_if_exists, out, name)
            folder = RunFolder.create(Path(out), f"tune-{plan.pipeline.name}", name, bare)
            with folder.locked(), stop.hold():
                _require_bare(folder)
                facts = {"pipeline": plan.pipeline.name, "task": plan.pipeline.task, "trials": 0}
                folder.set_status("running", kind="search", **facts)
                write_pipeline(folder, plan.pipeline)
                state = plan.state(workers)
                state.save(folder.path)
                observer.started(folder, plan.pipeline)
                for note in notes:
                    observer.note(note)
                return _search(folder, state, observer, command, stop, there)


def _connected(
    address: str | None, pipeline: config.Pipeline, observer: Observer
) -> AbstractContextManager["tuning.Cluster | None"]:
    """The cluster of an address, None for this machine."""
    if address is None:
        return nullcontext()
    from . import tuning

    observer.note(f"connecting to the cluster {address}")
    return tuning.connect(address, pipeline.search.resources)


def resume(
    path: str | Path,
    overrides: Overrides = (),
    *,
    workers: int | None = None,
    cluster: str | None = None,
    take_over: bool = False,
    observer: Observer | None = None,
    command: str = "",
    trust: bool = False,
) -> "Run | tuning.SearchResult":
    """Continues an interrupted or crashed run or search; a finished one is returned unchanged, but for a search whose
    budget is raised.

    Args:
        path: run folder.
        overrides: of a search, higher budgets: `search.trials`, `search.epochs`, `search.time`, `search.disk`. Nothing
            else may change.
        workers: of a search, trials at a time from now on; None: as before, or, if never given, as in `tune`.
        cluster: of a search, where the trials run from now on, see `tune`; None: in this machine.
        take_over: take a folder over from a process of another host at once, whether it has shown a heartbeat or not.
            If it lives after all, it stops before it would write anything. Needed once for folders of version 0.1.0.
        observer, command: as in `run`.
        trust: run the code of a network that the run folder holds, and remember the trust.

    Raises:
        ConfigError: if the pipeline file, the code of an own network or the data have changed since, with the
            difference; if an override is no higher budget of a search; or if it is one fold of a run or one run of a
            search. For a search also if the versions have changed.
        ArtifactError: if there are checkpoints, and all are damaged; or if the code of the network is not trusted.
        RunInUseError: if another process works on it.
        TakenOverError: if another process has taken it over.
    """
    folder = RunFolder.open(path)
    parts = (
        ("fold", "fold of a cross-validation", 0),
        ("part_of", "run of a search", 1),
        ("candidate", "candidate of a run", 1),
    )
    for key, what, depth in parts:
        if key in folder.status:
            whole = folder.path.parents[depth]
            raise ConfigError(f"{folder} is one {what}.", f"Resume the whole: tfpipe resume {whole}")
    observer, changes = _told(observer), config.parse_overrides(overrides)
    how: dict[str, Any] = {"changes": changes, "workers": workers, "take_over": take_over, "cluster": cluster}
    if not _is_divided(folder):
        return _go_on(folder, observer, command, trust, **how)
    pipeline = config.load(str(folder / "pipeline.yaml"), schemas=SCHEMAS, ask=asking(trust)).pipeline
    with _together(pipeline, observer) as group:
        if not group.leads:
            return _follow(group, pipeline, observer, command, trust)
        return _go_on(folder, observer, command, trust, **how, group=group)


def _is_divided(folder: RunFolder) -> bool:
    """Whether several processes or devices work on a run, or are to."""
    path = folder / "pipeline.yaml"
    if folder.status.get("kind") == "search":
        require_alone("search", _SEVERAL)
        return False
    if not path.is_file() or started().count > 1:
        return path.is_file()
    train = None
    with suppress(ConfigError):  # whoever needs what it says will tell
        train = config.read_yaml(path).get("train")
    return isinstance(train, dict) and train.get("distribute") is not None


def _go_on(
    folder: RunFolder,
    observer: Observer,
    command: str,
    trust: bool,
    changes: dict[str, Any] | None = None,
    workers: int | None = None,
    take_over: bool | None = None,
    cluster: str | None = None,
    group: Group | None = None,
) -> "Run | tuning.SearchResult":
    """Continues a run or a search; arguments as those of `resume`.

    Args:
        take_over: None: wait for a process of another host, see `run`.
        group: the processes that carry it out together, this one leading; None: this one alone.
    """
    group = group or Group()
    from .training import StopSignals

    is_search = folder.status.get("kind") == "search"
    if not is_search and (changes or workers is not None or cluster is not None):
        option = f"--workers {workers}" if workers is not None else f"--cluster {cluster}"
        word = f"{next(iter(changes))}=..." if changes else option
        given = " ".join(quoted(f"{key}={value}") for key, value in (changes or {}).items())
        cause = f"{word}: a run is finished as it began; only the budgets of a search may be raised."
        raise ConfigError(cause, f"With other values it is a new one: {folder.as_new_run()} {given}".rstrip())
    if take_over is None:
        wait_for_silence(folder.path, observer.note)
    with folder.locked(bool(take_over)):
        ready = folder.status.get("state") == "done"
        if ready and not changes:
            name = quoted(str(folder))
            more = f"; more trials: tfpipe resume {name} search.trials=N" if is_search else ""
            observer.note(f"{folder} is done already{more}")
            group.share({"folder": str(folder.path), "resume": None})
            return load(folder.path)
        folder.complete()
        plugins.require(folder, read_json(folder / "environment.json").get("plugins", {}))
        pipeline = config.load(str(folder / "pipeline.yaml"), schemas=SCHEMAS, ask=asking(trust)).pipeline
        require_same_code(folder, pipeline)
        require_trust(pipeline)
        if pipeline.train.deterministic:
            choose_deterministic_kernels()
        if is_search:
            from .tuning import continued

            pipeline, state, notes = continued(folder, pipeline, changes or {}, workers)
            if ready and not notes:
                observer.note(f"{folder} is done already, with these budgets")
                return load(folder.path)
            with _connected(cluster, pipeline, observer) as there, StopSignals() as stop, stop.hold():
                folder.set_status("running")
                observer.started(folder, pipeline)
                for note in notes:
                    observer.note(note)
                return _search(folder, state, observer, command, stop, there)
        require_same_pipeline(folder, pipeline)
        require_same_number(read_json(folder / "environment.json"), group.facts, folder.as_new_run())
        with StopSignals() as stop:
            with stop.hold():
                folder.set_status("running")
                group.share({"folder": str(folder.path), "resume": True})
                observer.started(folder, pipeline)
            _carry_out(pipeline, folder, observer, command, stop, resume=True, group=group)
    return Run(folder)


def _tell_budgets(folder: RunFolder, asked: config.Pipeline, observer: Observer) -> None:
    """Says where the budgets of a search that is there are not those that are asked for."""
    settings = config.read_yaml(folder / "pipeline.yaml").get("search", {})
    for key, value in config.as_dict(asked)["search"].items():
        if key in config.BUDGETS and settings.get(key) != value:
            raising = f"tfpipe resume {quoted(str(folder))} search.{key}={value}"
            observer.note(f"search.{key} is {settings.get(key)} in {folder}, not {value}; it is raised by: {raising}")


def _search(
    folder: RunFolder,
    state: "State",
    observer: Observer,
    command: str,
    stop: "StopSignals",
    cluster: "tuning.Cluster | None",
) -> "tuning.SearchResult":
    """Carries a search out in a folder that is held locked."""
    from . import tuning

    stop.on_first = lambda: observer.note(_STOPPING)
    with _reported(folder, observer, stop):
        tuning.carry_out(folder, state, observer, stop, _masked_command(command), cluster)
    return tuning.SearchResult(folder)


def load(path: str | Path, *, trust: bool = False) -> "Run | tuning.SearchResult":
    """Opens an earlier run or search.

    Args:
        trust: run the code of the network that the run folder holds, if its model needs it, and remember the trust.

    Raises:
        ConfigError: if the folder is no run folder.
    """
    folder = RunFolder.open(path)
    if folder.status.get("kind") == "search":
        from . import tuning

        return tuning.SearchResult(folder)
    return Run(folder, trust)


@dataclass(frozen=True)
class CheckReport:
    """What a check of data found.

    Args:
        facts: the content of data.json.
        error: what stopped the check, or would stop a run; None if a run could begin.
        notes: what reading the pipeline had to say, as a run says it before anything else.
    """

    facts: dict[str, Any]
    error: DataError | None
    notes: tuple[str, ...] = ()


def check(path: str | Path, overrides: Overrides = (), *, pipeline: str = "image-cls") -> CheckReport:
    """Reads and checks data as a run of the pipeline would, and makes nothing on disk. Of a folder of several products
    each is checked: `products` of the facts has those of each.

    Raises:
        ConfigError: if the pipeline or an override is wrong.
    """
    if "data.path" in config.parse_overrides(overrides):
        raise ConfigError("data.path: the path to check is given already.", "Leave it out of the overrides.")
    changes = {**config.parse_overrides(overrides), "data.path": as_text(path)}
    resolved = config.load(pipeline, changes, schemas=SCHEMAS)
    asked = _with_copies(resolved.pipeline)
    several = new_task(asked).products()
    if not several.pipelines:
        facts, error = _checked(asked, resolved.default_batch_size)
        return CheckReport(facts, error, tuple(resolved.notes))
    found = {name: _checked(one, resolved.default_batch_size) for name, one in several.pipelines.items()}
    bad = {name: error for name, (_, error) in found.items() if error}
    details = [f"{name}: {error.cause} {error.remedy}".rstrip() for name, error in bad.items()]
    cause = f"{len(bad)} of {counted(len(found), 'product')} cannot be used: {', '.join(bad)}."
    facts = {"products": {name: of_one for name, (of_one, _) in found.items()}, "findings": []}
    error = DataError(cause, "Mend them, or name the others by data.products.", details) if bad else None
    return CheckReport(facts, error, (*resolved.notes, *several.notes))


def _checked(pipeline: config.Pipeline, any_batch_size: bool) -> tuple[dict[str, Any], DataError | None]:
    """What data.json would tell of the data of a pipeline, and what would stop a run.

    Args:
        any_batch_size: whether a run may take a smaller batch size.
    """
    from .datasets import Findings

    task = new_task(pipeline)
    task.checking = True
    findings, loaded, error = Findings(), None, None
    try:
        loaded = task.load(findings)
        found = findings.copy()
        for fold in range(loaded.folds()) or [None]:
            of_fold = found.copy()
            ready = loaded.check(of_fold, fold)
            if pipeline.chooses:
                from .choosing import require_validation

                require_validation(ready, of_fold)
            findings.entries += [entry for entry in of_fold.entries if entry not in findings.entries]
        try:
            if (ready.split_table()["split"] == "train").any():
                ready.require_steps()
        except ConfigError as wrong:
            fits = any_batch_size and not loaded.folds()
            remedy = f"A run will take {ready.fitting_batch_size}" if fits else wrong.remedy.rstrip(".")
            findings.add("batch_size", "note" if fits else "warning", wrong.cause.rstrip("."), remedy)
        findings.raise_errors()
    except DataError as caught:
        error = caught
    return {"findings": findings.as_list()} if loaded is None else loaded.describe(findings), error


def _with_copies(pipeline: config.Pipeline, observer: Observer | None = None) -> config.Pipeline:
    """The pipeline with the hash or revision of data behind URLs, of which there are copies then."""
    if not any(is_url(value) for value in vars(pipeline.data).values() if isinstance(value, str)):
        return pipeline
    from .datasets import remote
    from .datasets.remote.pipelines import with_copies

    return with_copies(pipeline, observer.note if observer else remote.print_it)


def _masked_command(command: str) -> str:
    """A command, else that of this process, without what is secret."""
    return masked(command) if command else shlex.join(map(masked_word, sys.argv))


def _carry_out(
    pipeline: config.Pipeline,
    folder: RunFolder,
    observer: Observer,
    command: str,
    stop: "StopSignals",
    resume: bool,
    began: float | None = None,
    group: Group | None = None,
) -> None:
    with stop.hold():  # while TensorFlow is imported a Ctrl-C can vanish in its callbacks
        from .runner import Runner

        task = new_task(pipeline)
    command = _masked_command(command)
    with _reported(folder, observer, stop) if group is None or group.leads else nullcontext():
        if folder.status.get("kind") == PRODUCTS:
            from .products import carry_out

            carry_out(folder, pipeline, task.products().pipelines, observer, stop, command)
        else:
            Runner(folder, observer, stop, resume, began=began, group=group).run(task, command)


@contextmanager
def _reported(folder: RunFolder, observer: Observer, stop: "StopSignals") -> Iterator[None]:
    """Writes the report of what happens inside, however that ends; a first signal does not stop it, the run being
    over.
    """
    with stop.hold():
        from .reporting import write_reports  # before: in the end, memory may not suffice for it
    try:
        yield
    finally:
        with stop.hold():
            write_reports(folder, observer)


def _start_model(start: str | Path | None) -> Path | None:
    if start is None:
        return None
    folder = RunFolder.open(start)
    if not (folder / "model.keras").is_file():
        cause = f"--from {start}: the run has no model yet, or one for each fold."
        raise ConfigError(cause, "Name a run, or a fold of one, that has finished an epoch.")
    from .models import CodeNeeded, inspect_model

    path = verified_model(folder)
    with suppress(CodeNeeded):  # which is asked about where it is loaded
        inspect_model(path)
    return path


def _told(observer: Observer | None) -> Observer:
    """Who is told of a run, and of plugins that cannot be used. Where the caller names nobody: the program's log, if it
    has one, else the terminal.
    """
    from .output import logs

    if observer is None:
        from .output.console import Terminal

        observer = logs.LogObserver() if logs.wanted() else Terminal()
    plugins.tell(observer.warning)
    tell_of_heartbeats(observer.warning)
    return observer
