"""What fitted detectors of windows share: whether the level of a window counts."""

import keras
import numpy as np

from .normals import Inputs, Normals


class Windows(Inputs):
    """What the graph of a fitted detector of windows begins with; `scaled` is without levels where they do not count.

    Args:
        normals: that it is fitted to.
        centered: whether the mean of each channel is subtracted from each window.

    Attributes:
        windows: `scaled` in its shape, float32 (batch, points, channels).
    """

    def __init__(self, normals: Normals, centered: bool):
        super().__init__(normals)
        shape, ops = normals.values.shape[1:], keras.ops
        self._level: keras.KerasTensor | None = None
        self.windows = ops.reshape(self.scaled, (-1, *shape))
        if centered:
            level = ops.mean(self.windows, 1, keepdims=True)  # (batch, 1, channels)
            self.windows = self.windows - level
            self.scaled, self._level = self.flat(self.windows), level

    def flat(self, windows: keras.KerasTensor) -> keras.KerasTensor:
        """float32 (batch, points * channels)."""
        return keras.ops.reshape(windows, (-1, int(np.prod(windows.shape[1:]))))

    def detector(self, name, score, contributions, normal, for_training):
        if self._level is not None:
            normal = self.flat(keras.ops.reshape(normal, (-1, *self.windows.shape[1:])) + self._level)
        return super().detector(name, score, contributions, normal, for_training)


def in_shape(rows: np.ndarray, shape: tuple[int, ...], centered: bool) -> np.ndarray:
    """Scaled windows in their shape, float64 (rows, points, channels), without their level where it does not count.

    Args:
        rows: float64 (rows, numbers).
        shape: (points, channels).
    """
    windows = rows.reshape(-1, *shape)
    return windows - windows.mean(1, keepdims=True) if centered else windows
