"""What the metrics of a run say to do next.

Each piece of advice names its metrics and its limit; where none is passed there is nothing to say.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.run_folder import RunFolder
from ..core.words import count, counted, figure, listed, percent, quoted
from ..metrics import metric
from ..metrics.calibration_error import BINS
from ..tasks.abilities import Kind
from . import values
from .curves import series
from .facts import Facts
from .number_advice import of_numbers
from .search_advice import of_search

STILL_BETTER = 0.02  # relative improvement over the last fifth of the epochs from which on more epochs are worth a try
GAP = 0.05  # accuracy of training less that of validation
FEW = 20  # training samples of a class, or of normal samples altogether
UNEVEN = 10  # samples of the largest class by those of the smallest
MISCALIBRATED = 0.05  # expected calibration error, less what few rows add to it
LOW_RECALL = 0.15  # below the mean recall of all classes
LEAST_SUPPORT = 10  # test samples of a class whose recall is worth a word
WIDE = 0.1  # of the 95% interval of the main metric, from end to end
COLLAPSED = 0.5  # diversity of generated images beside real ones (as in training)
SPREAD = 0.05  # standard deviation of accuracy over folds
_REGULARIZERS = ("data.augment", "model.dropout", "train.weight_decay", "train.label_smoothing")


@dataclass(frozen=True)
class Advice:
    """One thing to do.

    Args:
        code: for programs.
        text: what the metrics are, and what to do about it.
        command: that does it, "" for none.
    """

    code: str
    text: str
    command: str = ""


def advice(facts: Facts) -> list[Advice]:
    """What to do about a run, the most urgent first."""
    found = [*_of_state(facts), *_of_findings(facts)]
    if facts.kind == "search":
        return [*found, *(Advice(*entry) for entry in of_search(facts))]
    if facts.kind == "products":
        return found
    looks = _of_samples, _of_training, _of_result, _of_calibration, _of_classes, _of_detector, _of_generator, _of_folds
    for look in (*looks, _of_regressor):
        found += look(facts)
    guessing = any(entry.code == "no_better_than_guessing" for entry in found)
    # what has learned nothing has not learned by heart
    return [entry for entry in found if not (guessing and entry.code == "overfitting")]


def best_epoch(facts: Facts) -> int:
    """The epoch whose weights are the model; 0 where it cannot be told."""
    if facts.metrics.best_epoch:
        return facts.metrics.best_epoch
    points = series(facts.history, _monitored(facts))
    return int(min(points, key=lambda point: point[1])[0]) if points else 0


def field(facts: Facts, path: str) -> Any:
    """A field of the resolved pipeline, such as train.epochs; None if there is no such field."""
    section, _, name = path.partition(".")
    return facts.section(section).get(name)


def _monitored(facts: Facts) -> str:
    """The column of history.csv by which the best epoch was chosen."""
    columns = facts.history[0] if facts.history else {}
    return next((name for name in ("val_kid", "kid", "val_log_loss", "val_loss", "loss") if name in columns), "")


def _again(facts: Facts, *overrides: str, start: bool = False) -> str:
    begin = [f"--from {quoted(facts.shown)}"] if start else []
    return " ".join([f"tfpipe run {quoted(f'{facts.shown}/pipeline.yaml')}", *begin, *map(quoted, overrides)])


def _of_state(facts: Facts) -> Iterator[Advice]:
    reason = values.text(facts.status.get("reason"))
    part_of = facts.folder.parent if "fold" in facts.status else facts.folder
    whole = RunFolder(Path(values.text(facts.status.get("part_of")) or part_of))
    if facts.state == "done":
        return
    if facts.state == "failed" and "diverged" in reason:
        rate = values.number(field(facts, "train.learning_rate"))
        than, lower = (f" than {rate:g}", [f"train.learning_rate={rate / 3:.2g}"]) if rate else ("", [])
        text = f"{reason} A lower learning rate{than}, train.clip_norm=1.0 or train.warmup_epochs=1 usually help."
        yield Advice("diverged", text, _again(facts, *lower))
        return
    again = "; if the pipeline or the data change, it must be a new run" if facts.history else ""
    texts = {
        "failed": f"Fix the cause of the failure, then resume{again}.",
        "interrupted": "It was stopped before its end: go on from the last checkpoint.",
        "killed": "It was killed: resume it where it stopped.",
    }
    text = texts.get(facts.state, f"Its state is {facts.state}. If no process is working on it any more, resume it.")
    code = facts.state if facts.state in ("failed", "interrupted") else "unfinished"
    yield Advice(code, text, f"tfpipe resume {quoted(str(whole))}")


def _of_findings(facts: Facts) -> Iterator[Advice]:
    for finding in facts.data.findings:
        if finding["severity"] in ("error", "warning") and finding["remedy"]:
            message, remedy = (finding[name].rstrip(".") for name in ("message", "remedy"))
            yield Advice(f"finding_{finding['code']}", f"{message}. {remedy}.")


def _of_samples(facts: Facts) -> Iterator[Advice]:
    counts = {name: int(number) for name, number in facts.data.counts.get("train", {}).items() if number > 0}
    if not counts or facts.made is not Kind.CLASSIFIER:
        return
    few = sorted((name for name, number in counts.items() if number < FEW), key=lambda name: counts[name])
    if few:
        told = listed([f"{name} ({counts[name]})" for name in few], 6)
        many = f"{counted(len(few), 'class has', 'classes have')} fewer than {FEW} training samples"
        yield Advice("few_samples", f"{many}: {told}. More samples help more than any setting.")
    largest, smallest = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    balanced = field(facts, "data.class_weights") or field(facts, "data.oversample")
    can_be = "class_weights" in facts.section("data") and not balanced
    if counts[largest] > UNEVEN * counts[smallest] and can_be:
        text = (
            f"The largest class, {largest}, has {count(counts[largest])} training samples, the smallest, "
            f"{smallest}, {count(counts[smallest])}: class weights can compensate, if rare classes matter as much."
        )
        yield Advice("uneven_classes", text, _again(facts, "data.class_weights=balanced"))


def _of_training(facts: Facts) -> Iterator[Advice]:
    epochs, best, monitored = len(facts.history), best_epoch(facts), _monitored(facts)
    points = series([row for row in facts.history if row.get("phase") == facts.history[-1].get("phase")], monitored)
    asked = values.number(field(facts, "train.epochs"))
    whole = facts.state == "done" and facts.kind == "run" and not monitored.endswith("kid")
    if whole and asked and len(points) >= 2 and best == epochs:
        before, last = min(value for _, value in points[: -max(1, len(points) // 5)]), points[-1][1]
        gain = (before - last) / abs(before) if before else 0.0
        if gain > STILL_BETTER:
            text = (
                f"The last of {counted(epochs, 'epoch')} was the best, and {monitored} still fell by "
                f"{percent(gain)} over the last fifth of them (limit {percent(STILL_BETTER)}): train longer."
            )
            yield Advice("train_longer", text, _again(facts, f"train.epochs={2 * int(asked)}"))
    row = facts.history[best - 1] if 0 < best <= epochs else {}
    seen, unseen = values.number(row.get("accuracy")), values.number(row.get("val_accuracy"))
    held = facts.data.rows.get("validation", 0)
    if seen is not None and unseen is not None and held > 0 and epochs > 1:
        doubt = 2 * math.sqrt(max(unseen * (1 - unseen), 0.0) / held)
        if seen - unseen > max(GAP, doubt):
            paths = [path.partition(".") for path in _REGULARIZERS]
            there = [path for path in paths if path[2] in facts.section(path[0])]
            ways = [f"{path[2].replace('_', ' ')} ({''.join(path)})" for path in there]
            text = (
                f"In the kept epoch accuracy is {figure(seen)} in training and {figure(unseen)} in validation, "
                f"{figure(seen - unseen)} apart (limit {figure(max(GAP, doubt))}): the model overfits. More data help "
                "most"
            )
            yield Advice("overfitting", text + (f"; otherwise try more {listed(ways)}." if ways else "."))


def _of_result(facts: Facts) -> Iterator[Advice]:
    metrics, test = facts.metrics, facts.metrics.splits.get("test", {})
    if metrics.splits and not test and facts.data.rows and not facts.data.rows.get("test"):
        flattered = "the metrics are of the validation split, which also chose the epoch: slightly optimistic"
        remedy = "Hold out a test split that is used for nothing else."
        yield Advice("no_test", f"There is no test split: {flattered}. {remedy}")
    shares = facts.data.counts.get("test", {})
    one_each = bool(shares) and sum(shares.values()) == facts.data.rows.get("test")
    if facts.made is Kind.CLASSIFIER and "accuracy" in test and one_each:
        most = max(shares, key=lambda name: shares[name])
        share, low = shares[most] / sum(shares.values()), metrics.intervals.get("accuracy", (test["accuracy"],) * 2)[0]
        if low <= share:
            sure = "is not better" if test["accuracy"] <= share else "may not be better"
            text = (
                f"Test accuracy {figure(test['accuracy'])} {sure} than always answering {most} ({figure(share)}): it "
                "has learned little. Look at the labels, train longer, or try another learning rate."
            )
            yield Advice("no_better_than_guessing", text)
    by = "roc_auc" if facts.made is Kind.DETECTOR else "accuracy"
    others = {name: row.get(by, 0.0) for name, row in metrics.baselines.items()}
    better = {name: value for name, value in others.items() if value > test.get(by, math.inf)}
    if better:
        ordered = sorted(better.items(), key=lambda entry: -entry[1])
        told = [
            f"{name} {figure(value)}{_beyond(metrics.baseline_differences.get(name, {}))}" for name, value in ordered
        ]
        beaten = f"Simple baselines are better here than the model's {by} of {figure(test[by])}"
        wide = facts.model.get("wide", {"words": 1}) or {}
        more = "" if wide.get("words") or wide.get("characters") else "give it n-grams (model.name=auto), "
        longer = "Train longer, " if len(facts.history) > 1 else ""  # else it is fitted, or a blend
        remedy = f"{longer}{more}try another network (model.name), or take the simpler method."
        remedy = f"{remedy[0].upper()}{remedy[1:]}"
        yield Advice("worse_than_baseline", f"{beaten}: {listed(told)}. {remedy}")
    split, name = facts.main_figure
    entry = metric(name)
    if split == "test" and name in metrics.intervals and entry and entry.main and entry.range == (0.0, 1.0):
        low, high = metrics.intervals[name]
        if high - low > WIDE:
            text = (
                f"The 95% interval of the test's {name} is {figure(high - low)} wide, {figure(low)} to {figure(high)} "
                f"(limit {WIDE:g}): {count(metrics.samples)} samples are too few for a precise value. Add test samples."
            )
            yield Advice("small_test", text)


def _beyond(difference: dict[str, float]) -> str:
    """How much better a baseline is on the same rows, in brackets; "" where that is not known."""
    if not {"difference", "low", "high"} <= difference.keys():
        return ""
    ends = f"{figure(difference['low'])} to {figure(difference['high'])}"
    sure = "" if difference["low"] > 0 else ", so it may be chance"
    return f" (difference {figure(difference['difference'])}, paired 95% interval {ends}{sure})"


def _of_calibration(facts: Facts) -> Iterator[Advice]:
    error = facts.metrics.splits.get("test", {}).get("ece")
    if error is None:
        return
    if error - _ece_by_chance(facts) > MISCALIBRATED:
        off = f"Probabilities are off by {figure(error)} on average (ece; limit {MISCALIBRATED:g})"
        text = f"{off}: do not use them uncalibrated."
        if field(facts, "evaluation.calibrate") is False:
            again = _again(facts, "evaluation.calibrate=true", start=facts.has_model)
            yield Advice("miscalibrated", f"{text} A temperature can be fitted on the validation split.", again)
        else:
            ways = "A larger validation split, or one more like the test split, would give a better temperature."
            yield Advice("miscalibrated", f"{text} {_fitted(facts)}{ways}")


def _ece_by_chance(facts: Facts) -> float:
    """What few rows add to the expected calibration error, at most: the mean distance of the share of right rows from
    its expectation, sqrt(2 / (pi n)) times its deviation, over equally full bins.
    """
    right, rows = facts.metrics.splits["test"].get("accuracy", 0.5), facts.metrics.samples
    right = min(max(right, 0.0), 1.0)  # in a file that somebody has edited it may be anything
    return math.sqrt(2 / math.pi * BINS * right * (1 - right) / rows) if rows and rows > 0 else 0.0


def _of_classes(facts: Facts) -> Iterator[Advice]:
    known = {name: row for name, row in facts.metrics.per_class.items() if "recall" in row}
    rows = {name: row for name, row in known.items() if row.get("support", 0) >= LEAST_SUPPORT}
    if len(rows) < 2:
        return
    mean = sum(row["recall"] for row in rows.values()) / len(rows)
    below = [name for name, row in rows.items() if row["recall"] < mean - LOW_RECALL]
    low = sorted(below, key=lambda name: rows[name]["recall"])
    for name in low[:5]:
        taken = [(told, number) for true, told, number in facts.failures.pairs if true == name]
        times = f"{taken[0][1]} of {count(rows[name]['support'])}" if taken else ""
        most = f", most often predicted as {taken[0][0]} ({times})" if taken else ""
        only = f"Only {percent(rows[name]['recall'])} of class {name} are recognized{most}; the mean of all classes is"
        remedy = f"Look at their labels and mistakes, and add samples of {name}."
        yield Advice("low_recall", f"{only} {percent(mean)}. {remedy}")
    if len(low) > 5:
        more = counted(len(low) - 5, "further class", "further classes")
        yield Advice("low_recall", f"Recall is also low for {more}: {listed(low[5:], 8)}.")


def _of_detector(facts: Facts) -> Iterator[Advice]:
    rate, expected = facts.metrics.splits.get("test", {}).get("false_alarm_rate"), facts.metrics.test_interval
    moved = facts.metrics.threshold_now not in (None, facts.metrics.threshold.get("threshold"))
    if rate is not None and expected and not expected[0] <= rate <= expected[1] and not moved:
        why = "so the two sets differ"
        if rate < expected[0]:
            why = "so anomalies among the training data are likely: they raise the threshold. Remove or label them, or"
        text = (
            f"{percent(rate)} of the normal test samples gave an alarm; the held-out samples predict "
            f"{percent(expected[0])} to {percent(expected[1])} (95%), {why}"
            f"{' fit' if rate < expected[0] else '. Fit'} the threshold to normal samples like those that the model "
            "will be used on."
        )
        yield Advice("false_alarms", text, f"tfpipe recalibrate {quoted(facts.shown)} PATH")
    normal = sum(facts.data.counts.get("train", {}).values())
    if facts.metrics.threshold and 0 < normal < FEW:
        few = f"There are {count(normal)} normal training samples (limit {FEW})"
        yield Advice("few_samples", f"{few}: add more, so that the model sees more of what is normal.")


def _of_regressor(facts: Facts) -> Iterator[Advice]:
    if facts.made is Kind.REGRESSOR:
        for code, text, overrides in of_numbers(facts, best_epoch(facts)):
            yield Advice(code, text, _again(facts, *overrides) if overrides else "")


def _of_generator(facts: Facts) -> Iterator[Advice]:
    splits = facts.metrics.splits
    figures = splits.get("test") or splits.get("train") or splits.get("validation") or {}
    if "diversity" in figures and figures["diversity"] < COLLAPSED:
        told = f"The diversity of the images is {figure(figures['diversity'])} of that of real ones"
        remedy = "Longer training, a lower learning rate or more data help most."
        text = f"{told} (limit {COLLAPSED:g}): the generator shows mode collapse. {remedy}"
        yield Advice("collapsed", text)
    real = next((row["copies"] for row in facts.metrics.baselines.values() if "copies" in row), 0.0)
    if "copies" in figures and figures["copies"] > real + 0.01:
        near = f"{percent(figures['copies'])} of the images are very close to a training image, compared with"
        yield Advice("copies", f"{near} {percent(real)} of real images: look at nearest.png before you publish them.")


def _of_folds(facts: Facts) -> Iterator[Advice]:
    spread = facts.metrics.spread.get("test", {}).get("accuracy", {})
    if facts.kind == "folds" and spread.get("std", 0.0) > SPREAD:
        text = (
            f"Test accuracy differs between folds by a standard deviation of {figure(spread['std'])} (limit {SPREAD:g})"
            f", {figure(spread.get('min'))} to {figure(spread.get('max'))}: a single split would not be reliable. "
            "More data would reduce this spread."
        )
        yield Advice("folds_differ", text)


def _fitted(facts: Facts) -> str:
    """On how many samples the temperature was fitted, where there is one and that is known."""
    number = facts.data.rows.get("validation")
    fitted = number and facts.metrics.temperature not in (None, 1.0)
    return f"The temperature was fitted on {count(number)} validation samples. " if fitted else ""
