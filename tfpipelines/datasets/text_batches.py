"""Batches of texts of similar length. Which texts come together is a pure function of (seed, epoch, position)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from .batches import Targets, prefetched, rows_at
from .shares import Share
from .tokens import Sequences
from .tracing import no_autograph

WINDOW = 16  # batches that are sorted by length together
# lengths, where every other one would be compiled anew
_PADDED = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
_PADDED_MORE = (256, 1024, 4096, 16384)  # of further inputs, whose length costs less than a compilation


@dataclass
class TextStore:
    """Texts as sequences of ids, by row of a sample table.

    Args:
        inputs: sequences for each text, by the name of a network's input and in the order of its inputs. The first
            one's length counts.
        few_shapes: pad to one of a few lengths, for backends that compile every shape anew; else to the longest of a
            batch.
    """

    inputs: dict[str, Sequences]
    few_shapes: bool = False

    def only(self, names: Sequence[str]) -> "TextStore":
        """With some of the inputs, in this order."""
        if list(names) == list(self.inputs):
            return self
        return TextStore({name: self.inputs[name] for name in names}, self.few_shapes)

    @property
    def lengths(self) -> np.ndarray:
        """Ids of each text in the first input, int64 (texts,)."""
        return next(iter(self.inputs.values())).lengths

    def gather(self, rows: tf.Tensor, among: tf.Tensor | None = None):
        """Rows as zero-padded int32 (batch, length): one tensor, or a tuple of them where there are several inputs.

        Args:
            among: rows of the batch that these are part of, which is padded as a whole; None: these.
        """

        def gathered(ragged: tf.RaggedTensor, sizes: tuple[int, ...]) -> tf.Tensor:
            some = tf.gather(ragged, rows)
            longest = (some if among is None else tf.gather(ragged, among)).bounding_shape(1)
            return self._pad(some, longest, sizes)

        padded = tuple(
            gathered(ragged, _PADDED_MORE if number else _PADDED) for number, ragged in enumerate(self._ragged)
        )
        return padded if len(padded) > 1 else padded[0]

    @cached_property
    def _ragged(self) -> list[tf.RaggedTensor]:
        with tf.init_scope():  # outside of the graph that asks for them, which would hold a copy
            return [sequences.ragged() for sequences in self.inputs.values()]

    def _pad(self, ragged: tf.RaggedTensor, longest: tf.Tensor, sizes: tuple[int, ...]) -> tf.Tensor:
        length = tf.maximum(longest, 1)
        if self.few_shapes:
            steps = tf.constant(sizes, length.dtype)
            above = tf.reduce_min(tf.where(steps >= length, steps, steps.dtype.max))
            whole = -(-length // sizes[-1]) * sizes[-1]
            length = tf.where(length > sizes[-1], whole, above)
        shape = tf.stack([tf.cast(-1, length.dtype), length])
        return tf.ensure_shape(ragged.to_tensor(shape=shape), [ragged.shape[0], None])


def training_text_batches(
    store: TextStore,
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
    """Batches of the steps `first_step` to `last_step` - 1, over all epochs.

    The texts of an epoch are shuffled as a whole; each window of 16 batches is then sorted by length and cut into
    batches, and these are shuffled. So a batch needs little padding, and still every text meets others in each epoch.
    The arguments are those of `batches.training_batches`.
    Returns:
        (int32 (batch, length) or a tuple of such, targets float32 (batch, classes)[, weights (batch,)]).
    """
    steps_per_epoch = steps_per_epoch or len(rows) // batch_size
    windows_per_epoch = -(-steps_per_epoch // WINDOW)
    rows_tensor, lengths = tf.constant(rows, tf.int64), tf.constant(store.lengths[rows], tf.int64)

    def window_of(step: int) -> int:
        return step // steps_per_epoch * windows_per_epoch + step % steps_per_epoch // WINDOW

    def batches_of(window: tf.Tensor) -> tf.data.Dataset:
        epoch, place = window // windows_per_epoch, window % windows_per_epoch
        first = place * WINDOW
        count = tf.minimum(tf.constant(WINDOW, tf.int64), steps_per_epoch - first)
        positions = first * batch_size + tf.range(count * batch_size, dtype=tf.int64)
        order = rows_at(seed, epoch, positions, len(rows))
        order = tf.gather(order, tf.argsort(tf.gather(lengths, order), stable=True))
        key = tf.stack([tf.constant(seed, tf.int64) + 2**31, window])
        turns = tf.random.experimental.index_shuffle(tf.range(count), key, count - 1)
        return tf.data.Dataset.from_tensor_slices(tf.gather(tf.reshape(order, [count, batch_size]), turns))

    def finish(places: tf.Tensor):
        places, among = tf.ensure_shape(places, [batch_size]), None
        if share is not None:
            among, places = tf.gather(rows_tensor, places), tf.gather(places, share.places(batch_size))
        return targets.finish(store.gather(tf.gather(rows_tensor, places), among), targets.at(places))

    first_window, last_window = window_of(first_step), window_of(max(last_step - 1, first_step)) + 1
    before = first_step % steps_per_epoch % WINDOW
    order = tf.data.Dataset.range(first_window, last_window).flat_map(no_autograph(batches_of)).skip(before)
    return prefetched(order.take(last_step - first_step).map(no_autograph(finish), num_parallel_calls=1))


def evaluation_text_batches(
    store: TextStore, rows: np.ndarray, targets: Targets | None, *, batch_size: int, share: Share | None = None
) -> tuple[tf.data.Dataset, np.ndarray]:
    """Batches of all rows once, the short ones first, so that little is padding. `share` as in
    `batches.evaluation_batches`.

    Returns:
        The dataset, of inputs or of (inputs, targets[, weights]); and where in it each row stands, int64 (rows,).
    """
    order = np.argsort(store.lengths[rows], kind="stable")
    rows_tensor = tf.constant(rows, tf.int64)

    each = 1.0 if share is None else share.weight(len(rows), batch_size)

    def finish(places: tf.Tensor):
        among = real = None
        if share is not None:
            among, (places, real) = tf.gather(rows_tensor, places), share.padded(places)
        inputs = store.gather(tf.gather(rows_tensor, places), among)
        if targets is None:
            return (inputs,) if isinstance(inputs, tuple) else inputs
        return (inputs, targets.at(places)) if real is None else (inputs, targets.at(places), each * real)

    places = tf.data.Dataset.from_tensor_slices(order.astype(np.int64)).batch(batch_size)
    return prefetched(places.map(no_autograph(finish), num_parallel_calls=1)), np.argsort(order)
