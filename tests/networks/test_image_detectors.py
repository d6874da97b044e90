"""Detectors fitted to features of normal images: their graphs say what numpy and scikit-learn say."""

import keras
import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from tfpipelines import networks
from tfpipelines.core import config
from tfpipelines.core.config.kinds import IMAGE_AUTOENCODERS
from tfpipelines.models import ImagePreprocessor
from tfpipelines.networks import backbones
from tfpipelines.networks.backbones.deep_features import place_features
from tfpipelines.networks.image_autoencoders.memory import coreset, fit_memory
from tfpipelines.tasks.anomaly import DetectorArtifact

from .. import pretrained

RANDOM = np.random.default_rng(0)
SHAPE = (32, 32, 3)
TRAIN = RANDOM.integers(0, 256, (30, *SHAPE)).astype(np.float32)
TEST = np.concatenate([TRAIN[:2], RANDOM.integers(0, 256, (4, *SHAPE)), np.full((1, *SHAPE), 255)]).astype(np.float32)

pytestmark = pytest.mark.eager


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    path = pretrained.tiny_backbone(tmp_path_factory.mktemp("backbone") / "tiny.keras")
    return backbones.load_backbone(config.backbone_source(str(path)), size=SHAPE[:2])


@pytest.fixture(scope="module")
def normals():
    return networks.NormalImages(len(TRAIN), lambda some: TRAIN[some])


def network_of(name, backbone, normals, for_training=False, **fields):
    section = IMAGE_AUTOENCODERS.section(name)(**fields)
    given = {"input_shape": SHAPE, "backbone": backbone, "normals": normals, "seed": 0, "for_training": for_training}
    return networks.build_network(section, **given), section


def features_of(backbone, images, **settings):
    return np.asarray(keras.Model(*place_features(SHAPE, backbone, **settings))(images))


def distances_of(network, images=TEST):
    return np.asarray(network(images)["contributions"])


def test_a_memory_is_the_distance_to_the_nearest_features_it_keeps(backbone, normals):
    network, _ = network_of("memory", backbone, normals, places=40)
    train, test = (features_of(backbone, images, strides=(4, 8)) for images in (TRAIN, TEST))
    kept = fit_memory([train[:7], train[7:]], 0, len(train), 0.1, 40)
    assert len(kept.rows) == 40 == networks.places_kept(network)
    scaled = ((test - kept.center) / kept.spread).reshape(-1, test.shape[-1])
    expected, _ = NearestNeighbors(n_neighbors=1).fit(kept.rows).kneighbors(scaled)
    np.testing.assert_allclose(distances_of(network).ravel(), expected.ravel(), rtol=1e-4, atol=1e-5)
    whole, _ = network_of("memory", backbone, normals, share=1.0)
    np.testing.assert_allclose(distances_of(whole)[:2], 0, atol=1e-4)  # they are in it
    assert distances_of(whole)[2:].min() > 1e-2


def test_a_place_is_told_from_the_same_place_of_others_by_padim(backbone, normals):
    network, _ = network_of("padim", backbone, normals, layers=["block2_act", "block3_act"], channels=100)
    train, test = (features_of(backbone, images, layers=["block2_act", "block3_act"]) for images in (TRAIN, TEST))
    scale = train.std((0, 1, 2), dtype=np.float64)
    scale[scale == 0] = 1
    told = distances_of(network)
    for row, column in ((0, 0), (1, 3), (3, 2)):
        known = LedoitWolf().fit(train[:, row, column].astype(np.float64) / scale)
        expected = np.sqrt(known.mahalanobis(test[:, row, column] / scale))
        np.testing.assert_allclose(told[:, row, column, 0], expected, rtol=2e-3)


def test_channels_of_padim_are_a_choice_by_the_seed(backbone, normals):
    few, _ = network_of("padim", backbone, normals, channels=5)
    assert few.output["contributions"].shape == (None, 4, 4, 1)
    sizes = sorted(tuple(weight.shape) for weight in few.weights if "whitening" in weight.path)
    assert sizes == [(1, 16 * 5 * 5)] * 2


def test_a_coreset_leaves_no_row_far_away():
    rows = np.concatenate([RANDOM.normal(size=(500, 3)), 50 + RANDOM.normal(size=(3, 3))]).astype(np.float32)
    chosen = coreset(rows, 20, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 20 and (np.diff(chosen) > 0).all() and (chosen >= 500).any()
    farthest = lambda some: np.linalg.norm(rows[:, None] - rows[some], axis=-1).min(1).max()
    assert farthest(chosen) < farthest(np.arange(20))
    assert np.array_equal(chosen, coreset(rows, 20, np.random.default_rng(0)))
    assert coreset(rows[:5], 9, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]
    assert len(coreset(np.ones((9, 2), np.float32), 4, np.random.default_rng(0))) == 4  # all alike


@pytest.mark.parametrize("name", ["memory", "padim"])
def test_what_is_saved_is_plain_keras_and_fitted_once(name, backbone, tmp_path):
    asked = []
    normals = networks.NormalImages(len(TRAIN), lambda some: asked.append(some) or TRAIN[some])
    trained, _ = network_of(name, backbone, normals, for_training=True)
    network, section = network_of(name, backbone, normals)
    assert len(asked) == 1 and trained.trainable_variables == []
    network.set_weights(trained.get_weights())
    artifact = DetectorArtifact(ImagePreprocessor(SHAPE[:2], 3), network, {}, section)
    artifact.save(tmp_path / "model.keras")
    names = {type(layer).__module__.partition(".")[0] for layer in artifact.model._flatten_layers()}
    assert names == {"keras"}
    images = TEST.astype(np.uint8)
    told = {key: np.asarray(value) for key, value in artifact.model(images).items()}
    assert told["map"].shape == (len(TEST), *SHAPE[:2]) and told["score"].shape == (len(TEST),)
    for key, values in keras.saving.load_model(tmp_path / "model.keras")(images).items():
        np.testing.assert_array_equal(np.asarray(values), told[key])
    assert told["score"][-1] > told["score"][:2].max()  # white all over


def test_features_of_too_many_images_are_of_some(backbone, monkeypatch):
    asked = []
    normals = networks.NormalImages(len(TRAIN), lambda some: asked.append(some) or TRAIN[some])
    extractor = keras.Model(*place_features(SHAPE, backbone))
    monkeypatch.setattr(
        "tfpipelines.networks.normal_images.MOST_BYTES", 4 * 7 * int(np.prod(extractor.output.shape[1:]))
    )
    assert len(normals.features(extractor, 3)) == 7
    assert np.array_equal(asked[0], np.unique(asked[0])) and asked[0].tolist() != list(range(7))
