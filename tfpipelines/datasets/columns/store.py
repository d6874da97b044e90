"""Encoded rows of a table, by row."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass
class TableStore:
    """Encoded rows, by row of a sample table.

    Args:
        numbers: float32 (rows, columns), NaN where there is none.
        codes: int32 (rows, columns), 0 where there is none.
    """

    numbers: np.ndarray
    codes: np.ndarray

    def inputs(self, rows: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """Some rows as the network takes them: numbers and codes, or that of both which has columns."""
        parts = tuple(part[rows] for part in (self.numbers, self.codes) if part.shape[1])
        return parts if len(parts) > 1 else parts[0]

    def gather(self, rows: "tf.Tensor"):
        """The same as tensors."""
        import tensorflow as tf

        parts = tuple(tf.gather(part, rows) for part in self._tensors)
        return parts if len(parts) > 1 else parts[0]

    @cached_property
    def _tensors(self) -> "list[tf.Tensor]":
        import tensorflow as tf

        with tf.init_scope():  # outside of the graph that asks for them, which would hold a copy
            return [tf.constant(part) for part in (self.numbers, self.codes) if part.shape[1]]
