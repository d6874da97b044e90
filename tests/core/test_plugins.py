"""Packages that add to this one: a tiny one that is installed for real, and a broken one beside it.

The package is in `tests/plugin_package`. Both are seen by processes of their own alone, by PYTHONPATH.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
import yaml
from PIL import Image

import tfpipelines
from tfpipelines import ConfigError
from tfpipelines.core import config, plugins
from tfpipelines.core.config.kinds import IMAGES
from tfpipelines.core.config.modules import located
from tfpipelines.core.config.plugged import without_lost
from tfpipelines.tasks import SCHEMAS

from .. import warm
from ..conftest import ROOT

BROKEN = """[tfpipelines.networks]
images.cnn = broken_plugin.nets:free
images.cracked = broken_plugin.cracked:cracked
images.latin = broken_plugin.latin:latin
images.ruled = broken_plugin.ruled:ruled
cut = broken_plugin.nets:cut
free = broken_plugin.nets:free
lost = broken_plugin.lost:lost
row_autoencoders.plain = broken_plugin.nets:free
[tfpipelines.tasks]
crack = broken_plugin.cracked:Crack
odd = broken_plugin.odd:Odd
tilt = broken_plugin.nets:Tilt
[tfpipelines.sources]
tape = broken_plugin.cracked:Tape
[tfpipelines.exporters]
crate = broken_plugin.cracked:Crate
jar = broken_plugin.odd:Jar
[tfpipelines.metrics]
fails = tiny_plugin.errors:FAILS
nothing = tiny_plugin.errors:share
"""
NETS = """def cut(input_shape, classes, width): ...
def free(input_shape): ...
"""
LATIN = "# coding: latin-1\n# \xe4\ndef latin(input_shape, classes): ...\n"
RULED = "def rule_width(width, *, limit=LIMIT): ...\ndef ruled(input_shape, classes, width: int = 3): ...\n"
ODD = """
from tfpipelines.exporting.formats.saved_model import SavedModel
from tfpipelines.tasks.classification.image_cls import ImageClassification

class Jar(SavedModel):
    def __init__(self):
        raise SystemExit("no room")

class Odd(ImageClassification):
    schema = dict
"""
SCRIPT = """
import os, signal
import tensorflow as tf
import tfpipelines
from tfpipelines.errors import ConfigError, Interrupted

class Told(tfpipelines.Observer):
    def note(self, text):
        print("told", text)

    def epoch(self, row, epochs, samples):
        if row["epoch"] == 1:
            os.kill(os.getpid(), signal.SIGTERM)

tf.config.run_functions_eagerly(True)  # which takes less time here
try:
    tfpipelines.run("tiny.yaml", observer=Told(), name="tiny")
except Interrupted:
    print("stopped")
