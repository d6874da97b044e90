"""What the metrics of a regressor say to do next; limits as in `advice`."""

import math
from collections.abc import Iterator

from ..core.words import count, counted, figure, listed, percent
from ..metrics import main_figure
from . import values
from .facts import Facts

FEW = 50  # training samples
GAP = 0.25  # error of validation above that of training, relative
SKEWED = 20  # largest of the training targets by their median
WIDE = 0.1  # of the 95% interval of the true coverage, from end to end
WIDE_ERROR = 0.75  # of the 95% interval of the main metric, relative to it
SPREAD = 0.2  # standard deviation of the main metric over folds, relative to its mean
_WAYS = ("data.augment", "model.dropout", "train.weight_decay")


def of_numbers(facts: Facts, best_epoch: int) -> Iterator[tuple[str, str, list[str]]]:
    """(code, text, overrides that do it) of each piece of advice."""
    yield from _of_data(facts)
    yield from _overfitting(facts, best_epoch)
    yield from _of_test(facts)
    yield from _of_coverage(facts)
    spread, name = facts.metrics.spread.get("test", {}), main_figure(facts.metrics.spread.get("test", {}))
    if facts.kind == "folds" and name:
        mean, deviation = spread[name].get("mean", 0.0), spread[name].get("std", 0.0)
        if deviation > SPREAD * mean > 0:
            text = (
                f"Test {name} differs between folds by a standard deviation of {figure(deviation)}, "
                f"{percent(deviation / mean)} of its mean (limit {percent(SPREAD)}): a single split would not be "
                "reliable. More data would reduce this spread."
            )
            yield "folds_differ", text, []


def _of_data(facts: Facts) -> Iterator[tuple[str, str, list[str]]]:
    train = facts.data.values.get("train", {})
    if 0 < train.get("rows", 0) < FEW:
        few = f"There are {counted(int(train['rows']), 'training sample')} (limit {FEW})"
        yield "few_samples", f"{few}: more samples help more than any setting.", []
    low, middle, high = (train.get(name, 0.0) for name in ("min", "median", "max"))
    if low > 0 and high > SKEWED * middle and facts.section("data").get("target_scale") == "linear":
        text = (
            f"The training targets are positive and skewed: their median is {figure(middle)}, the largest "
            f"{figure(high)} (limit: {SKEWED} times). On a logarithmic scale large values weigh less."
        )
        yield "skewed_target", text, ["data.target_scale=log"]


def _overfitting(facts: Facts, best_epoch: int) -> Iterator[tuple[str, str, list[str]]]:
    row = facts.history[best_epoch - 1] if 0 < best_epoch <= len(facts.history) else {}
    seen, unseen = values.number(row.get("rmse")), values.number(row.get("val_rmse"))
    held = facts.data.rows.get("validation", 0)
    if seen is None or unseen is None or not held > 0 or seen <= 0 or len(facts.history) < 2:
        return
    limit = max(GAP, 2 / math.sqrt(held))
    if unseen > (1 + limit) * seen:
        paths = [path.partition(".") for path in _WAYS]
        named = [
            f"{path[2].replace('_', ' ')} ({''.join(path)})" for path in paths if path[2] in facts.section(path[0])
        ]
        ways = f"; otherwise try more {listed(named)}." if named else "."
        text = (
            f"In the kept epoch rmse is {figure(seen)} in training and {figure(unseen)} in validation, "
            f"{percent(unseen / seen - 1)} more (limit {percent(limit)}): the model overfits. More data help most"
        )
        yield "overfitting", text + ways, []


def _of_test(facts: Facts) -> Iterator[tuple[str, str, list[str]]]:
    test, baselines = facts.metrics.splits.get("test", {}), facts.metrics.baselines
    name = main_figure(test)
    if name != "rmse":
        return
    error, interval = test[name], facts.metrics.intervals.get(name)
    mean = baselines.get("mean", {}).get(name)
    if mean is not None and (error >= mean or (interval and interval[1] >= mean and test.get("r2", 1.0) < 0.1)):
        sure = "is not better" if error >= mean else "may not be better"
        text = (
            f"Test rmse {figure(error)} {sure} than always predicting the mean of the training targets "
            f"({figure(mean)}): it has learned little. Look at the targets, train longer, or try another learning rate."
        )
        yield "no_better_than_guessing", text, []
    others = {name: row["rmse"] for name, row in baselines.items() if name != "mean" and "rmse" in row}
    better = sorted((value, name) for name, value in others.items() if value < error)
    if better:
        told = listed([f"{name} {figure(value)}" for value, name in better])
        beaten = f"Simple baselines are better here than the model's rmse of {figure(error)}: {told}"
        remedy = "Train longer, try another network, or take the simpler method."
        yield "worse_than_baseline", f"{beaten}. {remedy}", []
    if interval and interval[1] - interval[0] > WIDE_ERROR * error > 0:
        text = (
            f"The 95% interval of the test's rmse, {figure(interval[0])} to {figure(interval[1])}, is as wide as "
            f"{percent((interval[1] - interval[0]) / error)} of it (limit {percent(WIDE_ERROR)}): "
            f"{count(facts.metrics.samples)} samples are too few for a precise value, or some errors are far larger "
            "than most. Add test samples, and look at the largest errors."
        )
        yield "small_test", text, []


def _of_coverage(facts: Facts) -> Iterator[tuple[str, str, list[str]]]:
    coverage, expected = facts.metrics.splits.get("test", {}).get("coverage"), facts.metrics.expected_coverage
    if coverage is not None and expected and not expected[0] - 1e-9 <= coverage <= expected[1] + 1e-9:
        why = "the test samples differ from those of the calibration split"
        if coverage > expected[1]:
            why += ", or many of the errors there are equal"
        text = (
            f"{percent(coverage)} of the true values lie inside their prediction interval; the calibration split lets "
            f"expect {percent(expected[0])} to {percent(expected[1])} (95%), so {why}. Take calibration samples like "
            "those that the model will be used on."
        )
        yield "coverage", text, []
    promised, interval = facts.metrics.interval, values.intervals(facts.metrics.interval).get("interval")
    if interval and interval[1] - interval[0] > WIDE:
        rows = count(values.number(promised.get("samples")))
        text = (
            f"With {rows} calibration samples the true coverage of the prediction intervals may be anywhere between "
            f"{percent(interval[0])} and {percent(interval[1])} (95%; limit: {percent(WIDE)} apart). A larger "
            "calibration split makes it certain."
        )
        wanted = ["data.calibration=0.2"] if "calibration" in facts.section("data") else []
        yield "few_calibration_samples", text, wanted
