"""The command line: reads words, calls the API, prints."""

import os
import sys

from ..core.late_imports import install
from . import caching, models, pipelines, provenance, serving, sharing, training  # noqa: F401 (they add their commands)
from .command import full_stdout
from .group import cli

__all__ = ["cli", "main"]


def main() -> None:
    """The console script."""
    _open_closed_streams()
    install()
    try:
        cli(prog_name="tfpipe")
    except OSError as error:
        if (told := full_stdout(error)) is None:
            raise
        print(f"error: {told.cause}\n{told.remedy}", file=sys.stderr)
        sys.exit(told.exit_code)


def _open_closed_streams() -> None:
    """Streams that the caller has closed lead to /dev/null, so that no file of ours gets their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
            if getattr(sys, name) is None:
                setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))
