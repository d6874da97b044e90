"""Backbones: what the table says, what they expect of pixels, their blocks, and where a network looked."""

import inspect
import sys

import keras
import numpy as np
import pytest

from tfpipelines import evaluation
from tfpipelines.core import config
from tfpipelines.core.config.finetuned import FinetunedImages
from tfpipelines.core.config.kinds import IMAGES
from tfpipelines.networks import backbones
from tfpipelines.networks.backbones.blocks import layer_blocks
from tfpipelines.networks.backbones.finetuned import finetuned_images, scale
from tfpipelines.networks.backbones.loading import SCALINGS, Backbone, head_layer, load_backbone

from ...pretrained import image_network

NETWORKS = {name: function for name, function in vars(keras.applications).items() if inspect.isfunction(function)}


def test_the_table_has_every_network_of_keras_applications():
    assert {entry.name for entry in config.known_backbones()} == {*NETWORKS, "efficientnet-lite0"}


@pytest.mark.parametrize("entry", config.known_backbones()[1:], ids=lambda entry: entry.name)
def test_pixels_are_scaled_as_keras_does_it(entry):
    images = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 3)).astype(np.float32)
    inputs = keras.Input((4, 4, 3))
    ours = keras.Model(inputs, scale(inputs, SCALINGS[entry.scaling]))(images)
    theirs = sys.modules[NETWORKS[entry.name].__module__].preprocess_input(images.copy())
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), theirs, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("MobileNetV2", 20), ("VGG16", 5), pytest.param("DenseNet121", 62, marks=pytest.mark.slow)],
)
def test_parameters_and_blocks(name, blocks):
    source = config.backbone_source(name)
    backbone = load_backbone(source, "none", size=(64, 64), seed=3)
    assert backbone.model.count_params() == source.known.parameters
    parts = layer_blocks(backbone.model)
    assert len(parts) == blocks
    assert sum(len(part) for part in parts) == sum(bool(layer.trainable_weights) for layer in backbone.model.layers)


@pytest.mark.slow
@pytest.mark.parametrize("entry", config.known_backbones()[1:], ids=lambda entry: entry.name)
def test_every_network_has_the_parameters_of_the_table(entry):
    backbone = load_backbone(config.backbone_source(entry.name), "none", size=(entry.size, entry.size))
    assert backbone.model.count_params() == entry.parameters and len(layer_blocks(backbone.model)) > 1


def test_random_weights_are_a_function_of_the_seed():
    def weights(seed):
        return load_backbone(config.backbone_source("MobileNet"), "none", size=(64, 64), seed=seed).model.get_weights()[
            0
        ]

    assert np.array_equal(weights(1), weights(1)) and not np.array_equal(weights(1), weights(2))


def test_names_are_found_whatever_their_case():
    assert (
        config.backbone_source("mobilenet_v2").name == "MobileNetV2"
        and config.backbone_source("EfficientNet-Lite0").kind == "bundled"
    )


@pytest.mark.slow
@pytest.mark.eager
def test_statistics_stay_while_the_rest_trains():
    backbone = load_backbone(config.backbone_source("efficientnet-lite0"), size=(64, 64))
    network = finetuned_images(backbone, (64, 64, 3), 2, FinetunedImages(dropout=0.0), seed=0)
    images = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype(np.float32)
    training, inference = (keras.ops.convert_to_numpy(network(images, training=mode)) for mode in (True, False))
    np.testing.assert_allclose(training, inference, atol=1e-5)
    before = {layer.name: [weight.numpy().copy() for weight in layer.weights] for layer in backbone.model.layers}
    network.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(images, np.array([0, 1, 0, 1]), verbose=0)
    moved = lambda name: [
        not np.array_equal(old, new.numpy()) for old, new in zip(before[name], backbone.model.get_layer(name).weights)
    ]
    assert moved("block15_dw_bn") == [True, True, False, False]  # gamma and beta, but neither mean nor variance


