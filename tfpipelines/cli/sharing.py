"""Commands that show others what a run has come to: report."""

import click

from .command import command
from .group import cli


@command(cli)
@click.argument("run")
@click.option("--out", metavar="FILE", help="Write the page there, and no model card; default: report.html and README.md in the run folder.")
def report(terminal, run, out):
    """Write a run or search as one HTML page that needs nothing beside it, and its model card.

    The end of every run writes both; this writes them anew, as after a crash or a move of the folder.
    """
    from .. import reporting
    from ..console import _plain

    written = reporting.report(run, out)
    for note in written.notes:
        terminal.note(note)
    if terminal.results:
        click.echo(written.summary)
        for entry in written.advice:
            click.echo(f"- {_plain(entry.text)}" + (f"\n  {_plain(entry.command)}" if entry.command else ""))
        click.echo(f"written: {written.page}" + (f", {written.card}" if written.card else ""))
    advice = [{"code": entry.code, "text": entry.text, "command": entry.command} for entry in written.advice]
    return {"page": str(written.page), "card": str(written.card) if written.card else None, "bytes": written.page.stat().st_size, "summary": written.summary, "advice": advice, "notes": written.notes}
