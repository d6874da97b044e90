"""Worker processes of searches in tests: of a trial of few steps, tracing is the larger part."""

import pytest

from tfpipelines.tuning import pool

from .. import warm


@pytest.fixture(autouse=True, scope="package")
def _server():
    """The server from which they are forked, which begins when it is needed, has loaded `untraced`."""
    with warm.server_of_workers() as patch:
        patch.setattr(pool, "_PRELOADED", [*pool._PRELOADED, "tests.tuning.untraced"])
        yield
