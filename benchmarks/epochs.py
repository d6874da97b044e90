"""Whether the code has become slower: seconds of an epoch in the working tree and in a git revision, in turn.

    python benchmarks/epochs.py REVISION            image-cls and text-cls as shipped, 6 epochs, five rounds
    python benchmarks/epochs.py REVISION --rounds N

Each run is a process of its own; a round is one run of each tree, in alternating order. Printed are the medians of the
epochs after the first of each run, and the ratio of the trees' medians.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from golden import ROOT, checked_out
from measure import QUIET, epoch_seconds, report

PIPELINES = ("image-cls", "text-cls")
EPOCHS = ["train.epochs=6", "train.warmup_epochs=0", "evaluation.bootstrap=0"]


def main() -> None:
    """Reads the command line, runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="of this repository, such as HEAD~3 or main")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        trees = {"working tree": ROOT, arguments.revision: checked_out(arguments.revision, home / "tree")}
        for pipeline in PIPELINES:
            seconds: dict[str, list[float]] = {tree: [] for tree in trees}
            for number in range(arguments.rounds):
                for tree in list(trees)[:: 1 if number % 2 == 0 else -1]:
                    run = trained(trees[tree], pipeline, home / f"{number}-{len(seconds[tree])}-{tree.split()[0]}")
                    seconds[tree].append(epoch_seconds(run))
            medians = [report(f"{pipeline}, epoch, {tree}", values) for tree, values in seconds.items()]
            print(f"  ratio of the medians {medians[0] / medians[1]:.3f}", flush=True)
            turns = [ours / theirs for ours, theirs in zip(*seconds.values())]
            print(f"  median of the rounds' ratios {statistics.median(turns):.3f}", flush=True)


def trained(root: Path, pipeline: str, folder: Path) -> Path:
    """The run folder of a pipeline as a tree runs it."""
    words = ["-m", "tfpipelines", "run", str(root / "pipelines" / f"{pipeline}.yaml"), *EPOCHS, "--out", str(folder)]
    environment = {**QUIET, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, *words], cwd=root, env=environment, capture_output=True, check=True)
    return next(folder.glob("*/status.json")).parent


if __name__ == "__main__":
    main()
