"""An export made by hand: no training, and a runtime that starts at once."""

import base64
import io
import json

import numpy as np
from PIL import Image

from tfpipelines.core.files import file_hash


def picture(level: int, size: tuple[int, int] = (8, 8)) -> bytes:
    """A grey PNG of one level, (width, height)."""
    buffer = io.BytesIO()
    Image.new("L", size, level).save(buffer, "PNG")
    return buffer.getvalue()


def write_export(folder, factor: float = 1.0, kept: int = 4):
    """An ONNX classifier of grey images of 8 x 8 pixels: P(bright) is the mean level / 255.

    Args:
        factor: of what the model says, but not of what the kept samples say: not 1, it is damaged.
        kept: samples of the proof.
    """
    import onnx
    from onnx import TensorProto, helper

    folder.mkdir(parents=True)
    nodes = [
        helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels", "axes"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "most"], ["share"]),
        helper.make_node("Mul", ["share", "factor"], ["told"]),
        helper.make_node("Unsqueeze", ["told", "one_axis"], ["bright"]),
        helper.make_node("Sub", ["one", "bright"], ["dark"]),
        helper.make_node("Concat", ["dark", "bright"], ["probabilities"], axis=1),
    ]
    tensor = lambda name, values, kind: helper.make_tensor(name, kind, np.shape(values), np.ravel(values))
    constants = [
        tensor("axes", [1, 2, 3], TensorProto.INT64),
        tensor("one_axis", [1], TensorProto.INT64),
        tensor("most", [255.0], TensorProto.FLOAT),
        tensor("one", [1.0], TensorProto.FLOAT),
        tensor("factor", [factor], TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 8, 8, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2])],
        constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    levels = [30 + 50 * number for number in range(kept)]
    samples = [
        {"item": str(level), "input": base64.b64encode(picture(level)).decode(),
         "answer": [1 - level / 255, level / 255], "decision": "bright" if level > 127 else "dark"}
        for level in levels
    ]  # fmt: skip
    if kept:
        (folder / "proof_samples.json").write_text(json.dumps({"samples": samples}))
    steps = {"takes": "image", "size": [8, 8], "channels": 1, "resize": "stretch", "filter": "bilinear"}
    steps |= {"antialias": True, "background": 255, "answer": "probabilities", "tolerance": 1e-4}
    manifest = {
        "format": "onnx", "file": "model.onnx", "task": "image-cls", "created": "now", "tfpipelines": "0",
        "run": {"name": "small"}, "signature": {"inputs": [{"name": "image"}], "outputs": []},
        "classes": ["dark", "bright"], "multi_label": False, "proof": {}, "serving": steps,
        "files": {path.name: {"sha256": file_hash(path)} for path in sorted(folder.iterdir())},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
