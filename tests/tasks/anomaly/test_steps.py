"""The steps of sensors, which made anomalies keep to."""

import numpy as np
import pytest

from tfpipelines.tasks.anomaly import Features, made_anomalies, made_windows, steps_of
from tfpipelines.tasks.anomaly.steps import on_steps

RANDOM = np.random.default_rng(0)
PLAIN = RANDOM.normal(size=300)


@pytest.mark.parametrize(("step", "origin"), [(0.1, 0.0), (0.25, 20.0), (0.5, 0.05), (2.0, 1.0), (1e-3, -4.0)])
def test_steps_are_found(step, origin):
    values = (np.round(PLAIN * 6) * step + origin).astype(np.float32)
    (found,), (start,) = steps_of(values[:, None])
    assert found == pytest.approx(step) and start == values.min()


def test_fine_steps_and_few_values_count_as_none():
    columns = np.stack([PLAIN, PLAIN.round(3), np.full(300, 2.0), np.exp(PLAIN)], 1)
    assert not steps_of(columns)[0].any() and not steps_of(columns[:10].round(1))[0].any()
    assert not steps_of(np.round(PLAIN[:, None], 1).astype(np.float32) + np.float32(2**22))[0].any()  # float32 has none
    made = np.array([[0.12, 0.12]])
    np.testing.assert_allclose(on_steps(made, np.array([0.25, 0.0]), np.array([0.05, 0.0])), [[0.05, 0.12]])


def on_grid(values, step, origin):
    places = (values.astype(np.float64) - origin) / step
    return np.abs(places - np.round(places)).max() < 1e-3


def test_made_rows_and_windows_keep_to_them():
    rows = np.stack([PLAIN, np.round(PLAIN[::-1] * 4) / 4, np.round(RANDOM.normal(size=300), 1) + 20], 1)
    rows = rows.astype(np.float32)
    known = Features(np.arange(3), 3, rows.mean(0), rows.std(0), np.zeros(3, bool), *steps_of(rows))
    for made in made_anomalies(rows[:40], known, 0).values():
        assert on_grid(made[:, 1], 0.25, 0) and on_grid(made[:, 2], 0.1, 20.0) and not on_grid(made[:, 0], 0.25, 0)
    for made in made_windows([rows[:100]], 20, rows.std(0), 0).values():
        assert on_grid(made[..., 1], 0.25, 0) and on_grid(made[..., 2], 0.1, 20.0) and made.dtype == np.float32
