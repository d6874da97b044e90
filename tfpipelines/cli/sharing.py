"""Commands that carry results elsewhere: export, report, compare."""

import click

from ..core.plugins import plugins
from ..exporting.formats import built_in
from .command import command, echo
from .group import cli, opened, overrides_argument, trust_option, whole

_EXPORTERS = built_in()
_QUANTIZED = {name: numbers for some in _EXPORTERS.values() for name, numbers in some.quantized.items()}


class _Known(click.Choice):
    """What is listed, and what packages may bring; those are looked for only for a word that is not listed."""

    def convert(self, value, parameter, context):
        if value not in self.choices and plugins("exporters"):
            return value  # the export itself says what is known
        return super().convert(value, parameter, context)


def _either(words: list[str]) -> str:
    return ", or ".join([", ".join(words[:-1]), words[-1]])


@command(cli)
@click.argument("run")
@overrides_argument
@click.option(
    "--format", "format_", type=_Known(list(_EXPORTERS)), default="saved_model", show_default=True,
    help=f"Where the model will run: {_either([some.runs_in for some in _EXPORTERS.values()])}.",
)  # fmt: skip
@click.option(
    "--quantize",
    type=_Known(list(_QUANTIZED)),
    help=f"Quantize the weights, with {', '.join(name for name, some in _EXPORTERS.items() if some.quantized)}: "
    f"to {', or to '.join(numbers.numbers for numbers in _QUANTIZED.values())}.",
)
@click.option(
    "--fixed-size", is_flag=True,
    help="Take images of the network's size alone, with "
    f"{', '.join(name for name, some in _EXPORTERS.items() if some.any_size)}, as some accelerators and tools want it; "
    "always with int8. Default: any size, which the graph resizes as in training.",
)  # fmt: skip
@click.option("--out", metavar="DIR", help="Folder of the numbered exports; default: RUN/export/FORMAT.")
@click.option("--samples", **whole(1, 500), help="Held-out samples to replay.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="X",
    help="Largest difference allowed, of predicted numbers in their own unit; default: 1e-4, of numbers times their "
    "mean or standard deviation. With --quantize the loss of accuracy; default: "
    f"{', '.join(f'{numbers.limit} with {name}' for name, numbers in _QUANTIZED.items())}.",
)
@click.option(
    "--keep-samples", **whole(0, 0),
    help="Held-out samples that become part of the export, so that tfpipe serve can prove itself by them wherever the "
    "export is. 0: none; some stay in the run folder.",
)  # fmt: skip
@trust_option
def export(terminal, run, overrides, format_, quantize, fixed_size, out, samples, tolerance, keep_samples, trust):
    """Export a run's model, and verify the result on the run's held-out samples.

    They are replayed through the exported model in its own runtime; if it answers differently, nothing is left behind
    and the exit code is 5. data.path=PLACE says where the run's data are now.
    """
    import os
    from pathlib import Path

    terminal.redirect_native_logs()
    from .. import exporting
    from ..output.printing import print_export

    asked = {"out": out, "samples": samples, "tolerance": tolerance, "keep": keep_samples, "overrides": overrides}
    asked["fixed_size"] = fixed_size
    exported = exporting.export(opened(terminal, run, trust), format_, quantize, **asked, note=terminal.messages.print)
    if terminal.results:
        place = exported.folder
        place = Path(os.path.relpath(place)) if place.is_relative_to(Path.cwd()) else place
        print_export(place, exported.manifest, exporting.call_of(place, exported.manifest))
    return {"folder": str(exported.folder), **exported.manifest}


@command(cli)
@click.argument("run")
@click.option(
    "--out",
    metavar="FILE",
    help="Write the page there, and no model card; default: report.html and README.md in the run folder.",
)
@click.option(
    "--loss-surface",
    is_flag=True,
    help="First measure the loss around the trained weights; the picture becomes part of the page.",
)
@click.option("--surface-points", type=int, metavar="N", help="Points along each direction, odd; default: 21.")
@click.option(
    "--surface-samples", type=int, metavar="N", help="Training samples to average the loss over; default: 512."
)
def report(terminal, run, out, loss_surface, surface_points, surface_samples):
    """Write the report of a run or search as one self-contained HTML page, and its model card.

    Every run writes both at its end; this writes them again, for example after a crash or a move.
    """
    from .. import reporting
    from ..core.outputs import STDOUT
    from ..output.printing import plain_text

    if not loss_surface and (surface_points is not None or surface_samples is not None):
        raise click.UsageError("--surface-points and --surface-samples go with --loss-surface.")
    if loss_surface:
        from ..reporting import surface

        terminal.redirect_native_logs()
        given = {"points": surface_points, "samples": surface_samples}
        asked = {name: value for name, value in given.items() if value is not None}
        progress = lambda done, total: terminal.bar("loss surface", done, total, "points")
        surface.loss_surface(run, **asked, progress=progress, note=terminal.note)
    written = reporting.report(run, out)
    for note in written.notes:
        terminal.note(note)
    if terminal.results and out != STDOUT:
        echo(written.summary)
        for entry in written.advice:
            echo(f"- {plain_text(entry.text)}" + (f"\n  {plain_text(entry.command)}" if entry.command else ""))
        echo(f"written: {written.page}" + (f", {written.card}" if written.card else ""))
    advice = [{"code": entry.code, "text": entry.text, "command": entry.command} for entry in written.advice]
    card = str(written.card) if written.card else None
    size = written.page.stat().st_size if written.page.is_file() else None
    facts = {"page": str(written.page), "card": card, "bytes": size, "summary": written.summary}
    return {**facts, "advice": advice, "notes": written.notes}


@command(cli)
@click.argument("runs", nargs=-1, metavar="RUN RUN...")
@click.option(
    "--fail-if-worse", metavar="METRIC", help="Exit with 5 if a run is worse than the first one in this test metric."
)
@click.option("--tolerance", type=float, metavar="X", help="By how much it may be worse; default: 0.")
@click.option("--html", metavar="FILE", help="Also write the comparison as a self-contained HTML page.")
def compare(terminal, runs, fail_if_worse, tolerance, html):
    """Compare runs with the first one: what differs in them, their metrics, and paired tests on the same test rows."""
    from ..core.outputs import STDOUT
    from ..errors import WorseError
    from ..reporting import compare

    if tolerance is not None and fail_if_worse is None:
        raise click.UsageError("--tolerance goes with --fail-if-worse METRIC.")
    if html is not None:
        compare.require_file(html)
    error = None
    try:
        result = compare.compare(runs, fail_if_worse=fail_if_worse, tolerance=tolerance or 0.0)
    except WorseError as caught:
        error, result = caught, caught.result
    if terminal.results and html != STDOUT:
        _print_comparison(compare.tables_of(result), result["about"])
    if html is not None:
        compare.write_page(html, result)
    if error:
        raise error
    return result


def _print_comparison(tables, about) -> None:
    from ..output.printing import print_lines, print_table

    for table in tables:
        print_lines([table.title])
        print_table(table)
        print_lines([*([table.note] if table.note else []), ""])
    print_lines(about)