run = tfpipelines.resume("runs/tiny", observer=Told())
print(run.predict("shots.tar")["predicted"].notna().sum(), "predicted")
for call in (
    lambda: tfpipelines.run("tiny.yaml", ["model.name=cracked"], observer=Told(), name="cracked"),
    lambda: tfpipelines.export(run, "crate"),
):
    try:
        call()
    except ConfigError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder in which both packages are installed, one of them from its wheel."""
    folder = tmp_path_factory.mktemp("plugins")
    shutil.copytree(ROOT / "tests" / "plugin_package", folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=folder / "source", check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")  # which is what installing is, of Python alone
    broken, facts = folder / "site" / "broken_plugin", folder / "site" / "broken_plugin-0.1.dist-info"
    files = {
        broken / "__init__.py": "",
        broken / "nets.py": NETS,
        broken / "latin.py": LATIN,
        broken / "odd.py": ODD,
        broken / "ruled.py": RULED,
        broken / "cracked.py": "raise RuntimeError('it was run')\ndef cracked(input_shape, classes): ...\n",
        facts / "METADATA": "Metadata-Version: 2.1\nName: broken-plugin\nVersion: 0.1\n",
        facts / "entry_points.txt": BROKEN,
    }
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="latin-1")
    return folder / "site"


@pytest.fixture(scope="module")
def python(site):
    """Runs Python where both packages are there."""

    def call(*words, folder=None, process=subprocess.Popen):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with process([sys.executable, *map(str, words)], env=environment, cwd=folder, **pipes) as running:
            printed, errors = running.communicate()
        return subprocess.CompletedProcess(words, running.returncode, printed, errors)

    return call


@pytest.fixture(scope="module")
def trained(python, tmp_path_factory):
    """The folder where a pipeline was run whose task, network, source and one figure are a package's; what was said."""
    folder = tmp_path_factory.mktemp("trained")
    generator = np.random.default_rng(0)
    for name in ("dark", "light"):
        (folder / name).mkdir()
        for number in range(40):
            levels = generator.integers(0, 120, (8, 8), "uint8") + (130 if name == "light" else 0)
            Image.fromarray(levels.astype("uint8")).save(folder / name / f"{number}.png")
    with tarfile.open(folder / "shots.tar", "w") as archive:
        for name in ("dark", "light"):
            archive.add(folder / name, name)
    content = {
        "task": "tiny-cls",
        "data": {"path": "shots.tar", "size": [8, 8]},
        "model": {"name": "mixer", "width": 4},
        "train": {"epochs": 2, "batch_size": 8},
        "evaluation": {"bootstrap": 20},
        "search": {"objective": "val_errors"},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(content))
    result = python("-c", SCRIPT, folder=folder, process=warm.Process)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result.stdout


def test_a_run_of_what_a_package_brings(trained):
    folder, said = trained
    assert "stopped\n" in said and "80 predicted" in said
    run = folder / "runs" / "tiny"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["errors"] == pytest.approx(1 - metrics["test"]["accuracy"])
    assert (
        len(metrics["intervals"]["errors"]) == 2 and "share of samples told wrong" in (run / "report.html").read_text()
    )
    environment = json.loads((run / "environment.json").read_text())
    assert environment["plugins"] == {"task tiny-cls": "tiny-plugin 1.2", "network mixer": "tiny-plugin 1.2"}
    assert environment["pipeline"]["search"]["objective"] == {"metric": "val_errors", "direction": "min"}
    assert len(environment["resumed"]) == 1


@pytest.mark.parametrize(
    "words",
    [
        "the network cut of the package broken-plugin 0.1 cannot be used: its signature does not show what kind",
        "the network cnn of the package broken-plugin 0.1 cannot be used: its name is a built-in one already",
        "the network lost of the package broken-plugin 0.1 cannot be used: There is no module lost in the package",
        "the network plain of the package tiny-plugin 1.2 cannot be used: its name is that of broken-plugin 0.1",
        "the source tape of the package broken-plugin 0.1 cannot be used: broken_plugin.cracked:Tape cannot be ",
        "the metric fails of the package broken-plugin 0.1 cannot be used: computing it fails: ZeroDivisionError: ",
        "the metric nothing of the package broken-plugin 0.1 cannot be used: tiny_plugin.errors:share is no ",
    ],
)
def test_what_is_broken_is_named_once(trained, words):
    assert trained[1].count(f"told {words}") == 1


def test_what_cannot_be_imported_is_named_where_it_is_wanted(trained):
    assert "format: the exporter crate of the package broken-plugin 0.1 cannot be used: " in trained[1]
    words = "The network cracked cannot be built: importing broken_plugin.cracked fails: RuntimeError: it was run."
    assert words in trained[1]


