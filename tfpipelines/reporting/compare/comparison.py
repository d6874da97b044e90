"""The comparison of runs, from what their folders hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import metrics
from ...core import config
from ...core.files import file_hash
from ...core.splits import SPLITS
from ...errors import ConfigError, WorseError
from ...metrics.paired import LEVEL, RESAMPLES, difference, difference_of_shares, holm, mcnemar, resampled
from ...tasks.abilities import Kind
from .matching import matched
from .run_records import RunRecord, open_records
from .test_rows import read_rows


def compare(runs: Sequence[str | Path], *, fail_if_worse: str | None = None, tolerance: float = 0.0) -> dict[str, Any]:
    """Compares finished runs that were tested on the same rows, by what their folders hold; no model is loaded.

    Args:
        runs: two run folders or more; the first is the reference, the others are compared with it.
        fail_if_worse: a test metric, in which no other run may be worse than the first by more than `tolerance`.
        tolerance: in units of that metric, 0 at least.

    Returns:
        `runs`: for each `name`, `folder`, `pipeline`, `task`, `seconds` (training, epoch, total), `model_bytes`.
        `differences`: {pipeline, data, versions: [{`field`, `values` (one for each run)}]}, of what is not the same in
            all.
        `metrics`: {validation, test: {metric: for each run {`value`, `interval` or `spread`} or None}}, from
            metrics.json.
        `rows`: test rows, None for generators, which have none; `resamples`.
        `tests`: for each other run `run` (its index in `runs`), `mcnemar` (McNemar 1947) and `figures`: {metric:
            `first`, `second`, `difference` (second - first), `interval` (95%; None where the resamples do not differ),
            `p`} by a paired bootstrap (Efron & Tibshirani 1993), those of accuracy by Gaffke
            (`difference_of_shares`); with more than two runs also `p_corrected` (Holm 1979).
        `worse`: with `fail_if_worse`, sentences on runs that are worse.
        `about`: what to know of all this, sentences.

    Raises:
        ConfigError: for fewer than two runs; if one is no run, is a search, is not done or has no test split; if they
            were not tested on the same rows; for an unknown metric.
        ArtifactError: if a file of a run is missing, damaged or edited.
        WorseError: as `fail_if_worse` says; its `result` is what would have been returned.
    """
    if len(runs) < 2:
        cause = f"There {'is one run' if runs else 'are no runs'} to compare."
        raise ConfigError(cause, "Name two run folders or more: tfpipe compare RUN RUN.")
    if not tolerance >= 0:
        raise ConfigError(f"tolerance: got {tolerance:g}; allowed: 0 or more.")
    records = open_records(list(runs))
    direction = None if fail_if_worse is None else _direction(fail_if_worse, records)
    rows, about = matched(records, [read_rows(record) for record in records])
    figures = {
        split: _figures(records, split) for split in SPLITS[1:] if any(split in record.metrics for record in records)
    }
    result: dict[str, Any] = {"runs": [_facts(record) for record in records], "differences": _differences(records)}
    result |= {"metrics": figures, "rows": None, "resamples": 0, "tests": []}
    first = _models(records[0])
    same = [record.name for record in records[1:] if _models(record) == first]
    about += [f"{name} has the same model file as {records[0].name}, so their answers are equal" for name in same]
    if records[0].kind is Kind.GENERATOR:
        about += _about_generators(records, len(rows[0].frame))
    else:
        tests, resamples, shares = _tests([run.answers for run in rows])
        result |= {"rows": len(rows[0].frame), "tests": tests, "resamples": resamples}
        about += _about_tests(records, len(rows[0].frame), resamples, shares)
    worse = None if fail_if_worse is None or direction is None else _worse(result, fail_if_worse, direction, tolerance)
    result |= {"about": about} if worse is None else {"worse": worse, "about": about}
    if worse:
        many = f"{len(worse)} of {len(records) - 1} runs compared {'is' if len(worse) == 1 else 'are'} worse"
        cause = f"{many} in {fail_if_worse} than {records[0].name}, by more than {tolerance:g}."
        error = WorseError(cause, "Keep that one, or allow more with --tolerance.", worse)
        error.result = result
        raise error
    return result


def _models(record: RunRecord) -> list[str]:
    """Hashes of the model files; [side's own name] where there are none."""
    models = [folder / "model.keras" for folder in record.test_folders]
    return [file_hash(model) for model in models if model.is_file()] or [str(record.folder)]


def _direction(metric: str, records: list[RunRecord]) -> metrics.Direction:
    tests = [record.metrics["test"] for record in records]
    common = [name for name in tests[0] if all(isinstance(test.get(name), (int, float)) for test in tests)]
    there = [name for name in common if metrics.direction_of(name)]
    if metric not in common:
        known = f"There {'is' if len(there) == 1 else 'are'}: {', '.join(there)}."
        cause = f"--fail-if-worse: the runs have no test metric {metric!r} in common."
        raise ConfigError(cause, known if there else "Compare runs with test metrics in common.")
    direction = metrics.direction_of(metric)
    if direction is None:
        cause = f"--fail-if-worse: for {metric} neither high nor low values are better."
        raise ConfigError(cause, f"Name one of: {', '.join(there)}.")
    return direction


def _facts(record: RunRecord) -> dict[str, Any]:
    time = record.metrics["time"]
    models = [folder / "model.keras" for folder in record.test_folders]
    return {
        "name": record.name,
        "folder": str(record.folder),
        "pipeline": record.pipeline.get("name"),
        "task": record.pipeline["task"],
        "seconds": {name: time[name] for name in ("training", "epoch", "total") if name in time},
        "model_bytes": models[0].stat().st_size if models[0].is_file() else None,
    }


def _differences(records: list[RunRecord]) -> dict[str, list[dict[str, Any]]]:
    data, surroundings = [], []
    for record in records:
        told = {name: record.data.get(name) for name in ("path", "content_hash", "classes", "rows", "counts")}
        data.append({**told, **({"folds": len(record.test_folders)} if record.crossed else {})})
        device = {"device": record.environment["device"]} if "device" in record.environment else {}
        surroundings.append({**record.environment.get("versions", {}), **device})
    contents = {"pipeline": [record.pipeline for record in records], "data": data, "versions": surroundings}
    return {
        section: [{"field": field, "values": values} for field, values in config.differing(some, missing="")]
        for section, some in contents.items()
    }


def _figures(records: list[RunRecord], split: str) -> dict[str, list[dict[str, Any] | None]]:
    names = dict.fromkeys(name for record in records for name in record.metrics.get(split, {}))
    return {name: [_figure(record, split, name) for record in records] for name in names}


def _figure(record: RunRecord, split: str, name: str) -> dict[str, Any] | None:
    if name not in record.metrics.get(split, {}):
        return None
    figure = {"value": record.metrics[split][name]}
    if split == "test" and name in record.metrics.get("intervals", {}):
        figure["interval"] = record.metrics["intervals"][name]
    if name in record.metrics.get("spread", {}).get(split, {}):
        figure["spread"] = record.metrics["spread"][split][name]
    return figure


def _tests(answers: list) -> tuple[list[dict[str, Any]], int, bool]:
    """The tests of every run but the first against that, the number of resamples, and whether accuracies are tested as
    shares.
    """
    shares = False
    first, everything = answers[0], np.arange(len(answers[0].right))
    figures = [run.figures(everything) for run in answers]
    draws, resamples = resampled([run.figures for run in answers], first.strata, RESAMPLES)
    tests: list[dict[str, Any]] = []
    for number, run in enumerate(answers[1:], 1):
        both = mcnemar(first.right[first.known], run.right[first.known]) if first.known.any() else None
        differences = {}
        for name in (name for name in figures[0] if name in figures[number]):
            one, two = figures[0][name], figures[number][name]
            if one != two and all(np.ptp(draws[run][name]) <= 1e-9 * abs(one) for run in (0, number)):
                continue  # a width of intervals that is the same in all rows: there is no chance in it
            chance = difference(draws[0][name], draws[number][name])
            if name == "accuracy" and first.known.all() and np.isclose(first.right.mean(), one):
                chance, shares = difference_of_shares(first.right, run.right), True
            differences[name] = {"first": one, "second": two, "difference": two - one, **chance}
        tests.append({"run": number, "mcnemar": both, "figures": differences})
    if len(tests) > 1:
        for name in figures[0]:
            _correct([test["figures"][name] for test in tests if name in test["figures"]])
        _correct([test["mcnemar"] for test in tests if test["mcnemar"]])
    return tests, resamples, shares


def _correct(entries: list[dict[str, Any]]) -> None:
    for entry, value in zip(entries, holm([entry["p"] for entry in entries])):
        entry["p_corrected"] = value


def _about_tests(records: list[RunRecord], rows: int, resamples: int, shares: bool) -> list[str]:
    accuracy = "; those of accuracy by the method of Gaffke (2005) for means of bounded numbers" if shares else ""
    mcnemar = "" if records[0].kind is Kind.REGRESSOR else "; right or wrong by McNemar's exact test (1947)"
    about = [
        f"paired tests on the same {rows:,} test rows: 95% intervals and p of differences from {resamples:,} resamples "
        f"of rows, the same for both runs (Efron & Tibshirani 1993){accuracy}{mcnemar}",
        "they compare these trained models, not their pipelines: another seed may change the metrics as much",
    ]
    if len(records) > 2:
        times = f"each metric is compared {len(records) - 1} times"
        about.append(f"{times}: its p-values are corrected for that by Holm (1979)")
    if any(record.crossed for record in records):
        pooled = "metrics are means over folds, tests are of the test rows of all folds pooled"
        about.append(f"cross-validation: {pooled}, so that their metrics may be a little different")
    return about


def _about_generators(records: list[RunRecord], rows: int) -> list[str]:
    pairs = "a generator has no test rows to pair: metrics are shown with their intervals only"
    about = [f"{pairs}, and there is no test of their differences"]
    if len({str(record.data.get("content_hash")) for record in records}) > 1:
        features = "the features they are measured by are standardized by training images"
        about.append(f"{features}, and those are not the same: small differences mean nothing")
    samples = records[0].pipeline["evaluation"]["samples"]
    if rows > int(samples) and len({record.pipeline["seed"] for record in records}) > 1:
        about.append(f"each seed has its own {samples} of the {rows:,} test images to be measured against")
    return about


def _worse(result: dict[str, Any], metric: str, direction: metrics.Direction, tolerance: float) -> list[str]:
    first, *others = [entry["value"] for entry in result["metrics"]["test"][metric]]
    names = [run["name"] for run in result["runs"]]
    sentences = []
    for number, value in enumerate(others, 1):
        lost = first - value if direction == "max" else value - first
        if lost > tolerance + 1e-12:  # of rounding
            told = f"{names[number]}: {metric} {value:.6g} against {first:.6g} of {names[0]}"
            sentences.append(f"{told}; {_called(result, number, metric)}")
    return sentences


def _called(result: dict[str, Any], number: int, metric: str) -> str:
    """What the paired test says of a difference."""
    figures: dict[str, Any] = next((test["figures"] for test in result["tests"] if test["run"] == number), {})
    if metric not in figures:
        intervals = [result["metrics"]["test"][metric][place].get("interval") for place in (0, number)]
        if None in intervals or None in (edge for interval in intervals for edge in interval):
            return "there is no paired test of it"
        apart = intervals[0][1] < intervals[1][0] or intervals[1][1] < intervals[0][0]
        return f"there is no paired test of it; the 95% intervals {'do not' if apart else 'do'} overlap"
    p = figures[metric].get("p_corrected", figures[metric]["p"])
    called = "significant" if p < LEVEL else "not significant"
    return f"the paired test calls that {called} (p = {p:.3g})"
