"""What exports of runs are like: differences, flipped answers, milliseconds a sample, megabytes.

    python export.py RUN...      # any finished runs; all that they have held out, one sample at a time, one thread

Keras itself is timed beside them on the same raw samples, as `model.predict_on_batch`.
"""

import os
import platform
import statistics
import sys
import tempfile
import time

import tfpipelines
from tfpipelines.exporting.formats import exporters

WAYS = [(name, quantize) for name, some in exporters().items() for quantize in (None, *some.quantized)]


def keras_milliseconds(run) -> float:
    """The model file's time for one raw sample, the median of all that are held out."""
    import pandas as pd

    task = run.own_task()
    served = task.served(run.model)
    seconds = []
    for sample in task.replayed(
        pd.read_csv(run.folder / "splits.csv", dtype=str, keep_default_na=False), ("test", "validation"), 200
    ):
        feeds = list(served.input.feed(sample, True).values())
        if feeds[0].dtype == object:
            import tensorflow as tf

            feeds = [tf.constant(feeds[0])]
        began = time.perf_counter()
        run.model.predict_on_batch(feeds if len(feeds) > 1 else feeds[0])
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


def main(folders: list[str]) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        "| run | format | samples | largest difference | flips | accuracy | ms a sample | MB "
        "|\n|---|---|---|---|---|---|---|---|"
    )
    for folder in folders:
        run = tfpipelines.load(folder)
        print(
            f"| {run.folder.name} | model.keras | | | | | {keras_milliseconds(run):.2f} | "
            f"{(run.folder / 'model.keras').stat().st_size / 1e6:.2f} |"
        )
        for format, quantize in WAYS:
            name = format if quantize is None else f"{format}, {quantize}"
            with tempfile.TemporaryDirectory() as out:
                try:
                    proof = tfpipelines.export(run, format, quantize, out=out, samples=10_000).manifest["proof"]
                except tfpipelines.ExportError as error:
                    print(f"| {run.folder.name} | {name} | refused: {error.cause} | | | | | |", flush=True)
                    continue
            accuracy = (
                f"{proof['accuracy_before']:.4f} to {proof['accuracy']:.4f}" if quantize and "accuracy" in proof else ""
            )
            print(
                f"| {run.folder.name} | {name} | {proof['samples']} | {proof['largest_difference']:.1e} | "
                f"{proof.get('flips', '')} | {accuracy} | {proof['milliseconds_per_sample']:.2f} | "
                f"{proof['bytes'] / 1e6:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
