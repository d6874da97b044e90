"""Each optimizer resumes bit for bit in the middle of an epoch, and what it has of its own is what its source says."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpipelines import training
from tfpipelines.core.config.optimizers import OPTIMIZERS
from tfpipelines.core.config.train import Training
from tfpipelines.training.checkpoints import Checkpoints, dump
from tfpipelines.training.own_optimizers import Muon, ScheduleFreeAdamW

from ..conftest import ROOT, some

ROWS, STEPS, EPOCHS = 24, 3, 2
_RANDOM = np.random.default_rng(0)
X = _RANDOM.normal(size=(ROWS, 6, 6, 1)).astype("float32")
Y = np.eye(3, dtype="float32")[_RANDOM.integers(0, 3, ROWS)]


class Kept(Checkpoints):
    """The checkpoints of a folder, of which the first one lies in a folder of its own, too."""

    def save(self, step, arrays, facts):
        super().save(step, arrays, facts)
        first = self.folder.parent / "first"
        if not first.exists():
            first.mkdir()
            Checkpoints(first).save(step, arrays, facts)


def batches(first, last):
    order = np.concatenate([np.random.default_rng(epoch).permutation(ROWS) for epoch in range(EPOCHS)])
    order = order[first * 8 : last * 8]
    return tf.data.Dataset.from_tensor_slices((X[order], Y[order])).batch(8)


class Trained:
    """A tiny network with variables of all kinds, trained from the last checkpoint in a folder on."""

    def __init__(self, name, folder, precision="float32", seed=0, validated=False):
        keras.utils.set_random_seed(seed)
        settings = Training(optimizer=name, epochs=EPOCHS, warmup_epochs=1, clip_norm=1.0, precision=precision)
        with training.precision(precision):
            inputs = x = keras.Input((6, 6, 1))
            x = keras.layers.Conv2D(4, 3, strides=2, name="conv")(x)
            x = keras.layers.Activation("relu")(keras.layers.BatchNormalization(momentum=0.9, name="norm")(x))
            x = keras.layers.Dense(5, "relu", name="dense")(keras.layers.Flatten()(x))
            x = keras.layers.Dense(3, dtype="float32", name="logits")(keras.layers.Dropout(0.2, seed=1)(x))
            self.model = keras.Model(inputs, x)
        self.optimizer = training.build_optimizer(settings, STEPS)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        self.model.compile(self.optimizer, loss, jit_compile=keras.backend.backend() == "jax")
        averaged = training.averaging(settings, self.optimizer, None)
        assert (averaged is not None) == OPTIMIZERS[name].averages
        weights = averaged.model_weights if averaged else self.model.get_weights
        self.best = training.BestModel("val_loss" if validated else "loss", lambda weights: None, weights, keep="last")
        folder.mkdir(exist_ok=True)
        training.fit(
            self.model, batches, tf.data.Dataset.from_tensors((X, Y)) if validated else None,
            epochs=EPOCHS, steps_per_epoch=STEPS, checkpoints=Kept(folder), checkpoint_steps=4, checkpoint_seconds=1e9,
            callbacks=[*([averaged] if averaged else []), self.best], stop=training.StopSignals(),
        )  # fmt: skip
        self.arrays = dump(self.model)
        assert all(np.isfinite(array).all() for array in self.arrays.values() if array.dtype.kind == "f")


def check_resume(name, tmp_path, precision="float32"):
    """What is killed after the fourth of six steps, in the middle of the second epoch, ends as if it was not."""
    whole = Trained(name, tmp_path / "whole", precision)
    (checkpoint,) = (tmp_path / "first").glob("*.json")
    assert checkpoint.stem == "step-000000004"
    resumed = Trained(name, tmp_path / "first", precision, seed=1)
    assert whole.arrays.keys() == resumed.arrays.keys()
    assert [key for key in whole.arrays if not np.array_equal(whole.arrays[key], resumed.arrays[key])] == []
    kept = zip(whole.best.best_weights, resumed.best.best_weights, strict=True)
    assert whole.best.best == resumed.best.best and all(np.array_equal(a, b) for a, b in kept)


@pytest.mark.eager
@pytest.mark.parametrize("name", some(OPTIMIZERS, ("adamw", "lamb", "muon", "nadam", "schedule_free_adamw")))
def test_resumed_equals_whole(name, tmp_path):
    check_resume(name, tmp_path)


@pytest.mark.parametrize("name", some(OPTIMIZERS, ("sgd", "muon")))
def test_resumed_equals_whole_where_steps_are_traced(name, tmp_path):
    check_resume(name, tmp_path)


@pytest.mark.parametrize("name", some(["muon", "nadam", "schedule_free_adamw"], ("schedule_free_adamw",)))
def test_resumed_equals_whole_with_scaled_losses(name, tmp_path):
    check_resume(name, tmp_path, "mixed_float16")


@pytest.mark.slow
def test_resume_is_exact_on_jax():
    pytest.importorskip("jax")
    command = [sys.executable, "-m", "pytest", __file__, "-n", "0", "-k", "not on_jax", "-p", "no:cacheprovider"]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


# --- schedule-free AdamW
def algorithm_1(start, gradients, rates, decay, beta_1=0.9, beta_2=0.99, epsilon=1e-8):
    """Defazio et al. 2024, in float64: y and x at the end."""
    x = z = y = np.array(start, np.float64)
    squares = weights = 0.0
    for step, (gradient, rate) in enumerate(zip(gradients, rates), 1):
        squares = beta_2 * squares + (1 - beta_2) * gradient**2
        z = z - rate * gradient / (np.sqrt(squares / (1 - beta_2**step)) + epsilon) - rate * decay * y
        weights += rate**2
        x = (1 - rate**2 / weights) * x + rate**2 / weights * z
        y = (1 - beta_1) * z + beta_1 * x
    return y, x


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_schedule_free_is_that_of_its_paper(decay):
    settings = Training(
        optimizer="schedule_free_adamw", learning_rate=0.05, beta_2=0.99, warmup_epochs=1, weight_decay=decay
    )
    optimizer = training.build_optimizer(settings, 5)
    kernel, bias = (keras.Variable([1.0, -2.0], name=name) for name in ("kernel", "bias"))
    optimizer.build([kernel, bias])
    gradients = np.random.default_rng(1).normal(size=(12, 2))
    for gradient in gradients:
        given = keras.ops.convert_to_tensor(gradient.astype("float32"))
        optimizer.apply([given, given], [kernel, bias])
    rates = 0.05 * np.minimum(np.arange(1, 13) / 5, 1)
    for variable, mean, shrinks in zip((kernel, bias), optimizer.averages(), (decay, 0.0)):
        y, x = algorithm_1([1.0, -2.0], gradients, rates, shrinks)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), y, rtol=1e-5)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(mean), x, rtol=1e-5)


def test_schedule_free_validates_and_keeps_its_averages(tmp_path):
    trained = Trained("schedule_free_adamw", tmp_path / "run", validated=True)
    best, model, optimizer = trained.best, trained.model, trained.optimizer
    raw, places = model.get_weights(), [id(weight) for weight in model.weights]
    averages = dict(zip(map(id, model.trainable_variables), optimizer.averages()))
    for kept, now, place in zip(best.best_weights, raw, places):
        expected = keras.ops.convert_to_numpy(averages[place]) if place in averages else now
        np.testing.assert_array_equal(kept, expected)
    assert not np.allclose(best.best_weights[0], raw[0], atol=1e-4)  # raw weights go on training
    on_raw = model.evaluate(X, Y, verbose=0)
    model.set_weights(best.best_weights)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), best.best, rtol=1e-5)
    assert abs(on_raw - best.best) > 1e-5


# --- Muon
def test_muon_takes_matrices_and_adam_the_rest():
    inputs = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(9, 8, name="embedding")(inputs)
    x = keras.layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = keras.layers.LSTM(4, return_sequences=True, name="lstm")(x)
    x = keras.layers.GRU(4, return_sequences=True, name="gru")(x)
    x = keras.layers.Conv1D(5, 3, name="conv")(x)
    x = keras.layers.Reshape((2, 1, 5))(x)
    x = keras.layers.DepthwiseConv2D(1, name="depthwise")(x)
    x = keras.layers.Dense(6, name="dense")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, keras.layers.Dense(3, name="logits")(x))
    optimizer = training.build_optimizer(Training(optimizer="muon", beta_1=0.8), 1)
    assert isinstance(optimizer, Muon) and (optimizer.momentum, optimizer.adam_beta_1) == (0.95, 0.8)
    optimizer.build(model.trainable_variables)
    taken = {
        variable.path: shape and tuple(shape)
        for variable, shape in zip(model.trainable_variables, optimizer._matrices)
        if shape is not None
    }
    assert taken == {
        "attention/query/kernel": (8, 6), "attention/key/kernel": (8, 6), "attention/value/kernel": (8, 6),
        "attention/attention_output/kernel": (6, 8), "lstm/lstm_cell/kernel": (8, 16),
        "lstm/lstm_cell/recurrent_kernel": (4, 16), "gru/gru_cell/kernel": (4, 12),
        "gru/gru_cell/recurrent_kernel": (4, 12), "conv/kernel": (12, 5), "dense/kernel": (10, 6),
    }  # fmt: skip


def test_muon_orthogonalizes_a_convolution():
    kernel = keras.Variable(np.zeros((3, 3, 4, 8), "float32"), name="kernel")
    optimizer = training.build_optimizer(Training(optimizer="muon", learning_rate=1.0, schedule="constant"), 1)
    optimizer.build([kernel])
    gradient = np.random.default_rng(0).normal(size=kernel.shape).astype("float32")
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
    update = keras.ops.convert_to_numpy(kernel).reshape(36, 8)
    values = np.linalg.svd(update / (0.2 * 6.0), compute_uv=False)  # Liu et al. 2025: 0.2 sqrt(max(36, 8))
    assert (values > 0.6).all() and (values < 1.3).all()  # five iterations come that near to 1
    assert np.ptp(np.linalg.svd(gradient.reshape(36, 8), compute_uv=False)) > 2.0  # which those of the gradient are not


def test_schedule_free_begins_where_the_model_is():
    """Keras may build an optimizer in a graph, where a variable has no value yet."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    before = model.layers[0].kernel.numpy()
    optimizer = ScheduleFreeAdamW(1e-6, 0.9, 0.999, 1e-8)
    model.compile(optimizer, "mse", jit_compile=False)
    model.train_on_batch(np.ones((2, 3), "float32"), np.ones((2, 1), "float32"))
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), before, atol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(optimizer.averages()[0]), before, atol=1e-5)
