"""The training loop by itself, on a network of a few weights."""

import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpipelines import training
from tfpipelines.errors import Interrupted

STEPS, EPOCHS = 3, 4
X = np.random.default_rng(0).normal(size=(STEPS * EPOCHS * 4, 5)).astype(np.float32)


class Stop(keras.callbacks.Callback):
    """Asks for the end within an epoch, as a signal does."""

    def __init__(self, stop, epoch):
        super().__init__()
        self.stop, self.epoch = stop, epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.stop.received = signal.SIGTERM


def trained(folder, stop, callbacks=()):
    """The model, whose steps of an epoch are one call, and the callback that keeps its best weights."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=STEPS)
    best = training.BestModel("loss", lambda weights: None, model.get_weights, keep="last")
    batches = lambda first, end: (
        tf.data.Dataset.from_tensor_slices((X, X[:, :1])).batch(4).skip(first).take(end - first)
    )
    with pytest.raises(Interrupted) if callbacks or stop.received else pytest.MonkeyPatch.context():
        training.fit(
            model, batches, None, epochs=EPOCHS, steps_per_epoch=STEPS, checkpoints=training.Checkpoints(folder),
            callbacks=[best, *callbacks], stop=stop,
        )  # fmt: skip
    return model, best


@pytest.mark.eager
def test_what_is_to_end_at_its_checkpoint_takes_no_step_more(tmp_path):
    stop = training.StopSignals()
    first, best = trained(tmp_path, stop, [Stop(stop, 1)])
    assert int(first.optimizer.iterations.numpy()) == 2 * STEPS and best.best_epoch == 2
    again, same = trained(tmp_path, stop)  # it is asked to end before it goes on
    assert int(again.optimizer.iterations.numpy()) == 2 * STEPS and same.best_epoch == 2
    for one, other in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(same.best_weights[0], best.best_weights[0])
    whole, _ = trained(tmp_path, training.StopSignals())
    assert int(whole.optimizer.iterations.numpy()) == EPOCHS * STEPS
