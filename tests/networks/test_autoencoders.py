"""Autoencoders: every argument does something, what is saved is plain Keras and says the same, scores are what they
claim.
"""

import json
import os
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from tfpipelines import models, networks
from tfpipelines.core import config
from tfpipelines.core.config.kinds import IMAGE_AUTOENCODERS, ROW_AUTOENCODERS, SERIES_AUTOENCODERS
from tfpipelines.core.config.networks import ImageAutoencoder, RowAutoencoder
from tfpipelines.models import ImagePreprocessor
from tfpipelines.networks import backbones, build_network, reconstruction
from tfpipelines.networks.backbones.deep_features import default_layers, join_maps
from tfpipelines.tasks.anomaly import DetectorArtifact, NumbersPreprocessor, model_file

from ..conftest import some

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (6, 19, 16, 1)).astype(np.uint8)
ROWS = (RANDOM.standard_normal((6, 5)) * [1, 10, 100, 1, 0] + [0, 5, -300, 2, 7]).astype(np.float32)
WINDOWS = (20 + 4 * np.sin(np.arange(13)[:, None] * [0.4, 0.8] + RANDOM.uniform(0, 6, (6, 1, 2)))).astype(np.float32)
SMALL = {
    "dense": {"units": (8,), "latent": 3},
    "conv": {"filters": (4, 6), "latent": 3},
    "vae": {"latent": 3},
    "conv1d": {"filters": (4, 6), "latent": 3},
    "lstm": {"units": (4,), "latent": 3},
    "gru": {"units": (4,), "latent": 3},
}


def autoencoder(kind, name, shape, seed=None, for_training=False, backbone=None, **fields):
    given = {"input_shape": shape, "backbone": backbone, "seed": seed, "for_training": for_training}
    return build_network(kind.section(name)(**fields), **given)


def _builds():
    for name in sorted({*IMAGE_AUTOENCODERS.names} - {"feature", "memory", "padim"}):  # others need a backbone
        build = partial(autoencoder, IMAGE_AUTOENCODERS, name, (19, 16, 1), **SMALL.get(name, {}))
        yield f"image-{name}", build, ImagePreprocessor((19, 16), 1), IMAGES
    for name in ("dense", "vae"):  # others are fitted
        build = partial(autoencoder, ROW_AUTOENCODERS, name, (5,), **SMALL.get(name, {}))
        yield f"row-{name}", build, NumbersPreprocessor((5,)), ROWS
    for name in ("conv1d", "dense", "gru", "lstm"):
        build = partial(autoencoder, SERIES_AUTOENCODERS, name, (13, 2), **SMALL.get(name, {}))
        yield f"series-{name}", build, NumbersPreprocessor((13, 2)), WINDOWS


BUILDS = {name: rest for name, *rest in _builds()}


@pytest.fixture(
    params=[
        *some([name for name in BUILDS if name.startswith("series-")], ()),
        *(
            pytest.param(*param.values, marks=[*param.marks, pytest.mark.eager])
            for param in some([name for name in BUILDS if not name.startswith("series-")], ("image-vae", "row-dense"))
        ),
    ]
)
def network(request):
    return BUILDS[request.param]


def statistics(network, inputs):
    flat = inputs.reshape(-1, inputs.shape[-1])
    reconstruction.set_statistics(network, flat.mean(0), flat.std(0))


def test_training_makes_the_loss_smaller_and_what_is_saved_has_the_same_weights_and_says_the_same(network):
    build, preprocessor, inputs = network
    network = build(for_training=True, seed=0)
    statistics(network, inputs)
    network.compile(optimizer=keras.optimizers.Adam(5e-3))
    epochs = 20 if inputs is WINDOWS else 6  # those of series learn slowly, but are traced
    history = network.fit(np.concatenate([inputs] * 8), batch_size=24, epochs=epochs, verbose=0).history["loss"]
    assert history[-1] < 0.95 * history[0]
    plain = build(for_training=False, seed=0)
    assert [(weight.path, weight.shape) for weight in network.weights] == [
        (weight.path, weight.shape) for weight in plain.weights
    ]
    plain.set_weights(network.get_weights())
    for name in ("target", "reconstruction"):
        np.testing.assert_allclose(np.asarray(plain(inputs)[name]), np.asarray(network(inputs)[name]), atol=1e-5)


def test_seeds_repeat_and_noise_and_dropout_act_in_training_alone(network):
    build, _, inputs = network
    first, again, other = (build(for_training=True, seed=seed).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again)) and not all(
        np.array_equal(a, b) for a, b in zip(first, other)
    )
    for change in ({"noise": 0.5}, {"dropout": 0.5}):
        model = build(for_training=True, seed=0, normalization="none", **change)
        statistics(model, inputs)
        still, moving = (np.asarray(model(inputs, training=training)["reconstruction"]) for training in (False, True))
        assert not np.allclose(still, moving) and np.array_equal(still, np.asarray(model(inputs)["reconstruction"]))


