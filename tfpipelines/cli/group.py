"""The command `tfpipe` itself, and what its commands share. Nothing heavy is imported before a command needs it."""

import click

from .. import __version__
from .command import Group

_SHELLS = ("bash", "zsh", "fish")


def _print_completion(context, parameter, shell):
    if shell and not context.resilient_parsing:
        from click.shell_completion import get_completion_class

        click.echo(get_completion_class(shell)(cli, {}, "tfpipe", "_TFPIPE_COMPLETE").source())
        context.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tfpipe", message="%(prog)s %(version)s")
@click.option(
    "--completion", type=click.Choice(_SHELLS), expose_value=False, is_eager=True, callback=_print_completion,
    help='Print the completion script of a shell: eval "$(tfpipe --completion bash)".',
)  # fmt: skip
def cli():
    """From a folder of data to a model you can trust and ship.

    \b
    tfpipe run image-cls                        sample data, works offline
    tfpipe run image-cls data.path=photos/      your own folder
    tfpipe finetune backbone data.path=photos/  the same, with a pretrained network
    tfpipe tune image-cls search.trials=30      search for better settings
    tfpipe predict runs/latest some.jpg         use the trained model

    OVERRIDES are KEY=VALUE pairs such as train.epochs=5; `tfpipe show NAME` lists the keys.

    \b
    Exit codes: 0 done, 1 a bug, 2 usage or config, 3 data, 4 disk, memory or permissions, 5 diverged,
    or an export, comparison or new data that fail a test, 6 run folder in use, 7 model damaged or not trusted,
    130 Ctrl-C, 143 SIGTERM.
    """


def complete_pipelines(context, parameter, incomplete):
    from ..core.config import pipeline_names

    return [name for name in pipeline_names() if name.startswith(incomplete)]


overrides_argument = click.argument("overrides", nargs=-1)
trust_option = click.option(
    "--trust", is_flag=True,
    help="Run the code of a network that the pipeline's file or the run folder names, and remember that you trust it.",
)  # fmt: skip
pipeline_argument = click.argument("pipeline", shell_complete=complete_pipelines)


def whole(least: int, default: int) -> dict:
    """What an option is that takes a whole number."""
    return {"type": click.IntRange(min=least), "default": default, "show_default": True}


def opened(terminal, run, trust=False):
    """A run, to be used; says so where its model is not its last word."""
    from ..core.run_files import shown
    from ..core.run_folder import RunFolder, last_finished
    from ..result import open_run

    loaded = open_run(run, trust)
    state = loaded.status.get("state")
    if state != "done" and "fold" not in loaded.status and (loaded.folder / "model.keras").is_file():
        so_far = "its model is the best so far, and not calibrated"
        other = last_finished(RunFolder(loaded.folder)) if state == "failed" else None
        instead = f"; the last finished run is {shown(other)}" if other else ""
        terminal.note(f"{loaded.folder} is {state}: {so_far}; `tfpipe resume` continues{instead}")
    terminal.redirect_native_logs()
    return loaded
