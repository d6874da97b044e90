"""Anomalies that are made of normal rows, and the mean of several detectors."""

import keras
import numpy as np
import pandas as pd
import pytest

from tfpipelines import metrics
from tfpipelines.datasets import Columns
from tfpipelines.tasks.anomaly import (
    Features,
    Scored,
    best_of,
    combined,
    feature_groups,
    feature_names,
    made_anomalies,
    mean_wins,
)
from tfpipelines.tasks.anomaly.features import features

RANDOM = np.random.default_rng(0)
CELLS = pd.DataFrame(
    {
        "size": RANDOM.normal(5, 2, 40), "flat": np.ones(40), "wide": RANDOM.normal(0, 100, 40),
        "on": ["yes", "no"] * 20, "colour": ["red", "blue", "green", "red"] * 10,
    }
)  # fmt: skip
KINDS = {"size": "number", "flat": "number", "wide": "number", "on": "boolean", "colour": "category"}
COLUMNS = Columns.fit(CELLS, KINDS, np.ones(40, bool))


def known_of(columns, values):
    groups, numbers = feature_groups(columns)
    return Features(groups, numbers, values.mean(0), values.std(0), np.zeros(len(groups), bool))


def test_features_of_one_column_are_a_group():
    groups, numbers = feature_groups(COLUMNS)
    owners = [name.partition(":")[0] for name in feature_names(COLUMNS)]
    assert numbers == 3 and [COLUMNS.names[group] for group in groups] == owners
    filled = COLUMNS.filled(np.ones((3, 4), np.float32))
    groups, numbers = feature_groups(filled)
    owners = [name.partition(":")[0] for name in feature_names(filled)]
    assert numbers == 3 and [filled.names[group] for group in groups] == owners and owners.count("size") == 2


def test_made_anomalies_are_what_their_kind_says():
    values = features(COLUMNS.transform(CELLS), COLUMNS)
    known = known_of(COLUMNS, values)
    made = made_anomalies(values, known, 0)
    assert list(made) == ["swapped", "shifted", "extreme", "moved", "scaled", "noisy", "mixed", "flat", "unusual"]
    assert all(rows.shape == (200, values.shape[1]) and rows.dtype == np.float32 for rows in made.values())
    assert all((rows[:, 1] == 1).all() for rows in made.values())  # which is constant
    of_colour = known.groups == 4
    for rows in made.values():  # of each category there is one value
        assert (rows[:, of_colour].sum(1) == 1).all() and np.isin(rows[:, 3:], [0, 1]).all()
    numbers = {tuple(row) for row in values[:, :3].tolist()}
    assert {tuple(row) for row in made["unusual"][:, :3].tolist()} <= numbers
    assert not {tuple(row) for row in made["shifted"][:, :3].tolist()} & numbers
    distance = np.abs(made["extreme"][:, None, [0, 2]] - values[None, :, [0, 2]]) / known.spread[[0, 2]]
    assert (distance.max(-1).min(1) > 0.9).any() and made["flat"][:, 0].tolist().count(np.float32(known.center[0])) > 20
    assert np.abs(made["mixed"][:, 0] - known.center[0]).mean() < np.abs(values[:, 0] - known.center[0]).mean()
    again, other = made_anomalies(values, known, 0), made_anomalies(values, known, 1)
    assert all(np.array_equal(made[kind], again[kind]) for kind in made)
    assert not np.array_equal(made["noisy"], other["noisy"])


def test_kinds_that_there_cannot_be_are_left_out():
    numbers = RANDOM.normal(size=(9, 2)).astype(np.float32)
    known = Features(np.arange(2), 2, numbers.mean(0), numbers.std(0), np.zeros(2, bool))
    assert "unusual" not in made_anomalies(numbers, known, 0) and "swapped" not in made_anomalies(numbers[:1], known, 0)
    marks = Columns.fit(CELLS[["colour"]], {"colour": "category"}, np.ones(40, bool))
    values = features(marks.transform(CELLS), marks)
    assert list(made_anomalies(values, known_of(marks, values), 0)) == ["unusual"]


