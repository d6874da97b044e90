"""All that is told of a run folder, read once; what is missing or damaged is empty here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..runs import RunFolder, read_json
from ..tasks import SCHEMAS
from . import values
from .failures import Failures, read_failures

PARTS = ("train", "validation", "test")
_MOST_EPOCHS = 20_000
_MOST_TRIALS = 5_000
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


@dataclass(frozen=True)
class Part:
    """A run inside of a run: a fold, or a final run of a search.

    Args:
        path: relative to the folder.
        state: of status.json.
        figures: {part: {figure: value}}.
    """

    path: str
    state: str
    figures: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Data:
    """What data.json tells.

    Args:
        path, content_hash: "" where they are not known.
        counts: {split: {class: samples}}.
        rows: {split: samples}.
        classes, about: in their order.
        findings: {`severity`, `message`, `remedy`, `items`, `count`} of each.
        source: further entries worth a line, {name: value}.
    """

    path: str = ""
    content_hash: str = ""
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    rows: dict[str, float] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    source: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metrics:
    """What metrics.json tells of a run or of all folds together; of a search the validation and test figures are means over seeds.

    Args:
        parts: {train, validation or test: {figure: value}}.
        spread: {part: {figure: {`mean`, `std`, `min`, `max`}}} over folds or seeds.
        best_epoch: from 1; 0 where it is not known.
        test_interval: of the share of false alarms that a detector's threshold lets expect.
    """

    parts: dict[str, dict[str, float]] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    per_class: dict[str, dict[str, float]] = field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    spread: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    about: list[str] = field(default_factory=list)
    threshold: dict[str, Any] = field(default_factory=dict)
    test_interval: tuple[float, float] | None = None
    temperature: float | None = None
    samples: float | None = None
    best_epoch: int = 0
    network: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """What a search has found.

    Args:
        summary: of metrics.json; {} before the end.
        best: figures of the best trial.
        rows: of leaderboard.csv.
        seeds: of the final runs.
        failed_seeds: {seed: reason}.
    """

    summary: dict[str, Any] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)
    failed_seeds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """A run folder.

    Args:
        folder: where it is.
        shown: the same as commands take it.
        kind: run, folds or search.
        schema: the `config.Pipeline` class of its task; None for a task that is not known.
        pipeline, source: the resolved pipeline, and the text of its file.
        status, environment: the content of status.json and environment.json.
        history: rows of history.csv; what is no number is text.
        pictures: files below plots/.
        pages: names of other files there that are for reading.
        words: `title` and `entries` of plots/mistakes.json.
        parts: folds or final runs.
        has_model: whether there is a model.keras.
        damaged: names of files that cannot be read.
    """

    folder: Path
    shown: str
    kind: str
    schema: type | None
    pipeline: dict[str, Any]
    source: str
    status: dict[str, Any]
    environment: dict[str, Any]
    data: Data
    metrics: Metrics
    search: Search
    history: list[dict[str, Any]]
    failures: Failures
    pictures: list[Path]
    pages: list[str]
    words: dict[str, Any]
    parts: list[Part]
    has_model: bool
    damaged: list[str]

    @property
    def name(self) -> str:
        return values.text(self.pipeline.get("name")) or values.text(self.status.get("pipeline")) or self.folder.name

    @property
    def task(self) -> str:
        return values.text(self.pipeline.get("task")) or values.text(self.status.get("task"))

    @property
    def state(self) -> str:
        return values.text(self.status.get("state")) or "unknown"

    @property
    def network(self) -> str:
        return values.text(self.section("model").get("name")) or values.text(self.metrics.network.get("name"))

    @property
    def main_figure(self) -> tuple[str, str]:
        """(part, figure) that stands for all: the first one of the test, else of the validation part; empty without any."""
        for part in ("test", "validation", "train"):
            if self.metrics.parts.get(part):
                return part, next(iter(self.metrics.parts[part]))
        return "", ""

    def section(self, name: str) -> dict[str, Any]:
        """A section of the pipeline, such as train."""
        return values.mapping(self.pipeline.get(name))


def read_facts(folder: RunFolder) -> Facts:
    """Reads a run folder."""
    damaged: list[str] = []

    def content(name: str) -> dict[str, Any]:
        found = values.mapping(read_json(folder / name))
        if not found and (folder / name).is_file():
            damaged.append(name)
        return found

    status, environment, metrics = content("status.json"), content("environment.json"), content("metrics.json")
    source, pipeline = _pipeline(folder.path, damaged)
    kind = "search" if status.get("kind") == "search" else "folds" if (folder / "fold-0").is_dir() else "run"
    if kind == "folds" and not (folder / "data.json").is_file():
        data = _data(values.mapping(read_json(folder / "fold-0" / "data.json")))
    else:
        data = _data(content("data.json"))
    plots = sorted(path for path in (folder / "plots").glob("*") if path.is_file() and not path.is_symlink() and not path.name.startswith("."))
    task = values.text(pipeline.get("task")) or values.text(status.get("task"))
    return Facts(
        folder=folder.path,
        shown=str(folder),
        kind=kind,
        schema=SCHEMAS[task] if task in set(SCHEMAS) else None,
        pipeline=pipeline,
        source=source,
        status=status,
        environment=environment,
        data=data,
        metrics=_metrics(metrics, folder.path),
        search=_search(metrics, folder.path) if kind == "search" else Search(),
        history=[_epoch(row) for row in values.rows_of(folder / "history.csv", _MOST_EPOCHS)],
        failures=read_failures(folder.path, folder.path / "predictions.csv"),
        pictures=[path for path in plots if path.suffix.lower() in _PICTURES],
        pages=[path.name for path in plots if path.suffix.lower() == ".html"],
        words=_words(content("plots/mistakes.json")),
        parts=_parts(folder.path, kind),
        has_model=(folder / "model.keras").is_file(),
        damaged=damaged,
    )


def _pipeline(folder: Path, damaged: list[str]) -> tuple[str, dict[str, Any]]:
    path = folder / "pipeline.yaml"
    try:
        source = path.read_text(encoding="utf-8")
        pipeline = values.mapping(yaml.safe_load(source))
    except (OSError, ValueError, yaml.YAMLError):
        source, pipeline = "", {}
    if not pipeline and path.is_file():
        damaged.append(path.name)
    return source, pipeline


def _data(content: dict[str, Any]) -> Data:
    findings = [
        {"code": values.text(entry.get("code")), "severity": values.text(entry.get("severity")), "message": values.text(entry.get("message")), "remedy": values.text(entry.get("remedy")), "items": values.texts(entry.get("items")), "count": values.number(entry.get("count")) or 0}
        for entry in values.records(content.get("findings"))
    ]
    names = {"backbone": "backbone", "features": "compared by the features of"}
    source = {label: found for key, label in names.items() if (found := values.text(values.mapping(content.get(key)).get("name")))}
    return Data(
        path=values.text(content.get("path")),
        content_hash=values.text(content.get("content_hash")),
        counts=values.tables(content.get("counts")),
        rows=values.figures(content.get("rows")),
        classes=values.texts(content.get("classes")),
        about=values.texts(content.get("about")),
        findings=[entry for entry in findings if entry["message"]],
        source=source,
    )


def _metrics(content: dict[str, Any], folder: Path) -> Metrics:
    parts, spread = {}, {part: values.tables(row) for part, row in values.mapping(content.get("spread")).items() if part in PARTS}
    for part in PARTS:
        over_seeds = values.tables(content.get(part))
        if over_seeds:
            spread[part] = {name: row for name, row in over_seeds.items() if "mean" in row}
        found = {name: row["mean"] for name, row in spread[part].items()} if over_seeds else values.figures(content.get(part))
        if found:
            parts[part] = found
    first = values.mapping(read_json(folder / "fold-0" / "metrics.json"))
    interval = values.intervals({"rate": content.get("test_interval")})
    return Metrics(
        parts=parts,
        intervals=values.intervals(content.get("intervals")),
        per_class=values.tables(content.get("per_class")),
        baselines=values.tables(content.get("baselines")),
        spread={part: rows for part, rows in spread.items() if rows},
        about=values.texts(content.get("about")),
        threshold=values.mapping(content.get("threshold")),
        test_interval=interval.get("rate"),
        temperature=values.number(content.get("temperature")),
        samples=values.number(content.get("samples")),
        best_epoch=int(values.number(content.get("best_epoch")) or 0),
        network=values.mapping(content.get("network")) or values.mapping(first.get("network")),
        seconds=values.figures(content.get("time")),
    )


def _search(content: dict[str, Any], folder: Path) -> Search:
    return Search(
        summary=values.mapping(content.get("search")),
        best=values.figures(content.get("best_trial")),
        rows=values.rows_of(folder / "leaderboard.csv", _MOST_TRIALS),
        seeds=values.texts(content.get("seeds")),
        failed_seeds={seed: values.text(reason) for seed, reason in values.mapping(content.get("failed_seeds")).items()},
    )


def _epoch(row: dict[str, str]) -> dict[str, Any]:
    return {name: value if (figure := values.parsed(value)) is None else figure for name, value in row.items()}


def _words(content: dict[str, Any]) -> dict[str, Any]:
    """Texts with their explanations; an entry of another shape is left out."""
    entries = []
    for entry in values.records(content.get("entries")):
        words = [word for word in values.records(values.mapping(entry.get("explanation")).get("words")) if isinstance(word.get("word"), str) and values.number(word.get("weight")) is not None and all(isinstance(word.get(place), int) for place in ("start", "end"))]
        if isinstance(entry.get("text"), str) and values.number(entry.get("confidence")) is not None:
            chosen = values.text(values.mapping(entry.get("explanation")).get("class"))
            entries.append({**{name: values.text(entry.get(name)) for name in ("item", "text", "label", "predicted")}, "confidence": entry["confidence"], "explanation": {"class": chosen, "words": words}})
    return {"title": values.text(content.get("title")), "entries": entries} if entries else {}


def _parts(folder: Path, kind: str) -> list[Part]:
    pattern = {"folds": "fold-*", "search": "final/seed-*"}.get(kind)
    paths = [path for path in folder.glob(pattern) if path.is_dir() and path.name.split("-")[1].isdecimal()] if pattern else []
    found = []
    for path in sorted(paths, key=lambda path: int(path.name.split("-")[1])):
        metrics = values.mapping(read_json(path / "metrics.json"))
        state = values.text(values.mapping(read_json(path / "status.json")).get("state"))
        found.append(Part(path.relative_to(folder).as_posix(), state or "unknown", {part: row for part in PARTS if (row := values.figures(metrics.get(part)))}))
    return found
