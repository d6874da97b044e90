"""The command line, with the worker processes of tests: `python -m tests.tuning.command tune image-cls`."""

from tfpipelines.cli.group import cli
from tfpipelines.tuning import pool

pool._PRELOADED.append("tests.tuning.untraced")
cli.main(prog_name="tfpipe")
