"""What is compared: finished runs, each with what its folder says of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core import config
from ...core.run_files import damaged, read_json
from ...core.run_folder import PRODUCTS, RunFolder
from ...core.run_shapes import RUN_METRICS
from ...errors import ArtifactError, ConfigError
from ...tasks import SCHEMAS, kind_of
from ...tasks.abilities import Kind


@dataclass(frozen=True)
class RunRecord:
    """One run.

    Args:
        name: what messages and tables call it.
        folder: its run folder.
        kind: what its task makes of a sample.
        pipeline: resolved, as `config.as_dict` gives it.
        test_folders: those that have test rows: itself, or its folds.
        data: data.json of the first of them.
        environment: environment.json, {} where there is none.
        metrics: metrics.json.
    """

    name: str
    folder: Path
    kind: Kind
    pipeline: dict[str, Any]
    test_folders: list[Path]
    data: dict[str, Any]
    environment: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def crossed(self) -> bool:
        """Whether it is a cross-validation."""
        return self.test_folders != [self.folder]


def open_records(paths: list[str | Path]) -> list[RunRecord]:
    """The runs, in their order.

    Raises:
        ConfigError: if one is named twice, is no run folder, is a search, is not done or has no test split, or if their
            tasks are of different kinds.
        ArtifactError: if a file of one is missing or damaged.
    """
    folders = [RunFolder.open(path) for path in paths]
    records = [_open(folder, name) for folder, name in zip(folders, _names([folder.path for folder in folders]))]
    if len({folder.path for folder in folders}) < len(folders):
        raise ConfigError("One run is named twice: there is nothing to compare it with.", "Name different run folders.")
    first = records[0]
    for record in records[1:]:
        if record.kind != first.kind:
            one, other = (f"{run.kind} ({run.pipeline['task']})" for run in (first, record))
            cause = f"{first.name} is a {one} and {record.name} a {other}: they have no metrics in common."
            raise ConfigError(cause, "Compare runs of one kind.")
    return records


def _open(folder: RunFolder, name: str) -> RunRecord:
    status = folder.status
    if status.get("kind") == "search":
        finals = sorted(str(RunFolder(path.parent)) for path in folder.path.glob("final/seed-*/status.json"))
        later = "Compare its final runs, final/seed-0 and so on, once it is done."
        remedy = f"Name one of them: {', '.join(finals)}." if finals else later
        raise ConfigError(f"{folder} is a search, with several runs in it.", remedy)
    if status.get("kind") == PRODUCTS:
        named = ", ".join(map(str, folder.finished_products()[:5]))
        remedy = f"Name one of them: {named}." if named else f"Finish it: tfpipe resume {folder}"
        raise ConfigError(f"{folder} has a run of each product, with a test of its own.", remedy)
    if status.get("state") != "done":
        reason = f" ({status['reason']})" if status.get("reason") else ""
        cause = f"{folder} is not done: it is {status.get('state', 'damaged')}{reason}."
        raise ConfigError(cause, f"Wait for it to finish, or resume it: tfpipe resume {folder}")
    metrics = read_json(folder / "metrics.json", ("time",), RUN_METRICS)
    found = [path.parent for path in folder.path.glob("fold-*/status.json")] if "folds" in metrics else []
    folds = sorted(found, key=lambda path: (len(path.name), path.name))
    if "folds" in metrics and len(folds) != len(metrics["folds"]):
        cause = f"{folder} is a cross-validation of {len(metrics['folds'])} folds; only {len(folds)} of their folders"
        raise ArtifactError(f"{cause} exist.", "Restore them from a copy, or train again.")
    if not metrics.get("test"):
        cause = f"{folder} has no test split: there are no rows to compare."
        raise ConfigError(cause, "Compare runs whose data have a test split, such as by data.test=0.2.")
    if not all("test" in fold for fold in metrics.get("folds", [])):
        damaged(folder / "metrics.json", "a fold has no test split")
    environment = read_json(folder / "environment.json")
    pipeline = environment.get("pipeline")
    if pipeline is None:
        pipeline = config.as_dict(config.load(str(folder / "pipeline.yaml"), schemas=SCHEMAS, built=True).pipeline)
    pipeline = config.with_chosen(pipeline, metrics.get("candidates", []))
    test_folders = folds or [folder.path]
    data = read_json(test_folders[0] / "data.json", ("classes",))
    return RunRecord(
        name, folder.path, _kind(pipeline.get("task"), data, folder), pipeline, test_folders, data, environment, metrics
    )


def _kind(task: Any, data: dict[str, Any], folder: RunFolder) -> Kind:
    kind = kind_of(task, data)
    if kind is None:
        cause = f"{folder} is a run of the task {task!r}, which this version does not know."
        raise ConfigError(cause, f"It knows: {', '.join(SCHEMAS)}.")
    return kind


def _names(paths: list[Path]) -> list[str]:
    """The last parts of the paths, as many of them as tell all apart; a path given twice keeps one name."""
    different = set(paths)
    for count in range(1, max(len(path.parts) for path in paths) + 1):
        names = {path: "/".join(path.parts[-count:]).removeprefix("//") for path in different}
        if len(set(names.values())) == len(different):
            break
    return [names[path] for path in paths]
