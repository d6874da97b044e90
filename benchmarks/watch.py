"""False alarms and delays of `tfpipe watch`: a simulation.

    python benchmarks/watch.py                  # the tables of docs/howto/watch_new_data.md, 2 minutes
    python benchmarks/watch.py --repeats 50

Calibration and new scores are normally distributed. First nothing happens in 1,000 rows, and the share of simulations
is printed in which a shift is found nevertheless, at both levels; also for scores with many ties, and for scores that
depend on the one before (AR(1)), which are not exchangeable. Then scores shift by some standard deviations, or spread,
from a row on: printed are the share of simulations that find it within 1,000 rows, after how many rows (median and 90%
quantile), and how far from the true row the estimated one is (median, and 5% to 95%).
"""

import argparse

import numpy as np
from scipy.signal import lfilter

from tfpipelines.metrics.shift import ShiftTest

LEVELS = 0.05, 0.01
ROWS = 1_000
CALIBRATION = 39, 200
SHIFTS = {"+0.5": (0.5, 1.0), "+1": (1.0, 1.0), "+2": (2.0, 1.0), "-1": (-1.0, 1.0), "spread x 2": (0.0, 2.0)}


def watched(calibration: np.ndarray, scores: np.ndarray, seed: int) -> dict[float, tuple[int, int]]:
    """Level -> the row at which a shift is found, and the row it is estimated to begin at; of levels that find one."""
    found = {}
    for alpha in LEVELS:
        test = ShiftTest(calibration, alpha, seed)
        if any(test.add(score) for score in scores):
            found[alpha] = test.found[0], test.since[0]
    return found


def dependent(size: int, correlation: float, random: np.random.Generator) -> np.ndarray:
    """Standard normal scores of which each depends on the one before."""
    noise = random.standard_normal(size + 100)
    return lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], noise)[100:]


def false_alarms(repeats: int) -> None:
    """Prints how often a shift is found where there is none."""
    print("| new scores | calibration | level 0.05 | level 0.01 |\n|---|---|---|---|")
    kinds = {
        "as before": lambda size, random: random.standard_normal(size),
        "as before, rounded to 0.5": lambda size, random: np.round(2 * random.standard_normal(size)) / 2,
        "correlation 0.1 with the one before": lambda size, random: dependent(size, 0.1, random),
        "correlation 0.3": lambda size, random: dependent(size, 0.3, random),
        "correlation 0.6": lambda size, random: dependent(size, 0.6, random),
        "correlation 0.6, each 5th row": lambda size, random: dependent(5 * size, 0.6, random)[::5],
    }
    for told, draw in kinds.items():
        for count in CALIBRATION:
            alarms = dict.fromkeys(LEVELS, 0)
            for seed in range(repeats):
                scores = draw(count + ROWS, np.random.default_rng([seed, count]))
                for alpha in watched(scores[:count], scores[count:], seed):
                    alarms[alpha] += 1
            cells = [f"{alarms[alpha] / repeats:.3f}" for alpha in LEVELS]
            print(f"| {told} | {count} | {' | '.join(cells)} |", flush=True)


def delays(repeats: int) -> None:
    """Prints how soon a shift is found."""
    alpha = 0.01
    print("\n| shift | from row | calibration | found | rows until then | error of the estimated row |")
    print("|---|---|---|---|---|---|")
    for told, (shift, spread) in SHIFTS.items():
        for begin in (0, 200):
            for count in CALIBRATION:
                rows, errors = [], []
                for seed in range(repeats):
                    random = np.random.default_rng([seed, count, begin])
                    scores = random.standard_normal(count + begin + ROWS)
                    scores[count + begin :] = shift + spread * scores[count + begin :]
                    test = ShiftTest(scores[:count], alpha, seed)
                    if any(test.add(score) for score in scores[count:]) and test.found[0] >= begin:
                        rows.append(test.found[0] - begin + 1)
                        errors.append(test.since[0] - begin)
                if not rows:
                    print(f"| {told} | {begin} | {count} | 0% | | |", flush=True)
                    continue
                low, middle, high = np.percentile(errors, [5, 50, 95])
                delay = f"{np.median(rows):.0f} ({np.percentile(rows, 90):.0f})"
                found = f"{len(rows) / repeats:.0%} | {delay} | {middle:+.0f} ({low:+.0f} to {high:+.0f})"
                print(f"| {told} | {begin} | {count} | {found} |", flush=True)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=300)
    arguments = parser.parse_args()
    false_alarms(arguments.repeats)
    delays(arguments.repeats)


if __name__ == "__main__":
    main()
