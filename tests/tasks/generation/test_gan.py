"""The networks that play against each other, and the step that trains them."""

import json
import os
import subprocess
import sys
import zipfile
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpipelines import models
from tfpipelines.core.config.kinds import GANS
from tfpipelines.core.config.optimizers import PLAIN
from tfpipelines.errors import DivergedError
from tfpipelines.networks import build_network
from tfpipelines.networks.minibatch_stddev import MinibatchDeviation
from tfpipelines.networks.spectral_norm import SpectralConv2D, SpectralDense
from tfpipelines.tasks.generation import TwoOptimizers
from tfpipelines.tasks.generation.config import AdversarialTrain
from tfpipelines.tasks.generation.diff_augment import diff_augment
from tfpipelines.tasks.generation.gan import GAN
from tfpipelines.tasks.generation.model_file import (
    GeneratorArtifact,
    draw_classes,
    draw_noise,
    generate_images,
    noise_between,
)
from tfpipelines.training import build_optimizer

from ...conftest import ROOT

SMALL = {"generator_filters": (4,), "discriminator_filters": (4,), "discriminator_units": (8,), "latent": 6, "seed": 0}


def adversaries(name, shape, classes=0, seed=None, **settings):
    """A GAN of built-in networks; `settings` are their fields, and arguments of `GAN`."""
    of_gan = ("loss", "label_smoothing", "r1", "r1_interval", "augment")
    training = {key: settings.pop(key) for key in of_gan if key in settings}
    given = {
        "image_shape": shape,
        "classes": classes,
        "seed": seed,
        "for_training": settings.pop("for_training", False),
    }
    players = build_network(GANS.section(name)(**settings), **given)
    return GAN(*players, **training, name=name)


dcgan, dense_gan = partial(adversaries, "dcgan"), partial(adversaries, "gan")


def batch(shape=(8, 8, 1), count=8, classes=0, latent=6):
    rng = np.random.default_rng(0)
    x = {
        "images": rng.integers(0, 256, (count, *shape)).astype("uint8"),
        "noise": rng.standard_normal((count, latent)).astype("float32"),
        "draws": rng.random((count, 16)).astype("float32"),
    }
    return x | ({"labels": rng.integers(0, classes, count).astype("int32")} if classes else {})


def compiled(gan, optimizer=None):
    make = optimizer or (lambda: keras.optimizers.SGD(0.1))
    gan.compile(
        optimizer=TwoOptimizers(make(), make(), len(gan.generator.trainable_variables)),
        jit_compile=keras.backend.backend() == "jax",
    )
    gan.optimizer.build(gan.trainable_variables)
    return gan


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_every_optimizer_moves_both_networks(name):
    settings = AdversarialTrain(optimizer=name, schedule="constant")
    gan = compiled(dcgan((8, 8, 1), **SMALL), lambda: build_optimizer(settings, 10))
    before = [weight.numpy().copy() for weight in gan.trainable_variables]
    gan.fit(tf.data.Dataset.from_tensors(batch()).repeat(3), epochs=1, verbose=0)
    for weight, then in zip(gan.trainable_variables, before):
        now = weight.numpy()
        assert np.isfinite(now).all() and not np.array_equal(now, then), weight.path


@pytest.mark.parametrize(
    ("side", "channels", "maps"), [(8, 1, 1), (12, 1, 1), (20, 3, 2), (28, 1, 2), (64, 3, 4), (128, 3, 5)]
)
@pytest.mark.parametrize("classes", [0, 3])
def test_shapes_of_every_size(side, channels, maps, classes):
    gan = dcgan((side, side, channels), classes, **SMALL)
    x = batch((side, side, channels), 2, classes)
    images = gan(x)
    assert images.shape == (2, side, side, channels) and float(np.abs(images).max()) <= 1.0
    assert gan.discriminator([images, keras.ops.convert_to_tensor(x["labels"])] if classes else images).shape == (2, 1)
    assert len([layer for layer in gan.generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)]) == maps
    assert (
        dense_gan((side, side, channels), classes, generator_units=(8,), discriminator_units=(8,), latent=6)(x).shape
        == images.shape
    )


@pytest.mark.parametrize("shape", [(30, 30, 1), (28, 32, 1), (4, 4, 1)])
def test_sides_that_cannot_be_are_refused(shape):
    with pytest.raises(ValueError, match="multiple of 4"):
        dcgan(shape)


@pytest.mark.parametrize(
    ("side", "filters", "widths"),
    [
        (28, (5, 7), [5, 7]),
        (64, (5, 7), [5, 7, 14, 28]),
        (128, (200,), [200, 400, 512, 512, 512]),
        (12, (5, 7), [5]),
        (64, (600, 3), [600, 3, 6, 12]),
    ],
)
def test_filters_go_on_by_doubling(side, filters, widths):
    gan = dcgan((side, side, 1), generator_filters=filters, discriminator_filters=filters)
    assert [layer.filters for layer in gan.discriminator.layers if isinstance(layer, keras.layers.Conv2D)] == widths
    assert [layer.filters for layer in gan.generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)] == [
        *widths[::-1][1:],
        1,
    ]


