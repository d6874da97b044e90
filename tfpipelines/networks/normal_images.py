"""Detectors of images that are fitted to what a frozen backbone says of normal ones.

Their output is a dict with `contributions`, the distance of each place from what is normal there, float32 (batch, rows,
columns, 1); the score is made of them, see `model_file`. Nothing in them is trained.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import keras
import numpy as np

from .normals import remembered

_Fitted = TypeVar("_Fitted")

MOST_BYTES = 2**31  # of features at once


@dataclass(frozen=True, eq=False)
class NormalImages:
    """The normal images that a detector is fitted to.

    Args:
        count: how many there are.
        batches: of some of them, int64 (images,): what `Model.predict` takes of a network.
        known: what has been fitted to them.
    """

    count: int
    batches: Callable[[np.ndarray], Any]
    known: dict[str, Any] = field(default_factory=dict)

    def features(self, extractor: keras.Model, seed: int | None) -> np.ndarray:
        """What a network says of each image, float32 (images, ...); of a random choice of them where all are more than
        2 GiB.
        """
        most = max(1, MOST_BYTES // (4 * math.prod(extractor.output.shape[1:])))
        chosen = np.arange(self.count)
        if self.count > most:
            chosen = np.sort(np.random.default_rng([seed or 0, 10]).choice(self.count, most, replace=False))
        return extractor.predict(self.batches(chosen), verbose=0).astype(np.float32, copy=False)

    def fitted(self, fit: Callable[..., _Fitted], extractor: keras.Model, seed: int | None, **settings: Any) -> _Fitted:
        """What a function makes of the features, made once: a network is built several times.

        Args:
            fit: of (features as `features` gives them, seed, and `settings`).
            settings: what tells fits apart; `extractor` need not be the same object. Those whose names begin with `of_`
                tell of the features, and are no arguments.
        """
        key = f"{fit.__module__}.{fit.__qualname__} {seed} {settings}"
        passed = {name: entry for name, entry in settings.items() if not name.startswith("of_")}
        return remembered(self.known, key, lambda: fit(self.features(extractor, seed), seed=seed, **passed))


class FittedPlaces(keras.Model):
    """A Functional model of such outputs, whose loss is the mean distance: an epoch measures it, and trains nothing."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(y_pred["contributions"])


def place_detector(inputs, distances, name: str, for_training: bool) -> keras.Model:
    """The network.

    Args:
        distances: float32 (batch, rows, columns, 1).
    """
    return (FittedPlaces if for_training else keras.Model)(inputs, {"contributions": distances}, name=name)
