"""Builders: every argument does something, seeds repeat, all load in plain Keras."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpipelines.core.config.kinds import IMAGES
from tfpipelines.core.config.section import Activation, Initializer, MapNormalization
from tfpipelines.models import ClassifierArtifact, ImagePreprocessor, load_artifact
from tfpipelines.networks.fused_batch_norm import FusedBatchNormalization
from tfpipelines.networks.layers import local_response

from .. import warm
from ..conftest import some
from ..pretrained import image_network
from .test_text_networks import TOLD, text_answers

SMALL = {"mlp": {"units": (8, 6)}, "cnn": {"filters": (4, 6, 8)}, "resnet": {"depth": 8, "width": 4}}
SMALL["convnext"] = {"filters": (8, 16), "depths": (1,)}
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 20, 16, 3)).astype(np.float32)


def build(name, shape=(20, 16, 3), classes=4, **arguments):
    return image_network(name, shape, classes, **{**SMALL.get(name, {}), "seed": 0, **arguments})


@pytest.mark.parametrize("name", IMAGES.names)
@pytest.mark.parametrize("normalization", MapNormalization.__args__)
def test_every_normalization(name, normalization):
    if normalization not in IMAGES.section(name).model_fields["normalization"].annotation.__args__:
        assert (name, normalization) == ("mlp", "local_response")  # which has no maps
        return
    model = build(name, normalization=normalization)
    assert model(PICTURES).shape == (5, 4) and model.output.dtype == "float32"
    kinds = {type(layer).__name__ for layer in model.layers if "Normalization" in type(layer).__name__}
    expected = {
        "none": set(),
        "batch": {"BatchNormalization"},
        "layer": {"LayerNormalization"},
        "rms": {"RMSNormalization"},
        "local_response": set(),
    }
    assert kinds == expected.get(normalization, {"GroupNormalization"})
    for layer in model.layers:  # a bias in front of a normalization would do nothing
        if hasattr(layer, "use_bias"):
            behind = {type(node.operation).__name__ for node in layer._outbound_nodes}
            assert layer.use_bias != any("Normalization" in name for name in behind), layer.name


def test_local_response_is_that_of_its_paper():
    """Against the sum of Krizhevsky et al. 2012, section 3.3, written out."""
    maps = 50 * np.random.default_rng(0).normal(size=(2, 3, 4, 7)).astype("float32")
    expected = np.empty_like(maps)
    for channel in range(7):
        near = maps[..., max(0, channel - 2) : min(6, channel + 2) + 1]
        expected[..., channel] = maps[..., channel] / (2 + 1e-4 * (near**2).sum(-1)) ** 0.75
    np.testing.assert_allclose(keras.ops.convert_to_numpy(local_response(maps)), expected, rtol=1e-5)
    assert np.isfinite(keras.ops.convert_to_numpy(local_response(np.full((1, 1, 1, 5), 6e3, "float16")))).all()
    model = build("cnn", normalization="local_response", units=(5,))
    assert any("power" in operation.name for operation in model.operations)
    assert model.get_layer("dense1").use_bias and model.get_layer("conv1_1").use_bias


@pytest.mark.parametrize("activation", Activation.__args__)
@pytest.mark.parametrize("initializer", Initializer.__args__[:: len(Initializer.__args__) - 1])
def test_every_activation(activation, initializer):
    assert np.isfinite(np.asarray(build("cnn", activation=activation, initializer=initializer)(PICTURES))).all()


@pytest.mark.parametrize("initializer", Initializer.__args__)
def test_every_initializer(initializer):
    first, second, other = (build("mlp", initializer=initializer, seed=seed).get_weights()[0] for seed in (0, 0, 1))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


@pytest.mark.parametrize("name", IMAGES.names)
def test_no_two_layers_share_a_seed(name):
    kernels = [weight.numpy() for weight in build(name, normalization="none").weights if weight.path.endswith("kernel")]
    firsts = [float(kernel.ravel()[0] / kernel.std()) for kernel in kernels]
    assert len(set(np.round(firsts, 5))) == len(kernels)


@pytest.mark.eager
@pytest.mark.parametrize("name", some(IMAGES.names, ("cnn", "mlp")))
def test_every_network_learns(name):
    model, labels = build(name, dropout=0.0), np.arange(16) % 4
    pictures = np.random.default_rng(0).integers(0, 256, (16, 20, 16, 3)).astype(np.float32)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    losses = model.fit(pictures, labels, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("name", IMAGES.names)
def test_dropout_and_weight_decay(name):
    model = build(name, dropout=0.5, weight_decay=1e-3)
    still, moving = np.asarray(model(PICTURES)), np.asarray(model(PICTURES, training=True))
    assert not np.allclose(still, moving)
    kernels = [weight for weight in model.weights if weight.path.endswith("kernel")]
    assert len(model.losses) == len(kernels)
    assert np.isclose(
        float(sum(model.losses)), 1e-3 * sum(float((weight.numpy() ** 2).sum()) for weight in kernels), rtol=1e-4
    )
    assert not build(name).losses


def test_resnet_depth_width_and_stem():
    for depth in (8, 14, 20):
        model = build("resnet", depth=depth)
        assert (
            sum(
                isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)) and "project" not in layer.name
                for layer in model.layers
            )
            == depth
        )
    assert build("resnet", width=8).get_layer("head").output.shape == (None, 32)
    assert "stem_pool" not in {layer.name for layer in build("resnet", (95, 200, 3)).layers}
    assert "stem_pool" in {layer.name for layer in build("resnet", (96, 96, 3)).layers}
    assert "stem_pool" in {layer.name for layer in build("resnet", stem="imagenet").layers}
    with pytest.raises(ValueError, match="6n"):
        build("resnet", depth=9)


def test_cnn_stages_heads_and_dense_layers():
    model = build("cnn", convolutions=(2, 1, 3), kernel_size=5, pooling="mean", head="flatten", units=(7,))
    names = [layer.name for layer in model.layers]
    assert [name for name in names if name.startswith("conv")] == [
        "conv1_1",
        "conv1_2",
        "conv2_1",
        "conv3_1",
        "conv3_2",
        "conv3_3",
    ]
    assert model.get_layer("conv3_3").output.shape == (None, 5, 4, 8) and model.get_layer("head").output.shape == (
        None,
        160,
    )
    assert model.get_layer("dense1").units == 7 and model.get_layer("conv1_1").kernel_size == (5, 5)
    assert build("cnn", head="max")(PICTURES).shape == (5, 4)
    assert build("cnn", shape=(6, 6, 3))(PICTURES[:, :6, :6]).shape == (5, 4)  # pooling stops in time
    with pytest.raises(ValueError, match="2 numbers for the 3 stages"):
        build("cnn", convolutions=(1, 2))


def test_fused_normalization_is_keras_own_up_to_rounding():
    generator = np.random.default_rng(3)
    images, targets = (
        generator.normal(size=(8, 12, 10, 3)).astype(np.float32) * 50,
        np.eye(4, dtype=np.float32)[[0, 1, 2, 3] * 2],
    )
    weights = []
    for for_training in (False, True):
        model = build("cnn", (12, 10, 3), for_training=for_training, dropout=0.0)
        assert any(isinstance(layer, FusedBatchNormalization) for layer in model.layers) == for_training
        model.compile(
            keras.optimizers.SGD(0.1), keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False
        )
        for _ in range(5):
            model.train_on_batch(images, targets)
        weights.append(model.get_weights())
        assert np.isfinite(model.predict(images, verbose=0)).all()
    for plain, fused in zip(*weights):
        assert np.allclose(plain, fused, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(("policy", "fused"), [("float32", True), ("mixed_bfloat16", True), ("mixed_float16", False)])
def test_fused_normalization_by_type_of_computation(policy, fused, monkeypatch):
    calls = []
    kernel = tf.raw_ops.FusedBatchNormV3
    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", lambda **told: calls.append(told["x"].dtype) or kernel(**told))
    images = np.random.default_rng(3).normal(2, 3, (8, 6, 5, 4)).astype(np.float32)
    layers = [kind(dtype=policy, momentum=0.5) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)]
    inputs = tf.cast(images, layers[0].compute_dtype)
    gradients, outputs = [], []
    for layer in layers:
        layer.build(images.shape)
        layer.gamma.assign([0.5, 1.0, 1.5, 2.0])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            told = layer(inputs, training=True)
            loss = tf.reduce_sum(tf.cast(told, tf.float32) ** 2 * np.linspace(0, 1, 4, dtype=np.float32))
        outputs.append(np.asarray(told, np.float32))
        gradients.append(
            [np.asarray(g, np.float32) for g in tape.gradient(loss, [layer.gamma.value, layer.beta.value])]
        )
        assert told.dtype == layer.compute_dtype
        assert all(weight.dtype == "float32" for weight in layer.weights)
    assert [dtype.name for dtype in calls] == [layers[1].compute_dtype] * fused
    places = 1e-5 if policy == "float32" else 0.05
    assert np.allclose(*outputs, rtol=places, atol=places)
    for plain, other in zip(*gradients):
        assert np.allclose(plain, other, rtol=places, atol=places * 10)
    for plain, other in zip(layers[0].non_trainable_variables, layers[1].non_trainable_variables):
        assert np.allclose(plain, other, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("filter", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
def test_preprocessing_is_the_same_in_tf_data_and_in_the_artifact(resize, filter):
    import tensorflow as tf

    preprocessor = ImagePreprocessor((17, 13), 3, resize, filter)
    inputs = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(inputs, preprocessor.symbolic(inputs))
    for shape in ((31, 40, 3), (9, 50, 3), (17, 13, 3)):
        image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
        once = preprocessor.in_tf_data(tf.constant(image)).numpy()
        assert once.dtype == np.uint8 and once.shape == (17, 13, 3)
        assert np.array_equal(np.asarray(model(image[None]))[0], once)
        assert np.array_equal(preprocessor.in_tf_data(tf.constant(once)).numpy(), once)  # a second time changes nothing
    if resize == "crop":
        wide = np.zeros((20, 60, 3), np.uint8)
        wide[:, 20:40] = 200
        assert (ImagePreprocessor((20, 20), 3, "crop").in_tf_data(tf.constant(wide)).numpy() == 200).all()
    if resize == "pad":
        padded = (
            ImagePreprocessor((20, 20), 3, "pad").in_tf_data(tf.constant(np.full((10, 20, 3), 200, np.uint8))).numpy()
        )
        assert (padded[:4] == 0).all() and (padded[8:12] == 200).all() and (padded[16:] == 0).all()


def test_artifacts_load_in_plain_keras(tmp_path):
    """Those for images, and those for texts: one other process loads them all."""
    raw = np.random.default_rng(2).integers(0, 256, (3, 41, 37, 3), dtype=np.uint8)
    np.save(tmp_path / "raw.npy", raw)
    expected = {}
    cores = {name: build(name) for name in IMAGES.names}
    cores["local_response"] = build("cnn", normalization="local_response")
    for name, network in cores.items():
        artifact = ClassifierArtifact(ImagePreprocessor((20, 16), 3), network, ["a", "b", "c", "d"])
        artifact.temperature = 2.0
        artifact.save(tmp_path / f"{name}.keras")
        expected[name] = np.asarray(artifact.model(raw))
        assert load_artifact(tmp_path / f"{name}.keras").facts == {
            "classes": ["a", "b", "c", "d"],
            "temperature": 2.0,
            "multi_label": False,
        }
    of_texts = text_answers(tmp_path)
    code = """
