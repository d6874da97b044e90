"""What labels are to teach, and how rows of several labels are weighed and repeated."""

import numpy as np
import pytest

from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets.checks import label_weights, repeated_labels
from tfpipelines.datasets.sample_table import make_frame, strata, target_of
from tfpipelines.datasets.source.base import SampleTable
from tfpipelines.datasets.splits import assign_splits
from tfpipelines.datasets.targets import settle_target
from tfpipelines.metrics import fit_thresholds
from tfpipelines.models import NumberScale


def settled(labels, **fields) -> SampleTable:
    table = SampleTable(make_frame(range(len(labels)), labels), None)
    return settle_target(table, ImageData(path="x", **fields), "image")


@pytest.mark.parametrize(
    ("labels", "target", "code"),
    [
        (["cat", "dog"] * 9, "class", None),
        (["cat|dog", "dog"] * 9, "labels", "multi_label"),
        ([f"{value:.2f}" for value in np.linspace(1, 9, 40)], "number", "number_target"),
        ([str(18 + row % 60) for row in range(600)], "number", "number_target"),
        ([str(row % 100) for row in range(600)], "class", "number_classes"),
        (["1", "2", "3"] * 9, "class", None),
        (["1.0", "2.0"] * 9, "class", "decimal_labels"),
    ],
)
def test_what_auto_takes(labels, target, code):
    table = settled(labels)
    assert target_of(table.frame) == target
    assert [finding.code for finding in table.findings.entries] == ([code] if code else [])


def test_what_is_asked_for_counts():
    assert target_of(settled(["1", "2", "3"] * 9, target="number").frame) == "number"
    assert target_of(settled(["cat", "dog"] * 9, target="labels").frame) == "labels"
    assert target_of(settled(["a|b", "b"] * 9, target="class").frame) == "class"


def test_splits_of_numbers_have_all_of_their_range():
    values = np.random.default_rng(0).exponential(size=400)
    frame = settled([f"{value:.4f}" for value in values]).frame
    split = assign_splits(frame, 0.15, 0.15, 0)["split"]
    means = frame["value"].groupby(split).mean()
    assert means.max() < 1.1 * means.min() and (split == "test").sum() == 60
    assert strata(frame, 1).nunique() == 10 and strata(frame.head(7), 3).nunique() == 2


def test_weights_of_labels():
    targets = np.array([[1, 0], [1, 0], [1, 1], [0, 0]], np.float32)
    assert label_weights(targets, ["a", "b"], None) is None
    np.testing.assert_allclose(label_weights(targets, ["a", "b"], "balanced"), [[4 / 6, 2], [2, 4 / 6]])
    np.testing.assert_allclose(label_weights(targets, ["a", "b"], {"b": 3.0}), [[1, 3], [1, 1]])


def test_rows_of_rare_labels_are_repeated():
    targets = np.zeros((17, 2), np.float32)
    targets[:16, 0] = 1
    targets[16, 1] = 1
    rows = repeated_labels(targets)
    assert list(rows) == [*range(16), *[16] * 4]  # the root of 16 / 1


def test_thresholds_of_labels():
    targets = np.repeat([[1], [0]], 20, axis=0)
    scores = np.concatenate([np.linspace(0.2, 0.4, 20), np.linspace(0.0, 0.19, 20)])[:, None]
    (line,) = fit_thresholds(targets, scores)
    assert 0.19 < line < 0.2
    assert list(fit_thresholds(targets[:25], scores[:25])) == [0.5]  # too few without it
    good = np.concatenate([np.full(20, 0.9), np.full(20, 0.1)])[:, None]
    assert list(fit_thresholds(targets, good)) == [0.5]  # nothing is better


@pytest.mark.parametrize("log", [False, True])
def test_the_unit_of_numbers(log):
    values = np.array([1.0, 10.0, 100.0, 1000.0])
    scale = NumberScale.of(values, log)
    learned = scale.learned(values)
    assert learned.mean() == pytest.approx(0) and learned.std() == pytest.approx(1)
    np.testing.assert_allclose(scale.restored(learned), values)
    np.testing.assert_allclose(np.asarray(scale.restored_tensor(learned)), values, rtol=1e-5)
    low, high = scale.bounds(values, 0.5)
    assert (low < values).all() and (values < high).all()
    assert NumberScale.of_facts(scale.facts()) == scale
    assert NumberScale.of(np.full(3, 5.0), log).spread == 1.0