LOAD = """
import json, sys
import keras, numpy as np
assert "tfpipelines" not in sys.modules
for name in json.loads(sys.argv[1]):
    model = keras.saving.load_model(f"{name}.keras")
    np.savez(f"{name}.out.npz", **model.predict(np.load(f"{name}.npy"), verbose=0))
assert "tfpipelines" not in sys.modules
"""


@pytest.mark.slow
def test_every_detector_loads_in_plain_keras(tmp_path):
    expected = {}
    backbone = backbones.load_backbone(config.backbone_source("efficientnet-lite0"), size=(64, 64))
    feature = (
        partial(
            autoencoder,
            IMAGE_AUTOENCODERS,
            "feature",
            (64, 64, 3),
            backbone=backbone,
            layers=["block2_add"],
            units=(8,),
            latent=4,
        ),
        ImagePreprocessor((64, 64), 3),
        np.repeat(IMAGES, 3, -1),
    )
    for name, (build, preprocessor, inputs) in {**BUILDS, "feature": feature}.items():
        network = build(for_training=True, seed=0)
        if name != "feature":
            statistics(network, inputs)
        artifact = DetectorArtifact(
            preprocessor, build(for_training=False, seed=0), {"normal": ["good"]}, ImageAutoencoder()
        )
        artifact.set_weights(network.get_weights())
        artifact.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", inputs)
        expected[name] = artifact.model.predict(inputs, verbose=0)
        assert models.load_artifact(tmp_path / f"{name}.keras").facts == {"normal": ["good"]}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", LOAD, json.dumps(list(expected))], cwd=tmp_path, env=environment, check=True)
    for name, outputs in expected.items():
        with np.load(tmp_path / f"{name}.out.npz") as loaded:
            assert set(loaded.files) == {"score", "map", *(["reconstruction"] if name != "feature" else [])} and loaded[
                "score"
            ].shape == (6,)
            for output, values in outputs.items():
                np.testing.assert_allclose(loaded[output], values, rtol=1e-5, atol=1e-5)


