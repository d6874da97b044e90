"""The page: facts in, HTML out. It refers to nothing outside of itself."""

import re
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.words import command, count, figure, listed, percent, quoted, samples, seconds
from ..evaluation.word_pages import pieces
from ..output.pages import render
from ..tasks.abilities import Kind
from . import column_tables, curves, tables, values
from .advice import Advice, best_epoch
from .captions import CAPTIONS, FAILURES, MORE, RESULTS, TRAINING, caption
from .embedded_images import Picture, embedded
from .facts import Facts

_MOST_TEXT = 1500  # characters of an explained text
_PLACES = (RESULTS, FAILURES, TRAINING, MORE)
_ADDRESS = re.compile(r"(https?|ftp|wss?):(?=//)", re.IGNORECASE)
_ANEW = "`tfpipe report --loss-surface` measures it again."
_ALONE = "Nothing in this page is fetched from elsewhere."
_STATES = {
    "interrupted": "It was stopped before its end.", "failed": "It has failed.", "running": "It is still running.",
    "killed": "It was killed.",
}  # fmt: skip
_TABLES = {  # that the template shows, by the name they have there
    "what": tables.what_table, "counts": tables.counts_table, "figures": tables.figures_table,
    "best_values": tables.best_values, "calibration": tables.calibration, "inner_parts": tables.parts_table,
    "candidates": tables.candidates_table, "products": tables.products_table,
    "failed_products": tables.failed_products, "groups": tables.groups_table,
    "choice": tables.choice, "leaderboard": tables.leaderboard_table,
    "classes": tables.classes_table, "meanings": tables.meanings,
    "importance": column_tables.importance_table, "slices": column_tables.slices_table,
    "exports": tables.exports_table, "pairs": tables.pairs_table, "samples": tables.samples_table,
}  # fmt: skip


def page(facts: Facts, advice: list[Advice]) -> tuple[str, list[str]]:
    """The HTML of a report, and what there is to say of it: pictures shrunk or left out."""
    pictures, bad = embedded(facts.pictures)
    shown = _placed(facts, pictures)
    shrunk = [picture.name for picture in pictures if picture.shrunk]
    told = (
        (shrunk, "The pictures together would make this page too large, so these are shrunk: {}."),
        (bad, "These pictures cannot be read and are left out: {}."),
        (facts.damaged, "These files cannot be read, so their content is missing: {}."),
        (facts.outdated, "These pictures are of an earlier model, so they are left out: {}. " + _ANEW),
    )
    notes = [text.format(listed(names)) for names, text in told if names]
    content = {**_content(facts), "facts": facts, "advice": advice, "pictures": shown, "notices": notes}
    content["contents"] = _contents(facts, content)
    html = render(Path(__file__).with_name("report.html.j2"), **content)
    return _ADDRESS.sub(r"\1&#58;", html), notes


def summary(facts: Facts) -> str:
    """What came out, in a sentence."""
    split, name = facts.main_figure
    if not name:
        return "No metrics have been measured yet." if facts.state != "done" else "There are no metrics."
    metrics = facts.metrics
    blend = f" The model is a blend: {metrics.blend}." if metrics.blend else ""
    text = f"{split.capitalize()} {name.replace('_', ' ')} {figure(metrics.splits[split][name])}"
    spread, told = metrics.spread.get(split, {}).get(name, {}), []
    if split == "test" and name in metrics.intervals:
        told.append(f"95% interval {' to '.join(map(figure, metrics.intervals[name]))}")
    if {"min", "max"} <= spread.keys():
        over = f"{len(facts.inner_runs)} folds" if facts.kind == "folds" else f"{len(facts.search.seeds)} seeds"
        if facts.kind == "products":
            over = f"{sum(entry.get('state') == 'done' for entry in metrics.products)} products"
        told.append(f"{figure(spread['min'])} to {figure(spread['max'])} over {over}")
    number = metrics.samples if split == "test" and facts.kind == "run" else None
    return text + (f" ({'; '.join(told)})" if told else "") + (f" on {samples(number)}" if number else "") + f".{blend}"


def commands(facts: Facts, folder: str) -> list[tuple[str, str]]:
    """(purpose, command line) of what a run can be used for, its folder being named as given."""
    if facts.kind == "search":
        finals = [run.path for run in facts.inner_runs if run.state == "done"]
        model = f"{folder}/{finals[0]}" if finals else ""
    elif facts.kind == "products":
        done = [values.text(entry.get("product")) for entry in facts.metrics.products if entry.get("state") == "done"]
        model = f"{folder}/products/{done[0]}" if done else ""
    elif facts.kind == "folds":
        model = next((f"{folder}/{run.path}" for run in facts.inner_runs if run.state == "done"), "")
    else:
        model = folder if facts.has_model else ""
    found = []
    if model and facts.schema is not None:
        found.append(("Use the model:", f"tfpipe {facts.schema.use.format(quoted(model))}"))
        found.append(("Measure it on other data:", f"tfpipe evaluate {quoted(model)} PATH"))
        found.append(("Export it, verified on held-out samples:", f"tfpipe export {quoted(model)}"))
    if facts.source:
        verb = "tune" if facts.kind == "search" else "run"
        found.append(("Do the same again, in a new folder:", f"tfpipe {verb} {quoted(f'{folder}/pipeline.yaml')}"))
    return found


