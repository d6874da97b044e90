"""LiteRT (TensorFlow Lite): one sample at a time, on phones and small computers; in whole numbers where asked."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ..exporter import Arrays, Exporter, Feeds, Quantized, Runtime, keywords
from ..script import Runner

if TYPE_CHECKING:
    from ...models import Served


class LiteRT(Exporter):
    """A file of LiteRT's own operations alone.

    As `float16` its weights have half the size; as `int8` weights and, where it is known how, activations are whole
    numbers (Jacob et al. 2018), inputs and outputs as they were.
    """

    runs_in = "LiteRT"
    file = "model.tflite"
    packages = ("tensorflow", "keras", "ai-edge-litert")
    any_size = True
    batch = 1  # recurrent networks need a number that is known
    quantized = {
        "int8": Quantized("8-bit integers", 0.02, calibrated=True),
        "float16": Quantized("16-bit floats", 0.01),
    }

    def write(self, served: "Served", folder: Path, quantize: str | None, calibration: Feeds | None) -> None:
        import tempfile

        import tensorflow as tf

        from ..graphs import function_of, write_graph

        with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-") as temporary:
            write_graph(function_of(served, self.whole, self.batch), served.input.part, Path(temporary))
            converter = tf.lite.TFLiteConverter.from_saved_model(temporary)
            if quantize:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if quantize == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if quantize == "int8":
                kinds = tf.lite.OpsSet
                converter.target_spec.supported_ops = [kinds.TFLITE_BUILTINS_INT8, kinds.TFLITE_BUILTINS]
                converter.representative_dataset = calibration
            with warnings.catch_warnings():
                # the interpreter that calibrates is TensorFlow's affair
                warnings.filterwarnings("ignore", message=".*Interpreter is deprecated")
                content = converter.convert()
        (folder / self.file).write_bytes(content)

    def call(self, path: Path, arguments: dict[str, str]) -> list[str]:
        loaded = f'run = Interpreter({str(path / self.file)!r}).get_signature_runner("serving_default")'
        imported = "import numpy as np; from ai_edge_litert.interpreter import Interpreter"
        return [imported, loaded, f"print(run({keywords(arguments)}))"]

    def runner(self) -> Runner:
        imported = "from ai_edge_litert.interpreter import Interpreter"
        loaded = 'runner = Interpreter(str(HERE / MANIFEST["file"])).get_signature_runner("serving_default")'
        return Runner("ai-edge-litert", imported, f"{loaded}\nrun = lambda feeds: runner(**feeds)")

    def open_runtime(self, folder: Path) -> Runtime:
        """What the package ai-edge-litert says of the file where it is installed, else the runtime inside of
        TensorFlow.
        """
        import numpy as np

        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            import tensorflow as tf

            Interpreter = tf.lite.Interpreter
        runner = Interpreter(model_path=str(folder / self.file), num_threads=1).get_signature_runner("serving_default")

        def run(feeds: Arrays) -> Arrays:
            return {name: np.array(value) for name, value in runner(**feeds).items()}

        return run
