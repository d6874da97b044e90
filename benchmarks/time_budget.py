"""Measures whether runs end in their `train.time`: seconds of the whole command by the time it was given.

    python benchmarks/time_budget.py                 three pipelines, two times each
    python benchmarks/time_budget.py tabular --share 0.5     half of the times of one

A quiet machine is needed: what other processes do between the measuring run and the end of a run is no error of it.
"""

import argparse
import json
import tempfile
from pathlib import Path

from measure import tfpipe_run

from tfpipelines.core import config

RUNS = {  # seconds; with early stopping a run may end before
    "image-cls": ((), (150, 300)),
    "text-cls": (("model.name=bilstm", "train.early_stopping=null"), (90, 180)),
    "tabular": (("model.name=mlp", "train.early_stopping=null"), (40, 80)),
}


def main() -> None:
    """Reads the command line, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RUNS)}; by default all")
    parser.add_argument("--share", type=float, default=1.0)
    options = parser.parse_args()
    print(f"{'pipeline':<12}{'train.time':>12}{'took':>9}{'ratio':>8}   decided")
    for name in options.names or RUNS:
        overrides, times = RUNS[name]
        for asked in (round(options.share * seconds) for seconds in times):
            with tempfile.TemporaryDirectory() as folder:
                seconds, run = tfpipe_run(name, Path(folder), f"train.time={asked}", *overrides)
                train = config.read_yaml(run / "pipeline.yaml")["train"]
                accuracy = json.loads((run / "metrics.json").read_text())["test"]["accuracy"]
            told = f"{train['epochs']} epochs of {train['steps_per_epoch']} steps, accuracy {accuracy:.3f}"
            print(f"{name:<12}{asked:>10} s{seconds:>7.1f} s{seconds / asked:>8.3f}   {told}", flush=True)


if __name__ == "__main__":
    main()
