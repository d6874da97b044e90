"""The command line: reads words, calls the API, prints."""

from . import models, pipelines, sharing, training  # noqa: F401 (they add their commands)
from .group import cli

__all__ = ["cli", "main"]


def main() -> None:
    """The console script."""
    cli(prog_name="tfpipe")
