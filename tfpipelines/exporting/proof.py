"""The proof: held-out raw samples go through the exported model in its own runtime, and what comes out is compared
with the run.
"""

import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.words import counted, fixed
from ..datasets import Replay
from ..errors import ExportError
from ..models import Served
from .exporter import Exporter, Runtime
from .graphs import function_of

# What is allowed: of float32 the largest difference. Of smaller numbers (`Quantized.limit`) the loss of accuracy; where
# no labels are known the share of flipped answers, and where nothing follows from answers their mean difference.
LIMIT = 1e-4
_RESAMPLES = 2000
_BATCH, _BATCHED = 16, 128  # samples of a batch, and most of all batches


@dataclass
class Expected:
    """What the run says of the samples that are replayed.

    Args:
        items: what they are called.
        answers: of each the answer and all other outputs, {name: array}.
        decisions: what follows from each; None where nothing does.
        truth: what each is; None where that is not known.
    """

    items: list[str] = field(default_factory=list)
    answers: list[dict[str, np.ndarray]] = field(default_factory=list)
    decisions: list[str | None] = field(default_factory=list)
    truth: list[str | None] = field(default_factory=list)


def expected_of(
    served: Served, replay: Replay, written: dict[str, tuple[np.ndarray, str | None]], limit: float
) -> Expected:
    """What the run's own model says of the samples, and what the run has written of them where it has.

    Args:
        replay: the samples.
        written: item -> answer and decision, from predictions.csv; None in place of a decision by what may have changed
            since.
        limit: largest difference between the two.

    Raises:
        ExportError: if the model no longer says what the run has written.
    """
    said, function = Expected(list(replay.items), truth=list(replay.truth)), function_of(served, whole=True)
    name, worst = served.answer.name, (0.0, "")
    for item, sample in zip(replay.items, replay):
        feeds = served.input.feed(sample, True)
        outputs = {key: value.numpy()[0] for key, value in function(*feeds.values()).items()}
        decision = served.answer.decide(outputs[name])
        if item in written:
            answer, told = written[item]
            decision = decision if told is None else told
            difference = float(np.abs(answer - outputs[name]).max() / served.answer.unit(answer))
            worst = max(worst, (difference, item))
            outputs[name] = answer
        said.answers.append(outputs)
        said.decisions.append(decision)
    if worst[0] > limit:
        cause = (
            f"The run's own model no longer reproduces the run's predictions.csv: {worst[1]} differs by {worst[0]:.2g}."
        )
        why = "Were the data or the model changed since, or was it trained on another device?"
        raise ExportError(cause, f"{why} Train again, restore them, or allow more with --tolerance.")
    return said


def prove(
    served: Served, exporter: Exporter, runtime: Runtime, replay: Replay, said: Expected, ties: float, seed: int
) -> dict[str, Any]:
    """Replays the samples one by one, and some of them in batches; the facts for the manifest.

    Args:
        exporter: that has written the model.
        runtime: of the exported model.
        replay: the samples.
        said: what the run says of its samples.
        ties: decisions that hang on less than this are none: a detector's threshold is itself the score of a sample.
        seed: of the resamples for the interval.

    Raises:
        ExportError: if the model does not run, or says something beside its answer that does not follow from it.
    """
    name, seconds, differences, decisions = served.answer.name, [], [], []
    others: dict[str, float] = {}
    together: dict[tuple, list[int]] = {}  # samples of one shape
    held: list[dict[str, np.ndarray]] = []
    for number, (sample, before) in enumerate(zip(replay, said.answers)):
        feeds = served.input.feed(sample, exporter.whole)
        if exporter.batch is None and number < _BATCHED:
            held.append(feeds)
            together.setdefault(tuple(array.shape for array in feeds.values()), []).append(number)
        began = time.perf_counter()
        outputs = _run(runtime, feeds)
        seconds.append(time.perf_counter() - began)
        apart = {key: _difference(served, outputs[key][0], value) for key, value in before.items()}
        _require_words(served, outputs)
        differences.append(apart.pop(name))
        others = {key: max(others.get(key, 0.0), value) for key, value in apart.items()}
        told = outputs.get(served.answer.decision)
        decisions.append(told[0].decode() if told is not None else served.answer.decide(outputs[name][0]))
    facts: dict[str, Any] = {"samples": len(said.items), "of": replay.kind, "missing": replay.missing}
    facts |= {"largest_difference": max(differences), "mean_difference": statistics.fmean(differences)}
    facts["worst_item"] = said.items[int(np.argmax(differences))]
    if others:
        facts["largest_difference_of_others"] = others
    several = [rows for rows in together.values() if len(rows) > 1]
    batches = [rows[start : start + _BATCH] for rows in several for start in range(0, len(rows), _BATCH)]
    if batches:
        differing = [0.0]
        for rows in batches:
            outputs = _run(runtime, {key: np.concatenate([held[row][key] for row in rows]) for key in held[0]})
            differing += [
                _difference(served, outputs[key][place], value)
                for place, row in enumerate(rows)
                for key, value in said.answers[row].items()
            ]
        facts |= {"in_batches": sum(map(len, batches)), "largest_difference_in_batches": max(differing)}
    changed = [number for number, (now, before) in enumerate(zip(decisions, said.decisions)) if now != before]
    tied = [number for number in changed if served.answer.margin(said.answers[number][name]) <= ties]
    decisions = [said.decisions[number] if number in tied else decision for number, decision in enumerate(decisions)]
    flips = [said.items[number] for number in changed if number not in tied]
    if said.decisions[0] is not None:
        facts |= {"flips": len(flips), "flipped_items": flips[:20], "ties": len(changed) - len(flips)}
        facts |= _accuracy(decisions, said, seed)
    return {**facts, "milliseconds_per_sample": round(1000 * statistics.median(seconds), 4)}