def test_a_saved_gan_comes_back(tmp_path):
    gan = dcgan((8, 8, 1), 3, r1=0.3, augment=("color",), spectral_normalization=True, **SMALL)
    gan.save(tmp_path / "gan.keras")
    again = keras.saving.load_model(tmp_path / "gan.keras")
    assert (again.r1, again.augment, again.loss_name, again.name) == (0.3, ("color",), "non-saturating", "dcgan")
    assert all(np.array_equal(one, other) for one, other in zip(gan.get_weights(), again.get_weights(), strict=True))
    x = batch(classes=3)
    x["labels"] = keras.ops.convert_to_tensor(x["labels"])
    np.testing.assert_allclose(gan(x), again(x), atol=1e-6)


def test_the_papers_details():
    gan = dcgan((64, 64, 3), latent=6, seed=0, discriminator_normalization="batch")
    kernels = [
        layer.kernel.numpy()
        for network in (gan.generator, gan.discriminator)
        for layer in network.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose))
    ]
    assert all(abs(kernel.std() - 0.02) < 0.002 for kernel in kernels) and len(kernels) == 8
    kinds = [type(layer).__name__ for layer in gan.discriminator.layers]
    assert "LeakyReLU" in kinds and kinds.count("BatchNormalization") == 3  # not on the first map
    assert gan.generator.layers[-1].activation is keras.activations.tanh


def test_a_step_is_that_of_two_separate_gradients():
    """Against the update written out with two tapes, and SGD by hand."""
    x = batch()
    gan = compiled(dcgan((8, 8, 1), dropout=0.0, label_smoothing=0.1, **SMALL))
    other = dcgan((8, 8, 1), dropout=0.0, **SMALL)
    with tf.GradientTape() as own, tf.GradientTape() as others:
        fake = other.discriminator(other.generator(x["noise"], training=True), training=True)
        real = other.discriminator(x["images"] / 127.5 - 1.0, training=True)
        entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        generator_loss = entropy(tf.ones_like(fake), fake)
        discriminator_loss = entropy(0.9 * tf.ones_like(real), real) + entropy(tf.zeros_like(fake), fake)
    expected = [
        variable - 0.1 * gradient
        for network, tape, loss in (
            (other.generator, own, generator_loss),
            (other.discriminator, others, discriminator_loss),
        )
        for variable, gradient in zip(network.trainable_variables, tape.gradient(loss, network.trainable_variables))
    ]
    logs = gan.train_step(x)
    assert float(logs["generator_loss"]) == pytest.approx(float(generator_loss), rel=1e-5)
    assert float(logs["discriminator_loss"]) == pytest.approx(float(discriminator_loss), rel=1e-5)
    for variable, value in zip(gan.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value.numpy(), rtol=1e-4, atol=1e-6)


def test_losses_by_hand():
    real, fake = np.array([[2.0], [-0.5]], "float32"), np.array([[0.3], [-3.0]], "float32")
    hinge, other = (dcgan((8, 8, 1), loss=loss, label_smoothing=0.2, **SMALL) for loss in ("hinge", "non-saturating"))
    assert float(hinge.discriminator_loss(real, fake)) == pytest.approx((0 + 1.5) / 2 + (1.3 + 0) / 2)
    assert float(hinge.generator_loss(fake)) == pytest.approx(1.35)
    probability = lambda logit: 1 / (1 + np.exp(-logit))
    by_hand = -np.mean(0.8 * np.log(probability(real)) + 0.2 * np.log(1 - probability(real))) - np.mean(
        np.log(1 - probability(fake))
    )
    assert float(other.discriminator_loss(real, fake)) == pytest.approx(by_hand, rel=1e-5)
    assert float(other.generator_loss(fake)) == pytest.approx(-np.mean(np.log(probability(fake))), rel=1e-5)
    with pytest.raises(ValueError, match="non-saturating, hinge"):
        dcgan((8, 8, 1), loss="wasserstein", **SMALL)


