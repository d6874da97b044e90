"""Arrow files and folders of Hugging Face's datasets, as their package has written them."""

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tfpipelines.datasets.source import open_source
from tfpipelines.datasets.source.arrow import Arrow
from tfpipelines.datasets.source.requests import FEATURES, IMAGES, TEXTS, Request
from tfpipelines.errors import DataError

pa = pytest.importorskip("pyarrow", reason="needs the extra parquet")
SAVED = Path(__file__).parent / "saved_datasets"  # written by datasets 5.2.0, see its README


def read(path, kind=IMAGES, **fields):
    return open_source(str(path), kind).read(Request(kind, **fields))


def notes(table, code):
    return [entry.message for entry in table.findings.entries if entry.code == code]


def test_a_saved_dict_of_splits(digits):
    table = read(SAVED / "dict")
    assert table.frame["split"].tolist() == ["train"] * 4 + ["validation"] * 2
    assert table.frame["label"].tolist() == ["cat", "dog"] * 3
    assert Image.open(io.BytesIO(table.content(5))).size == (4, 4)
    assert "without unsupervised (2 rows), test (2 rows, without labels)" in notes(table, "table_form")[0]


def test_other_roles_of_its_columns():
    table = read(SAVED / "dict", TEXTS, columns={"label": "label"})
    assert table.frame["text"].tolist()[:2] == ["text 0", "text 1"]
    table = read(SAVED / "dict", TEXTS, columns={"label": "tags"})  # which the test split has
    assert table.frame["label"].tolist() == ["p", "|"] * 4 and table.frame["split"].tolist()[-1] == "test"
    table = read(SAVED / "dict", FEATURES, columns={"label": "price"})
    assert [float(cell) for cell in table.cells["price"]][:2] == [0.5, 1.5]


def test_for_predictions_all_rows_count():
    table = open_source(str(SAVED / "dict"), IMAGES).read(Request.to_predict(IMAGES, {}))
    assert len(table.frame) == 10 and "split" not in table.given


def test_without_labels_splits_are_kept():
    table = read(SAVED / "dict", labelled=False)
    assert table.frame["split"].value_counts().to_dict() == {"train": 4, "validation": 2, "test": 2}


def test_a_single_saved_dataset_and_a_single_file():
    assert read(SAVED / "dict" / "train").frame["split"].isna().all()
    table = read(SAVED / "dict" / "train" / "data-00001-of-00002.arrow")
    assert table.frame["label"].tolist() == ["cat", "dog"]


def test_a_folder_of_the_cache(tmp_path):
    shutil.copy(SAVED / "dict" / "train" / "dataset_info.json", tmp_path)
    for split, source in {"train": "train/data-00000-of-00002", "test": "validation/data-00000-of-00001"}.items():
        shutil.copy(SAVED / "dict" / f"{source}.arrow", tmp_path / f"my-set-{split}.arrow")
    assert read(tmp_path).frame["split"].tolist() == ["test", "test", "train", "train"]
    (tmp_path / "my-set-train.arrow").rename(tmp_path / "my-set-train-00000-of-00003.arrow")
    with pytest.raises(DataError, match="holds 1 of 3 files like my-set-train-00000"):
        read(tmp_path)
    for file in tmp_path.glob("*.arrow"):
        file.rename(tmp_path / f"{file.stem.replace('-', '_')}.arrow")
    with pytest.raises(DataError, match="no Arrow file that is named after its split"):
        read(tmp_path)


def test_results_that_the_package_keeps_beside_the_data_are_no_split(tmp_path):
    write = lambda name, table: _write(tmp_path / name, table)
    write("reviews-train.arrow", pa.table({"text": ["good", "bad"], "label": ["a", "b"]}))
    (tmp_path / "dataset_info.json").write_text("{}")
    write("cache-1a2b3c4d5e6f7081.arrow", pa.table({"text": ["x", "y", "z"], "label": ["a", "b", "a"]}))
    write("cache-1a2b3c4d5e6f7081_00000_of_00002.arrow", pa.table({"indices": [1, 0]}))
    assert len(open_source(str(tmp_path), TEXTS).read(Request.to_predict(TEXTS, {})).frame) == 2
    (tmp_path / "reviews-train.arrow").unlink()
    assert not Arrow.reads(tmp_path)


NAMED = {"text": {"_type": "ClassLabel", "names": ["a", "b"]}}


@pytest.mark.parametrize(
    "written", ["null", "[]", '{"info": null}', '{"info": []}', "{", {"info": {"features": NAMED}}]
)
def test_facts_in_a_file_that_are_odd(tmp_path, written):
    table = pa.table({"text": ["good", "bad"], "label": ["x", "y"]})
    told = written if isinstance(written, str) else json.dumps(written)
    _write(tmp_path / "a.arrow", table.replace_schema_metadata({b"huggingface": told.encode()}))
    assert read(tmp_path / "a.arrow", TEXTS).frame["text"].tolist() == ["good", "bad"]


