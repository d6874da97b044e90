"""SavedModel: raw samples in, answers with their names out; as TensorFlow Serving loads it."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from ..models import Served
from .graphs import Runtime, function_of, write_graph

WHOLE = True  # the graph takes raw samples
BATCH = None  # any number of samples at once
FILE = "saved_model.pb"


def write(served: Served, folder: Path, quantize: None, calibration: None) -> None:
    """Writes the SavedModel's files into an existing folder."""
    write_graph(function_of(served, WHOLE, words=True), served.input.model, folder)


def open_runtime(folder: Path) -> Runtime:
    """What TensorFlow says of the files, without Keras."""
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]

    def run(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: value.numpy()
            for name, value in signature(**{name: tf.constant(value) for name, value in feeds.items()}).items()
        }

    run.keep = loaded  # its variables live as long as it does
    return run


def versions() -> tuple[str, ...]:
    """Packages that have a say in the result."""
    return ("tensorflow", "keras", "tensorflow-text")
