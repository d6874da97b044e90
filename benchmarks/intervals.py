"""How often the 95% intervals of the metrics hold the true value, and how wide they are: a simulation.

    python benchmarks/intervals.py                       # the table of docs/explanation/intervals.md, about 20 minutes
    python benchmarks/intervals.py --samples 100         # a coarse one
    python benchmarks/intervals.py --only detector

From populations whose metrics are known, test sets of 5, 20, 100 and 1,000 rows are drawn again and again, and
`tfpipelines.metrics` gives their intervals as it does for a run. A metric that has no interval in a test set (such as
one of every class where a class is missing) does not count there. Prints, for each number of rows, the least coverage
over all populations and the mean width; of shares also relative to the interval of Clopper & Pearson (1934).
"""

import argparse
import zlib
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
from scipy.stats import beta

from tfpipelines.metrics import (
    classifier_intervals,
    classifier_metrics,
    detection_intervals,
    detection_metrics,
    regressor_intervals,
    regressor_metrics,
)

SHARES = (0.0, 0.02, 0.5, 0.98, 1.0)
ROWS = (5, 20, 100, 1000)
RESAMPLES = 400
TRUTH = 400_000  # rows of a population by which its metrics are known
Draw = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]

THRESHOLD = SimpleNamespace(value=1.5, alarms=lambda scores: scores > 1.5)


def one_label(recalls: list[float], prior: list[float]) -> Draw:
    """Rows of classes with these frequencies, told right with these probabilities, and with a confidence that is higher
    for right rows.
    """
    classes, chances = len(recalls), np.array(prior) / sum(prior)

    def draw(rows: int, generator: np.random.Generator):
        labels = generator.choice(classes, rows, p=chances)
        right = generator.random(rows) < np.array(recalls)[labels]
        told = np.where(right, labels, (labels + generator.integers(1, classes, rows)) % classes)
        logits = np.where(right, generator.normal(3, 1.5, rows), generator.normal(1, 1, rows))
        confidence = 1 / classes + (1 - 1 / classes) * np.clip(1 / (1 + np.exp(-logits)), 0.05, 1)
        probabilities = generator.uniform(0.5, 1, (rows, classes))
        probabilities[np.arange(rows), told] = 0
        probabilities *= ((1 - confidence) / probabilities.sum(1))[:, None]
        probabilities[np.arange(rows), told] = confidence
        return labels, probabilities

    return draw


def several_labels(right: float, frequency: float, labels: int = 3) -> Draw:
    """Rows that have each label with a frequency, told right with a probability."""

    def draw(rows: int, generator: np.random.Generator):
        targets = (generator.random((rows, labels)) < frequency).astype(np.float32)
        correct = generator.random((rows, labels)) < right
        logits = np.where(correct, generator.gamma(2, 1.5, (rows, labels)), generator.gamma(1, 1, (rows, labels)))
        confidence = np.clip(1 / (1 + np.exp(-logits)), 0.501, 1)
        yes = (targets > 0.5) == correct
        return targets, np.where(yes, confidence, 1 - confidence)

    return draw


def detector(distance: float, frequency: float) -> Draw:
    """Normal samples with normally distributed scores, and a share of anomalies whose scores are higher. The share is
    exact: the precision of a detector is a matter of it.
    """

    def draw(rows: int, generator: np.random.Generator):
        anomalous = np.arange(rows) < round(frequency * rows)
        return anomalous, generator.normal(0, 1, rows) + distance * anomalous

    return draw


def regressor(errors: str, size: float, skewed: bool = False) -> Draw:
    """Rows whose values are distributed normally, or log-normally (skewed), and predicted with errors of this size:
    normal, of Student's t with 3 degrees of freedom (heavy, whose squares have no variance), or constant but for the
    sign.
    """

    def draw(rows: int, generator: np.random.Generator):
        values = generator.normal(size=rows)
        values = np.exp(values) if skewed else values
        error = {
            "normal": generator.standard_normal,
            "heavy": lambda count: generator.standard_t(3, count),
            "constant": lambda count: generator.choice([-1.0, 1.0], count),
        }[errors](rows)
        return values, values + size * error

    return draw


def populations() -> dict[str, dict[str, Draw]]:
    """{kind: {name: how rows are drawn}}."""
    return {
        "one label": {
            **{f"2 classes, accuracy {share}": one_label([share] * 2, [1, 1]) for share in SHARES},
            **{f"10 classes, accuracy {share}": one_label([share] * 10, [1] * 10) for share in SHARES},
            **{f"second class {share}": one_label([0.9, 0.6], [1 - share, share]) for share in (0.02, 0.5, 0.98)},
        },
        "several labels": {
            **{f"decisions right {share}": several_labels(share, 0.5) for share in SHARES},
            **{f"frequency of labels {share}": several_labels(0.9, share) for share in (0.02, 0.5, 0.98)},
        },
        "detector": {
            **{f"distance {distance}": detector(distance, 0.5) for distance in (0, 1, 3, 6)},
            **{f"anomalies {share}": detector(2, share) for share in (0.02, 0.98)},
        },
        "regressor": {
            f"{errors} errors of size {size}{', skewed values' * skewed}": regressor(errors, size, skewed)
            for errors in ("normal", "heavy", "constant")
            for size, skewed in ((0.2, False), (1.0, False), (1.0, True))
        },
    }