@pytest.mark.parametrize("split", ["..", ".", "", "a/../..", 3])
def test_splits_that_lead_out(tmp_path, split):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "dataset_dict.json").write_text(json.dumps({"splits": [split]}))
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "other.arrow"}]}))
    _write(tmp_path / "other.arrow", pa.table({"text": ["good"], "label": ["x"]}))
    with pytest.raises(DataError, match="names no splits"):
        read(tmp_path / "in", TEXTS)


def _write(file, table):
    with pa.OSFile(str(file), "wb") as out, pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)


def test_feather_files(tmp_path):
    import pyarrow.feather

    pyarrow.feather.write_feather(pa.table({"a": [1, 2], "label": ["x", None]}), str(tmp_path / "t.feather"))
    assert list(read(tmp_path / "t.feather", FEATURES).cells["a"]) == ["1", "2"]


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(SAVED / "dict" / "train", tmp_path / "train"))


@pytest.mark.parametrize("cut", [0, 3, 10, 300, 1000, -8, -1])
def test_a_file_that_is_cut(copy, cut):
    file = copy / "data-00000-of-00002.arrow"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DataError, match="data-00000-of-00002.arrow (ends too early|is damaged, cut)"):
        read(copy)


def test_files_that_are_damaged_or_of_another_version(copy):
    file = copy / "data-00000-of-00002.arrow"
    content = bytearray(file.read_bytes())
    content[8:40] = b"\xff" * 32
    file.write_bytes(content)
    with pytest.raises(DataError, match="of a version of Arrow that pyarrow"):
        read(copy)
    file.write_bytes(b"ARROW1\0\0" + bytes(100))
    with pytest.raises(DataError, match="is damaged, cut, or of a version"):
        read(copy)


def test_folders_that_are_not_whole(copy):
    (copy / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(DataError, match="lacks data-00001-of-00002.arrow"):
        read(copy)
    state = json.loads((copy / "state.json").read_text())
    (copy / "state.json").write_text(json.dumps(state | {"_indices_data_files": [{"filename": "i.arrow"}]}))
    with pytest.raises(DataError, match="chosen by a file of indices"):
        read(copy)
    (copy / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../x.arrow"}]}))
    with pytest.raises(DataError, match="names no files of data"):
        read(copy)
    (copy / "dataset_dict.json").write_text("[]")
    with pytest.raises(DataError, match="names no splits"):
        read(copy)


def test_other_folders_are_no_datasets(tmp_path):
    (tmp_path / "dataset_info.json").write_text("{}")
    assert not Arrow.reads(tmp_path)


def test_what_the_installed_package_writes(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs the extra hf")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    rows = datasets.Dataset.from_dict({"text": ["a b", "c d"], "label": [1, 0]}, features=features)
    datasets.DatasetDict({"train": rows, "test": rows}).save_to_disk(str(tmp_path / "saved"))
    assert read(tmp_path / "saved", TEXTS).frame["label"].tolist() == ["yes", "no"] * 2


def test_images_stay_in_the_file_until_they_are_opened(tmp_path):
    import tracemalloc

    image = pa.array([{"bytes": bytes(500_000), "path": f"{row}.png"} for row in range(40)])
    table = pa.table({"image": image, "label": ["x", "y"] * 20})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table)
    tracemalloc.start()
    rows = read(tmp_path / "a.arrow")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6 and rows.content(39) == bytes(500_000) and rows.frame["item"].iat[39] == "39.png"


def test_images_that_are_paths_or_missing(tmp_path, photos):
    found = [{"bytes": None, "path": "zero/000.png"}, None, {"bytes": None, "path": "one/001.png"}]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    table = pa.table({"image": pa.array(found, kind), "label": ["a", "b", "c"]})
    with pa.OSFile(str(photos / "a.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    rows = read(photos / "a.arrow")
    assert rows.frame["item"].tolist() == ["zero/000.png", "one/001.png"] and rows.path(1).is_file()


def test_early_versions(tmp_path):
    (tmp_path / "a.feather").write_bytes(b"FEA1" + bytes(60))
    with pytest.raises(DataError, match="of a version of Arrow that pyarrow"):
        read(tmp_path / "a.feather")
    table = pa.table({"a": [1], "label": ["x"]})
    options = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4, use_legacy_format=True)
    with (
        pa.OSFile(str(tmp_path / "b.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema, options=options) as to,
    ):
        to.write_table(table)
    assert len(read(tmp_path / "b.arrow", FEATURES).frame) == 1
