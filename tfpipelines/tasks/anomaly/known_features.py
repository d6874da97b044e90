"""What a frozen backbone says of some images, kept for as long as several detectors are made of it and tried on it."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

MOST_BYTES = 2**31  # of features that are kept


class KnownFeatures:
    """Features of images, computed once for all networks that look at the same layers of one backbone on one grid.

    Args:
        most: bytes of them. What takes more is not kept, whatever else is; else the earliest make room.
    """

    def __init__(self, most: int = MOST_BYTES):
        self.most = most
        self._kept: dict[Any, np.ndarray] = {}

    def get(
        self, extractor: keras.Model, told: Any, name: str, count: int, batches: Callable[[], Any]
    ) -> np.ndarray | None:
        """The features of some images.

        Args:
            extractor: images -> their features (batch, rows, columns, channels).
            told: what tells extractors apart.
            name: of the images.
            count: how many they are.
            batches: gives what `extractor.predict` takes of them.

        Returns:
            float32 (count, rows, columns, channels); None if these are too many. That hangs on nothing else, so that a
            resumed run does the same.
        """
        if 4 * count * math.prod(extractor.output.shape[1:]) > self.most:
            return None
        key = told, name
        if key not in self._kept:
            found = extractor.predict(batches(), verbose=0).astype(np.float32, copy=False)
            while self._kept and sum(each.nbytes for each in self._kept.values()) + found.nbytes > self.most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = found
        return self._kept[key]

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()


class Places:
    """Stands where images have their `ImagePreprocessor`: features of places come as they are.

    Args:
        shape: of the images (height, width, channels).
        features: of one image, (rows, columns, channels).
    """

    def __init__(self, shape: tuple[int, int, int], features: tuple[int, ...]):
        self.shape, self._features = shape, features

    def input(self) -> keras.KerasTensor:
        """The symbolic input: float32 (batch, rows, columns, channels)."""
        return keras.Input(self._features, dtype="float32", name="features")

    def symbolic(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """The same."""
        return features
