"""Datasets of the Hugging Face Hub, by stand-ins for its packages, and by the real ones where they are installed."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from tfpipelines.core.urls import Address
from tfpipelines.datasets.remote import local_copy, pinned
from tfpipelines.datasets.remote.hub import Hub
from tfpipelines.datasets.source import open_source
from tfpipelines.datasets.source.requests import TEXTS, Request
from tfpipelines.errors import ConfigError, DataError

pa = pytest.importorskip("pyarrow", reason="needs the extra parquet")
COMMIT = "0123456789" * 4


def saved(folder, rows, features):
    """Writes what `DatasetDict.save_to_disk` does, split -> columns."""
    folder.mkdir(parents=True)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": [*rows]}))
    for split, columns in rows.items():
        (folder / split).mkdir()
        table = pa.table(columns)
        with pa.OSFile(str(folder / split / "data.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
            out.write_table(table)
        (folder / split / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
        (folder / split / "dataset_info.json").write_text(json.dumps({"features": features}))


@pytest.fixture
def hub(monkeypatch):
    """Stand-ins: what they are asked stands in `asked`, and they raise `error` if there is one."""
    found = SimpleNamespace(asked=[], error=None, sha=COMMIT)

    class HfApi:
        def dataset_info(self, name, revision, files_metadata, timeout):
            found.asked.append(("info", name, revision))
            if found.error:
                raise found.error
            return SimpleNamespace(sha=found.sha, siblings=[SimpleNamespace(size=700_000), SimpleNamespace(size=5)])

    class Loaded:
        def save_to_disk(self, place):
            from pathlib import Path

            names = {"_type": "ClassLabel", "names": ["neg", "pos"]}
            rows = {"text": ["good", "bad", "fine", "ugly"], "label": [1, 0, 1, 0]}
            saved(Path(place), {"train": rows, "test": rows}, {"text": {"_type": "Value"}, "label": names})

    def load_dataset(name, config, revision, cache_dir):
        found.asked.append(("load", name, config, revision))
        if found.error:
            raise found.error
        return Loaded()

    api, datasets = ModuleType("huggingface_hub"), ModuleType("datasets")
    api.HfApi, datasets.load_dataset, datasets.__version__ = HfApi, load_dataset, "4.1.0"
    monkeypatch.setitem(sys.modules, "huggingface_hub", api)
    monkeypatch.setitem(sys.modules, "datasets", datasets)
    return found


def test_a_dataset_is_fetched_once_and_pinned_by_its_revision(hub):
    told = []
    copy = local_copy("hf://datasets/anna/reviews", told.append)
    assert hub.asked == [("info", "anna/reviews", None), ("load", "anna/reviews", None, COMMIT)]
    assert f"Fetching hf://datasets/anna/reviews (revision {COMMIT}), 2 files, of 0.70 MB, once" in told[0]
    assert str(copy.address) == f"hf://datasets/anna/reviews#revision={COMMIT}"
    assert copy.name == "hf://datasets/anna/reviews"
    assert local_copy("hf://datasets/anna/reviews", told.append) == copy and len(hub.asked) == 3
    table = open_source("hf://datasets/anna/reviews", TEXTS).read(Request(TEXTS))
    assert table.frame["label"].tolist() == ["pos", "neg", "pos", "neg"] * 2
    assert table.frame["split"].tolist() == ["train"] * 4 + ["test"] * 4
    (note,) = [entry.message for entry in table.findings.entries if entry.code == "copied"]
    assert f"revision {COMMIT}, SHA-256 {copy.sha256}" in note
    hub.error = type("ConnectError", (type("TransportError", (Exception,), {}),), {})("no route")
    assert local_copy("hf://datasets/anna/reviews", told.append) == copy and "no route; its copy of" in told[-1]


def test_a_revision_that_is_there_asks_nobody(hub):
    url = pinned("hf://datasets/anna/reviews@main/small#inside=train", print)
    assert url == f"hf://datasets/anna/reviews@main/small#revision={COMMIT}&inside=train"
    asked = [*hub.asked]
    hub.error = RuntimeError("offline")
    first = local_copy(url, print)
    assert local_copy(url, print) == first and hub.asked == asked and first.path.name == "train"
    hub.error, hub.sha = None, COMMIT[::-1]
    assert local_copy("hf://datasets/anna/reviews@main/small", print).told == f"revision {COMMIT[::-1]}"
    assert local_copy(url, print) == first  # the run keeps to its own
    with pytest.raises(ConfigError, match="behind # is not understood"):
        Address.of("hf://datasets/anna/reviews#revision=main")


def test_a_dataset_that_is_saved_again_is_not_left_half(hub, monkeypatch):
    from tfpipelines.datasets.remote import copies

    def stopped(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(copies, "_hash", stopped)
        with pytest.raises(KeyboardInterrupt):
            local_copy("hf://datasets/anna/reviews", print)
    assert len(list(local_copy("hf://datasets/anna/reviews", print).path.iterdir())) == 3


def test_early_versions_of_the_package(hub, monkeypatch):
    monkeypatch.setattr(sys.modules["datasets"], "__version__", "3.6.0")
    with pytest.raises(ConfigError, match="datasets 3.6.0 is too old"):
        local_copy("hf://datasets/anna/reviews", print)


@pytest.mark.parametrize("url", ["hf://anna/reviews", "hf://datasets/reviews", "hf://datasets/a/b/c/d.csv", "hf://"])
def test_other_forms(url):
    with pytest.raises(ConfigError, match="names no dataset"):
        Hub(Address.of(url))


def test_revisions_and_configurations():
    found = Hub(Address.of("hf://datasets/a.b/c-d@refs%2Fpr%2F1/fine"))
    assert (found.name, found.revision, found.config, found.lasting) == ("a.b/c-d", "refs/pr/1", "fine", "")
    assert Hub(Address.of(f"hf://datasets/a/b@{COMMIT}/")).lasting == COMMIT


ERRORS = [
    (type("GatedRepoError", (OSError,), {})("accept the terms"), "is gated: accept the terms", "hf auth login"),
    (type("RepositoryNotFoundError", (OSError,), {})("401"), "does not exist, or is private", "hf auth login"),
    (ValueError("Config name is missing.\nPick one of ['a', 'b']"), "Config name is missing. Pick one", "/CONFIG"),
    (RuntimeError("Dataset scripts are no longer supported, but found x.py"), "code of its own", "without code"),
    (type("HfHubHTTPError", (OSError,), {})("503"), "cannot be reached: 503", "try again"),
    (KeyError("odd"), "cannot be loaded: KeyError", "load_dataset"),
]


@pytest.mark.parametrize("error, cause, remedy", ERRORS)
def test_errors(hub, error, cause, remedy):
    hub.error = error
    with pytest.raises(DataError) as caught:
        local_copy("hf://datasets/anna/reviews", print)
    assert cause in caught.value.cause and remedy in caught.value.remedy


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match="needs the package datasets") as caught:
        local_copy("hf://datasets/anna/reviews", print)
    assert "pip install 'tfpipelines[hf]'" in caught.value.remedy
