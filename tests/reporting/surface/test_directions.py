"""Directions as long as the weights, filter by filter."""

import keras
import numpy as np

from tfpipelines.reporting.surface import random_direction


def directions_of(network, seed=0, number=0):
    """{path of the variable: (weight, direction)}"""
    found = random_direction(network, seed, number)
    return {
        variable.path: (variable.numpy(), step)
        for variable, step in zip(network.trainable_variables, found, strict=True)
    }


def one(found, ending):
    (pair,) = (pair for path, pair in found.items() if path.endswith(ending))
    return pair


def same_norms(pair, axes):
    weight, step = pair
    norms = [np.sqrt(np.square(array.astype(np.float64)).sum(axes)) for array in pair]
    np.testing.assert_allclose(*norms, rtol=1e-5)
    assert norms[0].min() > 0 and not np.allclose(weight, step)


def image_network():
    keras.utils.set_random_seed(1)
    inputs = x = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(3, 3, name="conv", bias_initializer="ones")(x)
    x = keras.layers.BatchNormalization(name="batch")(x)
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise", use_bias=False)(x)
    x = keras.layers.LayerNormalization(axis=(1, 2), name="layer")(x)
    x = keras.layers.Conv2DTranspose(5, 2, name="transposed")(x)
    x = keras.layers.SeparableConv2D(4, 2, name="separable")(x)
    return keras.Model(inputs, keras.layers.Dense(4, name="dense", bias_initializer="ones")(keras.layers.Flatten()(x)))


def test_every_filter_of_an_image_network_keeps_its_norm():
    found = directions_of(image_network())
    same_norms(one(found, "conv/kernel"), (0, 1, 2))
    same_norms(one(found, "dense/kernel"), 0)
    same_norms(one(found, "depthwise/kernel"), (0, 1))
    same_norms(one(found, "transposed/kernel"), (0, 1, 3))
    same_norms(one(found, "separable/depthwise_kernel"), (0, 1))
    same_norms(one(found, "separable/pointwise_kernel"), (0, 1, 2))
    assert len([path for path in found if path.endswith("kernel")]) == 6  # those above are all


def test_biases_and_normalizations_stand_still():
    found = directions_of(image_network())
    still = {path: pair for path, pair in found.items() if path.endswith(("bias", "gamma", "beta"))}
    assert len(still) == 8 and one(found, "layer/gamma")[0].ndim == 2
    for weight, step in still.values():
        assert step.shape == weight.shape and not step.any()


def test_every_filter_of_a_text_network_keeps_its_norm():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(9, 4, name="embedding")(inputs)
    x = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True), name="both")(x)
    x = keras.layers.MultiHeadAttention(2, 3, name="attention", bias_initializer="ones")(x, x)
    x = keras.layers.GRU(5, name="gru", bias_initializer="ones")(x)
    found = directions_of(keras.Model(inputs, x))
    same_norms(one(found, "embedding/embeddings"), 1)
    for name in ("kernel", "recurrent_kernel"):
        same_norms(one(found, f"gru/gru_cell/{name}"), 0)
        same_norms(next(pair for path, pair in found.items() if "forward" in path and path.endswith(f"/{name}")), 0)
    same_norms(one(found, "query/kernel"), 0)
    same_norms(one(found, "attention_output/kernel"), (0, 1))
    for path, (_, step) in found.items():
        if path.endswith("bias"):
            assert not step.any(), path
    assert {found[path][0].ndim for path in found if path.endswith("bias")} == {1, 2}


def test_what_is_frozen_has_no_direction_and_a_filter_of_zeros_none_either():
    network = image_network()
    network.get_layer("conv").trainable = False
    kernel = network.get_layer("dense").kernel
    kernel.assign(kernel.numpy() * [1.0, 0.0, 1.0, 1.0])
    found = directions_of(network)
    assert not [path for path in found if path.startswith("conv/") or "moving" in path]
    step = one(found, "dense/kernel")[1]
    assert not step[:, 1].any() and step[:, 0].all() and np.isfinite(step).all()


def test_seed_and_number_tell_a_direction():
    network = image_network()
    first, again, second, other = (directions_of(network, *which) for which in ((0, 0), (0, 0), (0, 1), (1, 0)))
    for path, (_, step) in first.items():
        np.testing.assert_array_equal(step, again[path][1])
    flat = [np.concatenate([step.ravel() for _, step in found.values()]) for found in (first, second, other)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(flat[a], flat[b])[0, 1]) < 0.1