def test_r1_of_a_linear_discriminator():
    """Its gradient by the image is its kernel, whatever the image; the penalty comes every so many steps."""
    image = keras.Input((2, 2, 1))
    linear = keras.Model(
        image, keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.5))(keras.layers.Flatten()(image))
    )
    noise = keras.Input((6,))
    generator = keras.Model(noise, keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4, "tanh")(noise)))
    losses = []
    for r1 in (0.0, 3.0):
        gan = compiled(GAN(generator, linear, r1=r1, r1_interval=2), lambda: keras.optimizers.SGD(0.0))
        losses.append([])
        for _ in range(3):
            gan.reset_metrics()
            losses[-1].append(float(gan.train_step(batch((2, 2, 1)))["discriminator_loss"]))
    assert np.subtract(losses[1], losses[0]) == pytest.approx(
        [3.0, 0.0, 3.0], abs=1e-5
    )  # 0.5 * 3 * interval 2 * |(.5, .5, .5, .5)|^2


def test_spectral_normalization_divides_by_the_largest_singular_value():
    rng = np.random.default_rng(0)
    for layer, x, rows in (
        (SpectralDense(5), rng.standard_normal((3, 7)), 7),
        (SpectralConv2D(5, 3), rng.standard_normal((2, 4, 4, 2)), 18),
    ):
        x = x.astype("float32")
        layer(x)
        for _ in range(60):
            layer(x, training=True)
        largest = np.linalg.svd(layer.kernel.numpy().reshape(rows, 5), compute_uv=False)[0]
        plain = layer.compute_output_shape(x.shape) and (
            keras.ops.matmul(x, layer.kernel / largest)
            if rows == 7
            else keras.ops.conv(x, layer.kernel / largest, 1, "valid")
        )
        np.testing.assert_allclose(layer(x), plain, rtol=1e-4, atol=1e-5)
        assert "direction" in [weight.name for weight in layer.non_trainable_weights]


def test_minibatch_deviation_is_that_of_groups_that_lie_apart():
    x = np.random.default_rng(0).standard_normal((8, 3, 3, 5)).astype("float32")
    told = MinibatchDeviation(4)(x).numpy()
    np.testing.assert_allclose(told[..., :5], x)
    for first in (0, 1):
        np.testing.assert_allclose(told[first, ..., 5], x[first::2].std(0).mean(-1), rtol=1e-4)
        np.testing.assert_allclose(told[first::2, ..., 5], np.repeat(told[first : first + 1, ..., 5], 4, 0))
    assert MinibatchDeviation(4)(x[:6, 0, 0]).shape == (6, 6)  # no multiple of 4: one group
    assert float(MinibatchDeviation(4)(np.ones((4, 5), "float32"))[0, 5]) < 1e-3


def test_diff_augment_moves_cuts_and_lets_gradients_pass():
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype("float32")
    draws = np.random.default_rng(1).random((4, 8)).astype("float32")
    moved = diff_augment(images, draws, ("translation",)).numpy()
    for image, before, draw in zip(moved, images, draws):
        down, right = (int(np.floor(number * 3)) - 1 for number in draw[3:5])
        padded = np.pad(before, ((1, 1), (1, 1), (0, 0)), constant_values=-1.0)
        np.testing.assert_allclose(image, padded[1 + down : 9 + down, 1 + right : 9 + right], atol=1e-6)
    cut = diff_augment(
        np.ones((64, 8, 8, 1), "float32"), np.random.default_rng(2).random((64, 8)).astype("float32"), ("cutout",)
    ).numpy()
    holes = (cut == 0).sum((1, 2, 3))
    assert holes.max() == 16 and holes.min() >= 4 and len(set(holes)) > 2
    still = np.full((4, 8), 0.5, "float32")
    np.testing.assert_allclose(diff_augment(images, still, ("color",)), images, atol=1e-5)
    assert not np.allclose(diff_augment(images, draws, ("color",)), images, atol=0.05)
    with tf.GradientTape() as tape:
        x = tf.Variable(images)
        loss = tf.reduce_sum(diff_augment(x, draws, ("color", "translation", "cutout")))
    assert float(tf.norm(tape.gradient(loss, x))) > 0
    half = diff_augment(
        keras.ops.cast(images, "bfloat16"), np.full((4, 8), 0.9999, "float32"), ("translation", "cutout")
    )
    assert (
        keras.backend.standardize_dtype(half.dtype) == "bfloat16"
        and np.isfinite(np.asarray(keras.ops.cast(half, "float32"))).all()
    )
    with pytest.raises(ValueError, match="color, translation, cutout"):
        diff_augment(images, draws, ("rotation",))


_JAX = """
import sys, numpy as np
sys.path.insert(0, {root!r})
from tests.tasks.generation.test_gan import everything
np.savez({out!r}, *everything())
"""