REFUSED = """
import json, pickle, sys
from tfpipelines.core import config, plugins
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.members import list_members
from tfpipelines.tasks import SCHEMAS

def why(call, *given, **named):
    try:
        call(*given, **named)
    except (ConfigError, DataError) as error:
        return str(error)

plugins.tell(lambda text: None)
load = lambda words: why(config.load, "image-cls", words, schemas=SCHEMAS)
found = {"cut": load(["model.name=cut"]), "rule": load(["model.name=mixer", "model.width=5"])}
found |= {"crack": load(["task=crack"]), "odd": load(["task=odd"]), "list": load(["task=[odd]"])}
found |= {"near": load(["model.name=mixr"]), "tilt": load(["task=tilt"]), "tin-cls": load(["task=tin-cls"])}
found["loaded"] = [name for name in ("keras", "tensorflow", "pandas", "tiny_plugin") if name in sys.modules]
model = config.load("image-cls", ["model.name=mixer", "model.width=6"], schemas=SCHEMAS).pipeline.model
found["pickled"] = pickle.loads(pickle.dumps(model)).width
found["space"] = load(["search.space={model.name: [cnn, mixer], model.width: [4, 6]}"])
from tfpipelines.datasets.source import open_source
from tfpipelines.datasets.source.requests import IMAGES
open("odd.tap", "w")
found["tap"] = why(open_source, "odd.tap", IMAGES)
found["members"] = {group: list_members(group) for group in plugins.GROUPS}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def said(python, tmp_path_factory):
    """What one process says of all groups."""
    result = python("-c", REFUSED, folder=tmp_path_factory.mktemp("said"))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_who_asks_for_what_is_broken_is_told_why(said):
    assert "model.name: the network cut of the package broken-plugin 0.1 cannot be used: " in said["cut"]
    assert said["tilt"].startswith("task: the task tilt of the package broken-plugin 0.1 cannot be used: ")
    assert "broken_plugin.cracked:Crack cannot be imported: RuntimeError: it was run." in said["crack"]
    assert "broken_plugin.odd:Odd has no schema whose field task is odd." in said["odd"]
    assert "task: got ['odd']; allowed: image-cls, " in said["list"]
    assert "the source tape of the package broken-plugin 0.1 cannot be used: " in said["tap"]
    assert ".parquet, .tar, .tfrecord, .tsv" in said["tap"]
    assert said["rule"].startswith("image-cls: model.width: got 5; allowed: an even number.")
    assert "Did you mean mixer?" in said["near"] and "Did you mean tiny-cls?" in said["tin-cls"]
    assert said["loaded"] == []  # a network's file is read, not run
    assert said["pickled"] == 6 and said["space"] is None


def test_members_are_listed_with_their_origin(said):
    told = {
        group: {(row["name"], row["kind"]): row["error"] for row in rows if row["origin"] == "tiny-plugin 1.2"}
        for group, rows in said["members"].items()
    }
    assert told.pop("networks") == {
        ("mixer", "images"): None,
        ("plain", ""): "its name is that of broken-plugin 0.1 already.",
    }
    assert told == {
        "tasks": {("tiny-cls", "classifier"): None},
        "sources": {("tar", "images"): None},
        "exporters": {("bundle", "whatever runs TensorFlow"): None},
        "metrics": {("errors", "classifier"): None},
    }
    broken = [row for rows in said["members"].values() for row in rows if row["origin"] == "broken-plugin 0.1"]
    assert {row["name"] for row in broken if row["error"]} >= {"cnn", "cut", "lost", "tilt", "tape", "crate", "nothing"}
    errors = {row["name"]: row["error"] for row in broken if row["error"]}
    assert "odd:Jar cannot be made: SystemExit: no room." in errors["jar"]
    assert "latin.py cannot be read: 'utf-8' codec can't decode" in errors["latin"]
    assert "ruled.py:1: rule_width: NameError: name 'LIMIT' is not defined" in errors["ruled"]
    for rows in said["members"].values():
        assert all(row["error"] is None for row in rows if row["origin"] == "built-in")


def test_list_shows_what_is_built_in(tfpipe):
    rows = json.loads(tfpipe("list", "networks", "--json").out)["networks"]
    assert [row["name"] for row in rows if row["kind"] == "images"] == IMAGES.names
    assert {row["origin"] for row in rows} == {"built-in"}
    table = tfpipe("list", "metrics").out
    assert "matthews" in table and "built-in" in table


def test_a_run_whose_package_is_gone(trained):
    """Here, where it never was."""
    folder = trained[0] / "runs" / "tiny"
    content = yaml.safe_load((folder / "pipeline.yaml").read_text())
    (folder / "pipeline.yaml").write_text(yaml.safe_dump({**content, "task": "image-cls"}))
    run = tfpipelines.load(folder)
    assert run.pipeline.network == "mixer" and run.pipeline.model.activation == "relu"
    assert run.predict(np.zeros((2, 8, 8), "uint8"))["predicted"].notna().all()
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**status, "state": "interrupted"}))
    with pytest.raises(ConfigError, match="tiny-plugin 1.2, which is not installed here"):
        tfpipelines.resume(folder)


@pytest.mark.parametrize(
    "search",
    [
        None,
        ["x"],
        {"space": None},
        {"space": ["model.name"]},
        {"space": {"model.name": ["cnn", "gone", {"a": 1}]}},
        {"space": {"model.name": "cnn"}},
        {"space": {"model.name": {"values": [["cnn"], None]}}},
        {"space": {"model.name": {"values": "cnn"}}},
    ],
)
def test_whatever_the_search_of_a_run_says_lost_networks_are_told(search):
    names, schema = str(search), SCHEMAS["image-cls"]
    known = without_lost({"model": {"name": "cnn"}, "search": search}, schema)
    assert known == (({"model": {"name": "cnn"}, "search": {"space": {}}}, schema) if "gone" in names else None)
    content, made = without_lost({"model": {"name": "gone"}, "search": search}, schema)
    assert made is not schema and content["search"] == ({"space": {}} if isinstance(search, dict) else search)


@pytest.mark.parametrize("search", ["null", "{space: {model.name: [cnn, {a: 1}]}}", "{space: {model.name: [cnn]}}"])
def test_a_search_that_cannot_be_is_told_of_a_run(tmp_path, search):
    text = "task: image-cls\ndata: {path: sample:digits}\nmodel: {name: gone}\nsearch: "
    (tmp_path / "pipeline.yaml").write_text(text + search)
    if search == "null":
        with pytest.raises(ConfigError, match="search: got None"):
            config.load(str(tmp_path / "pipeline.yaml"), schemas=SCHEMAS, built=True)
    else:
        assert not config.load(str(tmp_path / "pipeline.yaml"), schemas=SCHEMAS, built=True).pipeline.search.space


def test_a_list_of_entry_points_that_cannot_be_read(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(plugins, "_receivers", [told.append])
    monkeypatch.syspath_prepend(tmp_path)
    for name, entries in (("bytes", b"\xff"), ("sound", b"whole = a:b"), ("words", b"no entry")):
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (folder / "entry_points.txt").write_bytes(b"[tfpipelines.tasks]\n" + entries)
    assert plugins.Plugin("tasks", "whole", "a:b", "sound 1") in plugins._all.__wrapped__()
    words = "the entry points of the package {} cannot be read: "
    assert sorted(line.partition("read: ")[0] + "read: " for line in told) == [
        words.format("bytes"),
        words.format("words"),
    ]


def test_modules_are_found_and_not_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("outer/__init__.py", "outer/inner.py", "spread/leaf.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise RuntimeError")
    assert located("outer") == tmp_path / "outer" / "__init__.py"
    assert located("outer.inner") == tmp_path / "outer" / "inner.py"
    assert located("spread.leaf") == tmp_path / "spread" / "leaf.py"
    assert located("tfpipelines.networks.images.cnn") == ROOT / "tfpipelines" / "networks" / "images" / "cnn.py"
    for name, words in (
        ("nowhere.inner", "There is no module nowhere"),
        ("outer.lost", "no module lost in the package outer"),
        ("outer.inner.lost", "outer.inner is no package"),
        ("spread", "no file of Python source"),
        ("math", "no file of Python source"),
        ("outer.", "no name of a module"),
    ):
        with pytest.raises(ConfigError, match=words):
            located(name)
