"""Measures the presets of pipelines on their samples: test metric over seeds 0 to 2, and CPU time.

    python benchmarks/presets.py                     every packaged pipeline that has presets
    python benchmarks/presets.py PIPELINE...         these: names, or paths of pipeline files
    python benchmarks/presets.py --seeds 1 ...       seed 0 alone

The CPU time is that of the whole command, all threads together; the last column is its ratio to that of `good`, the
pipeline as it is.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile

from measure import QUIET

from tfpipelines.core import config
from tfpipelines.metrics.registry import direction_of

METRICS = ("accuracy", "rmse", "roc_auc", "kid", "fid")  # the first that a test split has


def one(pipeline: str, preset: str, seed: int, folder: str) -> tuple[str, float, float]:
    """The metric's name, its value on the test split, and the CPU seconds of the command."""
    verb = ["finetune"] if "backbone" in pipeline else ["run"]
    words = [f"preset={preset}", f"seed={seed}", "evaluation.baselines=false", "evaluation.bootstrap=0"]
    words = [word for word in words if "dcgan" not in pipeline or not word.startswith("evaluation")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "tfpipelines", *verb, pipeline, "--out", folder, "--json", *words]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, env=QUIET, check=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.path.join(told["run"], "metrics.json"), encoding="utf-8") as file:
        metrics = json.load(file)
    test = metrics.get("test") or metrics["folds"]["mean"]
    name = next(metric for metric in METRICS if metric in test)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return name, test[name], spent


def main() -> None:
    """Reads the command line, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipelines", nargs="*", metavar="PIPELINE")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'pipeline':<16}{'preset':<8}{'metric':<10}{'mean':>9}   range                CPU s   ratio")
    for pipeline in arguments.pipelines or config.pipeline_names():
        presets = config.read_yaml(config.find_pipeline(pipeline)).get("presets", {})
        usual = 0.0
        for preset in ["good", *presets] if presets else []:
            with tempfile.TemporaryDirectory() as folder:
                told = [one(pipeline, preset, seed, folder) for seed in range(arguments.seeds)]
            name, values = told[0][0], [value for _, value, _ in told]
            spent = statistics.median(seconds for _, _, seconds in told)
            usual = usual or spent
            better = "higher" if direction_of(name) == "max" else "lower"
            print(
                f"{pipeline[-15:]:<16}{preset:<8}{name:<10}{statistics.mean(values):9.4f}   {min(values):.4f} to "
                f"{max(values):.4f}   {spent:8.0f}   {spent / usual:5.2f}   ({better} is better)",
                flush=True,
            )


if __name__ == "__main__":
    main()
