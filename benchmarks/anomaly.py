"""Measures the anomaly detection pipelines, and prints what the README says of them.

    python benchmarks/anomaly.py digits     each class normal in turn, seeds 0, 1, 2, beside the baselines of the report
                                            and anomaly_pca.py
    python benchmarks/anomaly.py samples    bricks, pressure, cells: figures of seeds 0, 1, 2, and the whole command
    python benchmarks/anomaly.py alarms     measured false-alarm rate of each detector on the samples, seeds 0 to 9
    python benchmarks/anomaly.py scoring    milliseconds an image of the saved model beside the bare forward pass

`--peers DIR` names another folder with anomaly_pca.py, `--rounds N` the number of turns. For times a quiet machine is
needed: nothing else should run.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from measure import figure, main, report, report_quality, tfpipe_run, timed

import tfpipelines

SAMPLES = {
    "anomaly": ("roc_auc", "average_precision", "f1", "pixel_roc_auc", "per_region_overlap"),
    "anomaly-series": ("roc_auc", "event_recall", "point_f1"),
    "anomaly-table": ("roc_auc", "average_precision", "f1"),
}
ALARMS = {  # autoencoders by five epochs, which is enough for a threshold to hold
    "anomaly-table": ("pca", "gaussian", "knn", "isolation_forest", "dense", "vae", "auto"),
    "anomaly-series": ("pca", "forecast", "matrix_profile", "conv1d", "auto"),
    "anomaly-digits": ("conv", "feature"),
    "anomaly": ("memory", "padim", "auto"),
}


def run(pipeline: str, folder: str, *overrides: str) -> dict:
    """The metrics.json of a run in this process."""
    import keras

    keras.backend.clear_session()
    return tfpipelines.run(pipeline, list(overrides), out=folder, observer=tfpipelines.Observer()).metrics


def alarms_of(metrics: dict) -> tuple[float, bool, bool]:
    """The measured rate, and whether it lies in the interval of so many test samples, and in that of the true rate."""
    rate = metrics["test"]["false_alarm_rate"]
    return rate, *(low <= rate <= high for low, high in (metrics["test_interval"], metrics["threshold"]["interval"]))


def digits(peers: Path, rounds: int) -> None:
    """Mean AUROC over the ten classes."""
    means, beside, told = [], {}, []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            scores = []
            for digit in range(10):
                metrics = run(
                    "anomaly-digits",
                    folder,
                    f"data.normal=[{digit}]",
                    f"seed={seed}",
                    f"evaluation.baselines={seed == 0}",
                    "evaluation.bootstrap=0",
                )
                scores.append(metrics["test"]["roc_auc"])
                told.append(alarms_of(metrics))
                for name, figures in metrics.get("baselines", {}).items():
                    beside.setdefault(name, []).append(figures["roc_auc"])
            print(f"  seed {seed}: {' '.join(f'{score:.4f}' for score in scores)}", flush=True)
            means.append(round(statistics.mean(scores), 4))
    print("mean AUROC over the classes, each normal in turn:")
    report_quality("tfpipe run anomaly-digits", means)
    for name, scores in beside.items():
        report_quality(f"{name}, of the report", [round(statistics.mean(scores), 4)])
    report_quality(
        "anomaly_pca.py", [figure(timed([sys.executable, str(peers / "anomaly_pca.py")])[1], "mean_roc_auc")]
    )
    _print_alarms("digits, 10 classes x 3 seeds", told)


def samples(peers: Path, rounds: int) -> None:
    """Test figures of the other pipelines, and what is printed beside them."""
    with tempfile.TemporaryDirectory() as folder:
        for pipeline, names in SAMPLES.items():
            results = [run(pipeline, folder, f"seed={seed}") for seed in range(3)]
            print(f"{pipeline}, seeds 0, 1, 2:")
            for name in names:
                report_quality(name, [round(metrics["test"][name], 4) for metrics in results])
            for name, figures in results[0]["baselines"].items():
                report_quality(f"{name}, roc_auc", [round(figures["roc_auc"], 4)])
        for pipeline in (*SAMPLES, "anomaly-digits"):
            report(
                f"tfpipe run {pipeline}, the whole command",
                [tfpipe_run(pipeline, Path(folder))[0] for _ in range(rounds)],
            )


def alarms(peers: Path, rounds: int) -> None:
    """How often the threshold cries wolf, beside what it promises, of each detector and of those that were chosen."""
    with tempfile.TemporaryDirectory() as folder:
        cells = Path(folder) / "cells.csv"  # without its splits: each seed draws its own
        table = pd.read_csv(Path(tfpipelines.__file__).parents[1] / "data" / "cells" / "cells.csv")
        table.drop(columns="split").to_csv(cells, index=False)
        for pipeline, names in ALARMS.items():
            data = [f"data.path={cells}"] if pipeline == "anomaly-table" else []
            for name in names:
                told = []
                for seed in range(10):
                    fields = [f"seed={seed}", "evaluation.baselines=false", "evaluation.bootstrap=0", "train.epochs=5"]
                    told.append(alarms_of(run(pipeline, folder, f"model.name={name}", *data, *fields)))
                _print_alarms(f"{pipeline}, {name}", told)


def _print_alarms(name: str, told: list[tuple[float, bool, bool]]) -> None:
    rates = [rate for rate, _, _ in told]
    inside, within = (sum(entry[place] for entry in told) for place in (1, 2))
    print(
        f"  {name:<44} false-alarm rate {statistics.mean(rates):.4f}   range {min(rates):.4f} to "
        f"{max(rates):.4f}   in the stated interval {inside} of {len(told)} ({within} in that of the true "
        "rate)"
    )
    print("   ", " ".join(f"{rate:.3f}" for rate in rates), flush=True)


def scoring(peers: Path, rounds: int) -> None:
    """Raw images through the saved model to a score, beside its network on ready floats."""
    import keras

    from tfpipelines.models import network_of
    from tfpipelines.tasks.anomaly import part_of

    with tempfile.TemporaryDirectory() as folder:
        _, path = tfpipe_run("anomaly", Path(folder), "train.epochs=1", "evaluation.baselines=false")
        model = keras.saving.load_model(path / "model.keras")
    side = model.output["map"].shape[1]
    images = np.random.default_rng(0).integers(0, 256, (1024, side, side, 3)).astype(np.uint8)
    floats, saved, bare = images.astype(np.float32), part_of(model, "score"), network_of(model)
    times: dict[str, list[float]] = {"saved model, uint8 to score": [], "bare forward pass, floats": []}
    for turn in range(rounds + 1):
        for name, network, inputs in zip(times, (saved, bare), (images, floats)):
            began = time.perf_counter()
            network.predict(inputs, batch_size=128, verbose=0)
            if turn:  # the first one traces
                times[name].append(1000 * (time.perf_counter() - began) / len(images))
    medians = [report(name, values, "ms an image") for name, values in times.items()]
    print(f"  ratio {medians[0] / medians[1]:.2f}")


if __name__ == "__main__":
    main(__doc__, {"digits": digits, "samples": samples, "alarms": alarms, "scoring": scoring})
