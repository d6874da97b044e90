"""Commands that use a trained model: evaluate, recalibrate, watch, predict, generate."""

import csv
import io
import json
import sys
from typing import Any

import click

from ..core.splits import SPLITS
from .command import command, echo
from .group import cli, opened, overrides_argument, trust_option, whole

_SPLITS = click.Choice([*SPLITS, "all"])
_AT_ONCE = 128  # rows of a stream that go through the model together, if so many have come


@command(cli)
@click.argument("run")
@click.argument("path")
@overrides_argument
@click.option("--split", type=_SPLITS, help="Which split of the data; default: test if there is one, else all.")
@click.option("--out", metavar="DIR", help="Also write metrics.json, predictions.csv and plots there.")
@trust_option
def evaluate(terminal, run, path, overrides, split, out, trust):
    """Measure a run's model on new labelled data."""
    from ..output.printing import finding_lines, print_metrics

    figures = opened(terminal, run, trust).evaluate(path, split, out, overrides)
    for line in finding_lines(figures["findings"], ("warning",)):
        terminal.messages.print(line)
    if terminal.results:
        print_metrics(figures)
        echo(f"{figures['samples']} samples ({figures['split']})")
    return figures


@command(cli)
@click.argument("run")
@click.argument("path")
@overrides_argument
@click.option(
    "--false-alarm-rate", type=float, metavar="RATE",
    help="Target false-alarm rate: share of normal samples that give an alarm; default: as before.",
)  # fmt: skip
@trust_option
def recalibrate(terminal, run, path, overrides, false_alarm_rate, trust):
    """Fit an anomaly detector's threshold to new normal data, without training."""
    from .. import reporting
    from ..output.printing import finding_lines

    loaded = opened(terminal, run, trust)
    result = loaded.recalibrate(path, false_alarm_rate, overrides)
    reporting.report(loaded)
    for line in finding_lines(result["findings"], ("warning", "note")):
        terminal.messages.print(line)
    if terminal.results:
        echo(result["sentence"])
        if before := result["before"]:
            echo(f"before: {before['threshold']:.6g} at a rate of {before['false_alarm_rate']:g}")
    return result


@command(cli)
@click.argument("run")
@click.argument("path")
@overrides_argument
@click.option(
    "--alpha", type=float, default=0.01, show_default=True, metavar="RATE",
    help="Largest probability of a false alarm, over the whole of the data, however often you look.",
)  # fmt: skip
@click.option(
    "--every", **whole(1, 1), help="Test only each N-th sample, where neighbouring ones depend on each other."
)
@click.option("--seed", **whole(0, 0), help="Seed of the random numbers that break ties among scores.")
@trust_option
def watch(terminal, run, path, overrides, alpha, every, seed, trust):
    """Test whether new data are still like those that an anomaly detector's threshold was fitted to.

    PATH is a file, a glob pattern or a folder in the order of time, or `-`: rows on stdin as they come, or a path of an
    image in each line. Exit code 5: the data have shifted.
    """
    from ..core.words import counted, quoted
    from ..errors import ShiftedError

    loaded = opened(terminal, run, trust)
    if path == "-":
        from .streaming import batches_of_stdin

        data: Any = batches_of_stdin(loaded, overrides, _AT_ONCE)
    else:
        data = path
    result = loaded.watch(data, alpha, seed, overrides, every=every)
    result["remedy"] = f"tfpipe recalibrate {quoted(run)} {'PATH' if path == '-' else quoted(path)}"
    if result["unread"]:
        told = "; ".join(result["errors"])
        terminal.warning(f"{counted(result['unread'], 'input')} could not be read: {told}")
    if result["caution"]:
        terminal.warning(result["caution"])
    if result["shifted"]:
        remedy = f"If the new data are normal, fit the threshold to them: {result['remedy']}"
        error = ShiftedError(f"{result['sentence']}.", remedy)
        error.result, error.shown = result, terminal.results
        if error.shown:
            echo(str(error))
        raise error
    if terminal.results:
        echo(result["sentence"])
    return result