import glob, json, sys
sys.modules["tfpipelines"] = None  # not to be had
import keras, numpy, tensorflow
raw = numpy.load("raw.npy")
texts = tensorflow.constant(sys.argv[1:])
models = {name[:-6]: keras.saving.load_model(name) for name in glob.glob("*.keras")}
answers = {name: model(texts if name.startswith("text-") else raw).numpy().tolist() for name, model in models.items()}
print(json.dumps([answers, models["mlp"].predict(raw, verbose=0).tolist()]))
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = [sys.executable, "-c", code, *TOLD]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with warm.Process(words, cwd=tmp_path, env=environment, **pipes) as process:
        printed, errors = process.communicate()
    assert process.returncode == 0, errors
    predicted, by_predict = json.loads(printed.splitlines()[-1])
    assert predicted.keys() == {*expected, *of_texts}
    assert np.allclose(by_predict, expected["mlp"], atol=1e-6)
    for name, answer in of_texts.items():
        assert np.allclose(predicted[name], answer, atol=1e-6)
    for name, probabilities in expected.items():
        assert np.allclose(predicted[name], probabilities, atol=1e-6) and np.allclose(probabilities.sum(1), 1)


def test_temperature_divides_logits(tmp_path):
    artifact = ClassifierArtifact(ImagePreprocessor((20, 16), 3), build("mlp"), list("abcd"))
    raw = PICTURES.astype(np.uint8)
    for temperature in (1.0, 3.0):
        artifact.temperature = temperature
        logits = artifact.network.predict(raw.astype(np.float32), verbose=0) / temperature
        expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        assert np.allclose(artifact.model.predict(raw, verbose=0), expected, atol=1e-5)


def test_a_called_model_is_in_inference_mode(tmp_path):
    network = image_network("cnn", (8, 8, 1), 3, filters=(4,), convolutions=(1,), dropout=0.5, seed=0)
    artifact = ClassifierArtifact(ImagePreprocessor((8, 8), 1), network, ["a", "b", "c"])
    artifact.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    before = [variable.numpy() for variable in model.variables]
    first, second = np.asarray(model(images)), np.asarray(model(images))
    assert np.array_equal(first, second) and np.allclose(first, model.predict(images, verbose=0), atol=1e-6)
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.variables))


@pytest.mark.parametrize("normalization", ["batch", "layer", "group", "instance", "rms"])
@pytest.mark.parametrize("units", [(4,), (16,), (32, 16)])
def test_narrow_layers_still_see_the_image(normalization, units):
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype(np.float32)
    settings = {"units": units, "normalization": normalization, "activation": "tanh", "seed": 0}
    for model in (
        image_network("mlp", (8, 8, 1), 3, **settings),
        image_network("cnn", (8, 8, 1), 3, filters=(4,), convolutions=(1,), **settings),
    ):
        assert np.asarray(model(images)).std(0).max() > 1e-3
