"""Commands for what is passed on: compare."""

import click

from .command import command
from .group import cli


@command(cli)
@click.argument("runs", nargs=-1, metavar="RUN RUN...")
@click.option("--fail-if-worse", metavar="METRIC", help="Exit with 5 if a run is worse than the first one in this test metric.")
@click.option("--tolerance", type=float, metavar="X", help="By how much it may be worse; default: 0.")
@click.option("--html", metavar="FILE", help="Also write the comparison as a page that needs no network.")
def compare(terminal, runs, fail_if_worse, tolerance, html):
    """Compare runs with the first one: what differs in them, their figures, and paired tests on the same test rows."""
    from .. import comparing
    from ..errors import WorseError

    if tolerance is not None and fail_if_worse is None:
        raise click.UsageError("--tolerance goes with --fail-if-worse METRIC.")
    error = None
    try:
        result = comparing.compare(runs, fail_if_worse=fail_if_worse, tolerance=tolerance or 0.0)
    except WorseError as caught:
        error, result = caught, caught.result
    if html is not None:
        comparing.write_page(html, result)
    if terminal.results:
        _print_comparison(comparing.tables_of(result), result["about"])
    if error:
        raise error
    return result


def _print_comparison(tables, about) -> None:
    from ..console import print_lines, print_table

    for table in tables:
        print_lines([table.title])
        print_table(table.columns, table.rows)
        print_lines([*table.notes, ""])
    print_lines(about)