@command(cli)
@click.argument("run")
@click.argument("inputs", nargs=-1, metavar="[PATH...]")
@click.option(
    "--text", "texts", multiple=True, metavar="TEXT",
    help="A text to predict, for text tasks; may be given several times.",
)  # fmt: skip
@click.option(
    "--out",
    metavar="FILE",
    help="Write there, as JSON if it ends in .json, else as CSV; default or -: CSV on stdout.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Explain each prediction; with --out also write an HTML page of the same name.",
)
@click.option("--batch-size", **whole(1, 128), help="Inputs that go through the model at once.")
@click.option(
    "--safe-csv", is_flag=True,
    help="Put an apostrophe before text in CSV that a spreadsheet would take for a formula (= + - @).",
)  # fmt: skip
@click.option("--keep-columns", is_flag=True, help="Also write all columns of the tables that are predicted.")
@click.option(
    "--points", is_flag=True,
    help="Of time series a score for each point, by the window that ends with it, instead of one for each window.",
)  # fmt: skip
@click.option(
    "--follow", is_flag=True,
    help="Answer the rows on stdin as they come, points of time series with --points; with --json as JSON lines.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="For many images or texts: so many processes, which write parts into the folder --out. The same command goes "
    "on where it was ended.",
)  # fmt: skip
@click.option(
    "--cluster", metavar="ADDRESS",
    help="As --workers, by processes on a Ray cluster: HOST:PORT, auto (that of this machine) or local.",
)  # fmt: skip
@click.option("--block-size", **whole(1, 2048), help="With --workers or --cluster: inputs of a part.")
@click.option(
    "--format", "form", type=click.Choice(("csv", "parquet")), default="csv", show_default=True,
    help="With --workers or --cluster: of the parts.",
)  # fmt: skip
@trust_option
def predict(
    terminal, run, inputs, texts, out, explain, batch_size, safe_csv, keep_columns, points, follow, workers, cluster,
    block_size, form, trust,
):  # fmt: skip
    """Predict for files, folders, globs, tables or texts; `-` takes them from stdin: a table, or one in each line.

    Unreadable inputs are reported, the rest is predicted. Overrides such as data.text_column=quote set how to read.
    """
    import tempfile
    from pathlib import Path

    from ..core.outputs import STDOUT, is_stream, write_output
    from ..core.urls import Url
    from ..core.words import is_url, json_text, plain_lines
    from ..errors import ConfigError, DataError
    from ..evaluation.predictions import to_csv, to_records

    overrides = [word for word in inputs if word.startswith("data.") and "=" in word and not Path(word).exists()]
    inputs = [word for word in inputs if word not in overrides]
    if not (inputs or texts):
        raise click.UsageError(
            "Missing argument 'PATH...': name files, folders or a table, or give texts with --text TEXT."
        )
    if follow and (texts or explain or inputs != ["-"]):
        raise click.UsageError("--follow goes with `-` alone, and without --text and --explain.")
    if workers or cluster is not None:
        if texts or explain or points or follow or "-" in inputs or not out:
            option = "--workers" if workers else "--cluster"
            beside = "with PATH... and --out DIR, and without --text, --explain, --points, --follow and `-`"
            raise click.UsageError(f"{option} goes {beside}.")
        form = {"block_size": block_size, "form": form, "safe_csv": safe_csv, "keep_columns": keep_columns}
        given = {"overrides": overrides, "batch_size": batch_size, "trust": trust, **form}
        given |= {"workers": workers, "cluster": cluster}
        return _predict_files(terminal, run, inputs, out, given)
    loaded = opened(terminal, run, trust)
    if follow:
        from .streaming import follow_stdin

        form = {"out": out, "safe_csv": safe_csv, "keep_columns": keep_columns}
        return follow_stdin(terminal, loaded, overrides, batch_size=batch_size, **form)
    if texts and "text_column" not in type(loaded.pipeline.data).model_fields:
        raise ConfigError(f"--text: {run} is a run of {loaded.pipeline.task}, which takes no texts.", "Name files.")
    with tempfile.TemporaryDirectory() as folder:
        named = lambda word: Url(word) if is_url(word) else Path(word) if word else word
        read = lambda word: _read_stdin(loaded, folder, overrides) if word == "-" else [named(word)]
        entries = [entry for word in inputs for entry in read(word)]
        asked = {"keep_columns": keep_columns, "points": points}
        table = loaded.predict([*entries, *texts], batch_size, explain, overrides, **asked)
        for name in {"item", "error"} & set(table.columns):
            table[name] = [str(cell).replace(str(Path(folder) / "stdin"), "stdin") for cell in table[name]]
    for note in table.attrs.get("notes", ()):
        terminal.note(note)
    records = to_records(table)
    if out:
        as_json = Path(out).suffix.lower() == ".json"
        text = json_text(records) + "\n" if as_json else to_csv(table, safe_csv)
        write_output(out, text)
        if explain and not is_stream(out):
            loaded.draw_explanations(table, Path(out).with_suffix(".html"))
    elif terminal.results:
        on_screen = sys.stdout.isatty()
        text = to_csv(table, safe_csv, short=on_screen)  # not by click, which strips what looks like ANSI
        write_output(STDOUT, plain_lines(text) if on_screen else text)
    bad = [row for row in records if row.get("error")]
    if bad:
        remedy = "The others are predicted." if len(bad) < len(records) else ""
        details = [f"{row['item']}: {row['error']}" for row in bad[:10]]
        error = DataError(f"{len(bad)} of {len(records)} inputs could not be read.", remedy, details)
        error.result = records
        raise error
    return records


