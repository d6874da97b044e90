"""ONNX: any number of samples at once, in ONNX Runtime and whatever else reads the format (extra `onnx`)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError
from ..exporter import Arrays, Exporter, Feeds, Runtime
from ..script import Runner

if TYPE_CHECKING:
    from ...models import Served

_OPSET = 18


class ONNX(Exporter):
    """A file with the manifest's words among its properties."""

    runs_in = "ONNX Runtime"
    file = "model.onnx"
    packages = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime")
    any_size = True

    def require(self) -> None:
        try:
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
            import tf2onnx  # noqa: F401
        except ImportError as error:
            cause = f"--format onnx needs a package that is not installed: {error.name}."
            raise ConfigError(cause, "pip install 'tfpipelines[onnx]'") from error

    def write(self, served: "Served", folder: Path, quantize: str | None, calibration: Feeds | None) -> None:
        import logging

        import onnx
        import tf2onnx

        from ..graphs import function_of

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        function = function_of(served, self.whole, self.batch)
        proto, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=_OPSET)
        _name_axes(proto)
        classes = json.dumps(served.answer.classes, ensure_ascii=False)
        words = {"preprocessing": " ".join(served.input.words(self.whole)), "classes": classes}
        onnx.helper.set_model_props(proto, words)
        onnx.checker.check_model(proto)
        (folder / self.file).write_bytes(proto.SerializeToString())

    def call(self, path: Path, arguments: dict[str, str]) -> list[str]:
        given = ", ".join(f"{name!r}: {array}" for name, array in arguments.items())
        loaded = f"session = onnxruntime.InferenceSession({str(path / self.file)!r})"
        return ["import numpy as np, onnxruntime", loaded, f"print(session.run(None, {{{given}}}))"]

    def runner(self) -> Runner:
        loaded = 'session = onnxruntime.InferenceSession(str(HERE / MANIFEST["file"]))'
        named = "names = [output.name for output in session.get_outputs()]"
        run = "run = lambda feeds: dict(zip(names, session.run(None, feeds)))"
        return Runner("onnxruntime", "import onnxruntime", "\n".join([loaded, named, run]))

    def open_runtime(self, folder: Path) -> Runtime:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(folder / self.file), options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]

        def run(feeds: Arrays) -> Arrays:
            return dict(zip(names, session.run(names, feeds)))

        return run


def _name_axes(proto: Any) -> None:
    """Calls the first axis of inputs and outputs `batch`, and those of images `height` and `width`, where their sizes
    may be any.
    """
    for tensor in (*proto.graph.input, *proto.graph.output):
        names = ("batch", "height", "width") if tensor.name == "image" else ("batch",)
        for axis, name in zip(tensor.type.tensor_type.shape.dim, names):
            if not axis.HasField("dim_value"):
                axis.dim_param = name