def test_heat_is_where_the_network_looks():
    """A network that counts bright pixels in the left half for class 0, and in the right half for class 1."""
    inputs = keras.Input((8, 8, 1))
    halves = np.zeros((1, 1, 1, 2), np.float32) + 1
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")(inputs)
    mask = np.zeros((1, 8, 8, 2), np.float32)
    mask[:, :, :4, 0] = mask[:, :, 4:, 1] = 1
    x = keras.layers.GlobalAveragePooling2D()(maps * mask)
    network = keras.Model(inputs, keras.layers.Dense(2, use_bias=False, name="logits")(x))
    network.get_layer("maps").set_weights([halves])
    network.get_layer("logits").set_weights([np.eye(2, dtype=np.float32)])
    heat = evaluation.GradCam(network)(np.full((2, 8, 8, 1), 255, np.float32), np.array([0, 1]))
    assert heat.shape == (2, 8, 8)
    assert heat[0, :, :4].min() == 1.0 and heat[0, :, 4:].max() == 0.0 and heat[1, :, :4].max() == 0.0


def test_a_network_of_dense_layers_has_no_heat():
    network = image_network("mlp", (8, 8, 1), 2)
    with pytest.raises(ValueError, match="no feature map"):
        evaluation.GradCam(network)
    assert head_layer(network).name == "logits"


@pytest.mark.parametrize("name", sorted({*IMAGES.names} - {"mlp"}))
def test_networks_of_ours_have_heat(name):
    heat = evaluation.GradCam(image_network(name, (16, 16, 1), 3, seed=0))(
        np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 1)), np.array([0, 2])
    )
    assert heat.shape[0] == 2 and heat.ndim == 3 and 0.0 <= heat.min() <= heat.max() <= 1.0


def test_what_is_frozen_is_said():
    inputs = keras.Input((8, 8, 3))
    plain = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))
    assert not Backbone(plain, SCALINGS["levels"], "plain").freezes_statistics


def test_rates_do_not_hang_on_what_is_frozen():
    backbone = load_backbone(config.backbone_source("InceptionV3"), "none", size=(96, 96))
    network = finetuned_images(backbone, (96, 96, 3), 2, FinetunedImages(), seed=0)
    backbones.unfreeze(network, 3)
    assert set(backbones.rates_by_depth(network, 0.5)) == {1.0, 0.5, 0.25, 0.125}


@pytest.mark.slow
def test_efficientnet_from_a_file_is_that_with_imagenet_weights(tmp_path, monkeypatch):
    """Keras builds another graph where it loads the weights itself; a file of weights must give the same features."""
    import keras.src.applications.efficientnet as module

    plain = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(64, 64, 3))
    means = np.array([0.485, 0.456, 0.406], np.float32)
    (scaling,) = (layer for layer in plain.layers if isinstance(layer, keras.layers.Normalization))
    scaling.set_weights([means, np.array([0.229, 0.224, 0.225], np.float32), np.array(0)])
    plain.save_weights(tmp_path / "b0.weights.h5")
    monkeypatch.setattr(module.file_utils, "get_file", lambda *arguments, **options: str(tmp_path / "b0.weights.h5"))
    theirs = keras.applications.EfficientNetB0(weights="imagenet", include_top=False, input_shape=(64, 64, 3))
    backbone = load_backbone(config.backbone_source("EfficientNetB0"), str(tmp_path / "b0.weights.h5"), size=(64, 64))
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    inputs = keras.Input((64, 64, 3))
    ours = keras.Model(inputs, backbone.model(scale(inputs, backbone.scaling)))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ours(images)), keras.ops.convert_to_numpy(theirs(images)), atol=1e-3
    )


def test_patches_are_no_feature_map(tmp_path):
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Reshape((16, 8))(keras.layers.Conv2D(8, 8, 8)(inputs))
    x = keras.layers.LayerNormalization()(x + keras.layers.MultiHeadAttention(2, 4)(x, x))
    keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(x))).save(tmp_path / "vit.keras")
    backbone = load_backbone(config.backbone_source(str(tmp_path / "vit.keras")))
    assert backbone.model.output.shape == (None, 8) and any(
        "attention" in layer.name for layer in backbone.model.layers
    )
