"""What the benchmarks share: commands in processes of their own, and medians in print."""

import argparse
import csv
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


def timed(command: list[str]) -> tuple[float, str]:
    """Seconds and standard output of a command."""
    began = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True, env=QUIET, check=True)
    return time.perf_counter() - began, result.stdout


def tfpipe_run(pipeline: str, folder: Path, *overrides: str) -> tuple[float, Path]:
    """Seconds of one `tfpipe run`, and its run folder."""
    seconds, out = timed(
        [sys.executable, "-m", "tfpipelines", "run", pipeline, "--out", str(folder), "--json", *overrides]
    )
    return seconds, Path(json.loads(out)["run"])


def epoch_seconds(run: Path) -> float:
    """Median after the first epoch, as the peers report it."""
    with open(run / "history.csv", newline="") as file:
        return statistics.median([float(row["seconds"]) for row in csv.DictReader(file)][1:])


def test_accuracy(run: Path) -> float:
    """Of the run's metrics."""
    return json.loads((run / "metrics.json").read_text())["test"]["accuracy"]


def figure(text: str, name: str) -> float:
    """A named figure of a peer's output."""
    return float(re.search(rf"{name} ([\d.]+)", text)[1])


def report(name: str, values: list[float], unit: str = "s") -> float:
    """Prints and returns the median."""
    median = statistics.median(values)
    print(f"  {name:<44} {median:8.3f} {unit}   ({', '.join(f'{value:.3f}' for value in values)})", flush=True)
    return median


def report_quality(name: str, values: list[float]) -> None:
    """Prints mean and range over seeds."""
    print(
        f"  {name:<44} mean {statistics.mean(values):.4f}   range {min(values):.4f} to {max(values):.4f}   "
        f"({', '.join(map(str, values))})",
        flush=True,
    )


def report_coverage(covered: list[tuple[float, float, float]]) -> None:
    """Prints, for seeds from 0, the coverage of prediction intervals on test rows and the ends of its stated range."""
    print("coverage of the prediction intervals, and its range by the calibration split (95%):")
    for seed, (share, low, high) in enumerate(covered):
        print(f"  seed {seed}: {share:.3f}, {low:.3f} to {high:.3f}")


def main(description: str, parts: dict[str, Callable[[Path, int], None]]) -> None:
    """Runs the part that the command line asks for, with the folder of peers and the number of rounds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=list(parts))
    parser.add_argument("--peers", type=Path, default=Path(__file__).resolve().parent / "peers")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    parts[arguments.part](arguments.peers, arguments.rounds)
