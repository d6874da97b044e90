"""What a finished run can do leaves nothing half done behind."""

import json
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

import tfpipelines
from tfpipelines import ConfigError, ResourceError
from tfpipelines.core.outputs import output_folder

from .conftest import write_photos
from .fuzzing import EARLIER
from .models.test_loading import config, rewrite

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


def test_a_failed_run_names_the_last_finished_one(tfpipe):
    for name, finished in (("one", "2026-01-02"), ("two", "2026-01-03"), ("three", "2026-01-01")):
        run = Path(shutil.copytree(EARLIER / "image-cls", f"runs/{name}"))
        status = json.loads((run / "status.json").read_text())
        (run / "status.json").write_text(json.dumps({**status, "updated": finished}))
    shutil.copytree(EARLIER / "text-cls", "runs/another")
    failed = Path(shutil.copytree(EARLIER / "image-cls", "runs/failed"))
    (failed / "status.json").write_text(json.dumps({**status, "state": "failed", "reason": "The disk is full."}))
    Path("runs/latest").symlink_to("failed")
    result = tfpipe("predict", "runs/latest", "a.png")
    assert "runs/failed is failed: its model is the best so far" in result.err and "run is runs/two\n" in result.err
    (failed / "model.keras").unlink()
    result = tfpipe("predict", "runs/latest", "a.png")
    assert result.code == 2 and "runs/failed has no model yet; the run is failed: The disk is full." in result.err
    assert "such as runs/two, the last one beside it that is done." in result.err


def test_a_model_whose_layers_cannot_be_called_is_damaged(tfpipe, digits, tmp_path):
    photos = write_photos(tmp_path / "photos", digits, {"0": 0}, 2)
    run = Path(shutil.copytree(EARLIER / "image-cls", "run"))
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "model_sha256": []}))
    content = config(run / "model.keras")
    rescaling = next(layer for layer in content["config"]["layers"] if layer["config"]["name"] == "temperature")
    rescaling["config"]["scale"] = "x"
    rewrite(run / "model.keras", **{"config.json": json.dumps(content)})
    result = tfpipe("predict", run, photos)
    assert result.code == 7 and "model.keras" in result.err and "bug" not in result.err, result