def _predict_files(terminal, run, inputs, out, options) -> dict[str, Any]:
    """Predictions for many files; what --json prints of them."""
    from ..core.heartbeat import tell
    from ..core.words import counted
    from ..errors import DataError
    from ..predicting import predict_files

    tell(terminal.warning)
    found = predict_files(run, inputs, out, observer=terminal, **options)
    parts = [str(path) for path in found.parts]
    result = {"folder": str(found.folder), "parts": parts, "count": found.count, "bad": found.bad}
    if found.bad:
        remedy = f"The others are predicted; {found.folder / '_errors.csv'} lists these."
        error = DataError(f"{found.bad:,} of {found.count:,} inputs could not be read.", remedy)
        error.result = result
        raise error
    if terminal.results:
        echo(f"{counted(found.count, 'input')} predicted, in {counted(len(parts), 'part')} in {found.folder}")
    return result


@command(cli)
@click.argument("run")
@click.option("--count", **whole(1, 64), help="Images to draw.")
@click.option("--seed", **whole(0, 0), help="Seed of the noise: the same seed gives the same images.")
@click.option(
    "--class", "label", metavar="NAME",
    help="Draw only images of this class; default: all, as frequent as in training.",
)  # fmt: skip
@click.option(
    "--truncation", type=float, metavar="LIMIT",
    help="Truncate the noise to +-LIMIT: below about 1, images are less diverse, often better.",
)  # fmt: skip
@click.option("--out", metavar="DIR", help="Write a PNG file for each image there, and samples.csv.")
@click.option("--grid", metavar="FILE", help="Write all images as one PNG picture.")
def generate(terminal, run, count, seed, label, truncation, out, grid):
    """Draw images by a trained generator."""
    from contextlib import nullcontext
    from pathlib import Path

    from ..core.outputs import STDOUT, is_stream, output_folder, write_output
    from ..errors import ConfigError
    from ..result import open_run

    if not (out or grid):
        raise click.UsageError("Say where to write: --out DIR, --grid FILE.png, or both.")
    stream = bool(grid) and is_stream(grid)
    if grid and not stream and Path(grid).suffix.lower() != ".png":
        raise ConfigError(f"--grid {grid}: pictures are written as PNG.", f"Name it {Path(grid).stem}.png.")
    if grid and not stream and not Path(grid).parent.is_dir():
        raise ConfigError(f"--grid {grid}: there is no folder {Path(grid).parent}.", "Make it, or name another.")
    open_run(run)  # refused before the folder is made
    with output_folder(Path(out), empty=True) if out else nullcontext():
        loaded = opened(terminal, run)
        images, labels = loaded.generate(count, seed, label, truncation)
        if grid:
            from ..evaluation import png, sheet

            write_output(grid, png(sheet(images)))
        if out:
            loaded.save_generated(out, images, labels)
    places = [place for place in (out, grid) if place]
    if terminal.results and grid != STDOUT:
        echo(f"{count} images of {images.shape[1]} x {images.shape[2]} pixels in {' and '.join(places)}")
    return {"count": count, "size": list(images.shape[1:]), "classes": labels, "written": places}


def _read_stdin(loaded, folder: str, overrides: list[str]) -> list:
    """What stdin holds: the path of a table that is written into a folder, or the lines."""
    from pathlib import Path

    content = sys.stdin.buffer.read()
    text = content.decode("utf-8", errors="replace")
    ending, header, line = _header(text)
    if line and loaded.takes_table(header, line, overrides):
        path = Path(folder) / f"stdin{ending}"
        path.write_bytes(content)
        return [path]
    return [line.rstrip("\r\n") for line in io.StringIO(text, newline=None)]


def _header(text: str) -> tuple[str, list[str], str]:
    """The ending of a table's file, the columns and the first line, if a text is a table."""
    line = text.removeprefix("\ufeff").lstrip("\r\n").partition("\n")[0].strip()
    if line.startswith("{"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return "", [], line
        return ".jsonl", [str(name) for name in record], line
    mark = max(",;\t", key=line.count)
    try:
        header = next(csv.reader([line], delimiter=mark), [])
    except csv.Error:  # such as a text of more than 131,072 characters
        return "", [], line
    return ".tsv" if mark == "\t" else ".csv", header, line
