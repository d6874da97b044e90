"""What pages of the reference include: the command line, exit codes, lists of components, the tree of files."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
from markdown_parts import code, codes, escaped, sentence, table

import tfpipelines
from tfpipelines import errors
from tfpipelines.cli import cli
from tfpipelines.core.config.backbones import known_backbones
from tfpipelines.core.config.kinds import KINDS
from tfpipelines.core.config.losses import LOSSES
from tfpipelines.core.config.optimizers import OPTIMIZERS
from tfpipelines.core.config.train import Training
from tfpipelines.datasets.source import built_in as built_in_sources
from tfpipelines.exporting.formats import built_in as built_in_exporters
from tfpipelines.metrics.registry import BUILT_IN, CLASSIFIER, Kind, Metric

_COMMANDS = ("pipelines", "training", "models", "sharing", "provenance")  # files of `cli`, in the order of their use
_KINDS = {
    "images": "Classifiers of images",
    "texts": "Classifiers of texts",
    "image_autoencoders": "Detectors of anomalies in images",
    "row_autoencoders": "Detectors of anomalies in tables",
    "series_autoencoders": "Detectors of anomalies in time series",
    "gans": "Generators of images",
}


def fragments(root: Path) -> dict[str, str]:
    """{name: Markdown}."""
    parts = {
        "commands": _commands(), "exit_codes": _exit_codes(), "networks": _networks(), "backbones": _backbones(),
        "optimizers": _optimizers(), "losses": _losses(), "sources": _sources(), "exporters": _exporters(),
        "metrics": _metrics(), "files": _files(root),
    }  # fmt: skip
    return {name: "\n".join(lines) for name, lines in parts.items()}


# --- command line
def _commands() -> Iterator[str]:
    modules: dict[str, list[click.Command]] = {name: [] for name in _COMMANDS}
    for command in cli.commands.values():
        modules.setdefault(command.callback.__module__.rpartition(".")[2], []).append(command)
    top = click.Context(cli, info_name="tfpipe", **cli.context_settings)
    yield "## `tfpipe`\n"
    yield from _command(cli, top)
    for commands in modules.values():
        for command in commands:
            yield f"(tfpipe-{command.name})=\n## `tfpipe {command.name}`\n"
            yield from _command(command, click.Context(command, parent=top, info_name=command.name))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    if command is not cli:
        yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    for paragraph in (command.help or "").split("\n\n"):
        lines = paragraph.splitlines()
        if lines[0].strip() != "\b":
            yield f"{escaped(paragraph)}\n"
        elif command is not cli or "Exit codes" not in paragraph:  # which have a page of their own
            yield "```text\n" + textwrap.dedent("\n".join(lines[1:])) + "\n```\n"
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    rows = [(codes(names.split(", ")), escaped(text).replace("  ", " ")) for names, text in records]
    yield table(("option", "meaning"), rows, (34, 66))


# --- exit codes
def _exit_codes() -> Iterator[str]:
    found: dict[int, list[type]] = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.TfpipelinesError) and kind is not errors.TfpipelinesError:
            found.setdefault(kind.exit_code, []).append(kind)
    said = {
        0: [("", "Done.")],
        1: [("", "A bug in tfpipelines. The message names the file with the traceback.")],
        130: [("Interrupted", "Stopped by Ctrl-C (SIGINT). `tfpipe resume` goes on.")],
        143: [("Interrupted", "Stopped by SIGTERM. `tfpipe resume` goes on.")],
    }
    for number, kinds in found.items():
        said[number] = [(kind.__name__, escaped((kind.__doc__ or "").split("\n\n")[0])) for kind in kinds]
    said[2].append(("", "The command was given unknown options or too few arguments."))
    public = set(tfpipelines.__all__)
    linked = lambda name: f"{{py:exc}}`~tfpipelines.{name}`" if name in public else code(name) if name else ""
    rows = [(code(number), linked(name), text) for number in sorted(said) for name, text in said[number]]
    yield table(("code", "exception", "meaning"), rows, (10, 28, 62))


# --- components
def _networks() -> Iterator[str]:
    for kind in KINDS:
        yield f"### {_KINDS.get(kind.folder, kind.folder)}\n"
        rows = [(code(name), escaped(_summary(kind.section(name).__doc__))) for name in kind.names]
        yield table(("`model.name`", "what it is"), rows, (20, 80))


def _backbones() -> Iterator[str]:
    rows = [
        (code(entry.name), f"{entry.parameters:,}", str(entry.size), escaped(entry.origin))
        for entry in known_backbones()
    ]
    yield table(("`model.backbone`", "parameters", "input size", "weights"), rows, (30, 20, 15, 35))


def _optimizers() -> Iterator[str]:
    base = Training.model_fields["learning_rate"].default
    rows = []
    for name, entry in OPTIMIZERS.items():
        own = codes(key for key in entry.takes if key in Training.model_fields)
        rows.append((code(name), escaped(entry.source), f"{base * entry.rate:g}", f"{entry.decay:g}", own))
    head = ("`train.optimizer`", "described in", "usual rate", "usual decay", "fields of `train` that it takes")
    yield table(head, rows, (20, 25, 10, 10, 35))


def _losses() -> Iterator[str]:
    rows = []
    for name, entry in LOSSES.items():
        words = {("class", "labels"): "classes", ("labels",): "several labels", ("number",): "numbers"}
        labels = words.get(entry.targets, "all")
        rows.append((code(name), escaped(entry.words), escaped(entry.source), labels, codes(entry.takes)))
    yield table(
        ("`train.loss`", "what it is", "described in", "targets", "fields of `train` that it takes"),
        rows,
        (18, 22, 22, 14, 24),
    )


def _sources() -> Iterator[str]:
    named = lambda source: source.__module__.rpartition(".")[2]
    about = lambda source: escaped(_summary(ast.get_docstring(ast.parse(_text_of(source)))))
    rows = [(code(named(source)), ", ".join(source.kinds), about(source)) for source in built_in_sources()]
    yield table(("source", "samples", "what it reads"), rows, (15, 25, 60))


def _exporters() -> Iterator[str]:
    rows = [
        (code(name), escaped(exporter.runs_in), code(exporter.file), codes(exporter.quantized) or "none")
        for name, exporter in built_in_exporters().items()
    ]
    yield table(("`--format`", "read by", "file", "`--quantize`"), rows, (20, 30, 25, 25))


def _metrics() -> Iterator[str]:
    ways = {"max": "higher", "min": "lower", None: "neither"}
    for kind in Kind:
        yield f"## Metrics of {kind}s\n"
        of_kind: list[Metric] = [entry for entry in BUILT_IN if entry.kind == kind]
        single = kind != CLASSIFIER
        labels = {("single_label",): "one", ("multi_label",): "several", ("single_label", "multi_label"): "both"}
        rows = []
        for entry in of_kind:
            low, high = (f"{bound:g}".replace("inf", "∞") for bound in entry.range)
            row = [code(entry.name), ways[entry.better], f"{low} to {high}", escaped(entry.what)]
            rows.append(row if single else [*row, labels.get(entry.by, "both")])
        head = ("metric", "better", "range", "what it is")
        yield table(head if single else (*head, "labels"), rows, (24, 10, 12, 54) if single else (22, 9, 10, 48, 11))


# --- files
def _files(root: Path) -> Iterator[str]:
    package = root / "tfpipelines"
    folders = sorted({path.parent for path in package.rglob("*.py")}, key=lambda path: path.parts)
    for folder in folders:
        paths = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
        initial, name = folder / "__init__.py", folder.relative_to(root).as_posix()
        yield f"### `{name}/`\n"
        if initial.is_file() and (text := _summary(_docstring(initial))):
            yield f"{sentence(escaped(text))}\n"
        if paths:
            rows = [(code(path.name), escaped(_summary(_docstring(path)))) for path in paths]
            yield table(("file", "what is in it"), rows, (28, 72))


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _text_of(kind: type) -> str:
    return Path(inspect.getfile(kind)).read_text(encoding="utf-8")


def _summary(text: str | None) -> str:
    """The first paragraph of a docstring."""
    return " ".join((text or "").split("\n\n")[0].split())
