"""Worker processes of searches in tests: of a trial of few steps, tracing is the larger part."""

from multiprocessing import forkserver, util

import pytest

from tfpipelines.tuning import pool

from .. import warm
from ..conftest import ROOT


@pytest.fixture(autouse=True, scope="package")
def _server():
    """The server from which they are forked, which begins when it is needed, has loaded `untraced`."""
    forkserver._forkserver._stop()  # that of tests in other folders
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setattr(util, "spawnv_passfds", warm.spawnv_passfds)
        patch.setattr(pool, "_PRELOADED", [*pool._PRELOADED, "tests.tuning.untraced"])
        yield
        forkserver._forkserver._stop()
