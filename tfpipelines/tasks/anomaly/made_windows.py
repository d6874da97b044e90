"""Anomalies made of normal windows that neither train nor calibrate; why, and how they are used: `made_anomalies`."""

import numpy as np

from .steps import on_steps, steps_of

_OF_EACH_KIND = 200
# Share of a window that is changed in half of them. In the others all of it is: edges show a shift of the level also to
# detectors that do not see levels.
_PARTS = (0.3, 1.0)


def made_windows(stretches: list[np.ndarray], length: int, spread: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Windows that are odd, made of normal ones.

    spike: one or two points are 2 to 5 deviations away. In the other kinds all of the window, or a part of it from .3
    on, is changed in some channels. level: it is .7 to 2 deviations away, up or down. trend: it departs steadily, up to
    1 to 2.5 deviations. flat: it stays at its first value. frequency: it runs .4 to .7, or 1.4 to 2.2 times as fast.
    missing: nothing but the noise of the window is there, around its median. noise: noise of .3 to .8 deviations is
    added.

    What a channel has in steps, as sensors do, stays on them.

    Args:
        stretches: normal points in a row, float32 (points, channels), each at least `length` points, one at least.
        length: points of a window.
        spread: deviation of each channel over the training series, float (channels,); what is constant stays, unless
            all channels are: their deviations count as 1 then.
        seed: of the choice.

    Returns:
        Name of each kind -> 200 of them, float32 (200, length, channels).
    """
    generator = np.random.default_rng([seed, 12])
    spread = spread if (spread > 0).any() else np.ones(len(spread))
    free = np.flatnonzero(spread > 0)
    count, channels, time = _OF_EACH_KIND, len(spread), np.arange(length)
    room = np.array([len(stretch) - length + 1 for stretch in stretches], np.float64)
    between = lambda low, high: generator.uniform(low, high, (count, 1, 1))
    sides = lambda: generator.choice([-1.0, 1.0], (count, 1, channels))

    def drawn() -> tuple[np.ndarray, np.ndarray]:
        """Windows, and the points that follow in their stretches or, beyond its end, lead back; both (count, 2 *
        length, channels) together.
        """
        of = generator.choice(len(stretches), count, p=room / room.sum())
        found = []
        for stretch in (stretches[number] for number in of):
            first = generator.integers(0, len(stretch) - length + 1)
            places = first + np.arange(2 * length)
            turned = 2 * (len(stretch) - 1) - places
            found.append(stretch[np.maximum(np.where(places < len(stretch), places, turned), 0)])
        both = np.stack(found).astype(np.float64)
        return both[:, :length].copy(), both

    def parts() -> tuple[np.ndarray, np.ndarray]:
        """What is changed, bool (count, length, channels), and where it begins, (count, 1, 1)."""
        widths = np.maximum(np.rint(between(*_PARTS) * length), min(2, length))
        widths = np.where(between(0, 1) < 0.5, widths, length)
        first = np.floor(between(0, 1) * (length - widths + 1))
        chosen = generator.random((count, 1, channels)) < 0.5
        chosen[np.arange(count), 0, generator.choice(free, count)] = True
        inside = (time[:, None] >= first) & (time[:, None] < first + widths)
        return inside & chosen & (spread > 0), first

    found = {}
    windows, _ = drawn()
    where = np.zeros((count, length, channels), bool)
    for _ in range(2):
        some = np.flatnonzero(generator.random(count) < 0.5) if where.any() else np.arange(count)
        where[some, generator.integers(0, length, len(some)), generator.choice(free, len(some))] = True
    found["spike"] = windows + where * sides() * between(2, 5) * spread
    windows, _ = drawn()
    where, _ = parts()
    found["level"] = windows + where * sides() * between(0.7, 2) * spread
    windows, _ = drawn()
    where, first = parts()
    rising = (time[:, None] - first + 1) / where.any(2).sum(1)[:, None, None]
    found["trend"] = windows + where * sides() * between(1, 2.5) * rising * spread
    windows, _ = drawn()
    where, first = parts()
    held = np.take_along_axis(windows, first.astype(int), 1)
    found["flat"] = np.where(where, held, windows)
    windows, both = drawn()
    where, first = parts()
    speed = np.where(between(0, 1) < 0.5, between(0.4, 0.7), between(1.4, 2.2))
    places = np.clip(first + (time[:, None] - first) * speed, 0, 2 * length - 1)  # (count, length, 1)
    before = np.minimum(places.astype(int), 2 * length - 2)
    take = lambda at: np.take_along_axis(both, at, 1)
    found["frequency"] = np.where(where, take(before) + (places - before) * (take(before + 1) - take(before)), windows)
    windows, _ = drawn()
    where, _ = parts()
    middle = np.median(windows, 1, keepdims=True)
    curve = np.diff(windows, 2, axis=1) if length > 2 else np.zeros_like(windows)
    rough = np.median(np.abs(curve), 1, keepdims=True) / (0.6745 * np.sqrt(6))  # of white noise, its deviation
    found["missing"] = np.where(where, middle + rough * generator.normal(size=windows.shape), windows)
    windows, _ = drawn()
    where, _ = parts()
    found["noise"] = windows + where * between(0.3, 0.8) * generator.normal(size=windows.shape) * spread
    steps = steps_of(np.concatenate(stretches))
    return {name: on_steps(made, *steps).astype(np.float32) for name, made in found.items()}