def _content(facts: Facts) -> dict[str, Any]:
    """What the template shows, by the name it has there."""
    (words, cut), times = _words(facts), facts.metrics.seconds
    kinds = {"search": "search", "folds": "cross-validation", "products": "runs of several products", "run": "run"}
    versions = values.mapping(facts.environment.get("versions"))
    data = {"source": facts.data.path, "content hash (SHA-256)": facts.data.content_hash, **facts.data.source}
    how = [
        ("versions", ", ".join(f"{name} {values.text(version)}" for name, version in versions.items())),
        ("platform", values.text(facts.environment.get("platform"))),
        ("git commit", values.text(facts.environment.get("git_commit"))),
    ]
    resumed = len(values.records(facts.environment.get("resumed")))
    how.append(("resumed", f"{resumed} times" if resumed > 1 else "once" if resumed else ""))
    return {
        "title": f"{facts.name}: report of {facts.shown}",
        "subtitle": f"{kinds[facts.kind]} of the pipeline {facts.name}",
        "state": facts.state if facts.state in ("done", "failed") else "unfinished",
        "unfinished": _STATES.get(facts.state, "Its state is unknown."),
        "reason": values.text(facts.status.get("reason")),
        "summary": summary(facts),
        "data": [(name, text) for name, text in data.items() if text],
        **{name: made(facts) for name, made in _TABLES.items()},
        "search": tables.search_table(facts) if facts.kind == "search" else [],
        "mistakes": _mistakes(facts),
        "words": words,
        "words_cut": cut,
        "kept": _kept(facts),
        "panels": [] if any(path.stem == "curves" for path in facts.pictures) else curves.panels(facts.history),
        "svg_size": (curves.WIDTH, curves.HEIGHT),
        "times": [({"epoch": "one epoch"}.get(name, name), seconds(value)) for name, value in times.items()],
        "pages": _pages([name for name in facts.pages if not (words and name == "mistakes.html")]),
        "commands": commands(facts, facts.shown),
        "how": [(name, text) for name, text in how if text],
        "recorded": command(values.text(facts.environment.get("command"))),
        "footer": f"Written by tfpipelines {__version__} from the files of {facts.shown}. {_ALONE}",
    }


def _contents(facts: Facts, content: dict[str, Any]) -> list[tuple[str, str]]:
    """(anchor, heading) of the sections that have something to show."""
    shown, search = content["pictures"], facts.kind == "search"
    results = content["figures"] or content["leaderboard"] or content["inner_parts"] or content["products"]
    found = {
        ("what", "What was searched" if search else "What was trained"): content["what"],
        ("data", "On what data"): content["data"] or content["counts"] or facts.data.findings,
        ("results", "What it found" if search else "How well it does"): results or shown[RESULTS],
        ("failures", "Where it fails"): content["mistakes"]
        or content["samples"]
        or content["slices"]
        or content["words"]
        or shown[FAILURES]
        or content["pages"][FAILURES],
        ("training", "How training went"): content["kept"] or content["panels"] or shown[TRAINING] or content["times"],
        ("pictures", "More pictures"): shown[MORE] or content["pages"][MORE],
        ("exports", "What was exported"): content["exports"],
        ("next", "What to do next"): True,
        ("how", "How it was made"): content["how"] or facts.source,
    }
    return [entry for entry, something in found.items() if something]


def _placed(facts: Facts, pictures: list[Picture]) -> dict[str, list[tuple[Picture, str]]]:
    """Pictures with their captions by where they stand, in the order of the captions, unknown ones last."""
    found: dict[str, list[tuple[Picture, str]]] = {place: [] for place in _PLACES}
    order = {name: number for number, name in enumerate(CAPTIONS)}
    for picture in sorted(pictures, key=lambda picture: order.get(Path(picture.name).stem, len(order))):
        place, text = caption(Path(picture.name).stem, facts.made)
        found[place].append((picture, text))
    return found


def _kept(facts: Facts) -> str:
    """Which epochs the model is of."""
    if facts.metrics.blend:
        of_each = "Each part was trained by itself: the table of candidates names its best epoch"
        return f"The model is a blend: {facts.metrics.blend}. {of_each}, candidates/ has the history of each."
    so_far = "" if facts.state == "done" else " so far"
    kept = best_epoch(facts) if facts.kind == "run" and facts.has_model else 0
    return f"The model{so_far} is that of epoch {kept} of {len(facts.history)}." if kept else ""


def _pages(names: list[str]) -> dict[str, list[str]]:
    """Names of pages by where they are told: those of failures there, all others at the end."""
    places = {name: caption(Path(name).stem, None)[0] for name in names}
    of_failures = [name for name, place in places.items() if place == FAILURES]
    return {FAILURES: of_failures, MORE: [name for name in names if name not in of_failures]}


def _mistakes(facts: Facts) -> str:
    failures = facts.failures
    if facts.made is Kind.REGRESSOR:
        return _outside(facts)
    if failures.total is None or not failures.of:
        return ""
    of = count(failures.of)
    part = f"the first {of} rows of predictions.csv" if failures.cut else f"{of} test samples"
    share = percent(failures.total / failures.of)
    told = f"{count(failures.total)} of {part} are misclassified ({share}). All are in predictions.csv."
    return told if failures.total else f"None of {part} is misclassified."


def _outside(facts: Facts) -> str:
    """How many numbers lie outside of their prediction interval."""
    failures = facts.failures
    if failures.total is None or not failures.of:
        return ""
    of = count(failures.of)
    part = f"the first {of} rows of predictions.csv" if failures.cut else f"{of} test samples"
    share = percent(failures.total / failures.of)
    return f"{count(failures.total)} of {part} lie outside their prediction interval ({share})."


def _words(facts: Facts) -> tuple[list[dict[str, Any]], int]:
    """Explained texts cut into pieces, and the number of characters that are shown where some are longer, else 0."""
    entries = facts.words.get("entries", [])
    shown = [{**entry, "pieces": pieces(entry["text"], entry["explanation"], _MOST_TEXT)} for entry in entries]
    return shown, _MOST_TEXT if any(len(entry["text"]) > _MOST_TEXT for entry in entries) else 0
