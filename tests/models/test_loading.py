"""Model files that are damaged, foreign or malicious (FAULTS 26, 27)."""

import json
import os
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tfpipelines.errors import ArtifactError
from tfpipelines.models import ClassifierArtifact, ImagePreprocessor, load_artifact

from ..pretrained import image_network


@pytest.fixture
def model_file(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    ClassifierArtifact(
        ImagePreprocessor((8, 8), 1), image_network("mlp", (8, 8, 1), 2, units=(3,), seed=0), ["a", "b"]
    ).save(folder / "model.keras")
    return folder / "model.keras"


def rewrite(path, **changes):
    """Replaces members of the archive; None removes one."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, content in changes.items():
        members[name] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)


def config(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def check_refused(path, message, before):
    with pytest.raises(ArtifactError, match=message) as caught:
        load_artifact(path)
    assert caught.value.exit_code == 7
    assert sorted(os.listdir(path.parent.parent)) == before  # nothing was written outside


def test_truncated_and_foreign_files(model_file):
    before = sorted(os.listdir(model_file.parent.parent))
    content = model_file.read_bytes()
    for damaged in (
        content[: len(content) // 2],
        b"",
        b"something else",
        content.replace(b"PK\x01\x02", b"XX\x01\x02"),
    ):
        model_file.write_bytes(damaged)
        check_refused(model_file, "not a Keras model file|damaged", before)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    model_file.write_bytes(bytes(flipped))
    check_refused(model_file, "damaged|not a Keras model file", before)
    model_file.unlink()
    check_refused(model_file, "is missing", before)


def test_links_and_folders_are_not_loaded(model_file):
    link = model_file.with_name("link.keras")
    link.symlink_to(model_file)
    before = sorted(os.listdir(model_file.parent.parent))
    check_refused(link, "not a regular file", before)
    with pytest.raises(ArtifactError, match="not a regular file"):
        load_artifact(model_file.parent)


def test_code_in_a_lambda_layer_is_not_run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: (open("executed", "w"), x)[1])(inputs))
    (tmp_path / "executed").unlink(missing_ok=True)
    model.save(folder / "model.keras")
    before = sorted(os.listdir(tmp_path))
    check_refused(folder / "model.keras", "not to be trusted", before)
    assert "executed" not in os.listdir()


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "os", "class_name": "system", "config": {"command": "touch executed"}, "registered_name": "system"},
        {"module": "builtins", "class_name": "exec", "config": {}, "registered_name": None},
        {
            "module": "subprocess",
            "class_name": "Popen",
            "config": {"args": ["touch", "executed"]},
            "registered_name": None,
        },
        {
            "module": "keras.utils",
            "class_name": "get_file",
            "config": {"origin": "file:///etc/passwd"},
            "registered_name": None,
        },
    ],
)
def test_foreign_code_in_the_configuration_is_not_run(model_file, layer):
    before = sorted(os.listdir(model_file.parent.parent))
    content = config(model_file)
    content["config"]["layers"][1] = {**content["config"]["layers"][1], **layer}
    rewrite(model_file, **{"config.json": json.dumps(content)})
    check_refused(model_file, "not to be trusted|cannot be loaded", before)
    assert "executed" not in os.listdir()


@pytest.mark.parametrize("name", ["../evil", "/tmp/tfpipelines-evil", "assets/../../evil", "extra.py"])
def test_members_with_a_path_out_are_refused(model_file, name):
    before = sorted(os.listdir(model_file.parent.parent))
    rewrite(model_file, **{name: b"evil"})
    check_refused(model_file, "not to be trusted: it holds", before)
    assert not os.path.exists("/tmp/tfpipelines-evil")


def test_unpacking_trap_is_refused(model_file):
    before = sorted(os.listdir(model_file.parent.parent))
    with zipfile.ZipFile(model_file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/zeros", b"\0" * 300_000_000)
    check_refused(model_file, "far more than its size", before)


def test_weights_that_refer_to_other_files_are_refused(model_file, tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["vars/0"] = np.arange(3.0)
    before = sorted(os.listdir(tmp_path))
    for number, make in enumerate(
        (
            lambda file: file.__setitem__("layers/evil", h5py.ExternalLink(str(secret), "/vars")),
            lambda file: file.create_dataset("evil", (4,), "u1", external=[("/etc/passwd", 0, 4)]),
        )
    ):
        weights = tmp_path / "run" / f"weights{number}.h5"
        with h5py.File(weights, "w") as file:
            make(file)
        content = weights.read_bytes()
        weights.unlink()
        rewrite(model_file, **{"model.weights.h5": content})
        check_refused(model_file, "weights refer to other files", before)


def test_other_keras_version_is_tried_then_both_are_named(model_file):
    metadata = json.dumps({"keras_version": "99.1.0", "date_saved": "2030"})
    rewrite(model_file, **{"metadata.json": metadata})
    assert load_artifact(model_file).facts == {}  # the file itself is fine, so it loads
    content = config(model_file)
    content["config"]["layers"][1]["class_name"] = "LayerOfTheFuture"
    rewrite(model_file, **{"config.json": json.dumps(content)})
    with pytest.raises(
        ArtifactError, match=f"saved by Keras 99.1.0 and cannot be loaded by Keras {keras.__version__}"
    ) as caught:
        load_artifact(model_file)
    assert caught.value.exit_code == 7 and "Install Keras 99.1.0" in caught.value.remedy
