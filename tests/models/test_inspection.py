"""Model files that would take all memory or time if Keras read them: refused at once (FAULTS 37)."""

import json
import time
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tfpipelines.errors import ArtifactError
from tfpipelines.models import load_artifact
from tfpipelines.models.inspection import inspect_preset, require_plain_weights

from .test_loading import config, model_file, rewrite  # noqa: F401 (a fixture)


def diamond(file):
    """28 groups, each with two names of the next: 2^28 paths."""
    group = file.create_group("layers")
    for _ in range(28):
        inner = group.create_group("left")
        group["right"], group = inner, inner


def cycle(file):
    file.create_group("layers")["again"] = file["/"]


def deep(file):
    group = file
    for _ in range(2000):
        group = group.create_group("a")


def twice(file):
    file["a"] = np.zeros(3)
    file["b"] = file["a"]


def claimed(file):
    file.create_dataset("a", (10**9, 1000), "f4", chunks=(1000, 1000))


WEIGHTS = {
    "diamond": (diamond, "one part in two places"),
    "cycle": (cycle, "one part in two places"),
    "twice": (twice, "one part in two places"),
    "deep": (deep, "nested too deeply"),
    "soft link": (lambda file: file.__setitem__("a", h5py.SoftLink("/b")), "refer to other places"),
    "external link": (lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/")), "other files"),
    "claimed": (claimed, "claim more numbers than the file holds"),
}


def refused(call, path, message):
    began = time.process_time()
    with pytest.raises(ArtifactError, match=message) as caught:
        call(path)
    assert time.process_time() - began < 5 and "\n" not in caught.value.cause and caught.value.exit_code == 7
    return caught.value


@pytest.mark.parametrize("what", WEIGHTS)
def test_weights_are_a_tree_of_arrays_that_are_there(model_file, tmp_path, what):  # noqa: F811
    make, message = WEIGHTS[what]
    path = tmp_path / "some.weights.h5"
    with h5py.File(path, "w") as file:
        make(file)
    refused(require_plain_weights, path, message)
    rewrite(model_file, **{"model.weights.h5": path.read_bytes()})
    refused(load_artifact, model_file, message)


def test_weights_that_keras_writes_are_taken(tmp_path):
    inputs, layer = keras.Input((None, 4)), keras.layers.Dense(4)
    outputs = keras.layers.Bidirectional(keras.layers.LSTM(3))(layer(layer(inputs)))
    model = keras.Model(inputs, keras.Sequential([layer, keras.layers.BatchNormalization()])(outputs[:, :4]))
    model.save_weights(tmp_path / "new.weights.h5")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.BatchNormalization()]).save(
        tmp_path / "old.h5"
    )
    for name in ("new.weights.h5", "old.h5"):
        require_plain_weights(tmp_path / name)
    with h5py.File(tmp_path / "new.weights.h5", "a") as file:
        twice(file)
    assert "one part in two places" in refused(require_plain_weights, tmp_path / "new.weights.h5", "").cause


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(90)])
def test_what_is_no_file_of_weights(tmp_path, content):
    (tmp_path / "some.weights.h5").write_bytes(content)
    refused(require_plain_weights, tmp_path / "some.weights.h5", "is not a file of Keras weights")


def test_layers_ask_for_no_more_than_the_weights_hold(tmp_path):
    path = tmp_path / "small.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)]).save(path)
    whole = config(path)

    def of_units(*units):
        content = json.loads(json.dumps(whole))
        for layer, size in zip(content["config"]["layers"][1:], units, strict=True):
            layer["config"]["units"] = size
            layer.pop("build_config", None)
        rewrite(path, **{"config.json": json.dumps(content)})

    of_units(10**9, 2)
    error = refused(load_artifact, path, r"its layers ask for 1,000,000,002 weights or more, and it holds 23\.")
    assert error.exit_code == 7
    of_units(1000, 2000)  # each is small, but not their product
    refused(load_artifact, path, r"its layers ask for 2,00.,... weights or more, and it holds 23\.")
    add_weight = keras.Layer.add_weight
    of_units(3, 2)
    assert load_artifact(path).model.count_params() == 23 and keras.Layer.add_weight is add_weight


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"classes": ["a", "b", "c"], "temperature": 1.0, "multi_label": False},
            "it names 3 classes, and its output has 2",
        ),
        ({"classes": ["a", None]}, "in its metadata classes.1 is null, not a text"),
        ({"classes": {"a": 1}}, "in its metadata classes is an object, not a list"),
        ({"temperature": "hot"}, "in its metadata temperature is a text, not a number"),
        ([1], "in its metadata it is a list, not an object"),
    ],
)
def test_what_it_says_of_itself(model_file, facts, message):  # noqa: F811
    rewrite(model_file, **{"metadata.json": json.dumps({"keras_version": keras.__version__, "tfpipelines": facts})})
    refused(load_artifact, model_file, message)


@pytest.mark.parametrize("member", ["config.json", "metadata.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply|more than"),
        ("[1]", "is a list, not an object"),
        ("null", "is null, not an object"),
        ('{"a": ' + "9" * 5000 + "}", "a number of 5000 digits"),
        ("\ufeff{", "it is no JSON"),
        ('{"config": {"layers": ' + "[" * 400 + "]" * 400 + "}}", "nested too deeply"),
    ],
)
def test_json_of_another_shape(model_file, member, content, message):  # noqa: F811
    rewrite(model_file, **{member: content})
    assert member in refused(load_artifact, model_file, message).cause


@pytest.mark.parametrize("name", ["assets/a\\b", "assets/\x1b[2J", "assets/\u202ea", "x" * 3000, "assets/../x", "/"])
def test_members_of_odd_names(model_file, name):  # noqa: F811
    rewrite(model_file, **{name: b"x"})
    assert len(refused(load_artifact, model_file, "it holds").cause) < 500


def test_members_that_are_there_twice(model_file):  # noqa: F811
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(model_file, "a") as archive:
        archive.writestr("config.json", "{}")
    refused(load_artifact, model_file, "a member twice")


@pytest.mark.parametrize("member", ["config.json", "assets/zeros"])
def test_members_that_unpack_to_much(model_file, member):  # noqa: F811
    rewrite(model_file, **({member: None} if member == "config.json" else {}))
    with zipfile.ZipFile(model_file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, b" " * 100_000_000)
    refused(load_artifact, model_file, "unpacks to far more than its size")


def test_presets_are_looked_at(tmp_path):
    config_file, weights = tmp_path / "config.json", tmp_path / "model.weights.h5"
    config_file.write_text(json.dumps({"module": "keras", "class_name": "Dense", "config": {"units": 3}}))
    inspect_preset(tmp_path)
    with h5py.File(weights, "w") as file:
        diamond(file)
    refused(inspect_preset, tmp_path, "one part in two places")
    weights.unlink()
    for content, message in (("[" * 100_000, "nested too deeply"), ('{"class_name": "Lambda"}', "not to be trusted")):
        config_file.write_text(content)
        refused(inspect_preset, tmp_path, message)
