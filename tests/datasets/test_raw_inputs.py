"""What predictions take of what is in memory."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfpipelines import DataError
from tfpipelines.datasets import Columns
from tfpipelines.datasets.image_inputs import raw_images
from tfpipelines.datasets.text_inputs import raw_texts
from tfpipelines.tasks.anomaly import raw_rows, raw_series

MISSING = [None, float("nan"), pd.NA, pd.NaT]
NOTHING = ("", "no text")
AB = Columns.of_numbers(["a", "b"])


def told(entries) -> list[tuple[str, str]]:
    return [(entry.text, entry.error) for entry in entries]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["a", pd.NA, "b"], dtype="string", index=[5, 5, 7]),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series(["a", pd.NA, "b"], dtype=object),
        pd.array(["a", pd.NA, "b"], dtype="string"),
        np.array(["a", None, "b"], object),
        np.array([["a"], [float("nan")], ["b"]], object),
        ["a", pd.NaT, b"b"],
        (text for text in ["a", pd.NA, np.str_("b")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_texts_with_missing_ones(series):
    assert told(raw_texts(series)) == [("a", ""), NOTHING, ("b", "")]


@pytest.mark.parametrize("one", ["a", np.str_("a"), b"a", np.bytes_(b"a"), np.array("a"), np.array([b"a"]), {"a"}])
def test_a_text_alone(one):
    assert told(raw_texts(one)) == [("a", "")]


def test_nothing_is_an_empty_answer():
    for none in ([], (), pd.Series([], dtype=object), np.array([]), pd.DataFrame(), pd.DataFrame({"text": []})):
        assert raw_texts(none) == [] and raw_images(none) == [], none


def test_texts_of_a_data_frame():
    frame = pd.DataFrame({"id": [3, 4], "text": ["a", pd.NA], "title": ["x", "y"]}, index=[9, 9])
    entries = raw_texts([frame, "b"])
    assert told(entries) == [("a", ""), ("", "there is no text in it"), ("b", "")]
    assert [entry.item for entry in entries] == ["0", "1", "2"]
    assert [entry.origin and entry.origin.cells["id"][entry.origin.row] for entry in entries] == [3, 4, None]
    assert told(raw_texts(frame, text_column="title")) == [("x", ""), ("y", "")]
    with pytest.raises(DataError, match="(?s)Columns seen: id, title.*data.text_column"):
        raw_texts(frame[["id", "title"]])
    with pytest.raises(DataError, match="'text' appears twice"):
        raw_texts(frame[["text", "text"]])


@pytest.mark.parametrize(
    "inputs, cause",
    [
        (np.array([["a", "b"], ["c", "d"]], object), r"array of texts has the shape \(2, 2\)"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        ({"text": ["a"]}, "type dict"),
        ([{"text": "a"}], "type dict"),
        ([["a"]], "type list"),
        (np.array([1.5]), "type float64"),
        (None, "NoneType"),
        (3, "type int"),
    ],
)
def test_what_is_no_text(inputs, cause):
    with pytest.raises(DataError, match=cause) as caught:
        raw_texts(inputs)
    assert caught.value.remedy


@pytest.fixture
def picture(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_paths_and_arrays_of_images(picture):
    names = ["a.png", None, "b.png"]
    inputs = [pd.Series(names), pd.Series(names, dtype="string"), np.array(names, object), np.array([names], object).T]
    for some in inputs:
        entries = raw_images(some)
        assert [entry.item for entry in entries] == ["a.png", "1", "b.png"], some
        assert [entry.error for entry in entries] == ["", "no image", "no such file"]
        assert entries[0].pixels(3, 255, 100).shape == (4, 4, 3)
    assert [entry.item for entry in raw_images(np.array(["a.png", "a.png"]))] == ["a.png", "a.png"]
    assert not raw_images(np.str_("a.png"))[0].error
    arrays = pd.Series([np.zeros((4, 4)), np.zeros((5, 6)), "a.png"])
    assert [entry.pixels(1, 255, 100).shape for entry in raw_images(arrays)] == [(4, 4, 1), (5, 6, 1), (4, 4, 1)]
    levels = np.array([[0, 255], [7, 9]], object)
    assert raw_images(levels)[0].pixels(1, 255, 100)[..., 0].tolist() == [[0, 255], [7, 9]]
    assert "other things than numbers" in raw_images(np.array([[1, 2], [3, None]], object))[0].error
    assert [entry.error for entry in raw_images(MISSING)] == ["no image"] * 4


def test_images_of_a_data_frame(picture):
    names = ["a.png", None, "b.png", "http://place/a.png", str(picture)]
    frame = pd.DataFrame({"n": range(5), "image": names})
    entries = raw_images(frame)
    assert [entry.item for entry in entries] == ["a.png", "1", *names[2:]]
    assert [entry.error.split(";")[0] for entry in entries] == ["", "no image", "no such file", "a URL", ""]
    assert entries[4].pixels(1, 255, 100).shape == (4, 4, 1) and entries[4].origin.row == 4
    with pytest.raises(DataError, match="data.item_column"):
        raw_images(frame[["n"]])
    with pytest.raises(DataError, match="type dict"):
        raw_images({"image": names})
    with pytest.raises(DataError, match=r"file names has the shape \(1, 2\)"):
        raw_images(np.array([["a.png", "b.png"]]))


def test_rows_of_a_table_of_images_stay_in_order(picture, tmp_path):
    frame = pd.DataFrame({"image": ["b.png", "a.png", "https://place/a.png"], "n": ["x", "y", "z"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    entries = raw_images("t.csv")
    assert [bool(entry.error) for entry in entries] == [True, False, True]
    assert [entry.item for entry in entries] == ["line 2: b.png", "a.png", "line 4: https://place/a.png"]
    assert [entry.origin.cells["n"][entry.origin.row] for entry in entries] == ["x", "y", "z"]


def test_rows_with_missing_numbers():
    values = pd.DataFrame({"a": [1.0, pd.NA], "b": [2, 3], "id": ["x", "y"]}, dtype=object)
    for some in (values, values[["a", "b"]].to_numpy(), [[1, 2], np.array([None, 3], object)]):
        items, numbers, errors, *_ = raw_rows(some, AB)
        assert items == ["0", "1"] and numbers.tolist() == [[1, 2], [0, 3]] and errors[0] == ""
        assert errors[1] == "no number: a"
    assert [origin.cells["id"][origin.row] for origin in raw_rows(values, AB)[3]] == ["x", "y"]
    assert raw_rows(values.iloc[0], Columns.of_numbers(["b", "a"]))[1].tolist() == [
        [2, 1]
    ]  # by the names of its columns
    for wrong in ({"a": 1}, [{"a": 1}], ["a", "b"][0:0] or [None], np.array(["x.csv"])):
        with pytest.raises(DataError):
            raw_rows(wrong, AB)


def test_points_with_missing_numbers():
    values = pd.Series([1.0, pd.NA, *np.arange(8.0)], dtype="Float64")
    ((_, points, error),) = raw_series(values, 5, ["value"])
    assert points.segments == [(0, 1), (2, 10)] and "point 1" in error
    for wrong in ({"value": 1}, [{"value": 1}], None, pd.DataFrame()):
        with pytest.raises(DataError):
            raw_series(wrong, 5, ["value"])


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("filter", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [True, False])
def test_images_of_the_networks_size_pass_unchanged(filter, resize, antialias):
    """So that prediction may leave resizing out."""
    import tensorflow as tf

    from tfpipelines.models import ImagePreprocessor

    image = np.random.default_rng(0).choice([0, 1, 127, 254, 255], (13, 18, 3)).astype(np.uint8)
    resized = ImagePreprocessor((13, 18), 3, resize, filter, antialias).in_tf_data(tf.constant(image))
    np.testing.assert_array_equal(resized, image)
