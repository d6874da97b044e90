"""The finished run of each task's case, trained once for all tests of a process."""

import pytest

import tfpipelines
from tfpipelines import Observer

from .cases import case_with


@pytest.fixture(scope="session")
def finished(tmp_path_factory, request):
    """Gives the run of a task's case: finished("image-cls") -> Run. It is shared, so leave its folder as it is."""
    runs, out = {}, tmp_path_factory.mktemp("finished")

    def finish(name):
        if name not in runs:
            pipeline, overrides, _ = case_with(name, request.getfixturevalue)
            runs[name] = tfpipelines.run(pipeline, overrides, out=out, observer=Observer())
        return runs[name]

    return finish
