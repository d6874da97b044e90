"""The length of windows where none is given: by the dominant period of the training series.

An anomaly such as a missing beat is told by a window that holds more than one period; windows much longer than that
hide what is short, and leave few for the threshold.
"""

from dataclasses import replace

import numpy as np

from .config import AnomalySeriesData
from .points import Points
from .series_splits import normal_windows, split_points

_PERIODS = 1.5  # of a window
_WITHOUT = 32  # points of a window where no period is found
_LEAST, _MOST = 16, 256  # points of a window, unless there are too few for the threshold
_SHORTEST = 4
_LOOKED_AT = 20_000  # points of a stretch
_REPEATS = 5  # of a period, at least, that a stretch holds
_CLEAR = 0.2  # autocorrelation by which a period stands out from the lags around it; of few points, of which chance
_CHANCE = 5.0  # makes more: so many of its standard errors
_AS_CLEAR = 0.7  # of the clearest period: the shortest one that is that clear is not a multiple of another
_TRAINING = 0.6  # share of the training points that neither choose nor calibrate, whatever the window


def dominant_period(stretches: list[np.ndarray]) -> int | None:
    """Points between the repeats of a series: the lag at which its autocorrelation has its clearest peak, as the mean
    over the channels of the longest stretch, without their linear trend. None if no peak is clear.

    Args:
        stretches: of points in a row, float64 (points, channels).
    """
    if not stretches:
        return None
    longest = max(stretches, key=len)[:_LOOKED_AT]
    count = len(longest)
    most = count // _REPEATS
    if most < _SHORTEST:
        return None
    from scipy.signal import find_peaks

    time = np.linspace(-1, 1, count)[:, None]
    centred = longest - longest.mean(0)
    centred = centred - time * (time * centred).sum(0) / np.square(time).sum()
    power = np.square(centred).mean(0)
    varying = power > 1e-12 * np.maximum(np.square(longest).mean(0), np.finfo(float).tiny)
    if not varying.any():
        return None
    centred = centred[:, varying] / np.sqrt(power[varying])
    spectrum = np.fft.rfft(centred, 2 * count, axis=0)
    products = np.fft.irfft(np.square(np.abs(spectrum)), axis=0)[: most + 2].mean(1)
    likeness = products / (count - np.arange(len(products)))
    lags, found = find_peaks(likeness, prominence=max(_CLEAR, _CHANCE / np.sqrt(count)))
    clear = found["prominences"]
    lags, clear = lags[lags >= 2], clear[lags >= 2]
    if not len(lags):
        return None
    return int(lags[clear >= _AS_CLEAR * clear.max()][0])


def usual_window(points: Points, data: AnomalySeriesData, least: int, tested_elsewhere: bool) -> tuple[int, str]:
    """The length of windows for `data.window=auto`, and what there is to say of it.

    It is 1.5 times the dominant period of the training points, 16 to 256 points, and 32 without a period; shorter where
    the threshold would have fewer windows than it needs.

    Args:
        points: before they are split.
        least: normal windows that the threshold needs.
    """
    period = dominant_period(_training(points, data, least, tested_elsewhere))
    if period is None:
        wanted, told = _WITHOUT, "no period is found"
    else:
        wanted = min(max(round(_PERIODS * period), _LEAST), _MOST)
        told = f"the dominant period is {period} points"
    window = wanted
    while window > _SHORTEST and _calibrating(points, data, least, tested_elsewhere, window) < least:
        window = max(int(0.9 * window), _SHORTEST)
    if window < wanted:
        return window, f"{told}; of windows of {wanted} there would be too few for the threshold"
    return window, told


def _split(points: Points, data: AnomalySeriesData, least: int, tested_elsewhere: bool, window: int) -> Points:
    """A copy, split as it would be with windows of that length."""
    trial = replace(points, split=points.split.copy(), segments=list(points.segments))
    split_points(trial, data.model_copy(update={"window": window}), least, tested_elsewhere)
    return trial


def _calibrating(points: Points, data: AnomalySeriesData, least: int, tested_elsewhere: bool, window: int) -> int:
    """How many windows of that length make the threshold; 0 if there are none to train on."""
    trial = _split(points, data, least, tested_elsewhere, window)
    of = lambda split: [segment for segment in trial.segments if trial.split[segment[0]] == split]
    held_out = of("calibration") or of("validation")
    count = len(normal_windows(trial, held_out, window, window))
    each = [normal_windows(trial, of(split), window, window) for split in ("train", "validation")]
    return count if all(each) else 0


def _training(points: Points, data: AnomalySeriesData, least: int, tested_elsewhere: bool) -> list[np.ndarray]:
    """The values of stretches that are training points whatever the window, without known anomalies."""
    trial = _split(points, data, least, tested_elsewhere, _SHORTEST)
    given = any(points.split == "validation")  # then it depends on the window whether training points calibrate
    found = []
    for first, end in trial.segments:
        if trial.split[first] != "train":
            continue
        last = first + round(_TRAINING * (end - first)) if given else end
        odd = np.flatnonzero(points.anomalous[first:last]) if points.anomalous is not None else np.zeros(0, int)
        edges = [first - 1, *(first + odd), last]
        found += [points.values[low + 1 : high] for low, high in zip(edges, edges[1:]) if high - low > 1]
    return found
