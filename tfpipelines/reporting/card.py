"""The model card: sections of Mitchell et al. 2019 ("Model Cards for Model Reporting") under metadata for the Hub."""

import hashlib
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from .. import __version__, metrics
from ..core.words import count, counted, instant, listed, plain_lines, plain_text, samples
from ..output.pages import environment
from ..tasks.abilities import Kind
from . import column_tables, tables, values
from .advice import Advice
from .facts import Facts
from .page import commands, summary

# advice that says nothing of the model's limits
_OF_THE_RUN = ("train_longer", "interrupted", "failed", "unfinished", "diverged")
_MOST_CLASSES = 100
_NUMBERS = "a number in the unit of the target; with tfpipelines also its prediction interval, where one was fitted"
_LONGEST = 2**26  # bytes of a model's configuration
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$!])")
_ADDRESS = re.compile(r"(https?|ftp):(?=//)|(www)\.", re.IGNORECASE)
_MARK = "<!-- written by tfpipelines, which writes it anew as long as nobody has changed it: {} -->\n"


class _Plain(str):
    """Text that is Markdown already."""


def card(facts: Facts, advice: list[Advice]) -> str:
    """The Markdown of a model card, with a last line that tells whether someone has changed it since."""
    data = [("source", _source(facts)), ("content hash (SHA-256)", facts.data.content_hash)]
    data += [(name, _without_folders(text)) for name, text in facts.data.source.items()]
    content = {
        "facts": facts,
        "metadata": _Plain(yaml.safe_dump(metadata(facts), sort_keys=False, allow_unicode=True, width=1000).rstrip()),
        "summary": summary(facts),
        "reason": values.text(facts.status.get("reason")),
        "details": _details(facts),
        "gives": _NUMBERS if facts.made is Kind.REGRESSOR else facts.schema.gives if facts.schema is not None else "",
        "classes": listed(facts.data.classes, _MOST_CLASSES) if facts.made is Kind.CLASSIFIER else "",
        "data": [(name, text) for name, text in data if text],
        "counts": tables.counts_table(facts),
        "call": facts.schema.call if facts.schema is not None else "",
        "figures": tables.figures_table(facts),
        "calibration": tables.calibration(facts),
        "by_class": tables.classes_table(facts),
        **column_tables.card_tables(facts),
        "limitations": _limitations(facts, advice),
        "loading": _loading(facts),
        "commands": commands(facts, "."),
        "table": _table,
    }
    text = re.sub(r"\n{3,}", "\n\n", plain_lines(_template().render(content))).rstrip() + "\n\n"
    return text + _MARK.format(_hash(text))


def is_ours(text: str) -> bool:
    """Whether a card is as `card` has written it."""
    body, _, last = text.rpartition("<!-- ")
    return bool(last) and f"<!-- {last}" == _MARK.format(_hash(body))


def metadata(facts: Facts) -> dict[str, Any]:
    """What the hub reads: neither a licence nor a language is known here, so none is told."""
    task = facts.schema.hub_task if facts.schema is not None else ""
    tags = ["tfpipelines", *(facts.schema.hub_tags if facts.schema is not None else ())]
    if facts.made is Kind.REGRESSOR:  # the Hub has a name for those of tables alone
        task, tags = "tabular-regression" if task.startswith("tabular") else "", [*tags, "regression"]
    test = facts.metrics.splits.get("test", {})
    hubs = {name: entry.hub for name in test if (entry := metrics.metric(name, facts.made or "")) is not None}
    known = {name: hub for name, hub in hubs.items() if hub is not None}
    content: dict[str, Any] = {"library_name": "keras", **({"pipeline_tag": task} if task else {}), "tags": tags}
    if known:
        ordered = [entry.hub[0] for entry in metrics.METRICS if entry.hub and entry.hub in known.values()]
        content["metrics"] = list(dict.fromkeys([*(["mse"] if "rmse" in test else []), *ordered]))
    if test:
        name = _source(facts).removeprefix("sample:") or "unknown"
        told = []
        for figure, value in test.items():
            identity, written = known.get(figure, (figure, figure.replace("_", " ")))
            told.append({"type": identity, "name": written, "value": round(float(value), 6)})
            if figure == "rmse":  # the Hub has a name for its square
                told.append({"type": "mse", "name": "MSE", "value": round(float(value) ** 2, 6)})
        of = {"type": task, "name": task.replace("-", " ").title()} if task else {"type": "other", "name": facts.task}
        dataset = {"type": name, "name": name, "split": "test"}
        results = [{"task": of, "dataset": dataset, "metrics": told}]
        content["model-index"] = [{"name": facts.name, "results": results}]
    return content


def _source(facts: Facts) -> str:
    """What the data are called."""
    return _without_folders(facts.data.path)


