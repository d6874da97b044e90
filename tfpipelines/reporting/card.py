"""The model card: sections of Mitchell et al. 2019 ("Model Cards for Model Reporting") under the metadata that the
Hugging Face Hub reads.
"""

import hashlib
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from .. import __version__
from ..errors import counted
from ..tasks.abilities import Kind
from . import tables, values
from .advice import Advice
from .facts import Facts
from .page import commands, summary
from .words import count, instant, listed, samples

_METRICS = {
    "accuracy": ("accuracy", "Accuracy"),
    "f1_macro": ("f1", "F1 (macro)"),
    "f1_micro": ("f1", "F1 (micro)"),
    "f1": ("f1", "F1"),
    "roc_auc": ("roc_auc", "ROC AUC"),
    "precision": ("precision", "Precision"),
    "recall": ("recall", "Recall"),
}  # ours: the hub's id and how it is written
_OF_THE_RUN = (
    "train_longer",
    "interrupted",
    "failed",
    "unfinished",
    "diverged",
)  # advice that says nothing of the model's limits
_MOST_CLASSES = 100
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$!])")
_ADDRESS = re.compile(r"(https?|ftp):(?=//)|(www)\.", re.IGNORECASE)
_MARK = "<!-- written by tfpipelines, which writes it anew as long as nobody has changed it: {} -->\n"


class _Plain(str):
    """Text that is Markdown already."""


def card(facts: Facts, advice: list[Advice]) -> str:
    """The Markdown of a model card, with a last line that tells whether someone has changed it since."""
    content = {
        "facts": facts,
        "metadata": _Plain(yaml.safe_dump(metadata(facts), sort_keys=False, allow_unicode=True, width=1000).rstrip()),
        "summary": summary(facts),
        "reason": values.text(facts.status.get("reason")),
        "details": _details(facts),
        "classes": listed(facts.data.classes, _MOST_CLASSES) if facts.made is Kind.CLASSIFIER else "",
        "data": [
            (name, text)
            for name, text in (
                ("source", _source(facts)),
                ("content hash (SHA-256)", facts.data.content_hash),
                *((name, _without_folders(text)) for name, text in facts.data.source.items()),
            )
            if text
        ],
        "counts": tables.counts_table(facts),
        "figures": tables.figures_table(facts),
        "calibration": tables.calibration(facts),
        "by_class": tables.classes_table(facts),
        "limitations": _limitations(facts, advice),
        "loading": _loading(facts),
        "commands": commands(facts, "."),
        "table": _table,
    }
    text = re.sub(r"\n{3,}", "\n\n", _environment().get_template("card.md.j2").render(content)).rstrip() + "\n\n"
    return text + _MARK.format(_hash(text))


def is_ours(text: str) -> bool:
    """Whether a card is as `card` has written it."""
    body, _, last = text.rpartition("<!-- ")
    return bool(last) and f"<!-- {last}" == _MARK.format(_hash(body))


def metadata(facts: Facts) -> dict[str, Any]:
    """What the hub reads: neither a licence nor a language is known here, so none is told."""
    task = facts.schema.hub_task if facts.schema is not None else ""
    tags = ["tfpipelines", *(facts.schema.hub_tags if facts.schema is not None else ())]
    test = facts.metrics.parts.get("test", {})
    generator = tables.is_generator(facts)
    known = {name: entry for name, entry in _METRICS.items() if name in test and not generator}
    content: dict[str, Any] = {"library_name": "keras", **({"pipeline_tag": task} if task else {}), "tags": tags}
    if known:
        content["metrics"] = list(dict.fromkeys(identity for identity, _ in known.values()))
    if test:
        name = _source(facts).removeprefix("sample:") or "unknown"
        told = [
            {
                "type": known.get(figure, (figure,))[0],
                "name": known[figure][1] if figure in known else figure.replace("_", " "),
                "value": round(float(value), 6),
            }
            for figure, value in test.items()
        ]
        kind = {"type": task, "name": task.replace("-", " ").title()} if task else {"type": "other", "name": facts.task}
        content["model-index"] = [
            {
                "name": facts.name,
                "results": [{"task": kind, "dataset": {"type": name, "name": name, "split": "test"}, "metrics": told}],
            }
        ]
    return content


def _source(facts: Facts) -> str:
    """What the data are called."""
    return _without_folders(facts.data.path)


