"""Measures the pipeline anomaly-series on made series with seven kinds of anomalies: AUROC of windows.

    python benchmarks/series_detectors.py detectors             table of kind x detector, seeds 0, 1, 2; and the sample
    python benchmarks/series_detectors.py detectors --rounds N  seeds 0 to N - 1

Three sorts of series (heart beats with a varying rate, two channels of a machine under a drifting load, a valve that
opens and closes) are normal in training, and without labels. Each detector and `auto`, which is what the pipeline does
without any field given, is trained once a series. Then each kind of anomaly is drawn into a further stretch, eight
times. A window counts as an anomaly if an eighth of its points or a whole spike is one, as normal if none is, and else
as neither; of a trend those points are anomalous that are .25 deviations away or more. No default was chosen by these
series.
"""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from measure import main
from sklearn.metrics import roc_auc_score

import tfpipelines
from tfpipelines.tasks.anomaly import windows_of

KINDS = ("spike", "level", "trend", "flat", "frequency", "missing", "noise")
SORTS = ("heart", "machine", "valve")
DETECTORS = {
    "auto": (),
    "pca": ("model.name=pca",),
    "forecast": ("model.name=forecast",),
    "matrix_profile": ("model.name=matrix_profile",),
    "conv1d": ("model.name=conv1d",),
}
TRAINING, TESTED, EVENTS = 4000, 2400, 8  # points, points of a kind, anomalies in them
_PERIODS = {"heart": 38.0, "machine": 26.0, "valve": 44.0}


