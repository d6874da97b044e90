"""The threshold: its rate, its interval, its p-values."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfpipelines.errors import ArtifactError, DataError
from tfpipelines.metrics import Threshold
from tfpipelines.models.answers import ServedScores

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("count", "rate"), [(19, 0.05), (60, 0.05), (99, 0.01), (200, 0.1)])
def test_the_rate_of_false_alarms_is_kept_and_lies_in_its_interval(count, rate):
    rates, inside = [], 0
    for _ in range(2000):
        threshold = Threshold.fit(RANDOM.standard_normal(count), rate, "row", "here")
        true = stats.norm.sf(threshold.threshold)
        rates.append(true)
        inside += threshold.interval[0] <= true <= threshold.interval[1]
    promised = int((count + 1) * rate + 1e-9) / (count + 1)
    assert np.mean(rates) == pytest.approx(promised, rel=0.1) and promised <= rate + 1e-12
    assert 0.93 < inside / 2000 < 0.97


def test_the_measured_share_lies_in_what_so_many_samples_may_show():
    inside = 0
    for _ in range(2000):
        threshold = Threshold.fit(RANDOM.standard_normal(50), 0.05, "row", "here")
        low, high = threshold.expected(40)
        inside += low <= threshold.alarms(RANDOM.standard_normal(40)).mean() <= high
    assert inside / 2000 > 0.94


def test_too_few_alarms_are_no_sign_of_other_data():
    threshold = Threshold.fit(RANDOM.standard_normal(100), 0.05, "row", "here")
    assert "inside" in threshold.beside_the_promise(0.05, 400)
    many, few = threshold.beside_the_promise(0.5, 400), threshold.beside_the_promise(0.0, 400)
    assert "they differ from the held-out ones" in many and "suspect" not in many
    assert "suspect anomalies in the training data" in few and "differ" not in few and "recalibrate" in few
    assert "30 of these were trained on" in threshold.beside_the_promise(0.0, 400, 30)


@pytest.mark.parametrize(("rate", "least"), [(0.01, 99), (0.05, 19), (0.1, 9), (0.5, 1)])
def test_too_few_are_refused(rate, least):
    Threshold.fit(np.arange(float(least)), rate, "image", "here")
    with pytest.raises(DataError, match=f"at least {least} normal images"):
        Threshold.fit(np.arange(float(least - 1)), rate, "image", "here")


def test_p_values_and_verdicts_agree():
    scores = np.sort(RANDOM.integers(0, 30, 59).astype(float))  # with ties
    threshold = Threshold.fit(scores, 0.05, "row", "here")
    new = np.concatenate([scores, RANDOM.uniform(-5, 40, 500)])
    p_values = threshold.p_values(new)
    assert np.array_equal(threshold.alarms(new), p_values <= 0.05)
    assert p_values.min() == 1 / 60 and p_values.max() == 1.0
    assert np.array_equal(p_values, [(1 + (scores >= score).sum()) / 60 for score in new])


def test_it_is_written_read_and_may_be_edited(tmp_path):
    threshold = Threshold.fit(RANDOM.standard_normal(40), 0.1, "window", "the validation split")
    threshold.places = (0.5, 2.0)
    threshold.write(tmp_path)
    again = Threshold.read(tmp_path)
    assert (
        again.facts() == threshold.facts()
        and np.array_equal(again.scores, threshold.scores)
        and again.places == (0.5, 2.0)
    )
    file = tmp_path / "threshold.json"
    file.write_text(file.read_text().replace(f'"threshold": {threshold.threshold}', '"threshold": 0.25'))
    edited = Threshold.read(tmp_path)
    assert edited.alarms(np.array([0.2, 0.3])).tolist() == [False, True] and "edited by hand" in edited.sentence()
    assert (
        edited.false_alarm_rate == ((edited.scores > 0.25).sum() + 1) / 41
        and edited.interval[0] < edited.false_alarm_rate < edited.interval[1]
    )
    file.write_text(file.read_text().replace('"threshold": 0.25', '"threshold": NaN'))
    with pytest.raises(ArtifactError):
        Threshold.read(tmp_path)
    file.write_text('{"threshold": "none"}')
    with pytest.raises(ArtifactError, match="tfpipe recalibrate"):
        Threshold.read(tmp_path)
    file.unlink()
    with pytest.raises(ArtifactError):
        Threshold.read(tmp_path)


def test_what_is_shipped_says_what_the_report_says():
    held_out = np.sort(np.float32([0.5, 1.0, 1.0, 1.0, 2.0, 7.25])).astype(np.float64)
    threshold = Threshold(1.0, 0.2, held_out, "row", "the validation split")
    served = ServedScores(1.0, held_out, "row", ["score"])
    scores = np.float32([-np.inf, 0.5, 0.75, 1.0, np.nextafter(np.float32(1), np.float32(2)), 2, 9, np.inf, np.nan])
    wanted = np.array([7, 7, 6, 6, 3, 3, 1, 1, 1]) / 7
    alarms = [False, False, False, False, True, True, True, True, True]
    assert threshold.p_values(scores).tolist() == wanted.tolist() and threshold.alarms(scores).tolist() == alarms
    graph = served.with_words({"score": tf.constant(scores)})
    assert graph["p_value"].dtype == tf.float32 and graph["p_value"].numpy().tolist() == np.float32(wanted).tolist()
    assert [word.decode() for word in graph["verdict"].numpy()] == [served.decide(score) for score in scores]
    assert [served.decide(score) == "anomaly" for score in scores] == alarms
    assert [served.beside(score)["p_value"] for score in scores] == wanted.tolist()


def test_rows_that_chose_among_candidates_break_the_rate_and_calibration_rows_keep_it():
    """30 useless candidates, of which the one with the luckiest validation scores is kept."""
    repeats, candidates, rows, random = 600, 30, 40, np.random.default_rng(3)
    validation = random.exponential(size=(repeats, candidates, rows))
    kept = validation[np.arange(repeats), validation.mean(2).argmin(1)]
    fresh = random.exponential(size=(repeats, rows))
    rates, inside = {}, {}
    for split, scores in (("validation", kept), ("calibration", fresh)):
        thresholds = [Threshold.fit(values, 0.05, "row", split) for values in scores]
        true = np.exp([-threshold.threshold for threshold in thresholds])
        rates[split] = true.mean()
        inside[split] = np.mean(
            [low <= rate <= high for rate, (low, high) in zip(true, (t.interval for t in thresholds))]
        )
    assert (
        rates["calibration"] == pytest.approx(2 / 41, abs=4 * 0.033 / np.sqrt(repeats)) and inside["calibration"] > 0.92
    )
    assert rates["validation"] > 0.09 and inside["validation"] < 0.85
