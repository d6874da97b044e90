"""Anomalies that are made of normal images, and the mean of several detectors of images."""

from importlib import import_module

import keras
import numpy as np
import pytest

from tfpipelines.tasks.anomaly import DetectorArtifact, NumbersPreprocessor, Scored, combined, made_images

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(120, 20, (7, 40, 48, 3)).clip(0, 255).astype(np.uint8)


def test_each_kind_changes_a_part_of_a_normal_image():
    made = made_images(IMAGES, 0)
    assert list(made) == ["pasted", "scar", "stain", "noisy", "blurred"]
    for kind, some in made.items():
        assert some.shape == (50, 40, 48, 3) and some.dtype == np.uint8
        changed = (some[:, None] != IMAGES[None]).any(-1)  # (50, 7, 40, 48)
        shares = changed.mean((2, 3)).min(1)  # from the image that it is made of
        assert (shares > 0).mean() > 0.9 and np.median(shares) < (0.5 if kind == "stain" else 0.15), kind
    assert np.array_equal(made["scar"], made_images(IMAGES, 0)["scar"])
    assert not np.array_equal(made["scar"], made_images(IMAGES, 1)["scar"])


@pytest.mark.parametrize("shape", [(4, 4, 1), (3, 50, 1)])
def test_small_images_will_do(shape):
    assert all(some.shape == (50, *shape) for some in made_images(np.zeros((1, *shape), np.uint8), 0).values())


def part(name, factor):
    """A detector whose map is the level of each place times a factor."""
    inputs = keras.Input((4, 5, 1))
    places = inputs[..., 0] * np.float32(factor)
    return keras.Model(inputs, {"score": keras.ops.max(places, (1, 2)), "map": places}, name=name)


def test_maps_of_several_are_put_on_one_scale():
    normal = np.array([0.25, 0.5, 1.0])
    scored = [Scored(name, part(name, factor), normal * factor, []) for name, factor in (("a", 1), ("b", 100))]
    network = combined(scored, [2.0, 200.0])
    model = DetectorArtifact(NumbersPreprocessor((4, 5, 1)), network, {}, []).model  # no field is asked for
    images = RANDOM.random((3, 4, 5, 1)).astype(np.float32)
    told = {name: np.asarray(value) for name, value in model(images).items()}
    np.testing.assert_allclose(told["map"], images[..., 0] / 2, rtol=1e-6)
    log = lambda scores: np.log(scores + 0.1 * np.median(normal))
    odds = (log(images.max((1, 2, 3))) - log(normal).mean()) / log(normal).std()
    np.testing.assert_allclose(told["score"], odds, rtol=1e-4)


def test_of_very_large_images_fewer_are_made(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
    for most, count in ((5 * 12 * 256, 12), (1, 10), (2**28, 50)):
        monkeypatch.setattr(import_module("tfpipelines.tasks.anomaly.made_images"), "_MOST_BYTES", most)
        assert [len(made) for made in made_images(images, 0).values()] == [count] * 5
