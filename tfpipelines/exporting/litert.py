"""LiteRT (TensorFlow Lite): one sample at a time, on phones and small computers; in whole numbers where asked."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..models import Served
from .graphs import Runtime, function_of, write_graph

WHOLE = False
BATCH = 1  # recurrent networks need a number that is known
FILE = "model.tflite"


def write(served: Served, folder: Path, quantize: str | None, calibration) -> None:
    """Writes model.tflite, of LiteRT's own operations alone.

    Args:
        quantize: `float16`: weights of half size; `int8`: weights and, where it is known how, activations as whole
            numbers (Jacob et al. 2018), inputs and outputs as they were; None: float32.
        calibration: for `int8`: function without arguments that gives an iterator of samples as `served.input.feed`
            makes them.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-") as temporary:
        write_graph(function_of(served, WHOLE, BATCH), served.input.part, Path(temporary))
        converter = tf.lite.TFLiteConverter.from_saved_model(temporary)
        if quantize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
            converter.representative_dataset = calibration
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=".*Interpreter is deprecated"
            )  # that which calibrates is TensorFlow's affair
            content = converter.convert()
    (folder / FILE).write_bytes(content)


def open_runtime(folder: Path) -> Runtime:
    """What the LiteRT runtime says of the file: the package ai-edge-litert where it is installed, else the one
    inside of TensorFlow.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        Interpreter = tf.lite.Interpreter
    runner = Interpreter(model_path=str(folder / FILE), num_threads=1).get_signature_runner("serving_default")

    def run(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: np.array(value) for name, value in runner(**feeds).items()}

    return run


def versions() -> tuple[str, ...]:
    """Packages that have a say in the result."""
    return ("tensorflow", "keras", "ai-edge-litert")
