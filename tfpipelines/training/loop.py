"""The fit call: starts, or goes on from the last checkpoint, and leaves checkpoints behind."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from ..core.processes import Group
from ..errors import ArtifactError, DivergedError
from .checkpoints import Checkpoint, Checkpoints, dump, restore
from .signals import StopSignals


def fit(
    model: keras.Model,
    batches: Callable[[int, int], tf.data.Dataset],
    validation: tf.data.Dataset | None,
    *,
    epochs: int,
    steps_per_epoch: int,
    checkpoints: Checkpoints,
    callbacks: Iterable[keras.callbacks.Callback],
    stop: StopSignals,
    checkpoint_steps: int | None = None,
    checkpoint_seconds: float = 0.0,
    on_resume: Callable[[int], None] = lambda epochs: None,
    on_damage: Callable[[list[str]], None] = lambda names: None,
    group: Group | None = None,
) -> None:
    """Trains a compiled model, from the last checkpoint on if there is one.

    What an interrupted and resumed training gives is equal, bit for bit, to one that was never interrupted, given the
    same machine, threads and versions.

    Args:
        model: built and compiled.
        batches: function of (first step, end step), counted over all epochs, to the dataset of those steps.
        validation: dataset, or None.
        checkpoint_steps: a checkpoint every so many steps besides that of each epoch.
        checkpoint_seconds: none at the end of an epoch unless the last one is so old; the last epoch has one in any
            case.
        on_resume: called with the number of whole epochs that a checkpoint has, where training goes on from it.
        on_damage: called with the damaged checkpoints that were passed over.
        group: processes that do the same beside this one, on their shares of the batches; None: there are none.

    Raises:
        DivergedError, Interrupted, ResourceError.
    """
    model.optimizer.build(model.trainable_variables)
    group = group or Group()
    keeper = _Keeper(
        checkpoints, list(callbacks), stop, epochs, steps_per_epoch, checkpoint_steps, checkpoint_seconds, group
    )
    last = checkpoints.last()
    group.require_same(str(last.step if last else 0), "checkpoints")
    group.begin_fit()
    if checkpoints.damaged:
        on_damage(checkpoints.damaged)
    if last is not None:
        restore(model, last.arrays)
        keeper.resume(last)
        if last.facts.get("finished"):
            return
        stop.raise_if_interrupted()  # all is saved: no step more, which may be an epoch by steps_per_execution
        on_resume(last.step // steps_per_epoch)
    done = last.step if last else 0
    total = epochs * steps_per_epoch
    epoch, begun = divmod(done, steps_per_epoch)
    # The rest of an epoch is a fit call of its own.
    legs = [(epoch, epoch + 1, steps_per_epoch - begun)] if begun else []
    legs.append((epoch + bool(begun), epochs, steps_per_epoch))
    for first, end, steps in legs:
        if first >= end:
            continue
        start = keeper.step
        data = batches(start, min(start + (end - first) * steps, total))
        if begun and first == epoch and not group.facts:  # with jax, Keras makes them in time
            _build_metrics(model, data)
        with stop.hold():
            model.fit(
                data,
                validation_data=validation,
                initial_epoch=first,
                epochs=end,
                steps_per_epoch=steps,
                verbose=0,
                shuffle=False,
                callbacks=[*keeper.callbacks, keeper],
            )
        if model.stop_training:
            break
        keeper.pending = keeper.states()  # the next call resets the callbacks


@dataclass(eq=False)
class _Keeper(keras.callbacks.Callback):
    """Last in the list: gives the callbacks their state back, and writes checkpoints."""

    checkpoints: Checkpoints
    callbacks: list
    stop: StopSignals
    epochs: int
    steps_per_epoch: int
    checkpoint_steps: int | None
    checkpoint_seconds: float
    group: Group

    def __post_init__(self):
        super().__init__()
        self.step = 0
        self.pending: dict | None = None
        self._metrics: dict[str, np.ndarray] | None = None
        self._before_epoch = 0
        self._saved, self._saved_at = 0, time.monotonic()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Makes the next fit call begin where the checkpoint ends."""
        self.step = self._saved = checkpoint.step
        self.pending = checkpoint.facts.get("callbacks", {})
        if self.step % self.steps_per_epoch:
            self._metrics = checkpoint.arrays
        for number, callback in enumerate(self.callbacks):
            if hasattr(callback, "set_arrays"):
                names = sorted(name for name in checkpoint.arrays if name.startswith(f"callback{number}/"))
                callback.set_arrays([checkpoint.arrays[name] for name in names])
            if hasattr(callback, "skipped"):
                callback.skipped = self.step % self.steps_per_epoch
        try:
            self._give_back()
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError("The checkpoint does not fit the run.", "Start again with `tfpipe run`.") from error

    def states(self) -> dict[str, dict]:
        """The state of each callback that has one, by its place."""
        places = enumerate(self.callbacks)
        return {str(place): one.get_state() for place, one in places if hasattr(one, "get_state")}

    def _give_back(self) -> None:
        for number, state in (self.pending or {}).items():
            self.callbacks[int(number)].set_state(state)

    def on_train_begin(self, logs=None):
        self._give_back()
        self.pending = None

    def on_epoch_begin(self, epoch, logs=None):
        self._before_epoch = self.step
        if self._metrics is not None:  # the epoch's means go on from where they stood
            restore(self.model, self._metrics, ("metric",))
            self._metrics = None

    def on_train_batch_end(self, batch, logs=None):
        before, self.step = self.step, self._before_epoch + batch + 1
        if self.step % self.steps_per_epoch == 0:  # see `on_epoch_end`
            return
        due = self.checkpoint_steps and self.step - self._saved >= self.checkpoint_steps
        stops = self.group.stops(self.step, self.step - before, self.stop.received)
        if due or stops is not None:
            self._save(finished=False)
            self._end(stops)

    def on_epoch_end(self, epoch, logs=None):
        stops, self.model.stop_training = self.group.agreed(self.stop.received, self.model.stop_training)
        finished = self.model.stop_training or epoch + 1 == self.epochs
        if finished or stops is not None or time.monotonic() - self._saved_at >= self.checkpoint_seconds:
            self._save(finished)
        self._end(stops)

    def _end(self, stops: int | str | None) -> None:
        """Raises if training is to end here. Of several processes none ends without the others."""
        if stops is not None:
            self.stop.received = stops
        if stops is not None or self.group.count == 1:
            self.stop.raise_if_interrupted()

    def _save(self, finished: bool) -> None:
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        arrays = dump(self.model)
        fixed = {
            id(weight) for layer in self.model._flatten_layers() if not layer.trainable for weight in layer.weights
        }
        trained = (f"model/{place:05d}" for place, value in enumerate(self.model.variables) if id(value) not in fixed)
        floats = [arrays[name] for name in trained if arrays[name].dtype.kind == "f"]
        if not all(np.isfinite(array).all() for array in floats):
            message = "Training diverged: weights are NaN or infinite."
            raise DivergedError(message, "Lower train.learning_rate, or set train.clip_norm=1.0.")
        for number, callback in enumerate(self.callbacks):
            if hasattr(callback, "get_arrays"):
                arrays |= {f"callback{number}/{place:05d}": array for place, array in enumerate(callback.get_arrays())}
        self.checkpoints.save(self.step, arrays, {"finished": bool(finished), "callbacks": self.states()})
        self._saved, self._saved_at = self.step, time.monotonic()
        self.group.gather()  # a device would not wait for long


def _build_metrics(model: keras.Model, data: tf.data.Dataset) -> None:
    """Makes the variables of the metrics, which Keras leaves to the first step, so that they can be restored."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(next(iter(data.take(1))))
    model.compute_metrics(x, y, model(x, training=False), weights)
    model.reset_metrics()
