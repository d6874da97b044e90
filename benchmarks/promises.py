"""Whether a stated rate is kept by rows that chose among candidates, and by rows that chose nothing: a simulation.

    python benchmarks/promises.py                        # the table of docs/explanation/calibrated_thresholds.md, 10 s
    python benchmarks/promises.py --candidates 1 --repeats 500
    python benchmarks/promises.py --contaminated         # the table of anomalies among the calibration rows

Each candidate is useless: its scores, or its predictions, are random. All are compared on validation rows, and the
luckiest is kept. Then the threshold of a detector (a false-alarm rate of 0.05), or the half width of prediction
intervals (a coverage of 0.9), is made from the same validation rows, and from as many calibration rows that nobody has
looked at before. The true rate of either is known. Printed are its mean over many repeats, and how often it lies in the
95% interval that a run states.

With `--contaminated` some of 100 calibration rows are anomalies. Scores of normal rows are standard normal, those of
anomalies the same and a shift above. The threshold is made from the rows as they are, or without as many of the highest
scores. Printed are the true shares of normal rows and of anomalies that give an alarm.
"""

import argparse

import numpy as np
from scipy.stats import beta, norm

ROWS = (20, 40, 100, 400)
RATE, COVERAGE = 0.05, 0.9
CONTAMINATED = 100  # calibration rows of which some are anomalies
SHIFTS = (0.5, 2.0, 4.0)


def kth_smallest(scores: np.ndarray, rate: float) -> np.ndarray:
    """The split conformal quantile of each row of scores, as `tfpipelines.metrics.Threshold` has it, (repeats,)."""
    count = scores.shape[1]
    place = count - int((count + 1) * rate + 1e-9)
    return np.partition(scores, place, axis=1)[:, place]


def luckiest(figures: np.ndarray) -> np.ndarray:
    """The candidate with the lowest of the figures (repeats, candidates)."""
    return figures.argmin(1)


def detectors(rows: int, candidates: int, repeats: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """True false-alarm rates: of candidates whose scores are exponential, that of the lowest mean score is kept."""
    validation = random.exponential(size=(repeats, candidates, rows))
    kept = luckiest(validation.mean(2))
    scores = {
        "validation": validation[np.arange(repeats), kept],
        "calibration": random.exponential(size=(repeats, rows)),
    }
    return {split: np.exp(-kth_smallest(values, RATE)) for split, values in scores.items()}


def intervals(rows: int, candidates: int, repeats: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """True shares of values outside of intervals: values and predictions are normal, the lowest mean squared error is
    kept.
    """
    errors = lambda *shape: random.standard_normal((repeats, 1, rows)) - random.standard_normal((repeats, *shape, rows))
    validation = errors(candidates)
    kept = luckiest((validation**2).mean(2))
    scores = {"validation": validation[np.arange(repeats), kept], "calibration": errors(1)[:, 0]}
    return {
        split: 2 * norm.sf(kth_smallest(np.abs(values), 1 - COVERAGE) / np.sqrt(2)) for split, values in scores.items()
    }


def inside(rates: np.ndarray, rows: int, rate: float) -> float:
    """How often true rates lie in the 95% interval that is stated of so many rows."""
    above = int((rows + 1) * rate + 1e-9)
    low, high = beta.ppf([0.025, 0.975], above, rows + 1 - above)
    return float(((rates >= low) & (rates <= high)).mean())


def contaminated(share: float, shift: float, trimmed: bool, repeats: int, random: np.random.Generator) -> np.ndarray:
    """True shares of normal rows and of anomalies above the threshold, (2,)."""
    odd = random.random((repeats, CONTAMINATED)) < share
    scores = np.sort(random.standard_normal((repeats, CONTAMINATED)) + shift * odd)
    threshold = kth_smallest(scores[:, : CONTAMINATED - int(share * CONTAMINATED) * trimmed], RATE)
    return np.array([norm.sf(threshold).mean(), norm.sf(threshold - shift).mean()])


def print_contaminated(repeats: int) -> None:
    """Prints the table of anomalies among the calibration rows."""
    print("| anomalies | shift | as they are: normal | anomalies | trimmed: normal | anomalies |")
    print("|---|---|---|---|---|---|")
    random = np.random.default_rng(0)
    for share in (0.0, 0.05, 0.1):
        for shift in SHIFTS:
            found = [contaminated(share, shift, trimmed, repeats, random) for trimmed in (False, True)]
            print(f"| {share:.0%} | {shift:g} | {' | '.join(f'{value:.3f}' for both in found for value in both)} |")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--contaminated", action="store_true")
    arguments = parser.parse_args()
    if arguments.contaminated:
        return print_contaminated(arguments.repeats)
    print("| promise | rows | validation rows, which chose | stated interval holds | calibration rows | holds |")
    print("|---|---|---|---|---|---|")
    random = np.random.default_rng(0)
    for told, rate, measure in (
        (f"false-alarm rate at most {RATE:g}", RATE, detectors),
        (f"outside of intervals at most {1 - COVERAGE:.2g}", 1 - COVERAGE, intervals),
    ):
        for rows in ROWS:
            found = measure(rows, arguments.candidates, arguments.repeats, random)
            cells = [f"{rates.mean():.3f} | {inside(rates, rows, rate):.0%}" for rates in found.values()]
            print(f"| {told} | {rows} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
