"""The steps of sensors that give no values between them, such as .1 or .25: values that are made keep to them, since
those between would be told by that alone.
"""

import numpy as np

_COARSE = 0.05  # deviations of a column from which on a step shows: finer ones need not be kept
_FEWEST = 20  # values by which a step is told
_CLOSE = 1e-3  # of a step, that values may be off
_WIDEST = 0.1  # of a step, that float32 may put them off


def steps_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The step of each column, 0 where there is none, and a value on it, float64 (columns,).

    Args:
        values: float (rows, columns).
    """
    found = [_step_of(column[np.isfinite(column)].astype(np.float64)) for column in values.T]
    steps, origins = np.array(found, np.float64).reshape(-1, 2).T
    return steps, origins


def on_steps(values: np.ndarray, steps: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """The nearest values on the steps, as `steps_of` gives them; of columns without a step the values themselves.

    Args:
        values: float64 (..., columns).
    """
    unit = np.where(steps > 0, steps, 1.0)
    return np.where(steps > 0, origins + np.round((values - origins) / unit) * unit, values)


def _step_of(values: np.ndarray) -> tuple[float, float]:
    deviation, width = (values.std(), np.ptp(values)) if len(values) >= _FEWEST else (0.0, 0.0)
    if not deviation:
        return 0.0, 0.0
    origin, largest = float(values.min()), float(np.abs(values).max())
    powers = range(int(np.floor(np.log10(width))), int(np.floor(np.log10(_COARSE * deviation))) - 1, -1)
    for step in (part * 10.0**power for power in powers for part in (5.0, 2.5, 2.0, 1.0)):
        off = _CLOSE + 4 * float(np.finfo(np.float32).eps) * largest / step
        if step < _COARSE * deviation or step > width or off > _WIDEST:
            continue
        places = (values - origin) / step
        if (np.abs(places - np.round(places)) <= off).all():
            return step, origin
    return 0.0, 0.0
