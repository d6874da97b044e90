"""What a finished run can do leaves nothing half done behind."""

import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

import tfpipelines
from tfpipelines import ConfigError, ResourceError
from tfpipelines.result import output_folder

from .conftest import write_photos
from .fuzzing import EARLIER

pytestmark = pytest.mark.eager


@contextmanager
def full_disk(size: int):
    """No file may grow beyond so many bytes: the kernel refuses, as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("size", [10, 100])
def test_evaluate_on_a_full_disk_leaves_no_empty_folder(tmp_path, digits, size):
    photos = write_photos(tmp_path / "photos", digits, {"0": 0, "1": 1}, 5)
    run = tfpipelines.load(shutil.copytree(EARLIER / "image-cls", "run"))
    with pytest.raises(ResourceError, match="disk is full"), full_disk(size):
        run.evaluate(photos, out=tmp_path / "new" / "deeper")
    left = [path for path in tmp_path.glob("new/**/*") if path.is_dir() and not any(path.iterdir())]
    assert not left and not list(tmp_path.rglob(".tmp-*")) and (size > 10 or not (tmp_path / "new").exists())
    with pytest.raises(tfpipelines.DataError):
        run.evaluate(tmp_path / "absent", out="new")
    assert size > 10 or not Path("new").exists()


def test_only_folders_that_were_made_are_removed(tmp_path):
    Path("there").mkdir()
    for folder in ("there", "there/in/side", "new"):
        with pytest.raises(ValueError), output_folder(Path(folder)) as made:
            (made / "plots").mkdir()
            raise ValueError
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "plots"]
    with pytest.raises(ValueError), output_folder(Path("new/a")):
        Path("new/a/mine").touch()
        raise ValueError
    assert Path("new/a/mine").is_file()
    with pytest.raises(ConfigError, match="is not empty"), output_folder(Path("new"), empty=True):
        pass
    with pytest.raises(ResourceError, match="cannot be made"), output_folder(Path("new/a/mine/b")):
        pass
    with output_folder(Path("good"), empty=True):
        pass
    assert Path("good").is_dir()


def test_generate_leaves_no_empty_folder(tfpipe):
    shutil.copytree(EARLIER / "dcgan", "run")
    Path("run/model.keras").write_bytes(b"no model")
    assert tfpipe("generate", "run", "--out", "new/images").code == 7 and not Path("new").exists()
