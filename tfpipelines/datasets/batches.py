"""From rows to batches. The order of training samples is a pure function of (seed, epoch, position)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import tensorflow as tf

from .augmentation import Augmentation
from .shares import Share
from .tracing import no_autograph


def rows_at(seed: int, epoch: tf.Tensor, positions: tf.Tensor, count: int) -> tf.Tensor:
    """Which of `count` samples stand at `positions` of an epoch's order, int64, without making the whole order."""
    key = tf.stack([tf.constant(seed, tf.int64), epoch])
    return tf.random.experimental.index_shuffle(positions, key, tf.constant(count - 1, tf.int64))


class Windows:
    """An order by shards and windows, for samples that are better read one after the other: the shards follow each
    other in random order, and the samples of each window of positions are shuffled among themselves. It is a pure
    function of (seed, epoch, position), as `rows_at` is.

    Args:
        shards: the shard of each sample, int (samples,).
        size: positions of a window.
    """

    def __init__(self, shards: np.ndarray, size: int):
        _, numbers, counts = np.unique(shards, return_inverse=True, return_counts=True)
        self.size, self.counts = size, counts.astype(np.int64)
        self.places = np.argsort(numbers, kind="stable").astype(np.int64)  # of samples, shard by shard
        self.starts = np.cumsum(self.counts) - self.counts  # of shards in these

    def places_at(self, seed: int, epoch: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        """Which samples stand at `positions` of an epoch's order, int64."""
        window = positions // self.size
        begin = window * self.size
        last = tf.minimum(begin + self.size, len(self.places)) - begin - 1
        key = tf.constant(seed, tf.int64)
        fill = lambda value: tf.fill(tf.shape(positions), value)
        keys = tf.stack([fill(key), fill(epoch), window + 1], 1)  # `index_shuffle` takes no key for each position
        drawn = begin + tf.raw_ops.RandomIndexShuffle(index=positions - begin, seed=keys, max_index=last, rounds=4)
        shards = tf.range(len(self.counts), dtype=tf.int64)
        order = tf.random.experimental.index_shuffle(
            shards, tf.stack([key, -1 - epoch]), tf.constant(len(self.counts) - 1, tf.int64)
        )
        counts = tf.gather(tf.constant(self.counts), order)
        ends = tf.cumsum(counts)
        shard = tf.searchsorted(ends, drawn, side="right")
        place = tf.gather(tf.constant(self.starts), tf.gather(order, shard))
        return tf.gather(tf.constant(self.places), place + drawn - tf.gather(ends - counts, shard))


class Store(Protocol):
    """Samples of one shape, by row: images, features or windows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""

    def attach(self, samples: tf.data.Dataset) -> tf.data.Dataset:
        """Adds samples to a dataset of (..., rows), rows being int64 (batch,)."""


@dataclass(frozen=True)
class Targets:
    """What the network is to say of each sample.

    Args:
        labels: class numbers, int (samples,), or 1 for each class that a sample has, float32 (samples, classes).
        classes: how many there are.
        smoothing: share of the target spread over all classes; for multi-label, over yes and no of each.
        weights: loss weight of each class, float32 (classes,), or None.
    """

    labels: np.ndarray
    classes: int
    smoothing: float = 0.0
    weights: np.ndarray | None = None

    @cached_property
    def _tensor(self) -> tf.Tensor:
        with tf.init_scope():  # outside of the graph that asks for it, which would hold a copy
            return tf.constant(self.labels)

    def at(self, places: tf.Tensor) -> tf.Tensor:
        """Targets of the samples at some places, float32 (places, classes), not smoothed."""
        labels = tf.gather(self._tensor, places)
        return tf.one_hot(labels, self.classes) if self.labels.ndim == 1 else labels

    def finish(self, inputs: tf.Tensor, targets: tf.Tensor) -> tuple:
        """(inputs, smoothed targets[, weights (batch,)])."""
        spread = self.smoothing / (self.classes if self.labels.ndim == 1 else 2)
        smooth = targets * (1.0 - self.smoothing) + spread
        if self.weights is None:
            return inputs, smooth
        return inputs, smooth, tf.linalg.matvec(targets, tf.constant(self.weights))


def training_batches(
    store: Store,
    rows: np.ndarray,
    targets: Targets | None,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    steps_per_epoch: int | None = None,
    augmentation: Augmentation | None = None,
    windows: Windows | None = None,
    share: Share | None = None,
) -> tf.data.Dataset:
    """Batches of the steps `first_step` to `last_step` - 1, over all epochs.

    Args:
        store: of the images, or of other samples that can be gathered by row.
        rows: the training rows of the store, int64 (samples,).
        targets: of each of them; None where there is nothing to tell but the samples themselves.
        batch_size: at most len(rows).
        seed: of order and augmentation.
        steps_per_epoch: of which there is a new order of the rows in each; None: len(rows) // batch_size, which is the
            most.
        windows: of these samples, where their order is by shards.
        share: which part of each batch is read; None: all of it.

    Returns:
        (images float32 (batch, height, width, channels) levels 0 to 255, targets float32 (batch, classes)[, weights
        (batch,)]), or the images alone. Images that are not augmented stay uint8.
    """
    steps_per_epoch = steps_per_epoch or len(rows) // batch_size
    rows_tensor = tf.constant(rows, tf.int64)
    change = augmentation if augmentation is not None and augmentation.active else None
    places = None  # in the batch
    if share is not None:  # what is mixed needs the sample before the first one
        places = share.places(batch_size, before=change is not None and change.mixes)
    size = batch_size if places is None else len(places)

    def place(step: tf.Tensor):
        epoch, start = step // steps_per_epoch, (step % steps_per_epoch) * batch_size
        positions = start + (tf.range(batch_size, dtype=tf.int64) if places is None else places)
        if windows is None:
            order = rows_at(seed, epoch, positions, len(rows))
        else:
            order = windows.places_at(seed, epoch, positions)
        wanted = tf.zeros([size, 0]) if targets is None else targets.at(order)
        return epoch, start, wanted, tf.gather(rows_tensor, order)

    def finish(epoch, start, wanted, rows, images):
        images = tf.ensure_shape(images, [size, *store.shape])
        if change is not None:
            part = None if places is None else (places, batch_size)
            images, wanted = change(tf.cast(images, tf.float32), wanted, seed, epoch, start, part)
        return images if targets is None else targets.finish(images, wanted)

    dataset = store.attach(tf.data.Dataset.range(first_step, last_step).map(no_autograph(place)))
    return prefetched(dataset.map(no_autograph(finish), num_parallel_calls=1))


def evaluation_batches(
    store: Store, rows: np.ndarray, targets: Targets | None, *, batch_size: int, share: Share | None = None
) -> tf.data.Dataset:
    """Batches of all rows in their order, the last one smaller: uint8 images, with float32 targets where given.

    Args:
        share: which part of each batch is read; None: all of it. With targets there are weights float32 (batch,) then:
            0 of what fills the last batch up.
    """
    rows_tensor, count = tf.constant(rows, tf.int64), len(rows)
    each = 1.0 if share is None else share.weight(count, batch_size)

    def place(start: tf.Tensor):
        places = tf.range(start, tf.minimum(start + batch_size, count))
        real = tf.ones([0])
        if share is not None:
            places, real = share.padded(places)
        return places, real, tf.gather(rows_tensor, places)

    def finish(places, real, rows, images):
        if targets is None:
            return images
        return (images, targets.at(places)) if share is None else (images, targets.at(places), each * real)

    dataset = store.attach(tf.data.Dataset.range(0, count, batch_size).map(no_autograph(place)))
    return prefetched(dataset.map(no_autograph(finish)))


def prefetched(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset read ahead by two batches, without autotuning and optimizations of its graph."""
    options = tf.data.Options()
    options.autotune.enabled = False  # the work per batch is small and even: autotuning costs more than it finds
    options.experimental_optimization.apply_default_optimizations = (
        False  # each iterator would copy all samples for them
    )
    return dataset.prefetch(2).with_options(options)
