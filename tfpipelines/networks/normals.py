"""Detectors that are fitted to normal samples before they are built: what they are fitted to, and what they tell.

Their output is a dict: `score`, float32 (batch,), the higher the odder; `contributions`, what each place adds to it, of
the shape of the input; `restored`, the normal sample that the input is compared with, in the units of the input.
Nothing in them is trained.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import keras
import numpy as np

from .constants import Constants

_MOST_ROWS = 200_000  # that a detector of rows is fitted to
_REMEMBERED = 8  # fits: of more than the candidates that there usually are
ROWS = "training_rows"  # layer of those that a network contains

_Fitted = TypeVar("_Fitted")


@dataclass(frozen=True, eq=False)
class Normals:
    """The normal samples that a detector is fitted to.

    Args:
        values: of the training rows, float32 (rows, ..., columns), in the units of the input.
        center, spread: by which columns are scaled, float (columns,) or numbers; a spread of 0 counts as 1.
        known: what has been fitted to them.
        deviations: of the scaled columns, float (columns,), for constants that are meant in them; None: about 1.
    """

    values: np.ndarray
    center: np.ndarray
    spread: np.ndarray
    known: dict[str, Any] = field(default_factory=dict)
    deviations: np.ndarray | None = None

    @cached_property
    def scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Center and spread of each column, float32 (columns,), none of the latter 0."""
        columns = self.values.shape[-1]
        center, spread = (np.broadcast_to(np.asarray(each, np.float64), columns) for each in (self.center, self.spread))
        return center.astype(np.float32), np.where(spread > 0, spread, 1.0).astype(np.float32)

    @cached_property
    def units(self) -> np.ndarray:
        """`deviations`, none of them 0, float64 (columns,)."""
        if self.deviations is None:
            return np.ones(self.values.shape[-1])
        known = np.asarray(self.deviations, np.float64)
        return np.where(known > 0, known, known.max() if known.any() else 1.0)

    @cached_property
    def scaled(self) -> np.ndarray:
        """The training rows as a graph has them, flat: float64 (rows, numbers)."""
        center, spread = self.scale
        return ((self.values - center).astype(np.float64) / spread).reshape(len(self.values), -1)

    @cached_property
    def few(self) -> np.ndarray:
        """`scaled`, of more than 200,000 rows a random choice in their order: so many tell what there is to tell, and
        all of them in float64 may not fit into memory.
        """
        count = len(self.values)
        if count <= _MOST_ROWS:
            return self.scaled
        some = np.sort(np.random.default_rng([0, 17]).choice(count, _MOST_ROWS, replace=False))
        return Normals(self.values[some], self.center, self.spread).scaled

    def fitted(self, fit: Callable[..., _Fitted], values: np.ndarray, **settings: Any) -> _Fitted:
        """What a function makes of the training rows, made once: a network is built several times.

        Args:
            values: `values`, `scaled` or `few`.
            settings: further arguments of the function, which tell fits apart.
        """
        key = f"{fit.__module__}.{fit.__qualname__} {settings}"
        return remembered(self.known, key, lambda: fit(values, **settings))


def remembered(known: dict[str, _Fitted], key: str, make: Callable[[], _Fitted]) -> _Fitted:
    """An entry, made if it is missing; the last ones that were asked for are kept: a search makes many."""
    found = known.pop(key) if key in known else make()
    known[key] = found
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]
    return found


@dataclass
class Inputs:
    """What the graph of a fitted detector begins with.

    Args:
        normals: that it is fitted to.

    Attributes:
        raw: the input, float32 (batch, ..., columns).
        scaled: the same less the center, by the spread, flat: float32 (batch, numbers). The center is taken away
            first: numbers far from 0 would lose digits else.
        constants: for arrays in the graph.
    """

    normals: Normals

    def __post_init__(self):
        self.raw = keras.Input(self.normals.values.shape[1:], dtype="float32", name="numbers")
        self.constants = Constants(self.raw)
        center, spread = self.normals.scale
        self._spread = self.constants.array(spread, "spread")
        self._center = self.constants.array(center, "center")
        scaled = (self.raw - self._center) / self._spread
        self.scaled = (
            keras.ops.reshape(scaled, (-1, int(np.prod(self.normals.values.shape[1:]))))
            if len(scaled.shape) > 2
            else scaled
        )

    def detector(
        self, name: str, score: keras.KerasTensor, contributions: keras.KerasTensor, normal: keras.KerasTensor,
        for_training: bool,
    ) -> keras.Model:  # fmt: skip
        """The network.

        Args:
            name: of the network.
            score: float32 (batch,).
            contributions: float32 (batch, numbers).
            normal: the sample that the input is compared with, scaled as `scaled`.
        """
        shape = (-1, *self.raw.shape[1:])
        whole = lambda x: keras.ops.reshape(x, shape) if len(shape) > 2 else x
        restored = whole(normal) * self._spread + self._center
        outputs = {"score": score, "contributions": whole(contributions), "restored": restored}
        return (FittedDetector if for_training else keras.Model)(self.raw, outputs, name=name)


class FittedDetector(keras.Model):
    """A Functional model of such outputs, whose loss is the mean score: an epoch measures it, and trains nothing."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(y_pred["score"])


def rows_within(network: keras.Model) -> int:
    """How many training rows a network, or the parts of one, contains."""
    width = int(np.prod(network.inputs[0].shape[1:]))
    return sum(layer.count_params() // width for layer in network._flatten_layers() if layer.name == ROWS)
