"""What happens beside the steps: stopping, the best model, records. Each states what a checkpoint must keep of it."""

import csv
import io
import math
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from ..core.files import atomic_write
from ..core.machine import memory_is_gone
from ..errors import DivergedError, ResourceError

_SAVE_INTERVAL = 30.0  # seconds


class Resumable:
    """A callback of which a checkpoint holds some attributes, those that `kept` names."""

    kept: tuple[str, ...] = ()

    def get_state(self) -> dict:
        """What a checkpoint must hold beside arrays."""
        return {name: getattr(self, name) for name in self.kept}

    def set_state(self, state: dict) -> None:
        """Takes back what `get_state` gave."""
        for name in self.kept:
            setattr(self, name, state[name])


class EarlyStopping(Resumable, keras.callbacks.EarlyStopping):
    """Keras' early stopping, resumable."""

    kept = ("wait", "best", "best_epoch", "stopped_epoch")


class ReduceLROnPlateau(Resumable, keras.callbacks.ReduceLROnPlateau):
    """Keras' reduction of the rate, resumable; the rate itself is a variable of the optimizer."""

    kept = ("wait", "best", "cooldown_counter")


class StopOnNaN(keras.callbacks.Callback):
    """Raises DivergedError as soon as a loss is NaN or infinite, before anything is saved.

    Args:
        learning_rate: to name in the remedy.
    """

    def __init__(self, learning_rate: float):
        super().__init__()
        self.learning_rate = learning_rate
        self._epoch, self._new = 0, False

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._new = epoch, not epoch

    def on_train_batch_end(self, batch, logs=None):
        first = self._new and batch < max(1, self.model.steps_per_execution or 1)  # not so where a run goes on
        self._check(logs, f"step {batch + 1} of epoch {self._epoch + 1}", first)
        self._new = False

    def on_epoch_end(self, epoch, logs=None):
        self._check(logs, f"epoch {epoch + 1}")

    def _check(self, logs, where: str, at_once: bool = False) -> None:
        for name, value in (logs or {}).items():
            if name.endswith("loss") and not math.isfinite(value):
                if memory_is_gone():  # kernels that get none may compute NaN without an error
                    raise MemoryError
                rate = f"train.learning_rate (it is {self.learning_rate:g})"
                remedy = f"Lower {rate}, or set train.clip_norm=1.0 or train.warmup_epochs=1."
                error = DivergedError(f"Training diverged: {name} is {value} at {where}.", remedy)
                error.at_once = at_once
                raise error


