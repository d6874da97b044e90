"""What tests share: small real data, and the command line in this process or in one of its own."""

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from . import pretrained, warm
from .cluster_nodes import driver, nodes  # noqa: F401  # fixtures

gc.disable()  # until the tests are collected: imports and their rewritten asserts leave nothing to collect
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


def some(names, quick) -> list:
    """Parameters of a test, of which only some are in the quick suite."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in names]


_MANY = 1000  # tests: about half of the quick suite
LONG_FIRST = ("tuning", "tasks", "exporting", "training", "networks")  # folders whose files take longest


def pytest_collection_modifyitems(items):
    """Files that take long are begun first, so that both workers end at the same time."""
    tests = ROOT / "tests"
    folders = [*LONG_FIRST, ""]

    def place(item) -> int:
        folder = item.path.relative_to(tests).parts[0] if item.path.is_relative_to(tests) else ""
        return folders.index(folder) if folder in folders else len(LONG_FIRST)

    items.sort(key=place)  # stable: within a folder as collected


def pytest_collection_finish(session):
    """What is collected stays. Where all tests are to run, processes are kept waiting, see `warm`."""
    gc.enable()
    gc.set_threshold(10_000, 20, 20)  # a tenth of a small run is spent on looking for garbage else
    if hasattr(session.config, "workerinput") and len(session.items) > _MANY:
        warm.prepare(draw_nothing)


DOT = bytes.fromhex(  # a PNG of 2 x 2 pixels
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a730000001649444154789c63fcffff3f0303"
    "03130303030303030024060301fc35de9b0000000049454e44ae426082"
)


class Result(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Every test works in an empty folder, with an empty cache and an empty trust store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFPIPE_CONFIG", str(tmp_path / "config"))


@pytest.fixture(autouse=True, scope="session")
def _no_encoder():
    """`model.encoder=auto` of texts is `words`, whatever is installed."""
    from tfpipelines.core.config import backbones

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbones, "OF_MINILM", ("no_such_package",))
        yield


@pytest.fixture(autouse=True, scope="module")
def _frozen():
    """What earlier modules have left is not looked at by every collection of garbage: graphs are many objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _eager(request):
    """Tests marked `eager` run their steps eagerly: of a run of a few steps, tracing is the larger part. What tf.data,
    exports and processes of their own do is traced all the same.
    """
    if request.node.get_closest_marker("eager") is None:
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def _undrawn(request, monkeypatch):
    """Figures are made but not drawn, which takes a third of a small run, but for tests that are marked `pictures`."""
    if request.node.get_closest_marker("pictures") is None:
        draw_nothing(monkeypatch.setattr)


def draw_nothing(replace=setattr) -> None:
    """Figures are files of a dot from now on."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    replace(FigureCanvasAgg, "print_png", lambda self, path: Path(path).write_bytes(DOT))


@pytest.fixture
def tfpipe(capfd):
    """Runs the command line in this process: tfpipe("show", "image-cls") -> Result."""
    from tfpipelines.cli.group import cli

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

    def call(*words, module="tfpipelines", **options) -> subprocess.Popen:
        command = [sys.executable, "-m", module, *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(warm.Process(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes, **options))
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
    """See `pretrained.tiny_backbone`."""
    return pretrained.tiny_backbone(tmp_path_factory.mktemp("backbones") / "tiny.keras")


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory) -> Path:
    """See `pretrained.tiny_classifier`."""
    return pretrained.tiny_classifier(tmp_path_factory.mktemp("classifiers") / "tiny")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """See `pretrained.tiny_bert`."""
    pytest.importorskip("keras_hub")
    return pretrained.tiny_bert(tmp_path_factory.mktemp("presets") / "tiny-bert")


def write_photos(root: Path, digits, classes: dict[str, int], count: int, skip: int = 0) -> Path:
    """Writes `count` digits of each class, {folder: digit}, as PNG files below `root`."""
    from PIL import Image

    for folder, digit in classes.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(digits["x"][digits["y"] == digit][skip : skip + count]):
            Image.fromarray(image).save(root / folder / f"{skip + number:03d}.png")
    return root