def everything():
    """Weights after three steps with all there is, on this process' backend."""
    gan = dcgan(
        (8, 8, 1),
        3,
        dropout=0.0,
        r1=0.5,
        r1_interval=2,
        augment=("color", "translation", "cutout"),
        spectral_normalization=True,
        discriminator_normalization="batch",
        **SMALL,
    )
    rng = np.random.default_rng(1)  # seeded initializers give other numbers on another backend
    for weight in gan.weights:
        weight.assign(
            np.ones(weight.shape)
            if "variance" in weight.path or "gamma" in weight.path
            else 0.2 * rng.standard_normal(weight.shape)
        )
    compiled(gan, lambda: keras.optimizers.SGD(0.02))
    data = tf.data.Dataset.from_tensors(batch(classes=3)).repeat(3)
    logs = gan.fit(data, epochs=1, verbose=0).history
    return [*gan.get_weights(), *(np.float32(logs[name][0]) for name in sorted(logs))]


@pytest.mark.slow
def test_jax_takes_the_same_steps(tmp_path):
    pytest.importorskip("jax")
    code = _JAX.format(root=str(ROOT), out=str(tmp_path / "jax.npz"))
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env={**os.environ, "KERAS_BACKEND": "jax"}
    )
    with np.load(tmp_path / "jax.npz") as archive:
        for here, there in zip(everything(), archive.values(), strict=True):
            np.testing.assert_allclose(there, here, rtol=2e-3, atol=2e-4)


def test_the_artifact_is_plain_keras_and_draws_the_same(tmp_path):
    gan = dcgan((8, 8, 3), 3, **SMALL)
    artifact = GeneratorArtifact(gan, {"classes": ["a", "b", "c"]})
    artifact.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert "tfpipelines" not in archive.read("config.json").decode()
        assert json.loads(archive.read("metadata.json"))["tfpipelines"] == {"classes": ["a", "b", "c"]}
    model = models.load_artifact(tmp_path / "model.keras").model
    noise, classes = draw_noise(5, 6, 0), np.array([0, 1, 2, 0, 1], np.int32)
    levels = model.predict([noise, classes], verbose=0)
    images = (np.asarray(gan.generator([noise, classes], training=False)) + 1.0) * 127.5
    np.testing.assert_allclose(levels, images, atol=1e-3)
    drawn = generate_images(model, noise, classes)
    assert drawn.dtype == np.uint8 and np.array_equal(drawn, np.rint(levels).astype(np.uint8))


def test_images_that_are_no_numbers_are_refused():
    gan = dcgan((8, 8, 1), **SMALL)
    gan.generator.layers[-1].bias.assign([np.nan])
    with pytest.raises(DivergedError):
        generate_images(GeneratorArtifact(gan, {}).model, draw_noise(3, 6, 0))


def test_the_penalty_passes_through_fused_normalization():
    """Gradients of gradients: of the kernel, and of Keras' own normalization."""
    weights = []
    for for_training in (False, True):
        gan = compiled(
            dcgan(
                (8, 8, 1),
                dropout=0.0,
                r1=1.0,
                r1_interval=1,
                discriminator_normalization="batch",
                for_training=for_training,
                generator_filters=(4, 4),
                discriminator_filters=(4, 4),
                latent=6,
                seed=0,
            )
        )
        gan.train_step(batch())
        weights.append(gan.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_what_is_drawn_hangs_on_the_seed_and_not_on_the_count():
    noise = draw_noise(2000, 8, 3)
    assert np.array_equal(noise[:10], draw_noise(10, 8, 3)) and not np.array_equal(noise[:10], draw_noise(10, 8, 4))
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
    narrow = draw_noise(2000, 8, 3, truncation=0.5)
    assert abs(narrow).max() <= 0.5 and narrow.std() == pytest.approx(
        0.283, abs=0.01
    )  # of the normal distribution cut there
    classes = draw_classes(5000, np.array([0.5, 0.0, 0.5]), 1)
    assert set(classes) == {0, 2} and abs((classes == 0).mean() - 0.5) < 0.03
    assert np.array_equal(classes[:7], draw_classes(7, np.array([0.5, 0.0, 0.5]), 1))
    gan = dcgan((8, 8, 1), **SMALL)
    model = GeneratorArtifact(gan, {}).model
    assert np.array_equal(generate_images(model, draw_noise(70, 6, 0))[:3], generate_images(model, draw_noise(3, 6, 0)))


def test_the_way_between_two_noises_keeps_their_length():
    way = noise_between(4, 9, 64, 0)
    ends = draw_noise(8, 64, 0)
    np.testing.assert_allclose(way[:, 0], ends[:4], atol=1e-5)
    np.testing.assert_allclose(way[:, -1], ends[4:], atol=1e-5)
    straight = noise_between(6, 5, 1, 0)  # of one number: the same direction, or the opposite one
    assert abs(straight).max() <= abs(draw_noise(12, 1, 0)).max() and np.allclose(
        straight[:, 0], draw_noise(12, 1, 0)[:6], atol=1e-5
    )
    lengths = np.linalg.norm(way, axis=-1)
    assert lengths.min() > 0.8 * np.linalg.norm(ends, axis=-1).min()
