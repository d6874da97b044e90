"""Batches of encoded rows. The order of training rows is a pure function of (seed, epoch, position)."""

import numpy as np
import tensorflow as tf

from ..batches import Targets, prefetched, rows_at
from ..tracing import no_autograph
from .store import TableStore


def training_table_batches(
    store: TableStore,
    rows: np.ndarray,
    targets: Targets,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    steps_per_epoch: int | None = None,
) -> tf.data.Dataset:
    """Batches of the steps `first_step` to `last_step` - 1; the arguments are those of `batches.training_batches`.

    Returns:
        (inputs as `TableStore.inputs`, targets float32 (batch, outputs)[, weights (batch,)]).
    """
    steps_per_epoch, count = steps_per_epoch or len(rows) // batch_size, len(rows)
    rows_tensor = tf.constant(rows, tf.int64)

    def batch(step: tf.Tensor):
        epoch, start = step // steps_per_epoch, (step % steps_per_epoch) * batch_size
        order = rows_at(seed, epoch, start + tf.range(batch_size, dtype=tf.int64), count)
        order = tf.ensure_shape(order, [batch_size])
        return targets.finish(store.gather(tf.gather(rows_tensor, order)), targets.at(order))

    return prefetched(tf.data.Dataset.range(first_step, last_step).map(no_autograph(batch)))


def evaluation_table_batches(
    store: TableStore, rows: np.ndarray, targets: Targets | None, *, batch_size: int
) -> tf.data.Dataset:
    """Batches of all rows in their order, the last one smaller; with targets where given."""
    rows_tensor, count = tf.constant(rows, tf.int64), len(rows)

    def batch(start: tf.Tensor):
        places = tf.range(start, tf.minimum(start + batch_size, count))
        inputs = store.gather(tf.gather(rows_tensor, places))
        if targets is None:
            return (inputs,) if isinstance(inputs, tuple) else inputs
        return inputs, targets.at(places)

    return prefetched(tf.data.Dataset.range(0, count, batch_size).map(no_autograph(batch)))
