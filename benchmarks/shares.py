"""What of a whole command is not training: seconds of its parts, of each pipeline on its sample, with one epoch.

    python benchmarks/shares.py                  all packaged pipelines
    python benchmarks/shares.py PIPELINE...      these

`start` is the time until the run folder is made: Python and the configuration. `data`, `training` and `evaluation` are
those of metrics.json, so `training` is one epoch with all that is compiled for it. `rest` is what none of them names:
the import of TensorFlow, building the network, the files of the run, the report. `CPU` is that of all threads. A quiet
machine is needed.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import QUIET

from tfpipelines.core import config


def parts(pipeline: str, folder: str) -> dict[str, float]:
    """Seconds of the parts of one command, of the whole, and of all its threads."""
    verb = "finetune" if "backbone" in pipeline else "run"
    train = config.read_yaml(config.find_pipeline(pipeline)).get("train", {})
    words = [f"train.{name}=1" for name in ("epochs", "head_epochs") if name in train]
    command = [sys.executable, "-m", "tfpipelines", verb, pipeline, "--out", folder, "--json", *words]
    before, began, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.time(), time.perf_counter()
    told = json.loads(subprocess.run(command, capture_output=True, text=True, env=QUIET, check=True).stdout)
    whole, after = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_CHILDREN)
    run = Path(told["run"])
    spent = json.loads((run / "metrics.json").read_text())["time"]
    found = {name: spent.get(name, 0.0) for name in ("data", "training", "evaluation")}
    found["start"] = max(0.0, os.stat(run / "pipeline.yaml").st_mtime - began)
    found["rest"] = whole - sum(found.values())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**found, "not training": whole - found["training"], "whole": whole, "CPU": cpu}


def main() -> None:
    """Reads the command line, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipelines", nargs="*", metavar="PIPELINE")
    names = ("start", "data", "training", "evaluation", "rest", "not training", "whole", "CPU")
    print(f"{'pipeline':<16}" + "".join(f"{name:>13}" for name in names))
    for pipeline in parser.parse_args().pipelines or config.pipeline_names():
        with tempfile.TemporaryDirectory() as folder:
            found = parts(pipeline, folder)
        print(f"{pipeline:<16}" + "".join(f"{found[name]:>13.1f}" for name in names), flush=True)


if __name__ == "__main__":
    main()
