"""From rows to batches. The order of training samples is a pure function of (seed, epoch, position)."""

import numpy as np
import tensorflow as tf

from .augment import Augmentation
from .store import ImageStore


def rows_at(seed: int, epoch: tf.Tensor, positions: tf.Tensor, count: int) -> tf.Tensor:
    """Which of `count` samples stand at `positions` of an epoch's order, int64, without making the whole order."""
    return tf.random.experimental.index_shuffle(positions, tf.stack([tf.constant(seed, tf.int64), epoch]), tf.constant(count - 1, tf.int64))


def training_batches(
    store: ImageStore,
    rows: np.ndarray,
    labels: np.ndarray,
    classes: int,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    augmentation: Augmentation | None = None,
    label_smoothing: float = 0.0,
    weights: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches of the steps `first_step` to `last_step` - 1, counted over all epochs; an epoch is len(rows) // batch_size steps.

    Args:
        store: of the images.
        rows: the training rows of the store, int64 (samples,).
        labels: class number of each, (samples,).
        classes: how many there are.
        batch_size: at most len(rows).
        seed: of order and augmentation.
        label_smoothing: share of the target spread over all classes.
        weights: loss weight of each class, float32 (classes,).

    Returns:
        (images float32 (batch, height, width, channels) levels 0 to 255, targets float32 (batch, classes)[, weights (batch,)]).
        Images that are not augmented stay uint8.
    """
    steps_per_epoch = len(rows) // batch_size
    rows_tensor, labels_tensor = tf.constant(rows, tf.int64), tf.constant(labels, tf.int64)

    def place(step: tf.Tensor):
        epoch, start = step // steps_per_epoch, (step % steps_per_epoch) * batch_size
        order = rows_at(seed, epoch, start + tf.range(batch_size, dtype=tf.int64), len(rows))
        return epoch, start, tf.gather(labels_tensor, order), tf.gather(rows_tensor, order)

    def finish(epoch, start, labels, rows, images):
        images = tf.ensure_shape(images, [batch_size, *store.shape])
        targets = tf.one_hot(labels, classes)
        if augmentation is not None and augmentation.active:
            images, targets = augmentation(tf.cast(images, tf.float32), targets, seed, epoch, start)
        smooth = targets * (1.0 - label_smoothing) + label_smoothing / classes
        return (images, smooth) if weights is None else (images, smooth, tf.linalg.matvec(targets, tf.constant(weights)))

    dataset = store.attach(tf.data.Dataset.range(first_step, last_step).map(place))
    return _tuned(dataset.map(finish, num_parallel_calls=1))


def evaluation_batches(store: ImageStore, rows: np.ndarray, labels: np.ndarray | None, classes: int, *, batch_size: int) -> tf.data.Dataset:
    """Batches of all rows in their order, the last one smaller: uint8 images, with float32 targets where labels are given."""
    starts = tf.data.Dataset.range(0, len(rows), batch_size)
    rows_tensor = tf.constant(rows, tf.int64)
    dataset = starts.map(lambda start: (start, rows_tensor[start : start + batch_size]))
    dataset = store.attach(dataset)
    if labels is None:
        return _tuned(dataset.map(lambda start, rows, images: images))
    labels_tensor = tf.constant(labels, tf.int64)
    return _tuned(dataset.map(lambda start, rows, images: (images, tf.one_hot(labels_tensor[start : start + batch_size], classes))))


def _tuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.autotune.enabled = False  # the work per batch is small and even: autotuning costs more than it finds
    return dataset.prefetch(2).with_options(options)
