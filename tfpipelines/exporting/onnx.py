"""ONNX: any number of samples at once, in ONNX Runtime and whatever else reads the format (extra `onnx`)."""

import json
import logging
from pathlib import Path

import numpy as np

from ..errors import ConfigError
from ..models import Served
from .graphs import Runtime, function_of

WHOLE = False
BATCH = None
FILE = "model.onnx"
_OPSET = 18


def require() -> None:
    """Refuses where the extra is not installed.

    Raises:
        ConfigError: naming what is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"--format onnx needs a package that is not installed: {error.name}.", "pip install 'tfpipelines[onnx]'"
        ) from error


def write(served: Served, folder: Path, quantize: None, calibration: None) -> None:
    """Writes model.onnx, with the manifest's words among its properties."""
    import onnx
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function = function_of(served, WHOLE, BATCH)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=_OPSET)
    onnx.helper.set_model_props(
        proto,
        {
            "preprocessing": " ".join(served.input.words(WHOLE)),
            "classes": json.dumps(getattr(served.answer, "classes", []), ensure_ascii=False),
        },
    )
    onnx.checker.check_model(proto)
    (folder / FILE).write_bytes(proto.SerializeToString())


def open_runtime(folder: Path) -> Runtime:
    """What ONNX Runtime says of the file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(folder / FILE), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, feeds)))

    return run


def versions() -> tuple[str, ...]:
    """Packages that have a say in the result."""
    return ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime")
