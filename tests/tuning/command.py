"""The command line, with the worker processes of tests: `python -m tests.tuning.command tune image-cls`."""

from multiprocessing import util

from tests import warm
from tfpipelines.cli.group import cli
from tfpipelines.tuning import pool

util.spawnv_passfds = warm.spawnv_passfds
pool._PRELOADED.append("tests.tuning.untraced")
cli.main(prog_name="tfpipe")
