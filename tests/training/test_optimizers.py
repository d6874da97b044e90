"""Optimizers and schedules."""

import keras
import numpy as np
import pytest

from tfpipelines import training
from tfpipelines.core.config.train import Training
from tfpipelines.training.optimizers import Schedule, build_optimizer, build_schedule

from ..conftest import some

OPTIMIZERS = Training.model_fields["optimizer"].annotation.__args__
QUICK = ("adamw", "lamb", "muon", "nadam", "schedule_free_adamw")  # which do something of their own


def rates(name, epochs=10, **options):
    schedule = build_schedule(Training(schedule=name, learning_rate=0.1, epochs=epochs, **options), 10)
    return np.array([float(schedule(step)) for step in range(epochs * 10 + 1)])


def test_cosine_with_warm_up():
    values = rates("cosine", warmup_epochs=2, final_rate=0.1)
    assert np.allclose(values[:20], 0.1 * np.arange(1, 21) / 20)
    assert np.isclose(values[60], 0.1 * (0.1 + 0.9 * 0.5)) and np.isclose(values[100], 0.01)
    assert np.all(np.diff(values[20:]) <= 0)
    assert np.allclose(rates("cosine")[[0, 50, 100]], [0.1, 0.05, 0])


def test_step_exponential_and_constant():
    assert np.allclose(
        rates("step", decay_epochs=4, decay_factor=0.5)[[0, 39, 40, 79, 80]], [0.1, 0.1, 0.05, 0.05, 0.025]
    )
    assert np.allclose(
        rates("exponential", decay_epochs=5, decay_factor=0.1)[[0, 25, 50, 100]], [0.1, 0.1 * 0.1**0.5, 0.01, 0.001]
    )
    assert np.allclose(rates("constant", warmup_epochs=1)[[0, 4, 9, 10, 100]], [0.01, 0.05, 0.1, 0.1, 0.1])
    for name in ("constant", "plateau"):
        assert build_schedule(Training(schedule=name, learning_rate=0.1), 10) == 0.1


def test_schedule_survives_its_config():
    schedule = build_schedule(Training(learning_rate=0.1, epochs=3, warmup_epochs=1), 10)
    assert float(Schedule.from_config(schedule.get_config())(7)) == float(schedule(7))


@pytest.mark.parametrize("name", some(OPTIMIZERS, QUICK))
def test_every_optimizer_learns_and_decays_kernels_only(name):
    weights = {}
    for decay in (0.0, 0.5):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
        )
        model.layers[0].bias.assign([1.0, 1.0, 1.0])
        settings = Training(optimizer=name, epochs=50, learning_rate=0.01, weight_decay=decay)
        model.compile(build_optimizer(settings, 1), "mse", run_eagerly=True)  # tracing takes longer than the steps
        x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
        losses = [float(model.train_on_batch(x, x[:, :1])) for _ in range(5)]
        assert losses[-1] < losses[0]
        weights[decay] = model.layers[2].kernel.numpy()
    assert np.abs(weights[0.5]).sum() < np.abs(weights[0.0]).sum()
    excluded = {
        variable.path.rsplit("/", 1)[1]
        for variable in model.trainable_variables
        if not model.optimizer._use_weight_decay(variable)
    }
    assert excluded == {"bias", "gamma", "beta"}


def test_defaults_of_weight_decay_and_clipping():
    make = lambda name, **options: build_optimizer(Training(optimizer=name, epochs=1, **options), 1)
    assert (
        make("adamw").weight_decay == 0.01
        and make("adam").weight_decay is None
        and make("adam", weight_decay=0.1).weight_decay == 0.1
    )
    assert make("sgd", clip_norm=2.0).global_clipnorm == 2.0 and make("sgd", clip_value=0.5).clipvalue == 0.5
    assert make("sgd", momentum=0.8).nesterov and make("rmsprop", momentum=0.8).momentum == 0.8


def test_steps_per_execution_divides_the_epoch():
    assert training.steps_per_execution("auto", 54, 64 * 28 * 28) == 9
    assert training.steps_per_execution("auto", 53, 64 * 28 * 28) == 1
    assert training.steps_per_execution("auto", 54, 64 * 224 * 224 * 3) == 1
    assert training.steps_per_execution(20, 54, 1) == 18 and training.steps_per_execution(100, 54, 1) == 54


def test_precision_comes_back():
    before = keras.config.dtype_policy()
    with training.precision("mixed_bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
    assert keras.config.dtype_policy() == before


@pytest.mark.parametrize("name", some(OPTIMIZERS, ("sgd", *QUICK)))
def test_rates_of_single_variables(name):
    """Rate 0 stands still, decay included; rates of 1 are as without any."""

    def trained(rates, rate=0.05):
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3, name="one"), keras.layers.Dense(2, name="two")]
        )
        model.set_weights(
            [np.full(weight.shape, 0.1 * (place + 1), np.float32) for place, weight in enumerate(model.get_weights())]
        )
        settings = Training(optimizer=name, epochs=1, learning_rate=rate, weight_decay=0.1, schedule="constant")
        optimizer = training.build_optimizer(settings, 2, rates)
        model.compile(optimizer=optimizer, loss="mse", run_eagerly=True)
        for x in np.linspace(0, 1, 16, dtype=np.float32).reshape(2, 2, 4):
            model.train_on_batch(x, np.ones((2, 2), np.float32))
        return model.get_weights()

    start = [np.full((4, 3), 0.1, np.float32), np.full(3, 0.2, np.float32)]
    frozen, plain = trained([0.0, 0.0, 1.0, 1.0]), trained(None)
    assert all(np.array_equal(before, after) for before, after in zip(start, frozen[:2])) and not np.allclose(
        frozen[2], 0.3
    )
    for one, other in zip(trained([1.0] * 4), plain):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    for one, other in zip(
        trained([0.5] * 4), trained(None, 0.025)
    ):  # half of the rate, and of the decay that goes with it
        np.testing.assert_allclose(one, other, rtol=1e-6)
