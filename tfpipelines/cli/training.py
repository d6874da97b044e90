"""Commands that train: run, finetune, tune, resume, launch."""

import shlex

import click

from .command import command
from .group import cli, complete_pipelines, overrides_argument, pipeline_argument, trust_option


def _running(function):
    """The options of commands that make a run."""
    start = click.option("--from", "start", metavar="RUN", help="Start from the weights of an earlier run.")
    name = click.option("--name", metavar="NAME", help="Name of the run folder; default: PIPELINE-<n>.")
    told = "Folder to make the run folder in."
    out = click.option("--out", default="runs", show_default=True, metavar="DIR", help=told)
    return out(name(start(_again(trust_option(function)))))


_TRAINING = ("run", "finetune", "resume")
_again = click.option(
    "--resume-if-exists", is_flag=True,
    help="With --name: continue the run or search of that name if there is one, as for job scripts.",
)  # fmt: skip

_cluster = click.option(
    "--cluster", metavar="ADDRESS",
    help="Run the trials of a search on a Ray cluster: HOST:PORT, auto (that of this machine) or local.",
)  # fmt: skip


@command(cli)
@pipeline_argument
@overrides_argument
@_running
def run(terminal, pipeline, overrides, **options):
    """Train, evaluate and save a model with a pipeline."""
    from .. import api

    return _summary(api.run(pipeline, overrides, observer=terminal, **options))


@command(cli)
@pipeline_argument
@overrides_argument
@_running
@click.option("--backbone", metavar="NAME", help="Short for model.backbone=NAME; `tfpipe list backbones` names some.")
def finetune(terminal, pipeline, overrides, backbone, **options):
    """Fine-tune a pretrained backbone: the same as run, for pipelines that have a backbone."""
    from .. import api

    if backbone is not None:
        overrides = (*overrides, f"model.backbone={backbone}")
    api.require_finetuning(pipeline, overrides)
    return _summary(api.run(pipeline, overrides, observer=terminal, **options))


@command(cli)
@click.argument("pipeline", default="image-cls", shell_complete=complete_pipelines)
@overrides_argument
@click.option(
    "--workers", type=click.IntRange(min=1),
    help="Trials at a time, each in a process of its own; default: 1, on a cluster as many as it has room for.",
)  # fmt: skip
@_cluster
@click.option("--name", metavar="NAME", help="Name of the search's folder; default: tune-PIPELINE-<n>.")
@click.option("--out", default="runs", show_default=True, metavar="DIR", help="Folder to make it in.")
@_again
@trust_option
def tune(terminal, pipeline, overrides, **options):
    """Search for better values of a pipeline's fields (of image-cls unless another is named).

    The pipeline's section `search` sets what is searched, how and for how long. A field that is given a value is not
    searched.
    """
    from .. import api

    if "=" in pipeline:
        pipeline, overrides = "image-cls", (pipeline, *overrides)
    return _summary(api.tune(pipeline, overrides, observer=terminal, **options))


class _Unfinished(click.Argument):
    """A run to be finished: where none is named, the error names the newest."""

    def process_value(self, ctx, value):
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter as error:
            from pathlib import Path

            from ..core.run_folder import newest_unfinished

            found = newest_unfinished(Path("runs"))
            newest = f"the newest unfinished one here is {found}" if found else "no run in runs/ is unfinished"
            told = f"Missing argument 'RUN': the folder of a run or search; {newest}."
            command = f" Continue it: tfpipe resume {shlex.quote(str(found))}" if found else ""
            raise click.UsageError(f"{told}{command}", ctx) from error


@command(cli)
@click.argument("run", cls=_Unfinished)
@overrides_argument
@click.option("--workers", type=click.IntRange(min=1), help="Of a search: trials at a time from now on.")
@_cluster
@click.option(
    "--take-over", is_flag=True,
    help="Take it over from a process of another host at once; it stops before it would write anything.",
)  # fmt: skip
@trust_option
def resume(terminal, run, overrides, **options):
    """Continue an interrupted or crashed run or search as it began.

    RUN is its folder; runs/latest is the one that was begun last. OVERRIDES may only raise the budgets of a search, as
    in search.trials=40; a finished one goes on then.
    """
    from .. import api

    return _summary(api.resume(run, overrides, observer=terminal, **options))


@cli.command()
@click.option(
    "-n", "processes", type=click.IntRange(min=1), required=True, metavar="N",
    help="How many processes; each has a GPU of its own, where there are some.",
)  # fmt: skip
@click.argument("words", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def launch(context, processes, words):
    """Carry run or resume out by several processes of this machine, which train one network together.

    \b
    KERAS_BACKEND=jax tfpipe launch -n 2 -- run image-cls train.distribute=data

    Process 0 alone prints. Signals are passed on to all, and if one fails the others are ended.
    """
    from ..core.launching import launch as started
    from ..errors import ConfigError

    if words[0] in cli.commands and words[0] not in _TRAINING:
        told = f"{words[0]} does not train one network: each process would do all of it. Launch run or resume."
        raise click.UsageError(told, context)
    try:
        code = started(processes, words)
    except ConfigError as error:
        raise click.UsageError(str(error), context) from error
    context.exit(code)


def _summary(finished) -> dict | None:
    from ..core.processes import started

    if started().number:  # process 0 tells
        return None
    return {"run": str(finished.folder), "status": finished.status, "metrics": finished.metrics}
