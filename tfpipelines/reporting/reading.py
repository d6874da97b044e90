"""Reads a run folder into `facts.Facts`. Each file may be missing, damaged or of another version."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core import config
from ..core.run_files import found_json, read_text
from ..core.run_folder import PRODUCTS, THRESHOLD, RunFolder
from ..core.splits import SPLITS
from ..tasks import kind_of, known_class
from ..tasks.abilities import Kind
from . import values
from .embedded_images import KINDS
from .facts import Data, Facts, InnerRun, Metrics, Search
from .failures import Failures, read_failures
from .listing import state_of

_MOST_EPOCHS = 20_000
_MOST_TRIALS = 5_000
_SURFACE = "plots/loss_surface.png"
_DATA: dict[Callable[[Any], Any], str] = {  # what is read as what
    values.text: "path content_hash", values.tables: "counts values", values.figures: "rows",
    values.texts: "classes about",
}  # fmt: skip
_METRICS: dict[Callable[[Any], Any], str] = {
    values.intervals: "intervals", values.tables: "per_class baselines baseline_differences", values.texts: "about",
    values.mapping: "threshold interval", values.records: "candidates importance slices products groups",
    values.number: "temperature samples", values.text: "importance_unit",
}  # fmt: skip


def read_facts(folder: RunFolder) -> Facts:
    """Reads a run folder."""
    damaged: list[str] = []

    def content(name: str) -> dict[str, Any]:
        found = found_json(folder / name)
        if not found and (folder / name).is_file():
            damaged.append(name)
        return found

    status, environment, metrics = map(content, ("status.json", "environment.json", "metrics.json"))
    source, pipeline = _pipeline(folder.path, damaged)
    kind = "folds" if (folder / "fold-0").is_dir() else "run"
    if status.get("kind") in ("search", PRODUCTS):
        kind = status["kind"]
    first = folder / "fold-0"  # the folds have one source, and the whole no more than its findings
    within = kind == "folds" and (first / "data.json").is_file()
    of_data = found_json(first / "data.json") if within else content("data.json")
    data = _data(of_data)
    if status.get("state") == "running":
        status["state"] = state_of(folder.path, status)
    task = values.text(pipeline.get("task")) or values.text(status.get("task"))
    known = known_class(task)
    made = kind_of(known, of_data)
    failures = read_failures(first if kind == "folds" else folder.path, folder.path / "predictions.csv", made)
    measured = _metrics(metrics, folder.path, made)
    whole = failures.rows and not failures.cut
    if kind == "run" and whole and data.rows.get("test") not in (None, failures.rows):
        damaged.append(f"predictions.csv ({failures.rows} rows, and {data.rows['test']:.0f} of the test split)")
        failures = Failures()
    surface = (folder / _SURFACE).is_file() and not _of_model(found_json(folder / "loss_surface.json"), status)
    outdated = [_SURFACE] if surface else []
    inside = (path for path in (folder / "plots").glob("[!.]*") if path.is_file() and not path.is_symlink())
    plots = [path for path in sorted(inside) if path.relative_to(folder.path).as_posix() not in outdated]
    return Facts(
        folder=folder.path,
        shown=str(folder),
        kind=kind,
        schema=known.schema if known else None,
        made=made,
        pipeline=pipeline,
        source=source,
        status=status,
        environment=environment,
        data=data,
        metrics=measured,
        search=_search(metrics, folder.path) if kind == "search" else Search(),
        history=[] if measured.blend else [_epoch(row) for row in values.rows_of(folder / "history.csv", _MOST_EPOCHS)],
        failures=failures,
        pictures=[path for path in plots if path.suffix.lower() in KINDS],
        pages=[path.name for path in plots if path.suffix.lower() == ".html"],
        words=_words(content("plots/mistakes.json")),
        inner_runs=_inner_runs(folder.path, kind),
        exports=_exports(folder.path, status),
        outdated=outdated,
        has_model=(folder / "model.keras").is_file(),
        damaged=damaged,
    )


def _pipeline(folder: Path, damaged: list[str]) -> tuple[str, dict[str, Any]]:
    path = folder / "pipeline.yaml"
    try:
        source, pipeline = read_text(path), config.read_yaml(path, plain=True)
    except (OSError, ValueError):
        source, pipeline = "", {}
    if not pipeline and path.is_file():
        damaged.append(path.name)
    return source, pipeline


def _data(content: dict[str, Any]) -> Data:
    words = ("code", "severity", "message", "remedy")
    findings = []
    for entry in values.records(content.get("findings")):
        told = {name: values.text(entry.get(name)) for name in words}
        numbers = {"items": values.texts(entry.get("items")), "count": values.number(entry.get("count")) or 0}
        if told["message"]:
            findings.append({**told, **numbers})
    names = {"backbone": "backbone", "features": "compared by the features of"}
    networks = {label: values.text(values.mapping(content.get(key)).get("name")) for key, label in names.items()}
    source = {label: name for label, name in networks.items() if name}
    return Data(**_entries(content, _DATA), findings=findings, source=source)


def _entries(content: dict[str, Any], readers: dict[Callable[[Any], Any], str]) -> dict[str, Any]:
    """The entries that are shown as they stand, each read as what it is to be."""
    return {name: read(content.get(name)) for read, names in readers.items() for name in names.split()}


def _metrics(content: dict[str, Any], folder: Path, made: Kind | None) -> Metrics:
    spreads = values.mapping(content.get("spread"))
    splits, spread = {}, {split: values.tables(row) for split, row in spreads.items() if split in SPLITS}
    for split in SPLITS:
        found = values.figures(content.get(split))
        if over_seeds := values.tables(content.get(split)):
            spread[split] = {name: row for name, row in over_seeds.items() if "mean" in row}
            found = {name: row["mean"] for name, row in spread[split].items()}
        if found:
            splits[split] = found
    first = found_json(folder / "fold-0" / "metrics.json")
    threshold = found_json(folder / THRESHOLD) if made is Kind.DETECTOR else {}
    expected = values.intervals({name: content.get(name) for name in ("test_interval", "expected_coverage")})
    entries = _entries(content, _METRICS)
    blend = Metrics(candidates=entries["candidates"]).blend  # its folder may have the epochs of its first part
    return Metrics(
        **entries,
        splits=splits,
        spread={split: rows for split, rows in spread.items() if rows},
        threshold_now=values.number(threshold.get("threshold")),
        test_interval=expected.get("test_interval"),
        expected_coverage=expected.get("expected_coverage"),
        best_epoch=0 if blend else int(values.number(content.get("best_epoch")) or 0),
        network=values.mapping(content.get("network")) or values.mapping(first.get("network")),
        seconds=values.figures(content.get("time")),
    )


def _search(content: dict[str, Any], folder: Path) -> Search:
    failed = values.mapping(content.get("failed_seeds"))
    return Search(
        summary=values.mapping(content.get("search")),
        best=values.figures(content.get("best_trial")),
        rows=values.rows_of(folder / "leaderboard.csv", _MOST_TRIALS),
        seeds=values.texts(content.get("seeds")),
        failed_seeds={seed: values.text(reason) for seed, reason in failed.items()},
    )


def _epoch(row: dict[str, str]) -> dict[str, Any]:
    return {name: value if (figure := values.parsed(value)) is None else figure for name, value in row.items()}


def _words(content: dict[str, Any]) -> dict[str, Any]:
    """Texts with their explanations; an entry of another shape is left out."""
    entries = []
    for entry in values.records(content.get("entries")):
        given = values.mapping(entry.get("explanation"))
        words = [word for word in values.records(given.get("words")) if _is_word(word)]
        if isinstance(entry.get("text"), str) and values.number(entry.get("confidence")) is not None:
            told = {name: values.text(entry.get(name)) for name in ("item", "text", "label", "predicted")}
            explanation = {"class": values.text(given.get("class")), "words": words}
            entries.append({**told, "confidence": entry["confidence"], "explanation": explanation})
    return {"title": values.text(content.get("title")), "entries": entries} if entries else {}


def _is_word(word: dict[str, Any]) -> bool:
    whole = all(isinstance(word.get(place), int) for place in ("start", "end"))
    return whole and isinstance(word.get("word"), str) and values.number(word.get("weight")) is not None


def _inner_runs(folder: Path, kind: str) -> list[InnerRun]:
    pattern = {"folds": "fold-*", "search": "final/seed-*"}.get(kind)
    found = []
    for path in folder.glob(pattern) if pattern else ():
        number = path.name.split("-")[1]
        if path.is_dir() and number.isdecimal():
            metrics, status = found_json(path / "metrics.json"), found_json(path / "status.json")
            figures = {split: row for split in SPLITS if (row := values.figures(metrics.get(split)))}
            state = values.text(status.get("state")) or "unknown"
            chosen = Metrics(candidates=values.records(metrics.get("candidates"))).chosen
            found.append((int(number), InnerRun(path.relative_to(folder).as_posix(), state, figures, chosen)))
    return [run for _, run in sorted(found, key=lambda entry: entry[0])]


def _of_model(facts: dict[str, Any], status: dict[str, Any]) -> bool:
    """Whether something was made of the model that the folder has now."""
    now = values.texts(status.get("model_sha256"))
    return not now or facts.get("model_sha256") == now[0]


def _exports(folder: Path, status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(folder.glob("export/*/*/manifest.json")):
        manifest = found_json(path) if path.parent.name.isdecimal() else {}
        if manifest:
            outdated = not _of_model(values.mapping(manifest.get("run")), status)
            found[path.parent.relative_to(folder).as_posix()] = {**manifest, "outdated": outdated}
    return found
