"""How good generated images are."""

import numpy as np
import pytest
from PIL import Image

from tfpipelines import metrics
from tfpipelines.evaluation import sheet, write_picture, write_samples
from tfpipelines.metrics.generation import (
    frechet_distance,
    kernel_distance,
    kernel_interval,
    nearest,
    precision_recall,
    small_pixels,
)
from tfpipelines.tasks.generation.plots import write_animation

pytestmark = pytest.mark.pictures


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_frechet_distance_of_normal_distributions(rng):
    one, two = rng.standard_normal((20_000, 3)), rng.standard_normal((20_000, 3)) * [1.0, 2.0, 3.0] + [1.0, 0.0, 0.0]
    assert frechet_distance(one, two) == pytest.approx(
        1.0 + 0.0 + 1.0 + 4.0, rel=0.05
    )  # |means|^2 + sum of (deviations' difference)^2
    assert frechet_distance(one, one) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(one[:5], two[:5]) > 0  # fewer rows than would fill the space


def test_kernel_distance_is_unbiased_and_knows_its_error(rng):
    distances = np.array(
        [kernel_distance(rng.standard_normal((60, 4)), rng.standard_normal((50, 4)))[0] for _ in range(200)]
    )
    assert abs(distances.mean()) < 3 * distances.std() / 200**0.5
    distances, errors = np.array(
        [kernel_distance(rng.standard_normal((60, 4)) + 0.7, rng.standard_normal((50, 4))) for _ in range(200)]
    ).T
    assert errors.mean() == pytest.approx(distances.std(), rel=0.25)
    a, b = rng.standard_normal((4, 2)), rng.standard_normal((3, 2)) + 1
    kernel = lambda x, y: (x @ y / 2 + 1) ** 3
    within = np.mean([kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    without = np.mean([kernel(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    assert kernel_distance(a, b)[0] == pytest.approx(
        within + without - 2 * np.mean([kernel(x, y) for x in a for y in b])
    )
    low, high = kernel_interval(rng.standard_normal((200, 4)) + 0.5, rng.standard_normal((200, 4)))
    assert 0 < low < high


def test_precision_and_recall_tell_bad_images_from_missing_ones(rng):
    real = np.concatenate([rng.standard_normal((150, 2)), rng.standard_normal((150, 2)) + 20])
    one_mode = rng.standard_normal((300, 2))
    precision, recall = precision_recall(one_mode, real)
    assert precision > 0.85 and recall < 0.55
    beside = np.concatenate([real[:150] + 0.01, rng.standard_normal((150, 2)) + 100])
    precision, recall = precision_recall(beside, real)
    assert precision < 0.55
    assert precision_recall(real, real) == (1.0, 1.0)


def test_nearest_and_copies(rng):
    training = rng.standard_normal((1200, 20))
    blocks = [training[:700], training[700:]]
    distances, places = nearest(training[698:703] + 0.001, blocks)
    assert list(places) == [698, 699, 700, 701, 702] and distances.max() < 0.01
    some = np.array([3, 699, 700, 1100])
    own, places = nearest(training[some], blocks, own=some)
    assert own.min() > 0.1 and not (places == some).any()
    unseen = nearest(rng.standard_normal((300, 20)), blocks)[0]
    made = np.concatenate([rng.standard_normal((50, 20)), training[:10] + 0.01])
    for usual in (
        unseen,
        np.concatenate([unseen, np.zeros(30)]),
    ):  # also where some of the unseen ones have been trained on after all
        assert list(np.flatnonzero(metrics.copies(nearest(made, blocks)[0], usual))) == list(range(50, 60))
        assert metrics.usual_distance(usual) == np.median(unseen)
    assert metrics.copies(np.array([0.0, 0.1]), np.zeros(5)).tolist() == [True, False]


def test_diversity_sees_a_collapse_within_classes(rng):
    classes = np.repeat([0, 1], 50)
    real = rng.standard_normal((100, 6)) + 10 * classes[:, None]
    collapsed = 0.1 * rng.standard_normal((100, 6)) + 10 * classes[:, None]
    assert metrics.diversity(collapsed, real) > 0.8  # the two classes alone look diverse
    assert metrics.diversity(collapsed, real, classes, classes) == pytest.approx(0.1, abs=0.02)
    assert metrics.diversity(real, real, classes, classes) == pytest.approx(1.0)


def test_judge_standardizes_by_the_training_images(rng):
    class Network:
        def predict_on_batch(self, images):
            return np.stack([images.mean((1, 2, 3)), np.full(len(images), 7.0)], 1)

    images = rng.integers(0, 256, (300, 4, 4, 1)).astype(np.uint8)
    extractor = metrics.FeatureExtractor(Network(), images)
    assert extractor.real[:, 0].mean() == pytest.approx(0, abs=1e-9) and extractor.real[:, 0].std() == pytest.approx(1)
    assert not extractor.real[:, 1].any()  # what never changes says nothing
    assert np.array_equal(extractor(images), extractor.real)


def test_pixels_that_are_compared_are_at_most_32_wide():
    for side, small in ((28, 28), (64, 32), (36, 18), (128, 32)):
        images = np.full((2, side, side, 3), 255, np.uint8)
        images[1, : side // 2] = 0
        pixels = small_pixels(images)
        assert (
            pixels.shape == (2, small * small * 3) and (pixels[0] == 1).all() and pixels[1].mean() == pytest.approx(0.5)
        )


def test_sheet_keeps_every_pixel(rng):
    images = rng.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    page = sheet(images, 3)
    factor = page.shape[1] // (3 * 10 + 2)
    assert page.shape == (22 * factor, 32 * factor, 3) and factor > 1
    assert np.array_equal(page[2 * factor : 10 * factor : factor, 12 * factor : 20 * factor : factor], images[1])


def test_animation_and_table(tmp_path, rng):
    frames = []
    for number in range(9):
        path = tmp_path / f"{number}.png"
        write_picture(path, np.full((20, 60, 1), 25 * number, np.uint8))
        frames.append((f"epoch {number}", path))
    write_animation(tmp_path / "all.gif", frames, 4)
    with Image.open(tmp_path / "all.gif") as picture:
        assert picture.n_frames == 4 and picture.size == (60, 38)
        first = np.asarray(picture.convert("L"))[-1, 30]
        picture.seek(3)
        assert first < 10 and abs(int(np.asarray(picture.convert("L"))[-1, 30]) - 200) < 10  # the last is among them
    (tmp_path / "samples").mkdir()
    images = rng.integers(0, 256, (3, 8, 8, 1)).astype(np.uint8)
    write_samples(tmp_path / "samples", images, ["a", "b", "a"])
    assert (tmp_path / "samples" / "samples.csv").read_text() == "image,label\n00000.png,a\n00001.png,b\n00002.png,a\n"
    assert np.array_equal(np.asarray(Image.open(tmp_path / "samples" / "00001.png")), images[1, ..., 0])
