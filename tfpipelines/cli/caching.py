"""The command about what is kept to be used again: cache."""

import click

from .command import command, echo
from .group import cli


@command(cli)
@click.option("--prune", is_flag=True, help="Remove what has not been used for some time.")
@click.option(
    "--older-than", "days", metavar="DAYS", type=click.FloatRange(min=0),
    help="With --prune: how long it has not been used; 0 removes all of it. Default: 30.",
)  # fmt: skip
def cache(terminal, prune, days):
    """List what lies in the cache folder, or remove what is old.

    Decoded images (data.cache=disk), features of texts, and unpacked archives are kept in $TFPIPE_CACHE, else in
    tfpipelines/ of the user's cache folder. What is removed is made again where it is needed; do not remove an
    archive's files while a run reads them.
    """
    from ..core import cache as caching
    from ..core.machine import cache_folder
    from ..core.text_tables import Table
    from ..core.words import age, counted, megabytes
    from ..output.printing import print_table

    if days is not None and not prune:
        raise click.UsageError("--older-than goes with --prune.")
    found = caching.prune_cache(30 if days is None else days) if prune else caching.list_cache()
    total = sum(entry.bytes for entry in found)
    if terminal.results:
        rows = [
            [entry.name, f"left by a killed process ({entry.kind})" if entry.left else caching.KINDS[entry.kind],
             megabytes(entry.bytes), age(entry.unused)]
            for entry in found
        ]  # fmt: skip
        if rows:
            print_table(Table("removed" if prune else "cache", ["name", "what", "size", "unused for"], rows))
        done = "removed from" if prune else "in"
        echo(f"{counted(len(found), 'entry', 'entries')}, {megabytes(total)}, {done} {cache_folder()}")
    told = [
        {"kind": entry.kind, "name": entry.name, "bytes": entry.bytes, "unused": entry.unused, "left": entry.left}
        for entry in found
    ]
    return {"folder": str(cache_folder()), "removed": prune, "bytes": total, "entries": told}