def _without_folders(name: str) -> str:
    """Of a path the last part, since the rest is of one machine and may tell more than it should."""
    return (
        Path(name).name if "/" in name and "://" not in name and not name.startswith(("sample:", "package:")) else name
    )


def _details(facts: Facts) -> list[tuple[str, str]]:
    fields = facts.section("model")
    network = ", ".join(
        f"{name} {_without_folders(values.text(entry))}"
        for name, entry in fields.items()
        if name in ("backbone", "depth") and values.text(entry)
    )
    versions = values.mapping(facts.environment.get("versions"))
    told = [
        (
            "made by",
            f"tfpipelines {values.text(versions.get('tfpipelines')) or __version__}, pipeline {facts.name}, "
            f"task {facts.task}",
        ),
        ("network", facts.network + (f" ({network})" if network else "")),
        ("parameters", count(values.number(facts.metrics.network.get("parameters")))),
        ("trained", instant(facts.status.get("started"))),
        ("epoch", f"{facts.metrics.best_epoch} of {len(facts.history)}" if facts.metrics.best_epoch else ""),
        ("seed", values.text(facts.pipeline.get("seed"))),
        (
            "format",
            ", ".join(
                f"{name} {values.text(versions[key])}"
                for key, name in (("keras", "Keras"), ("tensorflow", "TensorFlow"))
                if key in versions
            ),
        ),
        ("every setting", "pipeline.yaml beside this file" if facts.source else ""),
    ]
    return [(name, text) for name, text in told if text]


def _limitations(facts: Facts, advice: list[Advice]) -> list[str]:
    lines = [entry.text for entry in advice if entry.code not in _OF_THE_RUN]
    remedied = {finding["message"].rstrip(".") for finding in facts.data.findings if finding["remedy"]}
    lines += [
        finding["message"].rstrip(".") + "."
        for finding in facts.data.findings
        if finding["severity"] == "warning" and finding["message"].rstrip(".") not in remedied
    ]
    pairs = facts.failures.pairs[:3]
    if pairs:
        lines.append(
            "Most frequent mistakes of the test: "
            + "; ".join(
                f"{true or 'none'} taken for {told or 'none'} ({counted(number, 'time')})"
                for true, told, number in pairs
            )
            + "."
        )
    if not facts.metrics.parts:
        lines.append("Nothing has been measured, so nothing is known of how well it does.")
    if facts.metrics.samples:
        lines.append(
            f"It was tested on {samples(facts.metrics.samples)} that come from the same source as the "
            "training data; other sources may give other figures."
        )
    return lines


def _loading(facts: Facts) -> str:
    """What a model file needs besides Keras."""
    try:
        with zipfile.ZipFile(facts.folder / "model.keras") as archive:
            configuration = archive.read("config.json")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return "The file of the model cannot be read."
    needed = [
        name
        for module, name in (("tfpipelines", "tfpipelines"), ("keras_hub", "keras-hub"))
        if f'"{module}.'.encode() in configuration or f'"{module}"'.encode() in configuration
    ]
    return (
        f"It has layers of {' and '.join(needed)}, which must be installed."
        if needed
        else "Its layers are Keras' own: nothing else has to be installed."
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escaped,
    )  # no HTML: `finalize` escapes what Markdown would take for its own
    environment.filters["code"] = lambda line: _Plain(
        "".join(character if character.isprintable() else "�" for character in str(line))
    )
    return environment


def _escaped(value: Any) -> str:
    """A value as Markdown that shows it as it is, in one line."""
    if isinstance(value, _Plain):
        return value
    line = " ".join(str(value).split()).replace("&", "&amp;")
    return _ADDRESS.sub(
        lambda match: f"{match[1]}&#58;" if match[1] else f"{match[2]}&#46;", _SPECIAL.sub(r"\\\1", line)
    )


def _table(content: tables.Table) -> _Plain:
    cells = [
        content.columns,
        ["---"] + ["---:" if place >= content.figures_from else "---" for place in range(1, len(content.columns))],
        *content.rows,
    ]
    lines = [
        "| " + " | ".join(cell if number == 1 else _escaped(cell) for cell in row) + " |"
        for number, row in enumerate(cells)
    ]
    return _Plain("\n".join([*lines, *(["", _escaped(content.note)] if content.note else [])]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