def series(sort: str, phase: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What repeats, and what does not, both float (points, channels).

    Args:
        phase: periods since the beginning, (points,).
    """
    count = len(phase)
    cycle = phase % 1
    wave = lambda at, width, height: height * np.exp(-0.5 * ((cycle - at) / width) ** 2)
    drift = np.sin(2 * np.pi * (np.arange(count) / 900 + random.random()))[:, None]
    if sort == "heart":
        beat = wave(0.2, 0.03, 0.15) + wave(0.34, 0.02, -0.15) + wave(0.4, 0.03, 1.2) + wave(0.68, 0.05, 0.3)
        return beat[:, None], 0.05 * drift + random.normal(0, 0.03, (count, 1))
    if sort == "machine":
        turn = 2 * np.pi * phase
        channels = [np.sin(turn) + 0.4 * np.sin(3 * turn + 1), 0.7 * np.cos(turn) + 0.2 * np.sin(2 * turn)]
        return np.stack(channels, 1), 0.25 * drift * [1, -0.5] + random.normal(0, 0.1, (count, 2))
    opened = np.where(cycle < 0.35, 1 - np.exp(-cycle / 0.05), np.exp(-(cycle - 0.35) / 0.08))
    return opened[:, None], random.normal(0, 0.05, (count, 1))


def phases(sort: str, count: int, speed: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The phase of each point; the rate of heart beats varies."""
    period = _PERIODS[sort]
    varying = random.normal(0, 0.04 if sort == "heart" else 0.01, count // int(period) + 2)
    return np.cumsum((1 + np.repeat(varying, int(period))[:count]) * speed / period)


def tested(sort: str, kind: str, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A series with anomalies of a kind, float (points, channels), and which of its points are anomalous."""
    period, odd = int(_PERIODS[sort]), np.zeros(TESTED, bool)
    periods = {"spike": 0, "level": 2, "trend": 3, "flat": 2, "frequency": 3, "missing": 1, "noise": 1.5}
    length = max(int(periods[kind] * period), 1)
    first = np.linspace(period, TESTED - 5 * period, EVENTS).astype(int) + random.integers(0, period, EVENTS)
    speed = np.ones(TESTED)
    if kind == "frequency":
        for start in first:
            speed[start : start + length] = random.choice([0.6, 1.6])
    phase = phases(sort, TESTED, speed, random)
    if kind == "missing":  # from between two beats on
        first = np.array([start + int(np.argmax(np.diff(np.floor(phase[start:])) > 0)) + 1 for start in first])
    repeating, rest = series(sort, phase, random)
    spread, sides = repeating.std(0), random.choice([-1, 1], EVENTS)
    for start, side in zip(first, sides):
        some = slice(start, start + length)
        odd[some] = True
        if kind == "trend":
            slope = random.uniform(1.5, 2.5) * np.linspace(0, 1, length)
            odd[some] = slope >= 0.25
            rest[some] += side * slope[:, None] * spread
        if kind == "missing":
            repeating[some] = np.median(repeating, 0)
        elif kind == "spike":
            rest[some] += side * random.uniform(3, 4) * spread
        elif kind == "level":
            rest[some] += side * random.uniform(1, 1.5) * spread
        elif kind == "noise":
            rest[some] += random.normal(0, random.uniform(0.5, 0.8), (length, repeating.shape[1])) * spread
        elif kind == "flat":
            repeating[some], rest[some] = (repeating + rest)[start], 0
    return repeating + rest, odd


def area(scores: np.ndarray, odd: np.ndarray, length: int) -> float:
    """roc_auc of the windows of a series.

    Args:
        scores: of its windows, (windows,).
        odd: which of its points are anomalous, (points,).
        length: of a window.
    """
    counts = np.array([odd[start : start + length].sum() for start in windows_of([(0, len(odd))], length)])
    least = min(length / 8, odd.sum() / EVENTS)
    judged = (counts == 0) | (counts >= least)
    return float(roc_auc_score(counts[judged] > 0, scores[judged]))


def areas(run, tests: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """roc_auc of windows, of each kind."""
    found = {}
    for kind, (values, odd) in tests.items():
        found[kind] = area(run.predict(values)["score"].to_numpy(), odd, run.model.input.shape[1])
    return found


def measured(seeds: int, folder: Path, pipeline: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Of each detector on each series: the areas by kind."""
    import keras

    for seed in range(seeds):
        for number, sort in enumerate(SORTS):
            random = np.random.default_rng([seed, number, 2])
            values = np.sum(series(sort, phases(sort, TRAINING, np.ones(TRAINING), random), random), 0)
            path = folder / f"{sort}-{seed}.csv"
            pd.DataFrame(values, columns=[f"c{place}" for place in range(values.shape[1])]).to_csv(path, index=False)
            tests = {kind: tested(sort, kind, random) for kind in KINDS}
            for name, fields in DETECTORS.items():
                keras.backend.clear_session()
                given = [f"data.path={path}", f"seed={seed}", *fields]
                run = tfpipelines.run(pipeline, given, out=str(folder), observer=tfpipelines.Observer())
                found = areas(run, tests)
                chosen = [entry["fields"] for entry in run.metrics.get("candidates", []) if entry["chosen"]]
                told = " ".join(f"{kind} {area:.3f}" for kind, area in found.items())
                print(f"  {sort:<8} seed {seed} {name:<15} {told}  {chosen or ''}", flush=True)
                yield name, found


def detectors(peers: Path, rounds: int) -> None:
    """The table, and the sample."""
    every: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, found in measured(rounds, Path(folder), "anomaly-series"):
            every.setdefault(name, []).append(found)
        print("\n| kind | " + " | ".join(every) + " |\n|---|" + "---|" * len(every))
        mean = lambda name, kind: statistics.mean(found[kind] for found in every[name])
        for kind in KINDS:
            print(f"| {kind} | " + " | ".join(f"{mean(name, kind):.3f}" for name in every) + " |")
        means = [statistics.mean(mean(name, kind) for kind in KINDS) for name in every]
        print("| mean | " + " | ".join(f"{value:.3f}" for value in means) + " |\n")
        for seed in range(rounds):
            run = tfpipelines.run("anomaly-series", [f"seed={seed}"], out=folder, observer=tfpipelines.Observer())
            names = ("roc_auc", "event_recall", "event_precision", "point_f1", "false_alarm_rate")
            print(f"pressure, seed {seed}: " + " ".join(f"{name} {run.metrics['test'][name]:.3f}" for name in names))


if __name__ == "__main__":
    main(__doc__, {"detectors": detectors})
