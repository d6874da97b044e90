"""Images to be learned by a generator."""

import numpy as np
import pytest

from tfpipelines import datasets
from tfpipelines.datasets.image_store import store_array
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.models import ImagePreprocessor
from tfpipelines.tasks import generation
from tfpipelines.tasks.generation.config import GeneratedImageData
from tfpipelines.tasks.generation.images import conditioning_labels, image_groups

from ...conftest import write_photos


def read(path, labelled=False, **fields):
    findings = datasets.Findings()
    data = GeneratedImageData(path=str(path), **fields)
    return generation.read_pictures(data, findings, labelled=labelled).frame, findings


def test_a_folder_without_labels(tmp_path, digits):
    root = write_photos(tmp_path / "all", digits, {"zero": 0, "deep/one": 1}, 20)
    (root / "notes.txt").write_text("no image")
    frame, findings = read(root)
    assert (
        len(frame) == 40 and set(frame["label"]) == {"image"} and set(frame["split"]) == {"train", "validation", "test"}
    )
    (warning,) = findings.of("warning")
    assert warning.code == "no_image" and warning.items == ("notes.txt",)


def test_split_folders_without_labels(tmp_path, digits):
    root = write_photos(tmp_path / "all", digits, {"train/a": 0, "val": 1, "beside": 2}, 20)
    frame, findings = read(root)
    assert frame["split"].value_counts().to_dict() == {"train": 20, "validation": 20}
    assert [finding.code for finding in findings.of("warning")] == ["beside_splits"]
    frame, findings = read(root, layout="classes")
    assert len(frame) == 60 and not findings.of("warning")


def test_labels_that_are_asked_for_must_be_there(tmp_path, digits):
    root = write_photos(tmp_path / "all", digits, {"zero": 0, "one": 1}, 20)
    frame, _ = read(root, labelled=True)
    assert set(frame["label"]) == {"zero", "one"}
    with pytest.raises(DataError) as caught:
        read(root / "zero", labelled=True)
    assert "model.conditional=false" in caught.value.remedy


def test_too_few_images_are_told(tmp_path, digits):
    root = write_photos(tmp_path / "few", digits, {"zero": 0}, 30)
    with pytest.raises(DataError, match="only 2 images"):
        read(write_photos(tmp_path / "two", digits, {"zero": 0}, 2))
    findings = datasets.Findings()
    frame, _ = read(root)
    generation.check_pictures(datasets.Samples(frame), False, "warn", findings)
    assert [finding.code for finding in findings.of("error")] == ["few", "few"]
    frame, _ = read("sample:digits", labelled=True)
    findings = datasets.Findings()
    assert (
        generation.check_pictures(datasets.Samples(frame), True, "warn", findings)
        == [str(number) for number in range(10)]
        and not findings.entries
    )


def batches(digits, first, last, labels=None, **more):
    store = store_array(digits["x"][:40, ..., None], ImagePreprocessor((28, 28), 1))
    rows = np.arange(40)
    return list(
        generation.adversarial_batches(
            store, rows, labels, batch_size=8, seed=3, first_step=first, last_step=last, latent=5, **more
        ).as_numpy_iterator()
    )


def test_batches_are_a_function_of_seed_and_step(digits):
    labels = np.arange(40) % 4
    whole, rest = batches(digits, 0, 9, labels, draws=True), batches(digits, 4, 9, labels, draws=True)
    for one, other in zip(whole[4:], rest, strict=True):
        assert set(one) == {"images", "noise", "labels", "draws"}
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not np.array_equal(whole[0]["noise"], whole[1]["noise"])
    noise = np.concatenate([one["noise"] for one in whole])
    assert abs(noise.mean()) < 0.2 and abs(noise.std() - 1) < 0.15
    epoch = np.concatenate([one["images"] for one in whole[:5]]).reshape(40, -1)
    assert len(np.unique(epoch, axis=0)) == 40  # every image once
    number = {image.tobytes(): label for image, label in zip(digits["x"][:40], labels)}
    assert all(number[image.tobytes()] == label for one in whole for image, label in zip(one["images"], one["labels"]))
    assert set(batches(digits, 0, 1)[0]) == {"images", "noise"}


def test_what_a_generator_is_told_of():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [60, 30, 30])
    pixels = rng.standard_normal((120, 20)).__getitem__
    assert conditioning_labels(None, 120, 1, pixels, 0) == (None, {"shares": [], "classes": []})
    told, groups = conditioning_labels(labels, 120, 1, pixels, 0)
    assert np.array_equal(told, labels) and groups == {"shares": [0.5, 0.25, 0.25], "classes": [0, 1, 2]}
    told, groups = conditioning_labels(labels, 120, 2, pixels, 0)
    assert np.array_equal(told // 2, labels) and len(set(told)) == 6 and groups["classes"] == [0, 0, 1, 1, 2, 2]
    assert sum(groups["shares"][:2]) == pytest.approx(0.5) and groups["shares"] == (np.bincount(told) / 120).tolist()
    told, groups = conditioning_labels(None, 120, 4, pixels, 0)
    assert set(told) == {0, 1, 2, 3} and groups["classes"] == [0, 0, 0, 0]
    with pytest.raises(ConfigError, match="only 30 training images of one class"):
        conditioning_labels(labels, 120, 8, pixels, 0)


def test_groups_are_images_that_look_alike():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 30)
    pixels = rng.standard_normal((90, 50)) * 0.1 + 3.0 * rng.standard_normal((3, 50))[truth]
    groups = image_groups(pixels.__getitem__, np.arange(90), 3, 0)
    assert len({(one, other) for one, other in zip(truth, groups)}) == 3
    assert np.array_equal(groups, image_groups(pixels.__getitem__, np.arange(90), 3, 0))
    assert set(image_groups(np.ones((90, 5)).__getitem__, np.arange(90), 3, 0)) == {0}  # all alike