def require_equal(facts: dict[str, Any], quantize: str | None, limit: float) -> None:
    """Refuses an export that is not what the run is.

    Args:
        facts: of `prove`; the limit is added to them.
        limit: see `LIMIT`.

    Raises:
        ExportError: with what differs.
    """
    facts["tolerance"] = limit
    count, flips = counted(facts["samples"], "sample"), facts.get("flips", 0)
    largest, mean = facts["largest_difference"], facts["mean_difference"]
    details = [f"largest difference {largest:.2g} ({facts['worst_item']}), mean {mean:.2g}"]
    if flips:
        items = facts["flipped_items"]
        details.append(f"flipped: {', '.join(items)}{' ...' if flips > len(items) else ''}")
    remedy = "Export without --quantize, or allow more by --tolerance."
    if quantize is None:
        others = facts.get("largest_difference_of_others", {}).values()
        largest = max(largest, facts.get("largest_difference_in_batches", 0.0), *others)
        good, remedy = largest <= limit and not flips, "Try another format."
        told = f"by up to {largest:.2g} (allowed: {limit:g}), with {counted(flips, 'flipped answer')} of {count}"
    elif "accuracy" in facts:
        good, (low, high) = facts["accuracy_loss"] <= limit, facts["accuracy_loss_interval"]
        told = (
            f"accuracy falls from {fixed(facts['accuracy_before'])} to {fixed(facts['accuracy'])} over "
            f"{counted(facts['labelled'], 'label')} (95%: a loss of {fixed(low)} to {fixed(high)}; allowed: {limit:g})"
        )
    elif "flips" in facts:
        good, told = flips / facts["samples"] <= limit, f"{flips} of {count} flip (allowed: {limit:.1%})"
    else:
        good, told = mean <= limit, f"by {mean:.2g} on average (allowed: {limit:g})"
    if not good:
        cause = f"The exported model answers differently: {told}."
        raise ExportError(cause, f"Nothing was left behind. {remedy}", details)


def _require_words(served: Served, outputs: dict[str, np.ndarray]) -> None:
    """Refuses what an export says beside its answer, where it does not follow from that: names of classes, p-values."""
    for name, right in served.answer.beside(outputs[served.answer.name][0]).items():
        if name not in outputs:
            continue
        said = outputs[name][0]
        same = np.allclose(said, right, atol=1e-6) if isinstance(right, float) else [w.decode() for w in said] == right
        if not same:
            remedy = "Nothing was left behind. This should not happen: please report it."
            raise ExportError(f"The exported model says a wrong {name}.", remedy)


def _run(runtime: Runtime, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    try:
        return runtime(feeds)
    except Exception as error:  # runtimes raise nearly every kind
        why = " ".join(str(error).split())[:200].rstrip(".")
        remedy = "Nothing was left behind. Try another format, or leave --quantize out."
        raise ExportError(f"The exported model does not run: {why}.", remedy) from error


def _difference(served: Served, now: np.ndarray, before: np.ndarray) -> float:
    """The largest difference of an output, in the answer's unit; infinite where something is no number."""
    difference = np.abs(np.asarray(now, np.float64) - before).max(initial=0.0)
    largest = float(difference / served.answer.unit(np.asarray(before)))
    return largest if np.isfinite(largest) else float("inf")


def _accuracy(decisions: list[str | None], said: Expected, seed: int) -> dict[str, Any]:
    """The share of right answers before and after, and the 95 % interval of the loss by a paired bootstrap (Efron &
    Tibshirani 1993).
    """
    known = [number for number, truth in enumerate(said.truth) if truth is not None]
    if not known:
        return {}
    right = lambda told: np.array([told[number] == said.truth[number] for number in known], float)
    before, after = right(said.decisions), right(decisions)
    loss, random = before - after, np.random.default_rng([seed, 6])
    means = [loss[random.integers(0, len(loss), len(loss))].mean() for _ in range(_RESAMPLES)] if loss.any() else [0.0]
    shares = {"accuracy_before": before, "accuracy": after, "accuracy_loss": loss}
    interval = [float(edge) for edge in np.quantile(means, [0.025, 0.975])]
    facts = {name: float(values.mean()) for name, values in shares.items()}
    return {**facts, "accuracy_loss_interval": interval, "labelled": len(known)}