def measure(kind: str, draw: Draw, rows: int, samples: int, seed: int) -> dict[str, np.ndarray]:
    """{metric: (low, high, truth, hits, rows) of each test set}; hits and rows of a share, else -1 and 1."""
    if kind == "detector":
        values = lambda one, two: detection_metrics(one, two, THRESHOLD)
        intervals = lambda one, two, number: detection_intervals(one, two, THRESHOLD, RESAMPLES, number)
    elif kind == "regressor":  # whose prediction intervals are the prediction and a half to either side
        values = lambda one, two: regressor_metrics(one, two, two - 0.5, two + 0.5)
        intervals = lambda one, two, number: regressor_intervals(one, two, RESAMPLES, number, two - 0.5, two + 0.5)
    else:
        values = classifier_metrics
        intervals = lambda one, two, number: classifier_intervals(one, two, RESAMPLES, number)
    rows_of_truth = TRUTH * (10 if kind == "regressor" else 1)  # the mean of heavy squares converges slowly
    truth = values(*draw(rows_of_truth, np.random.default_rng(seed)))
    generator, found = np.random.default_rng([seed, rows]), {}
    for number in range(samples):
        drawn = draw(rows, generator)
        seen = values(*drawn)
        for name, (low, high) in intervals(*drawn, number).items():
            share = _share(kind, name, seen, *drawn)
            found.setdefault(name, []).append((low, high, truth[name], *share))
    return {name: np.array(some) for name, some in found.items()}


def _share(kind: str, name: str, seen: dict[str, float], one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    """Of how many rows a metric is the share, and how many count."""
    if kind != "detector":
        shares = ("accuracy", "top_5", "coverage")
        return (round(seen[name] * len(one)), len(one)) if name in shares else (-1, 1)
    of = {"recall": one, "precision": THRESHOLD.alarms(two), "false_alarm_rate": ~one}
    if name not in of:
        return -1, 1
    count = int(of[name].sum())
    return round(seen[name] * count), count


def exact_width(hits: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of the intervals of Clopper & Pearson."""
    low = np.where(hits > 0, beta.ppf(0.025, np.maximum(hits, 1), rows - hits + 1), 0)
    return np.where(hits < rows, beta.ppf(0.975, hits + 1, np.maximum(rows - hits, 1)), 1) - low


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=600, help="test sets of each size")
    parser.add_argument("--only", choices=list(populations()), help="one kind")
    parser.add_argument("--every", action="store_true", help="also print every population")
    args = parser.parse_args()
    for kind, sources in populations().items():
        if args.only not in (None, kind):
            continue
        table: dict[tuple[str, int], list] = {}
        for name, draw in sources.items():
            for rows in ROWS:
                for metric, some in measure(kind, draw, rows, args.samples, zlib.crc32(name.encode())).items():
                    low, high, truth = some[:, :3].T
                    holds = float(((low - 1e-9 <= truth) & (truth <= high + 1e-9)).mean())
                    none = int((high - low < 1e-12).sum())
                    share = some[0, 3] >= 0
                    ratio = float((high - low).mean() / exact_width(*some[:, 3:].T).mean()) if share else np.nan
                    table.setdefault((metric, rows), []).append(
                        (holds, len(some), float((high - low).mean()), none, ratio, name)
                    )
                    if args.every:
                        told = f"{holds:6.3f} of {len(some):4}, width {(high - low).mean():.3f}, none {none}"
                        print(f"{name:28} {metric:18} {rows:5} {told}", flush=True)
        columns = f"{'metric':18} {'rows':>5} {'least coverage':>15} {'mean width':>11} {'to exact':>9} {'no width':>9}"
        print(f"\n{kind}\n{columns}   population of the least")
        for (metric, rows), entries in sorted(table.items(), key=lambda entry: entry[0]):
            enough = [entry for entry in entries if entry[1] >= args.samples // 10] or entries
            holds, count, _, _, _, name = min(enough)
            width, ratio = np.mean([entry[2] for entry in entries]), np.mean([entry[4] for entry in entries])
            none = sum(entry[3] for entry in entries)
            told = "" if np.isnan(ratio) else f"{ratio:.2f}"
            print(f"{metric:18} {rows:5} {holds:15.3f} {width:11.3f} {told:>9} {none:9}   {name} ({count})", flush=True)


if __name__ == "__main__":
    main()
