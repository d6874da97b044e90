"""What tests share: small real data, and the command line in this process or in one of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
TINY = [
    "model.name=cnn",
    "model.filters=[4,8]",
    "model.convolutions=1",
    "train.epochs=1",
    "train.batch_size=16",
    "evaluation.bootstrap=50",
]


class Result(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Every test works in an empty folder, with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFPIPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def tfpipe(capfd):
    """Runs the command line in this process: tfpipe("show", "image-cls") -> Result."""
    from tfpipelines.cli import cli

    def call(*words) -> Result:
        capfd.readouterr()
        saved = os.dup(2)
        try:
            cli.main([str(word) for word in words], prog_name="tfpipe")
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture
def start():
    """Starts the command line in a process of its own: start("run", ...) -> Popen; what still runs is killed in the
    end.
    """
    processes = []

    def call(*words, **options) -> subprocess.Popen:
        command = [sys.executable, "-m", "tfpipelines", *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        processes.append(
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
            )
        )
        return processes[-1]

    yield call
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def digits():
    """The packaged digits: dict of x, y, split."""
    with np.load(ROOT / "data" / "digits" / "digits.npz") as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture
def photos(tmp_path, digits) -> Path:
    """A folder of 12 PNG digits in each of three class folders: zero, one, two."""
    return write_photos(tmp_path / "photos", digits, {"zero": 0, "one": 1, "two": 2}, 12)


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory) -> Path:
    """A .keras file with a network of three blocks with batch normalization, random weights, for images of any size."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((None, None, 3))
    for number, filters in enumerate((8, 16, 24), 1):
        x = keras.layers.Conv2D(filters, 3, 2, "same", use_bias=False, name=f"block{number}_conv")(x)
        x = keras.layers.ReLU(name=f"block{number}_act")(keras.layers.BatchNormalization(name=f"block{number}_bn")(x))
    path = tmp_path_factory.mktemp("backbones") / "tiny.keras"
    keras.Model(inputs, x, name="tiny").save(path)
    return path


def image_network(name, shape, classes, seed=None, fused=False, **fields):
    """A built-in network for images."""
    from tfpipelines.config.kinds import IMAGES
    from tfpipelines.networks import build_network

    return build_network(IMAGES.section(name)(**fields), input_shape=shape, classes=classes, seed=seed, fused=fused)


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory) -> Path:
    """What an image-cls run leaves of its model: a network of random weights, for grey images of 16 x 16 pixels."""
    import json

    from tfpipelines.models import ClassifierArtifact, ImageFront

    folder = tmp_path_factory.mktemp("classifiers") / "tiny"
    folder.mkdir()
    core = image_network("cnn", (16, 16, 1), 3, filters=(4, 8), convolutions=(1,), seed=0)
    ClassifierArtifact(ImageFront((16, 16), 1), core, ["a", "b", "c"]).save(folder / "model.keras")
    (folder / "status.json").write_text(json.dumps({"task": "image-cls", "state": "done"}))
    (folder / "data.json").write_text(json.dumps({"size": [16, 16], "channels": 1}))
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """The folder of a KerasHub preset: a BERT of two small layers with random weights, whose vocabulary are words
    of the reviews.
    """
    keras_hub = pytest.importorskip("keras_hub")
    import keras
    import pandas as pd

    words = (
        pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")["text"]
        .str.lower()
        .str.findall(r"[a-z]+")
        .explode()
        .value_counts()
    )
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *dict.fromkeys([*words.index[:500], *letters, *(f"##{letter}" for letter in letters)]),
    ]
    folder = tmp_path_factory.mktemp("presets") / "tiny-bert"
    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(vocabulary),
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=64,
    )
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor(
        keras_hub.models.BertTokenizer(vocabulary, lowercase=True), sequence_length=64
    )
    backbone.save_to_preset(str(folder))
    preprocessor.save_to_preset(str(folder))
    return folder


def write_photos(root: Path, digits, classes: dict[str, int], count: int, skip: int = 0) -> Path:
    """Writes `count` digits of each class, {folder: digit}, as PNG files below `root`."""
    from PIL import Image

    for folder, digit in classes.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(digits["x"][digits["y"] == digit][skip : skip + count]):
            Image.fromarray(image).save(root / folder / f"{skip + number:03d}.png")
    return root