def test_numbers_are_standardized_and_brought_back():
    model = autoencoder(ROW_AUTOENCODERS, "dense", (5,), units=(), latent=5, seed=0, for_training=False)
    statistics(model, ROWS)
    outputs = model(ROWS)
    target = np.asarray(outputs["target"])
    np.testing.assert_allclose(target[:, :4], ((ROWS - ROWS.mean(0)) / ROWS.std(0).clip(1e-9))[:, :4], atol=1e-4)
    assert not target[:, 4].any()  # a constant column stays finite
    expected = np.asarray(outputs["reconstruction"]) * np.where(ROWS.std(0) > 0, ROWS.std(0), 1) + ROWS.mean(0)
    np.testing.assert_allclose(np.asarray(outputs["restored"]), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.eager
def test_small_units_and_far_values_stay_finite_and_odd():
    rows = (RANDOM.standard_normal((50, 3)) * [1e-9, 1.0, 1e6]).astype(np.float32)
    for name in ("dense", "vae"):
        model = autoencoder(ROW_AUTOENCODERS, name, (3,), units=(8,), latent=2, seed=0)
        statistics(model, rows)
        assert np.abs(np.asarray(model(rows)["target"]).std(0) - 1).max() < 0.05
        scores = model_file.part_of(
            DetectorArtifact(NumbersPreprocessor((3,)), model, {}, RowAutoencoder()).model, "score"
        )
        odd = np.zeros((3, 3), np.float32) + np.diag(rows.std(0) * 1000).astype(np.float32)
        assert (
            np.isfinite(scores.predict(odd, verbose=0)).all()
            and scores.predict(odd, verbose=0).min() > scores.predict(rows, verbose=0).max()
        ), name


def test_centered_windows_do_not_see_the_level():
    model = autoencoder(SERIES_AUTOENCODERS, "conv1d", (13, 2), **SMALL["conv1d"], centered=True, seed=0)
    statistics(model, WINDOWS)
    low, high = model(WINDOWS), model(WINDOWS + 50)
    np.testing.assert_allclose(np.asarray(low["target"]), np.asarray(high["target"]), atol=1e-3)
    np.testing.assert_allclose(np.asarray(low["restored"]) + 50, np.asarray(high["restored"]), rtol=1e-4, atol=1e-2)


def test_structural_similarity_is_that_of_mean_filters():
    a, b = RANDOM.random((2, 20, 18)).astype(np.float32)
    got = np.asarray(reconstruction.distances(a[None, ..., None], b[None, ..., None], "ssim"))[
        0, 3:-3, 3:-3, 0
    ]  # edges: other rules
    mean = partial(uniform_filter, size=7)
    covariance = mean(a * b) - mean(a) * mean(b)
    variances = mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2
    similarity = (
        (2 * mean(a) * mean(b) + 1e-4)
        * (2 * covariance + 9e-4)
        / ((mean(a) ** 2 + mean(b) ** 2 + 1e-4) * (variances + 9e-4))
    )
    np.testing.assert_allclose(got, (1 - similarity)[3:-3, 3:-3], atol=1e-4)
    assert np.abs(np.asarray(reconstruction.distances(a[None, ..., None], a[None, ..., None], "ssim"))).max() < 1e-5


def test_other_distances():
    a, b = RANDOM.standard_normal((2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(reconstruction.distances(a, b, "l2")), (a - b) ** 2, atol=1e-5)
    np.testing.assert_allclose(np.asarray(reconstruction.distances(a, b, "l1")), np.abs(a - b), atol=1e-6)
    cosine = (
        (a * b).sum(-1, keepdims=True)
        / np.linalg.norm(a, axis=-1, keepdims=True)
        / np.linalg.norm(b, axis=-1, keepdims=True)
    )
    np.testing.assert_allclose(np.asarray(reconstruction.distances(a, b, "cosine")), 1 - cosine, atol=1e-5)


@pytest.mark.parametrize(("pooling", "expected"), [("max", 9.0), ("mean", 4.5), ("top", 8.5)])
def test_pooling(pooling, expected):
    places = np.arange(10, dtype=np.float32).reshape(1, 5, 2)
    assert float(model_file.pool(places, pooling, 0.2)[0]) == expected


def test_reconstruction_probability_is_the_mean_over_draws():
    model = autoencoder(ROW_AUTOENCODERS, "vae", (5,), units=(8,), latent=2, samples=6, seed=0)
    statistics(model, ROWS)
    outputs = model(ROWS)
    encode, decode = model.get_layer("encoder"), model.get_layer("decoder")
    mean, log_variance = (np.asarray(part) for part in encode(outputs["target"]))
    draws = [layer.scale for layer in model.layers if isinstance(layer, keras.layers.Rescaling)]
    assert len(draws) == 6 and np.allclose(np.sum(draws, 0), 0)
    expected = 0
    for draw in draws:
        center, spread = (np.asarray(part) for part in decode(mean + np.exp(0.5 * log_variance) * np.array(draw)))
        spread = spread.clip(-6, 4)
        expected = expected + 0.5 * (spread + (np.asarray(outputs["target"]) - center) ** 2 * np.exp(-spread))
    np.testing.assert_allclose(np.asarray(outputs["surprise"]), expected / 6, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def backbone():
    return backbones.load_backbone(config.backbone_source("efficientnet-lite0"), size=(64, 64))


@pytest.mark.eager
@pytest.mark.parametrize("bottleneck", some(["place", "image"], ("image",)))
def test_a_feature_autoencoder_leaves_its_backbone_alone(backbone, bottleneck):
    images = RANDOM.integers(0, 256, (4, 64, 64, 3)).astype(np.float32)
    build = partial(
        autoencoder,
        IMAGE_AUTOENCODERS,
        "feature",
        (64, 64, 3),
        backbone=backbone,
        units=(8,),
        latent=4,
        bottleneck=bottleneck,
    )
    network = build(for_training=True, seed=0)
    assert default_layers(backbone, (64, 64, 3)) == ["block2_add", "block4_add", "block10_add"]
    assert network.output["target"].shape == (None, 8, 8, 24 + 40 + 112)
    before = [weight.numpy() for weight in backbone.model.weights]
    features = backbones.feature_network(network).predict(images, verbose=0)
    networks.set_statistics(network, features.mean((0, 1, 2)), features.std((0, 1, 2)))
    target = np.asarray(network(images)["target"])
    assert abs(target.mean()) < 1e-3 and abs(target.std() - 1) < 1e-2
    part = backbones.reconstructing_part(network)
    part.compile(optimizer="adam")
    part.fit(features, epochs=1, verbose=0)
    assert all(np.array_equal(old, new.numpy()) for old, new in zip(before, backbone.model.weights))
    np.testing.assert_allclose(
        np.asarray(network(images)["reconstruction"]), np.asarray(part(features)["reconstruction"]), atol=1e-4
    )


def test_maps_are_joined_on_one_grid():
    fine, coarse = keras.Input((16, 16, 2)), keras.Input((4, 4, 3))
    model = keras.Model([fine, coarse], join_maps([fine, coarse], (64, 64), 8))
    x, y = (
        RANDOM.standard_normal((1, 16, 16, 2)).astype(np.float32),
        RANDOM.standard_normal((1, 4, 4, 3)).astype(np.float32),
    )
    joined = np.asarray(model([x, y]))
    assert joined.shape == (1, 8, 8, 5)
    np.testing.assert_allclose(joined[..., :2], x.reshape(1, 8, 2, 8, 2, 2).mean((2, 4)), atol=1e-5)
    assert joined[..., 2:].max() <= y.max() and joined[..., 2:].min() >= y.min()


@pytest.mark.eager
def test_smoothing_and_size_of_the_map(backbone):
    network = autoencoder(IMAGE_AUTOENCODERS, "feature", (64, 64, 3), backbone=backbone, units=(8,), latent=4, seed=0)
    rough, smooth = (
        DetectorArtifact(ImagePreprocessor((64, 64), 3), network, {}, ImageAutoencoder(smoothing=side)).model.predict(
            np.repeat(IMAGES[:2], 3, -1), verbose=0
        )["map"]
        for side in (0, 5)
    )
    assert rough.shape == smooth.shape == (2, 64, 64)
    assert np.abs(np.diff(smooth, axis=1)).max() < np.abs(np.diff(rough, axis=1)).max()
