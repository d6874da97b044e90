"""The share of each batch that one of several processes has, which train one network together."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Share:
    """Which part of every batch a process reads: the `number`-th of `count` equal ones.

    Args:
        number: from 0.
        count: of processes.
        devices: of each process, among which its part is divided again.
    """

    number: int
    count: int
    devices: int = 1

    def places(self, batch_size: int, before: bool = False) -> np.ndarray:
        """Places in a batch of training, int64; `batch_size` is a multiple of count.

        Args:
            before: begin with the place before the first one, which is the last of the batch before place 0.
        """
        size = batch_size // self.count
        first = self.number * size
        return np.arange(first - before, first + size, dtype=np.int64) % batch_size

    def padded(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """This process' part of a batch that may have any size.

        The last of the batch is repeated, so that all parts are equal.

        Args:
            places: of the whole batch, int64 (batch,).

        Returns:
            Those of the part, int64 (part,), and 1 for each that is no repetition, else 0, float32 (part,).
        """
        count = tf.size(places, tf.int64)
        size = -(-count // (self.count * self.devices)) * self.devices
        mine = self.number * size + tf.range(size)
        return tf.gather(places, tf.minimum(mine, count - 1)), tf.cast(mine < count, tf.float32)

    def weight(self, rows: int, batch_size: int) -> float:
        """What each of some rows counts in the mean of all batches, in which repetitions count 0.

        Keras divides by the number of rows, repetitions included.
        """
        unit = self.count * self.devices
        padded = lambda size: -(-size // unit) * unit
        whole, rest = divmod(rows, batch_size)
        return (whole * padded(batch_size) + padded(rest)) / max(rows, 1)
