"""The Python API. The command line is a thin skin over it."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from . import config
from .errors import ArtifactError, ConfigError, DataError
from .observer import Observer
from .runs import RunFolder, atomic_write, file_hash, read_json
from .tasks import SCHEMAS, task_class


def run(
    pipeline: str,
    overrides: dict[str, Any] | list[str] | tuple[str, ...] = (),
    *,
    out: str | Path = "runs",
    name: str | None = None,
    start: str | Path | None = None,
    observer: Observer | None = None,
    command: str = "",
) -> "Run":
    """Runs a pipeline in a new run folder.

    Args:
        pipeline: name of a packaged pipeline, or the path of a YAML file.
        overrides: `{"train.epochs": 5}` or `["train.epochs=5"]`.
        out: folder the run folder is made in; made itself if only it is missing.
        name: of the run folder; default: `<pipeline>-<n>`.
        start: an earlier run folder whose model gives the initial weights.
        observer: is told how it goes; default: lines on stderr. `Observer()` keeps quiet.
        command: recorded in environment.json; default: the process' own command line.

    Returns:
        The finished run.

    Raises:
        ConfigError: before anything is made on disk, if the pipeline or an override is wrong.
        DataError, ResourceError, DivergedError, Interrupted: the run folder then says so in status.json.
    """
    observer = observer if observer is not None else _lines()
    loaded = config.load(pipeline, overrides, schemas=SCHEMAS)
    origin = _start_folder(start)
    resolved = config.anchored(loaded.pipeline)
    folder = RunFolder.create(Path(out), resolved.name, name)
    with folder.locked():
        folder.set_status("running", pipeline=resolved.name, task=resolved.task, epoch=0, epochs=resolved.train.epochs)
        atomic_write(folder / "pipeline.yaml", config.to_yaml(resolved))
        observer.started(folder, resolved)
        for note in loaded.notes:
            observer.note(note)
        _route(resolved, folder, observer, command, start=origin)
    return Run(folder)


def resume(path: str | Path, *, observer: Observer | None = None, command: str = "") -> "Run":
    """Goes on with an interrupted or crashed run; a finished one is returned as it is.

    Args:
        path: run folder.
        observer, command: as in `run`.

    Raises:
        ConfigError: if the pipeline file or the data have changed since; it lists the difference.
        ArtifactError: if there are checkpoints, and all are damaged.
        RunInUseError: if another process works on it.
    """
    observer = observer if observer is not None else _lines()
    folder = RunFolder.open(path)
    with folder.locked():
        if folder.status.get("state") == "done":
            observer.note(f"{folder} is done already")
            return Run(folder)
        pipeline = config.load(str(folder / "pipeline.yaml"), schemas=SCHEMAS).pipeline
        began_with = read_json(folder / "environment.json").get("pipeline")
        changed = config.difference(began_with, config.as_dict(pipeline)) if began_with else []
        if changed:
            raise ConfigError(
                f"{folder / 'pipeline.yaml'} has changed since the run began.",
                f"Undo it, or make it a new run: tfpipe run {folder}/pipeline.yaml --from {folder}",
                changed,
            )
        folder.set_status("running")
        observer.started(folder, pipeline)
        _route(pipeline, folder, observer, command, resume=True)
    return Run(folder)


def load(path: str | Path) -> "Run":
    """Brings an earlier run back.

    Raises:
        ConfigError: if the folder is no run folder.
    """
    return Run(RunFolder.open(path))


def list_pipelines() -> list[dict[str, str]]:
    """Name, task and description of every packaged pipeline."""
    entries = []
    for name in config.pipeline_names():
        path = config.find_pipeline(name)
        entries.append({"name": name, "task": str(config.read_yaml(path).get("task")), "description": config.description(path)})
    return entries


@dataclass(frozen=True)
class CheckReport:
    """What a check of data found.

    Args:
        facts: the content of data.json.
        error: what stopped the check, or would stop a run; None if a run could begin.
    """

    facts: dict[str, Any]
    error: DataError | None


def check(path: str | Path, overrides: dict[str, Any] | list[str] | tuple[str, ...] = (), *, pipeline: str = "image-cls") -> CheckReport:
    """Reads and checks data as a run of the pipeline would, and makes nothing on disk.

    Raises:
        ConfigError: if the pipeline or an override is wrong.
    """
    from .datasets import Findings

    task = _task(config.load(pipeline, {**config.parse_overrides(overrides), "data.path": str(path)}, schemas=SCHEMAS).pipeline)
    findings = Findings()
    error = None
    try:
        task.load(findings)
        for fold in range(task.folds()) or [None]:
            task.check(findings, fold)
        findings.raise_errors()
    except DataError as caught:
        error = caught
    return CheckReport(task.describe(findings), error)


class Run:
    """A run folder and what came out of it.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: RunFolder):
        self._folder = folder

    def __repr__(self) -> str:
        return f"Run({str(self._folder)!r}, {self.status.get('state')})"

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder.path

    @property
    def status(self) -> dict[str, Any]:
        """The content of status.json."""
        return self._folder.status

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json; {} before the run is done."""
        return read_json(self.folder / "metrics.json")

    @cached_property
    def pipeline(self) -> config.Pipeline:
        """The resolved pipeline."""
        return config.load(str(self.folder / "pipeline.yaml"), schemas=SCHEMAS).pipeline

    @cached_property
    def _artifact(self):
        from .models import load_artifact

        path = self.folder / "model.keras"
        if not path.is_file() and (self.folder / "fold-0").is_dir():
            raise ConfigError(f"{self._folder} is a cross-validation and has a model for each fold.", f"Name one of them, such as {self._folder}/fold-0.")
        recorded = self.status.get("model_sha256")
        if recorded and path.is_file() and file_hash(path) != recorded:
            raise ArtifactError(f"{path} is not the file that the run has written: its hash differs.", "Restore it from a copy, or train again.")
        return load_artifact(path)

    @property
    def model(self):
        """The keras.Model: raw input -> the task's output. Loaded when first asked for.

        Raises:
            ArtifactError: if the file is missing, damaged or not to be trusted.
        """
        return self._artifact.model

    @cached_property
    def _task(self):
        facts = read_json(self.folder / "data.json")
        task = _task(self.pipeline)
        task.recall({**facts, **{key: value for key, value in self._artifact.facts.items() if key == "classes"}})
        return task

    def predict(self, inputs: Any, batch_size: int = 128):
        """Predicts for raw input.

        Args:
            inputs: for images: a path, folder, glob pattern, table, .npz file, array (n, height, width[, channels]), or a
                list of such.
            batch_size: inputs that go through the model at once.

        Returns:
            DataFrame: `item`, `predicted`, one score per class; `error` if some input could not be read.
        """
        return self._task.predict(self.model, inputs, batch_size)

    def evaluate(self, path: str | Path, split: str | None = None, out: str | Path | None = None) -> dict[str, Any]:
        """Measures the model on other labelled data, given in any form that the pipeline reads.

        Args:
            split: which part, where the data have splits: `train`, `validation`, `test` or `all`; default: test, else all.
            out: a folder, made if missing, for metrics.json, predictions.csv and plots.

        Returns:
            `test` (figures), `intervals`, `per_class`, `samples`, `split`.
        """
        folder = None
        if out is not None:
            folder = Path(out)
            folder.mkdir(parents=True, exist_ok=True)
        return self._task.evaluate_new(self.model, self._artifact.facts.get("temperature", 1.0), str(path), split, folder)


def _task(pipeline: config.Pipeline):
    return task_class(pipeline.task)(pipeline)


def _route(pipeline: config.Pipeline, folder: RunFolder, observer: Observer, command: str, start: Path | None = None, resume: bool = False) -> None:
    from .route import run as route

    route(_task(pipeline), folder, observer, command or " ".join(sys.argv), start=start, resume=resume)


def _start_folder(start: str | Path | None) -> Path | None:
    if start is None:
        return None
    folder = RunFolder.open(start)
    if not (folder / "model.keras").is_file():
        raise ConfigError(f"--from {start}: the run has no model yet.", "Name a run that has finished an epoch.")
    return folder.path


def _lines() -> Observer:
    from .console import Terminal

    return Terminal()

