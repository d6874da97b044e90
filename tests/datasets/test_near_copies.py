"""Near-copies of training samples in other splits: images and texts that are made of others, and none that are not."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfpipelines.datasets import near_images as of_images
from tfpipelines.datasets import near_texts as of_texts
from tfpipelines.datasets.checks import check_near_copies
from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.near_images import near_images
from tfpipelines.datasets.near_texts import near_texts
from tfpipelines.datasets.sample_table import make_frame
from tfpipelines.datasets.thumbnails import SIDE, area_means, thumbnails

from ..conftest import ROOT

LONG = "the camera takes sharp pictures in daylight but its battery is empty after two hours of use"


def jpeg(image):
    content = io.BytesIO()
    image.save(content, "JPEG", quality=50)
    return Image.open(content)


def cropped(image):
    width, height = image.size
    return image.crop((round(0.06 * width), round(0.03 * height), round(0.95 * width), round(0.96 * height)))


CHANGES = {
    "smaller": lambda image: image.resize((image.width // 2, image.height // 2)),
    "larger": lambda image: image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC),
    "jpeg": jpeg,
    "cropped": cropped,
    "all": lambda image: jpeg(cropped(image.resize((image.width * 2, image.height * 2)))),
}


def emoji(count):
    files = sorted((ROOT / "data" / "emoji" / "food-drink").glob("*.png"))[:count]
    images = [Image.open(file).convert("RGBA") for file in files]
    return [Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB") for image in images]


def small(images, size):
    return thumbnails(np.stack([np.asarray(image.resize(size)) for image in images]).reshape(len(images), *size, -1))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["digits", "emoji"])
def test_changed_images_are_found(kind, change, digits):
    images = [Image.fromarray(image) for image in digits["x"][::50]] if kind == "digits" else emoji(100)
    size, copied = images[0].size, range(0, 60, 3)
    both = small([*images, *(CHANGES[change](images[row]) for row in copied)], size)
    found, complete = near_images(both, np.arange(60), np.arange(60, len(both)))
    assert complete
    assert (found[: len(images) - 60] < 0).all()  # other images are no copies
    hits = found[len(images) - 60 :] == np.array(copied)
    assert hits.mean() >= 0.85 and (hits | (found[len(images) - 60 :] < 0)).all()


def test_packaged_digits_are_no_copies(digits):
    found, _ = near_images(digits["x"][::3, ..., None], np.arange(1200), np.arange(1200, len(digits["x"][::3])))
    assert (found < 0).all()


def test_flat_images_and_other_colours_are_no_copies():
    flat = np.concatenate([np.full((20, 32, 32, 3), 250, np.uint8), np.full((5, 32, 32, 3), 252, np.uint8)])
    assert (near_images(flat, np.arange(20), np.arange(20, 25))[0] < 0).all()
    shape = np.zeros((32, 32), bool)
    shape[8:24, 6:20] = True
    hearts = np.full((2, 32, 32, 3), 255, np.uint8)
    hearts[0][shape], hearts[1][shape] = (220, 30, 30), (30, 30, 220)
    assert near_images(hearts, np.array([0]), np.array([1]))[0].tolist() == [-1]
    hearts[1][shape] = (222, 33, 29)
    assert near_images(hearts, np.array([0]), np.array([1]))[0].tolist() == [0]


def test_large_sets_are_compared_in_part(monkeypatch, digits):
    monkeypatch.setattr(of_images, "_TRAIN", 50)
    monkeypatch.setattr(of_images, "_PRODUCTS", 500)
    found, complete = near_images(digits["x"][:200, ..., None], np.arange(100), np.arange(100, 200))
    assert found.shape == (100,) and not complete


def test_thumbnails_are_means_of_areas():
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3)).astype(np.uint8)
    means = area_means(images, SIDE)
    np.testing.assert_allclose(means, images.reshape(3, SIDE, 2, SIDE, 3, 3).mean((2, 4)), atol=1e-3)
    assert thumbnails(images).dtype == np.uint8
    assert thumbnails(images[:, :10, :12]).shape == (3, 10, 10, 3)


@pytest.mark.parametrize(
    "copy",
    [
        LONG.upper() + "!!",
        "The camera takes sharp pictures in daylight, but its battery is empty after two hours of use.",
        LONG.replace("sharp", "good"),
        LONG.replace("sharp", "good").replace("empty", "gone").replace("two", "three"),
        LONG + ". I bought it for the holidays and gave it back to the shop.",
    ],
)
def test_changed_texts_are_found(copy):
    reviews = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")["text"].to_list()[:600]
    found, complete = near_texts([*reviews[:500], LONG, *reviews[500:], copy], 501)
    assert complete and found[-1] == 500 and (found[:-1] < 0).all()


def test_packaged_reviews_are_no_copies():
    frame = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")
    train, others = (
        frame.loc[mask, "text"].to_list() for mask in (frame["split"] == "train", frame["split"] == "test")
    )
    assert (near_texts([*train, *others], len(train))[0] < 0).all()


@pytest.mark.parametrize(
    ("text", "other", "same"),
    [
        ("Great phone!", "great phone", True),
        ("not a good phone", "a good phone", False),
        ("数据集里的图片和标签都很清楚，但是太少了", "数据集里的图片和标签都很清楚，但是太多了", True),
        ("!!!", "???", False),
    ],
)
def test_short_texts_and_texts_without_spaces(text, other, same):
    fillers = [f"filler{number} text{number} word{number}" for number in range(50)]
    assert (near_texts([text, *fillers, other], 51)[0].tolist() == [0]) == same


def test_texts_of_one_template_are_no_copies():
    draw = np.random.default_rng(0).integers
    texts = [
        f"Dear name{draw(50)}, your order of a thing{draw(50)} from our shop in town{draw(50)} has been sent to you"
        for _ in range(2000)
    ]
    exact = len(set(texts[1500:]) & set(texts[:1500]))
    assert (near_texts(texts, 1500)[0] >= 0).sum() <= exact + 3


def test_many_texts_are_compared_in_part(monkeypatch):
    monkeypatch.setattr(of_texts, "_PRODUCTS", 3)
    assert not near_texts([f"{LONG} {number}" for number in range(10)], 5)[1]
    assert near_texts(["a"], 1)[0].shape == (0,)


def test_exact_copies_are_left_to_the_other_check():
    frame = make_frame("abcd", ["x"] * 4, ["train", "train", "test", "validation"])
    asked = []

    def search(train, others):
        asked.append((train.tolist(), others.tolist()))
        return np.array([1]), False

    findings = Findings()
    check_near_copies(frame, pd.Series([1, 2, 1, 3]), search, "error", findings)
    assert asked == [([0, 1], [3])]
    near, part = findings.entries
    assert (near.code, near.severity, near.items) == ("near_leak", "error", ("b (train) ~ d (validation)",))
    assert (part.code, part.severity) == ("near_leak_part", "note")


@pytest.fixture
def copied_photos(photos, tmp_path):
    """The photos with splits, and one of training, half its size, in test."""
    for place in sorted(photos.iterdir()):
        for number, file in enumerate(sorted(place.iterdir())):
            folder = tmp_path / "splits" / ("test" if number % 4 == 3 else "train") / place.name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / file.name)
    source = sorted((tmp_path / "splits" / "train" / "two").iterdir())[0]
    CHANGES["larger"](Image.open(source)).save(tmp_path / "splits" / "test" / "two" / "copy.png")
    return tmp_path / "splits"


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_check_names_near_copies_of_images(cache, copied_photos, tfpipe):
    words = ["check", copied_photos, "--pipeline", "image-cls", "data.size=28", f"data.cache={cache}"]
    result = tfpipe(*words)
    assert result.code == 0
    assert "1 sample nearly equal to a training sample" in result.err + result.out
    assert "copy.png (test)" in result.err + result.out
    assert tfpipe(*words, "data.on_leak=error").code == 3


def test_check_names_near_copies_of_texts(tmp_path, tfpipe):
    frame = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv").iloc[:120]
    frame["split"] = ["train"] * 90 + ["validation"] * 10 + ["test"] * 20
    long = frame[:90].loc[frame["text"].str.split().str.len() > 12].iloc[0]
    frame.loc[119, ["text", "label"]] = [long["text"].upper() + " !", long["label"]]
    frame.to_csv(tmp_path / "texts.csv", index=False)
    words = ["check", tmp_path / "texts.csv", "--pipeline", "text-cls"]
    result = tfpipe(*words)
    assert result.code == 0 and "(train) ~ line 121 (test)" in result.err + result.out
    assert tfpipe(*words, "data.on_leak=error").code == 3