@dataclass(eq=False)
class BestModel(Resumable, keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest monitored value, or of the last one, and sees that they get into
    the model file.

    The file is written at once where the last writing is half a minute ago, else by `flush`, which whoever calls `fit`
    must call in the end; a checkpoint holds the weights in any case.

    Args:
        monitor: name in the logs.
        save: function that writes the model file with a list of weights, in the order of `model.weights`.
        weights: function that gives the present weights: raw or averaged.
        epochs_before: epochs of earlier phases; counted in `best_epoch`.
        keep: `best` or `last`.
        quick: do not write the file at the first epoch either, only after half a minute.
    """

    kept = ("best", "best_epoch")

    monitor: str
    save: Callable[[list], None]
    weights: Callable[[], list]
    epochs_before: int = 0
    keep: str = "best"
    quick: bool = False

    def __post_init__(self):
        super().__init__()
        self.best, self.best_epoch = math.inf, 0
        self.best_weights: list = []
        self._unsaved, self._saved_at = False, time.monotonic() if self.quick else -math.inf

    def go_on_from(self, earlier: "BestModel", weights: list) -> None:
        """Begins with what an earlier phase has found.

        Args:
            earlier: that phase's.
            weights: its best, of this phase's model.
        """
        self.best_epoch, self.best_weights = earlier.best_epoch, weights
        if self.monitor.startswith("val_"):  # training losses of phases cannot be compared: they see other inputs
            self.best = earlier.best
        self._unsaved, self._saved_at = earlier._unsaved, earlier._saved_at

    def get_arrays(self) -> list:
        """The best weights; [] before the first epoch has ended."""
        return self.best_weights

    def set_arrays(self, arrays: list) -> None:
        """Takes back what `get_arrays` gave."""
        self.best_weights, self._unsaved = arrays, bool(arrays)

    def on_epoch_end(self, epoch, logs=None):
        if logs[self.monitor] < self.best or self.keep == "last":
            self.best, self.best_epoch = float(logs[self.monitor]), self.epochs_before + epoch + 1
            self.best_weights, self._unsaved = self.weights(), True
        if time.monotonic() - self._saved_at > _SAVE_INTERVAL:
            self.flush()

    def flush(self) -> None:
        """Writes the model file if it does not hold the best weights yet."""
        if self._unsaved:
            self.save(self.best_weights)
            self._unsaved, self._saved_at = False, time.monotonic()


class History(Resumable, keras.callbacks.Callback):
    """One row per epoch in history.csv: epoch, losses and metrics, learning rate at its end, seconds.

    Args:
        path: of the CSV file.
        on_row: called with each row, a dict.
        rows: of earlier phases.
        phase: name of this one, for a column of its own; "": none.
    """

    kept = ("rows",)

    def __init__(
        self, path: Path, on_row: Callable[[dict], None] = lambda row: None, rows: Iterable[dict] = (), phase: str = ""
    ):
        super().__init__()
        self.path, self.on_row, self.phase = path, on_row, phase
        self.rows = list(rows)
        self.epochs_before = len(self.rows)
        self._began = 0.0

    def set_state(self, state: dict) -> None:
        self.rows = list(state["rows"])

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        values = {name: float(value) for name, value in logs.items()}
        values.setdefault("learning_rate", float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))
        row = {"epoch": self.epochs_before + epoch + 1} | ({"phase": self.phase} if self.phase else {})
        row |= {**values, "seconds": round(time.perf_counter() - self._began, 3)}
        self.rows.append(row)
        text = io.StringIO()
        names = dict.fromkeys(name for row in self.rows for name in row)
        writer = csv.DictWriter(text, list(names), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        atomic_write(self.path, text.getvalue())
        self.on_row(row)


@contextmanager
def event_errors(folder: Path):
    """What TensorFlow raises while events are written is a ResourceError."""
    try:
        yield
    except tf.errors.OpError as error:  # of the disk, though it may be called ResourceExhausted
        message = f"{folder} cannot be written: {error.message}."
        raise ResourceError(message, "Free some space, then `tfpipe resume` the run.") from error


class TensorBoardScalars(keras.callbacks.Callback):
    """Every number of the epoch as a TensorBoard scalar, training and validation in the same chart.

    Args:
        folder: of the event files.
        epochs_before: epochs of earlier phases.
    """

    def __init__(self, folder: Path, epochs_before: int = 0):
        super().__init__()
        self.folder, self.epochs_before = folder, epochs_before
        self._writers: dict = {}

    def on_epoch_end(self, epoch, logs=None):
        with event_errors(self.folder):
            for name, value in logs.items():
                part = "validation" if name.startswith("val_") else "train"
                if part not in self._writers:
                    self._writers[part] = tf.summary.create_file_writer(str(self.folder / part))
                with self._writers[part].as_default():
                    tf.summary.scalar(f"epoch/{name.removeprefix('val_')}", value, step=self.epochs_before + epoch + 1)
            for writer in self._writers.values():
                writer.flush()

    def on_train_end(self, logs=None):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


class Progress(keras.callbacks.Callback):
    """Tells an observer how far the epoch has come.

    Args:
        on_step: function of (epoch from 1, steps done, steps per epoch).
        steps_per_epoch: of a whole epoch.
        epochs_before: epochs of earlier phases.
    """

    def __init__(self, on_step: Callable[[int, int, int], None], steps_per_epoch: int, epochs_before: int = 0):
        super().__init__()
        self.on_step, self.steps_per_epoch, self.epochs_before = on_step, steps_per_epoch, epochs_before
        self.skipped = 0  # steps of the first epoch that an earlier process has done
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.on_step(self.epochs_before + self._epoch + 1, self.skipped + batch + 1, self.steps_per_epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.skipped = 0