def test_whole_numbers_stay_whole():
    rows = np.stack([RANDOM.poisson(1, 60), RANDOM.normal(size=60)], 1).astype(np.float32)
    known = Features(np.arange(2), 2, rows.mean(0), rows.std(0), np.array([True, False]))
    made = made_anomalies(rows, known, 0)
    assert all(np.array_equal(some[:, 0], np.round(some[:, 0])) for some in made.values())
    assert not np.array_equal(made["noisy"][:, 1], np.round(made["noisy"][:, 1]))


def test_the_mean_area_is_that_of_each_kind():
    normal, odd = np.array([0.0, 1.0]), [np.array([2.0]), np.array([0.5]), np.array([-1.0, 3.0])]
    assert metrics.mean_roc_auc(normal, odd) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert np.isnan(metrics.mean_roc_auc(normal, []))


def part(name, column, factor):
    """A detector that looks at one column."""
    inputs = keras.Input((2,))
    distance = keras.ops.square(inputs) * np.float32(factor)
    score = distance[:, column] + 0.01
    return keras.Model(inputs, {"score": score, "map": distance, "reconstruction": inputs * 0.5}, name=name)


def scored(model, normal, made):
    score = lambda rows: np.asarray(model(rows)["score"], np.float64)
    return Scored(model.name, model, score(normal), [score(rows) for rows in made])


def test_a_mean_of_detectors_is_that_of_their_logarithms_on_one_scale():
    normal = RANDOM.normal(size=(50, 2)).astype(np.float32)
    made = [normal * [8, 1], normal * [1, 8]]
    one, two = scored(part("one", 0, 1.0), normal, made), scored(part("two", 1, 1e6), normal, made)
    idle = scored(part("idle", 0, 0.0), normal, made)
    assert [found.label for found in best_of([one, idle, two], metrics.mean_roc_auc)] == ["one", "two"]
    assert best_of([one], metrics.mean_roc_auc) == []
    below = one._replace(normal=one.normal - 5)
    assert best_of([below, two], metrics.mean_roc_auc) == []
    few = [some._replace(normal=some.normal[:4]) for some in (one, two)]
    assert best_of(few, metrics.mean_roc_auc) == []  # they tell no scale
    many = [one, two, *(idle._replace(label=f"idle{number}") for number in range(8))]  # found without all combinations
    assert [found.label for found in best_of(many, metrics.mean_roc_auc)] == ["one", "two"]
    network = combined([one, two], [0.5, 0.25])
    found = {name: np.asarray(value) for name, value in network(made[0]).items()}
    np.testing.assert_allclose(
        found["score"], (one.odds(one.made[0]) + two.odds(two.made[0])) / 2, rtol=1e-4, atol=1e-5
    )
    assert abs(np.asarray(network(normal)["score"]).mean()) < 1e-3
    expected = (np.square(made[0]) / 0.5 + np.square(made[0]) * 1e6 / 0.25) / 2
    np.testing.assert_allclose(found["contributions"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["restored"], made[0] * 0.5, rtol=1e-5)


@pytest.mark.parametrize(("rows", "wins"), [(400, True), (6, False)])
def test_the_mean_of_detectors_has_to_win_by_more_than_chance(rows, wins):
    """Two detectors that see different halves of what is odd, and noise of their own."""
    r = np.random.default_rng(3)
    hidden = [r.normal(size=count) + shift for count, shift in ((rows, 0.0), (rows, 1.5))]
    scored = lambda: [np.exp(0.7 * part + r.normal(size=len(part))) for part in hidden]
    both = []
    for name in ("one", "two"):
        normal, odd = scored()
        both.append(Scored(name, None, normal, [odd]))
    assert mean_wins(both, both, 0) == wins
    best = max(both, key=lambda one: metrics.mean_roc_auc(one.normal, one.made))
    assert not mean_wins([best, best], both, 0)  # the same is no better
