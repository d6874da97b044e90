"""Measures the text-reg pipeline beside ridge regression on TF-IDF, over seeds 0, 1, 2.

    python benchmarks/text_reg.py quality   test RMSE of the rating of film reviews, and coverage of the intervals

`--peers DIR` names another folder with the script reviews_ridge.py.
"""

import json
import sys
import tempfile
from pathlib import Path

from measure import figure, main, report, report_coverage, report_quality, tfpipe_run, timed


def quality(peers: Path, rounds: int) -> None:
    """Test RMSE of the pipeline as shipped, of its parts, and of the peer; coverage beside what is expected."""
    variants = {
        "tfpipe run text-reg": [],
        "without intervals: no calibration split": ["evaluation.coverage=null"],
        "model.name=bow, no wide part": ["model.wide.words=0", "model.wide.characters=[]", "model.name=bow"],
    }
    errors: dict[str, list[float]] = {name: [] for name in variants}
    covered, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            for name, overrides in variants.items():
                spent, run = tfpipe_run("text-reg", Path(folder), f"seed={seed}", *overrides)
                metrics = json.loads((run / "metrics.json").read_text())
                errors[name].append(round(metrics["test"]["rmse"], 4))
                if not overrides:
                    seconds.append(spent)
                    covered.append((metrics["test"]["coverage"], *metrics["expected_coverage"]))
    print("test RMSE, seeds 0, 1, 2:")
    for name, values in errors.items():
        report_quality(name, values)
    told = timed([sys.executable, str(peers / "reviews_ridge.py")])[1]
    report_quality("TF-IDF (words, characters) and ridge", [figure(told, "test_rmse")])
    report_quality("mean of the training values", [figure(told, "mean_rmse")])
    report_coverage(covered)
    report("whole command", seconds)


if __name__ == "__main__":
    main(__doc__, {"quality": quality})
