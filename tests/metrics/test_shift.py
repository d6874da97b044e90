"""The test for shifts: bets that are fair, false alarms, what is found and since when."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines.metrics import ShiftTest, Threshold, Watch
from tfpipelines.metrics.shift import _bets, _reserve


def outcome(calibration, scores, alpha=0.01, seed=0):
    test = ShiftTest(calibration, alpha, seed)
    for number, score in enumerate(scores):
        test.add(score, f"row {number}")
    return test


def test_bets_are_fair():
    grid = (np.arange(20_000) + 0.5) / 20_000  # p = u^6 / 2, and its mirror image, so that powers are integrated well
    low = grid**6 / 2
    returns = np.array([_bets(p) for p in low])
    mirrored = np.array([_bets(1 - p) for p in low])
    mean = ((returns + mirrored) * (3 * grid**5)[:, None]).mean(0)
    np.testing.assert_allclose(mean, 1, atol=0.01)
    assert (returns >= 0).all() and np.isfinite(_bets(0.0)).all() and np.isfinite(_bets(1.0)).all()
    reserve = [_reserve(count) for count in range(1000)]
    assert reserve[0] == 0.5 and (np.diff(reserve) < 0).all() and reserve[-1] > 0


def test_p_values_are_ranks_among_all_so_far_with_ties_at_random():
    def p_values(scores, seed=0):
        test = ShiftTest([1.0, 2.0, 2.0, 3.0], 0.01, seed)
        return [test._p_value(score) for score in scores]

    highest, lowest, tied = p_values([9.0, 0.0, 2.0])
    assert 0 < highest <= 1 / 5 and 5 / 6 < lowest <= 1 and 2 / 7 < tied <= 5 / 7
    assert len({p_values([2.0], seed)[0] for seed in range(5)}) == 5
    random = np.random.default_rng(0)
    values = np.concatenate([p_values(np.sort(random.integers(1, 4, 3)), seed) for seed in range(50)])
    assert (values > 0).all() and (values <= 1).all()


def test_exchangeable_scores_seldom_alarm():
    """Ville's inequality allows 5 of 100; more than 12 would be a chance of one in a thousand."""
    found = 0
    for seed in range(100):
        scores = np.round(np.random.default_rng(seed).exponential(size=140), 1)  # with ties
        found += outcome(scores[:40], scores[40:], alpha=0.05, seed=seed).shifted
    assert found <= 12


@pytest.mark.parametrize(
    "change, direction",
    [
        (lambda scores: scores + 2, "higher"),
        (lambda scores: scores - 2, "lower"),
        (lambda scores: 4 * scores, "more spread"),
        (lambda scores: np.full_like(scores, np.finfo(np.float32).max), "higher"),
    ],
)
def test_shifts_are_found_and_dated(change, direction):
    scores = np.random.default_rng(3).standard_normal(260)
    test = outcome(scores[:60], np.concatenate([scores[60:160], change(scores[160:])]))
    assert test.shifted and test.direction == direction
    assert abs(test.since[0] - 100) <= 10 and 100 <= test.found[0] < 150 and test.evidence >= 100
    assert test.since[1] == f"row {test.since[0]}" and test.count == 200
    assert test.facts()["since"] == {"number": test.since[0], "item": test.since[1]}


def test_looking_earlier_changes_nothing():
    scores = np.random.default_rng(5).standard_normal(120)
    evidence = [outcome(scores[:40], scores[40:end]).evidence for end in (60, 90, 120)]
    assert evidence == sorted(evidence) and evidence[-1] == outcome(scores[:40], scores[40:]).evidence
    assert outcome(scores[:40], scores[40:]).facts()["since"] is None


def test_scores_that_depend_on_each_other_are_told():
    noise = np.random.default_rng(0).standard_normal(400)
    dependent = np.array([noise[place - 3 : place + 1].sum() for place in range(3, 400)])
    threshold = Threshold.fit(dependent[:100], 0.05, "window", "the calibration split")
    table = pd.DataFrame({"item": range(297), "score": dependent[100:]})
    watch, sparse = Watch(threshold, 1e-6, 0), Watch(threshold, 1e-6, 0, every=8)
    watch.add(table)
    sparse.add(table)
    assert watch.count == 297 and watch.facts()["correlation"] > 0.5 and "with --every " in watch.caution()
    assert sparse.count == 38 and sparse.caution() == ""
    shifted = outcome(noise[:60], np.concatenate([noise[60:160], noise[160:260] + 9]))
    assert abs(shifted.correlation[0]) < 0.3 and shifted.correlation[1] < 105  # of those before the shift


def test_a_watch_counts_alarms_and_what_it_cannot_read():
    random = np.random.default_rng(0)
    threshold = Threshold.fit(random.standard_normal(99), 0.05, "row", "the calibration split")
    table = pd.DataFrame({"item": ["a", "b", "c"], "score": [0.0, np.nan, 9.0]})
    watch = Watch(threshold, 0.01, 0)
    assert not watch.add(table) and watch.unread == 1 and watch.facts()["alarms"] == 1
    assert watch.sentence().startswith("as before: 2 rows against 99 of the calibration; evidence at most ")
    assert watch.add(pd.DataFrame({"item": list("defghijkl"), "score": [9.0] * 9}))
    facts, sentence = watch.facts(), watch.sentence()
    assert facts["since"]["item"] in "cd" and facts["direction"] == "higher" and facts["samples"] == 11
    assert sentence.startswith(f"shifted since row {facts['since']['item']}: scores are higher; found at row ")
    assert "10 alarms, expected 0 to " in sentence
