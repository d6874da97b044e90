"""How often the coverage of prediction intervals, measured on test rows, lies in the range that a run states for it.

    nice python benchmarks/prediction_intervals.py        # the table of docs/explanation/prediction_intervals.md
    nice python benchmarks/prediction_intervals.py --seeds 3 --only friedman

For each seed and each of three tables the whole command `tfpipe run` is carried out: ratings of film reviews (a bag of
words), prices of diamonds (boosted trees), and 2,000 rows of Friedman's first function with noise (Friedman 1991;
boosted trees). No table names its splits, so every seed draws its own training, validation, calibration and test rows;
rows of Friedman's function are drawn anew, too. `expected_coverage` of metrics.json should hold the measured coverage
of 19 runs in 20.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from measure import tfpipe_run
from sklearn.datasets import make_friedman1

SAMPLES = Path(__file__).resolve().parents[1] / "data"
BRIEF = ["evaluation.baselines=false", "evaluation.bootstrap=20"]
NO_WIDE_PART = ["model.wide.words=0", "model.wide.characters=[]"]
BOOSTING = ["model.name=boosting", "data.target_column=target"]


def reviews(path: Path, seed: int) -> None:
    """Writes texts and their ratings."""
    pd.read_csv(SAMPLES / "reviews" / "reviews.csv")[["text", "rating"]].to_csv(path, index=False)


def diamonds(path: Path, seed: int) -> None:
    """Writes the columns of diamonds, `target` their price."""
    table = pd.read_csv(SAMPLES / "diamonds" / "diamonds.csv").drop(columns="split", errors="ignore")
    table.rename(columns={"price": "target"}).to_csv(path, index=False)


def friedman(path: Path, seed: int) -> None:
    """Writes ten columns uniform in [0, 1], and `target`, a function of five of them with noise of deviation 1."""
    x, y = make_friedman1(2000, noise=1.0, random_state=seed)
    pd.DataFrame(x).add_prefix("x").assign(target=y).to_csv(path, index=False)


# name -> how its table is written, pipeline and overrides
TABLES: dict[str, tuple[Callable[[Path, int], None], str, list[str]]] = {
    "reviews": (
        reviews,
        "text-reg",
        ["data.label_column=rating", "data.target=number", "model.name=bow", "train.epochs=2", *NO_WIDE_PART],
    ),
    "diamonds": (diamonds, "tabular-reg", [*BOOSTING, "data.target_scale=log"]),
    "friedman": (friedman, "tabular-reg", [*BOOSTING, "data.target_scale=linear"]),
}


def measured(name: str, seed: int) -> tuple[float, float, float, int, int]:
    """Of one run: measured coverage, the ends of its expected range, calibration and test rows."""
    write, pipeline, overrides = TABLES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.csv"
        write(path, seed)
        _, run = tfpipe_run(pipeline, Path(folder), f"data.path={path}", f"seed={seed}", *overrides, *BRIEF)
        metrics = json.loads((run / "metrics.json").read_text())
        rows = len(pd.read_csv(run / "predictions.csv", usecols=["item"]))
    return metrics["test"]["coverage"], *metrics["expected_coverage"], metrics["interval"]["samples"], rows


def main() -> None:
    """Prints each run, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="how many, from 0")
    parser.add_argument("--only", choices=list(TABLES), nargs="+", default=list(TABLES))
    arguments = parser.parse_args()
    rows, inside = [], 0
    for name in arguments.only:
        runs = []
        for seed in range(arguments.seeds):
            runs.append(measured(name, seed))
            share, low, high, *counts = runs[-1]
            told = "inside" if low <= share <= high else "OUTSIDE"
            print(f"{name}, seed {seed}: {share:.4f}, expected {low:.4f} to {high:.4f}: {told} {counts}", flush=True)
        held, shares = sum(low <= share <= high for share, low, high, *_ in runs), [share for share, *_ in runs]
        spread = f"{statistics.mean(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})"
        rows.append(f"| {name} | {runs[0][3]:,} | {runs[0][4]:,} | {spread} | {held} of {len(runs)} |")
        inside += held
    print("| table | calibration rows | test rows | measured coverage | inside the stated range |")
    print("|---|---|---|---|---|")
    print("\n".join(rows))
    print(f"| all | | | | {inside} of {arguments.seeds * len(arguments.only)} |")


if __name__ == "__main__":
    main()