def _without_folders(name: str) -> str:
    """Of a path the last part, since the rest is of one machine and may tell more than it should."""
    path = "/" in name and "://" not in name and not name.startswith(("sample:", "package:"))
    return Path(name).name if path else name


def _details(facts: Facts) -> list[tuple[str, str]]:
    fields = facts.model
    sizes = {name: _without_folders(values.text(fields[name])) for name in fields if name in ("backbone", "depth")}
    network = ", ".join(f"{name} {size}" for name, size in sizes.items() if size)
    versions = values.mapping(facts.environment.get("versions"))
    by = values.text(versions.get("tfpipelines")) or __version__
    frameworks = [("keras", "Keras"), ("tensorflow", "TensorFlow")]
    told = [
        ("made by", f"tfpipelines {by}, pipeline {facts.name}, task {facts.task}"),
        ("network", facts.network + (f" ({network})" if network else "")),
        ("blend of", facts.metrics.blend),
        ("chosen among", listed([values.text(entry.get("name")) for entry in facts.metrics.candidates])),
        ("parameters", count(values.number(facts.metrics.network.get("parameters")))),
        ("trained", instant(facts.status.get("started"))),
        ("epoch", f"{facts.metrics.best_epoch} of {len(facts.history)}" if facts.metrics.best_epoch else ""),
        ("seed", values.text(facts.pipeline.get("seed"))),
        ("format", ", ".join(f"{name} {values.text(versions[key])}" for key, name in frameworks if key in versions)),
        ("every setting", "pipeline.yaml in this folder" if facts.source else ""),
    ]
    return [(name, text) for name, text in told if text]


def _limitations(facts: Facts, advice: list[Advice]) -> list[str]:
    lines = [entry.text for entry in advice if entry.code not in _OF_THE_RUN]
    findings = [(finding, finding["message"].rstrip(".")) for finding in facts.data.findings]
    remedied = {message for finding, message in findings if finding["remedy"]}
    warned = [message for finding, message in findings if finding["severity"] == "warning"]
    lines += [f"{message}." for message in warned if message not in remedied]
    pairs = [(true or "none", told or "none", times) for true, told, times in facts.failures.pairs[:3]]
    if pairs:
        told = [f"{true} predicted as {told} ({counted(times, 'time')})" for true, told, times in pairs]
        lines.append(f"Most frequent mistakes on the test split: {'; '.join(told)}.")
    if facts.made is Kind.REGRESSOR and facts.failures.samples:
        errors = [f"{true} predicted as {told}" for _, true, told, _ in facts.failures.samples[:3]]
        lines.append(f"Largest errors on the test split: {'; '.join(errors)}.")
    if not facts.metrics.splits:
        lines.append("No metrics have been measured, so its performance is unknown.")
    if facts.metrics.samples:
        tested = (
            f"It was tested on {samples(facts.metrics.samples)} that come from the same source as the training data"
        )
        lines.append(f"{tested}; other sources may give other metrics.")
    return lines


def _loading(facts: Facts) -> str:
    """What a model file needs besides Keras."""
    try:
        with zipfile.ZipFile(facts.folder / "model.keras") as archive:
            if archive.getinfo("config.json").file_size > _LONGEST:
                raise ValueError
            configuration = archive.read("config.json")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return "The file of the model cannot be read."
    names = {"tfpipelines": "tfpipelines", "keras_hub": "keras-hub"}
    needed = [name for module, name in names.items() if re.search(rf'"{module}[."]'.encode(), configuration)]
    if needed:
        return f"It has layers of {' and '.join(needed)}, which must be installed."
    return "Its layers are Keras' own: nothing else has to be installed."


@cache
def _template() -> jinja2.Template:
    found = environment(Path(__file__).parent, finalize=_escaped)
    found.filters["code"] = lambda line: _Plain(plain_text(line))
    return found.get_template("card.md.j2")


def _escaped(value: Any) -> str:
    """A value as Markdown that shows it as it is, in one line."""
    if isinstance(value, _Plain):
        return value
    line = " ".join(str(value).split()).replace("&", "&amp;")
    hidden = lambda match: f"{match[1]}&#58;" if match[1] else f"{match[2]}&#46;"
    return _ADDRESS.sub(hidden, _SPECIAL.sub(r"\\\1", line))


def _table(content: tables.Table) -> _Plain:
    sides = ["---:" if place >= max(content.figures_from, 1) else "---" for place in range(len(content.columns))]
    rows = [[_escaped(cell) for cell in row] for row in (content.columns, *content.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in (rows[0], sides, *rows[1:])]
    return _Plain("\n".join([*lines, *(["", _escaped(content.note)] if content.note else [])]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
