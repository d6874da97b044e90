"""Measures the image-reg pipeline beside simple methods, over seeds 0, 1, 2.

    python benchmarks/image_reg.py quality   test R2 and RMSE of the angle of turned digits; coverage of the intervals

The simple methods are the baselines of the run itself: the mean of the training values, ridge regression and boosted
trees on the mean levels of 8 x 8 places.
"""

import json
import tempfile
from pathlib import Path

from measure import main, report, report_coverage, report_quality, tfpipe_run


def quality(peers: Path, rounds: int) -> None:
    """Test R2 and RMSE of the pipeline as shipped and of the baselines; coverage beside what is expected."""
    figures: dict[str, dict[str, list[float]]] = {"r2": {}, "rmse": {}}
    covered, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            spent, run = tfpipe_run("image-reg", Path(folder), f"seed={seed}")
            metrics = json.loads((run / "metrics.json").read_text())
            for name, values in figures.items():
                for method, found in {"tfpipe run image-reg": metrics["test"], **metrics["baselines"]}.items():
                    if name in found:
                        values.setdefault(method, []).append(round(found[name], 4))
            seconds.append(spent)
            covered.append((metrics["test"]["coverage"], *metrics["expected_coverage"]))
    for name, values in figures.items():
        print(f"test {name}, seeds 0, 1, 2:")
        for method, found in values.items():
            report_quality(method, found)
    report_coverage(covered)
    report("whole command", seconds)


if __name__ == "__main__":
    main(__doc__, {"quality": quality})
