"""Distance to the nearest training window."""

from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedSeries
from tfpipelines.core.config.section import Count
from tfpipelines.networks.constants import product
from tfpipelines.networks.normals import ROWS, Normals
from tfpipelines.networks.row_autoencoders.knn import some_rows
from tfpipelines.networks.windows import Windows, in_shape

_MORE = 8  # candidates beside the nearest window
_FLAT = 0.1  # deviations of a channel: added to that of a window, so that the noise of flat ones is not made large
_LEAST = 1e-6  # of a usual squared distance, in squared deviations of a channel


class Library(NamedTuple):
    """The windows that are kept.

    Args:
        rows: float32 (windows, numbers).
        usual: mean squared difference of a number from that of the nearest window that does not overlap.
    """

    rows: np.ndarray
    usual: float


def matrix_profile(
    normals: Normals,
    common: FittedSeries,
    distance: Literal["both", "raw", "normalized"] = "both",
    windows: Count = 2000,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Euclidean distance to the nearest training window, as the matrix profile between two series has it (Yeh et al.
    2016). Training windows are part of the model.

    A distance is a multiple of the mean squared one between training windows that do not overlap. The contribution of a
    number is its squared difference from the nearest window; the score is their mean. The expected values are the
    nearest window.

    Args:
        distance: raw; normalized: of windows each of whose channels has mean 0 and deviation 1, so that neither level
            nor amplitude count (flat ones less); both: the sum of the two, so that they count as much as the shape.
        windows: training windows that are kept at most; of more a random choice, each as probable, by the seed.
    """
    shape, inputs, ops = normals.values.shape[1:], Windows(normals, common.centered), keras.ops
    flat: Any = _FLAT**2
    if normals.deviations is not None:
        flat = inputs.constants.array((_FLAT * normals.units)[None, None] ** 2, "flat")
    contributions, nearest = list[keras.KerasTensor](), list[keras.KerasTensor]()
    for name in ("raw", "normalized") if distance == "both" else (distance,):
        fields: dict[str, Any] = {"shape": shape, "centered": common.centered, "normalized": name == "normalized"}
        fields["units"] = normals.units
        known = normals.fitted(fit_library, normals.scaled, **fields, most=windows, seed=seed)
        x, level, deviation = inputs.scaled, None, None
        if name == "normalized":
            level = ops.mean(inputs.windows, 1, keepdims=True)
            without = inputs.windows - level
            deviation = ops.sqrt(ops.mean(ops.square(without), 1, keepdims=True) + flat)
            x = inputs.flat(without / deviation)
        difference = _from_nearest(x, known.rows, inputs, f"{name}_windows" if contributions else ROWS)
        contributions.append(ops.square(difference) * float(1.0 / known.usual))
        found = x - difference
        if level is not None:
            found = inputs.flat(ops.reshape(found, (-1, *shape)) * deviation + level)
        nearest.append(found)
    total = contributions[0] if len(contributions) == 1 else contributions[0] + contributions[1]
    return inputs.detector("matrix_profile", ops.mean(total, -1), total, nearest[0], for_training)


def _from_nearest(x: keras.KerasTensor, rows: np.ndarray, inputs: Windows, name: str) -> keras.KerasTensor:
    """Difference from the nearest of some rows, (batch, numbers)."""
    ops, constants = keras.ops, inputs.constants
    # As in `knn`: products say which are near, and the differences from those are computed again.
    large, small = constants.halves(rows, name)
    squares = constants.array(np.square(rows.astype(np.float64)).sum(1)[None], f"{name}_squares")
    near = squares - 2.0 * product(x, (ops.transpose(large), ops.transpose(small)))  # (batch, windows)
    places = ops.top_k(-near, min(1 + _MORE, len(rows)))[1]
    differences = ops.expand_dims(x, 1) - ops.take(large + small, places, axis=0)
    distances = ops.sum(ops.square(differences), -1)  # (batch, candidates)
    _, order = ops.top_k(-distances, 1)
    return ops.take_along_axis(differences, ops.expand_dims(order, -1), axis=1)[:, 0]


def fit_library(
    rows: np.ndarray,
    shape: tuple[int, ...],
    centered: bool,
    normalized: bool,
    most: int,
    seed: int | None,
    units: np.ndarray | None = None,
) -> Library:
    """Keeps some of scaled windows, float64 (rows, numbers), in their order of time.

    Args:
        most: as `windows`.
        units: see `Normals`; None: 1.
    """
    units = np.ones(shape[1]) if units is None else units
    windows = in_shape(rows, shape, centered)
    if normalized:
        windows = windows - windows.mean(1, keepdims=True)
        windows = windows / np.sqrt(np.square(windows).mean(1, keepdims=True) + (_FLAT * units) ** 2)
    places = some_rows(np.arange(len(rows))[:, None], most, seed)[:, 0].astype(np.int64)
    kept = windows.reshape(len(rows), -1)[places].astype(np.float32)
    apart = min(shape[0], max(len(rows) // 3, 1))  # rows between windows that do not overlap, at most
    squares = np.square(kept.astype(np.float64)).sum(1)
    distances = squares[:, None] + squares - 2.0 * kept.astype(np.float64) @ kept.astype(np.float64).T
    distances[np.abs(places[:, None] - places) < apart] = np.inf
    found = distances.min(1)
    found = found[np.isfinite(found)]
    usual = float(np.maximum(found, 0).mean()) / kept.shape[1] if len(found) else 1.0
    return Library(kept, max(usual, _LEAST if normalized else _LEAST * float(np.square(units).mean())))
