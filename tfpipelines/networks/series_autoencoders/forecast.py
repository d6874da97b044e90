"""Forecasts by linear regression on the points before, and after."""

from typing import NamedTuple

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedSeries
from tfpipelines.core.config.section import AutoCount, NonNegative
from tfpipelines.networks.constants import product
from tfpipelines.networks.normals import Normals
from tfpipelines.networks.windows import Windows, in_shape

_MOST_LAGS = 32
_MOST_NUMBERS = 512  # lags times channels, unless there is one lag only
_MOST_ROWS = 20_000  # forecasts that a regression is fitted to
_LEAST = 1e-3  # of a forecast's usual error, in deviations of the channel


class Forecast(NamedTuple):
    """A linear forecast of the next point.

    Args:
        slopes: float64 (lags * channels, channels), of the points before it, the earliest first.
        intercept: float64 (channels,).
        errors: its root mean square error of each channel, float64 (channels,).
    """

    slopes: np.ndarray
    intercept: np.ndarray
    errors: np.ndarray


def forecast(
    normals: Normals,
    common: FittedSeries,
    lags: AutoCount = "auto",
    ridge: NonNegative = 1.0,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Ridge regression of each point of all channels on the points before it (vector autoregression), and another one
    backwards in time, on the points after it.

    The contribution of a number is the squared error of its forecast as a multiple of the mean squared error in
    training, the mean of both directions where a window has both: the first points of a window have only the one
    backwards. The score is their mean; the expected values are the forecasts.

    Args:
        lags: points before that count; auto, and at most: half a window, up to 32.
        ridge: penalty on the squares of the slopes, of channels with deviation 1.
    """
    length, channels = normals.values.shape[1:]
    most = max(min(length // 2, _MOST_LAGS, _MOST_NUMBERS // channels), 1)
    count = most if lags == "auto" else min(lags, max(length // 2, 1))
    fields = {"shape": (length, channels), "lags": count, "ridge": ridge, "centered": common.centered, "seed": seed}
    fields["units"] = normals.units
    ahead, back = normals.fitted(fit_forecasts, normals.scaled, **fields)
    inputs, ops = Windows(normals, common.centered), keras.ops
    constants = inputs.constants

    def errors(windows: keras.KerasTensor, way: Forecast, name: str) -> keras.KerasTensor:
        """Of all points with `count` points before them, (batch, length - lags, channels)."""
        places = np.arange(length - count)[:, None] + np.arange(count)
        lagged = ops.take(windows, constants.places(places.reshape(-1), f"{name}_lags"), axis=1)
        lagged = ops.reshape(lagged, (-1, count * channels))
        told = product(lagged, constants.halves(way.slopes, f"{name}_slopes"))
        told = ops.reshape(told, (-1, length - count, channels)) + constants.array(way.intercept, f"{name}_intercept")
        return windows[:, count:] - told

    forwards = errors(inputs.windows, ahead, "ahead")
    backwards = ops.flip(errors(ops.flip(inputs.windows, 1), back, "back"), 1)
    padded = lambda x, before, after: ops.pad(x, ((0, 0), (before, after), (0, 0)))
    both = np.ones((length, 1))
    both[:count] -= 0.5
    both[length - count :] -= 0.5
    share = constants.array(0.5 / both, "share")  # (length, 1): 1 where there is one direction, else .5
    scaled = lambda x, way, name: ops.square(x * constants.array(1.0 / way.errors, name))
    squares = scaled(forwards, ahead, "ahead_scale"), scaled(backwards, back, "back_scale")
    contributions = share * (padded(squares[0], count, 0) + padded(squares[1], 0, count))
    error = share * (padded(forwards, count, 0) + padded(backwards, 0, count))
    flat = inputs.flat(contributions)
    return inputs.detector("forecast", ops.mean(flat, -1), flat, inputs.scaled - inputs.flat(error), for_training)


def fit_forecasts(
    rows: np.ndarray,
    shape: tuple[int, int],
    lags: int,
    ridge: float,
    centered: bool,
    seed: int | None,
    units: np.ndarray | None = None,
) -> tuple[Forecast, Forecast]:
    """The forecasts forwards and backwards in time of scaled windows, float64 (rows, numbers).

    Args:
        units: see `Normals`; None: 1.
    """
    windows, units = in_shape(rows, shape, centered), np.ones(shape[1]) if units is None else units
    return _fit(windows, lags, ridge, seed, units), _fit(windows[:, ::-1], lags, ridge, seed, units)


def _fit(windows: np.ndarray, lags: int, ridge: float, seed: int | None, units: np.ndarray) -> Forecast:
    """The forecast of points of windows, float64 (rows, points, channels), by the points before."""
    count, length, channels = windows.shape
    total = count * (length - lags)
    some = np.arange(total)
    if total > _MOST_ROWS:
        some = np.random.default_rng([seed or 0, 11]).choice(total, _MOST_ROWS, replace=False)
    of, first = np.divmod(some, length - lags)
    x = windows[of[:, None], first[:, None] + np.arange(lags)].reshape(len(some), -1)
    y = windows[of, first + lags]
    mean_x, mean_y = x.mean(0), y.mean(0)
    centred = x - mean_x
    gram = centred.T @ centred + max(ridge, 1e-9 * len(x)) * np.diag(np.tile(units**2, lags))
    slopes = np.linalg.solve(gram, centred.T @ (y - mean_y))
    intercept = mean_y - mean_x @ slopes
    errors = np.sqrt(np.square(y - x @ slopes - intercept).mean(0))
    return Forecast(slopes, intercept, np.maximum(errors, _LEAST * units))
