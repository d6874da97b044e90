"""Batches of encoded rows. The order of training rows is a pure function of (seed, epoch, position)."""

import numpy as np
import tensorflow as tf

from ..batches import Targets, prefetched, rows_at
from ..shares import Share
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
    share: Share | None = None,
) -> tf.data.Dataset:
    """Batches of the steps `first_step` to `last_step` - 1; the arguments are those of `batches.training_batches`.

    Returns:
        (inputs as `TableStore.inputs`, targets float32 (batch, outputs)[, weights (batch,)]).
    """
    steps_per_epoch, count = steps_per_epoch or len(rows) // batch_size, len(rows)
    rows_tensor = tf.constant(rows, tf.int64)
    places = None if share is None else share.places(batch_size)
    size = batch_size if places is None else len(places)

    def batch(step: tf.Tensor):
        epoch, start = step // steps_per_epoch, (step % steps_per_epoch) * batch_size
        positions = start + (tf.range(batch_size, dtype=tf.int64) if places is None else places)
        order = tf.ensure_shape(rows_at(seed, epoch, positions, count), [size])
        return targets.finish(store.gather(tf.gather(rows_tensor, order)), targets.at(order))

    return prefetched(tf.data.Dataset.range(first_step, last_step).map(no_autograph(batch)))


def evaluation_table_batches(
    store: TableStore, rows: np.ndarray, targets: Targets | None, *, batch_size: int, share: Share | None = None
) -> tf.data.Dataset:
    """Batches of all rows in their order, the last one smaller; with targets where given. `share` as in
    `batches.evaluation_batches`.
    """
    rows_tensor, count = tf.constant(rows, tf.int64), len(rows)
    each = 1.0 if share is None else share.weight(count, batch_size)

    def batch(start: tf.Tensor):
        places, real = tf.range(start, tf.minimum(start + batch_size, count)), None
        if share is not None:
            places, real = share.padded(places)
        inputs = store.gather(tf.gather(rows_tensor, places))
        if targets is None:
            return (inputs,) if isinstance(inputs, tuple) else inputs
        return (inputs, targets.at(places)) if real is None else (inputs, targets.at(places), each * real)

    return prefetched(tf.data.Dataset.range(0, count, batch_size).map(no_autograph(batch)))
