"""Worker processes of predictions in tests."""

import pytest

from .. import warm
from ..conftest import TINY, write_photos


@pytest.fixture(autouse=True, scope="package")
def _server():
    """The server from which they are forked begins when it is needed."""
    with warm.server_of_workers():
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory, digits):
    """A finished run on photos of three digits."""
    import tfpipelines

    folder = tmp_path_factory.mktemp("trained")
    photos = write_photos(folder / "photos", digits, {"zero": 0, "one": 1, "two": 2}, 12)
    overrides = [f"data.path={photos}", *TINY]
    return tfpipelines.run("image-cls", overrides, out=folder / "runs", observer=tfpipelines.Observer())
