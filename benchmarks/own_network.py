"""Whether a network of the user's own costs more than the same built-in one: seconds of an epoch, in turn.

    python benchmarks/own_network.py                image-cls with cnn and with a copy of it, 6 epochs, three rounds
    python benchmarks/own_network.py --rounds N

The copy is a file of plain Keras that builds the layers of the shipped pipeline's `cnn`.
"""

import argparse
import os
import platform
import statistics
import tempfile
from pathlib import Path

from measure import epoch_seconds, report, tfpipe_run

EPOCHS = ["train.epochs=6", "train.warmup_epochs=0", "evaluation.bootstrap=0"]
COPY = """
import keras


def copied(input_shape, classes, dropout: float = 0.3):
    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for stage, (width, count) in enumerate(((32, 1), (64, 2), (128, 2))):
        for _ in range(count):
            x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
            x = keras.layers.Activation("relu")(x)
        if stage < 2:
            x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(classes)(x))
"""


def main() -> None:
    """Reads the command line, runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "copy.py").write_text(COPY)
        networks = {"built-in": ["model.name=cnn"], "own": [f"model.name={home / 'copy.py'}:copied"]}
        seconds: dict[str, list[float]] = {network: [] for network in networks}
        for number in range(arguments.rounds):
            for network in list(networks)[:: 1 if number % 2 == 0 else -1]:
                _, run = tfpipe_run("image-cls", home / f"{number}-{network}", *EPOCHS, *networks[network])
                seconds[network].append(epoch_seconds(run))
        medians = {network: report(f"image-cls, epoch, {network}", values) for network, values in seconds.items()}
        rounds = [own / built_in for own, built_in in zip(seconds["own"], seconds["built-in"])]
        print(f"  ratio of the medians {medians['own'] / medians['built-in']:.3f}")
        print(f"  median of the rounds' ratios {statistics.median(rounds):.3f}")


if __name__ == "__main__":
    main()
