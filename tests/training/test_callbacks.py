"""Averaged weights, the best model, checkpoints."""

import json
import math

import keras
import numpy as np
import pytest

from tfpipelines import training
from tfpipelines.errors import ArtifactError, DivergedError
from tfpipelines.training import callbacks
from tfpipelines.training.checkpoints import Checkpoints, dump, restore


@pytest.fixture
def model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=3),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=False)
    return model


X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X[:, :1] * 2


class GANMonitor(keras.callbacks.Callback):
    """Records all weights after each step, and those that validation sees."""

    def __init__(self):
        super().__init__()
        self.steps, self.validated = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append([weight.numpy().copy() for weight in self.model.weights])

    def on_test_batch_begin(self, batch, logs=None):
        self.validated.append([weight.numpy().copy() for weight in self.model.weights])


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_averages_are_the_exponential_mean_of_all_weights(model, steps_per_execution):
    model.steps_per_execution = steps_per_execution
    initial = [weight.numpy().copy() for weight in model.weights]
    averaged, watch = training.AveragedWeights(0.8), GANMonitor()
    model.fit(
        X,
        Y,
        batch_size=8,
        epochs=2,
        validation_data=(X, Y),
        validation_batch_size=32,
        verbose=0,
        shuffle=False,
        callbacks=[averaged, watch],
    )
    expected, step, seen = initial, 0, []
    for weights in watch.steps:
        keep = 1.0
        for _ in range(steps_per_execution):
            step += 1
            keep *= min(0.8, (1 + step) / (10 + step))
        expected = [keep * a + (1 - keep) * b for a, b in zip(expected, weights)]
        seen.append(expected)
    for value, target in zip(averaged.get_arrays(), expected, strict=True):
        assert np.allclose(value, target, atol=1e-5)
    last_of_epoch = [seen[len(seen) // 2 - 1], seen[-1]]
    for validated, target in zip(watch.validated, last_of_epoch, strict=True):
        assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(validated, target))
    assert all(
        np.array_equal(weight.numpy(), raw) for weight, raw in zip(model.weights, watch.steps[-1])
    )  # training goes on with the raw ones
    again = training.AveragedWeights(0.8)
    again.set_state(averaged.get_state())
    again.set_arrays(averaged.get_arrays())
    assert again.steps == 8 and all(np.array_equal(a, b) for a, b in zip(again.get_arrays(), averaged.get_arrays()))


def test_best_model_is_the_lowest_and_never_nan():
    saved, now = [], []
    best = training.BestModel("val_loss", saved.append, lambda: list(now))
    for epoch, value in enumerate([3.0, 2.0, math.nan, 2.5, 1.0]):
        now[:] = [epoch]
        best.on_epoch_end(epoch, {"val_loss": value})
    best.flush()
    best.flush()
    assert best.best == 1.0 and best.best_epoch == 5 and best.best_weights == [4]
    assert saved == [[0], [4]]  # the first at once, the last at the end


@pytest.mark.parametrize("logs", [{"loss": math.nan}, {"loss": 1.0, "val_loss": math.inf}])
def test_nan_stops(logs):
    with pytest.raises(DivergedError, match="loss is (nan|inf) at epoch 3") as caught:
        training.StopOnNaN(0.1).on_epoch_end(2, logs)
    assert "train.learning_rate (it is 0.1)" in caught.value.remedy


def test_nan_without_memory_is_no_divergence(monkeypatch):
    monkeypatch.setattr(callbacks, "memory_is_gone", lambda: True)
    with pytest.raises(MemoryError):
        training.StopOnNaN(0.1).on_epoch_end(2, {"loss": math.nan})
    training.StopOnNaN(0.1).on_epoch_end(2, {"loss": 1.0})


def test_dump_and_restore_give_the_same_future(model):
    model.fit(X, Y, epochs=1, verbose=0, shuffle=False)
    arrays = dump(model)
    model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    future = dump(model)
    restore(model, arrays)
    model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    again = dump(model)
    assert any("seed" in variable.path for variable in model.variables)
    assert all(np.array_equal(future[name], again[name]) for name in future)


def test_restore_refuses_another_model(model):
    model.fit(X, Y, epochs=1, verbose=0)
    arrays = dump(model)
    with pytest.raises(ArtifactError, match="does not fit"):
        restore(model, {**arrays, "model/00000": np.zeros((9, 9))})
    with pytest.raises(ArtifactError, match="does not fit"):
        restore(model, {name: array for name, array in arrays.items() if name != "optimizer/00003"})


def test_two_checkpoints_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.last() is None
    (tmp_path / "step-000000003.npz").write_bytes(b"of a process that died before it wrote the manifest")
    for step in (5, 10, 15):
        checkpoints.save(step, {"model/0": np.arange(step)}, {"best": math.inf, "step": step})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-000000010.json",
        "step-000000010.npz",
        "step-000000015.json",
        "step-000000015.npz",
    ]
    last = checkpoints.last()
    assert (
        last.step == 15
        and np.array_equal(last.arrays["model/0"], np.arange(15))
        and last.facts == {"best": math.inf, "step": 15}
    )


def test_manifest_without_sense_is_damage(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(5, {"a": np.arange(3)}, {})
    checkpoints.save(9, {"a": np.arange(4)}, {})
    manifest = tmp_path / "step-000000009.json"
    for content in (
        "",
        "[]",
        json.dumps({"step": 9}),
        json.dumps({**json.loads(manifest.read_text()), "file": "../../etc/passwd"}),
    ):
        manifest.write_text(content)
        fresh = Checkpoints(tmp_path)
        assert fresh.last().step == 5 and len(fresh.damaged) == 1


def test_pickles_are_not_loaded(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": np.array([{}], object)}, {})
    with pytest.raises(ArtifactError, match="No checkpoint"):
        checkpoints.last()
