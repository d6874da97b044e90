"""The resize in exported graphs is that of the artifact, in TensorFlow, ONNX Runtime and LiteRT."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfpipelines.models import ImagePreprocessor
from tfpipelines.models.graph_resizing import GraphResizing

from ..conftest import some

FILTERS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
SIZES = ((37, 53), (24, 17), (11, 90), (1, 41), (91, 1), (1, 1), (48, 34), (96, 68), (301, 203))  # to 48 x 34


def images(channels: int):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*size, channels), np.uint8) for size in SIZES]


def require_equal(resize, preprocessor: ImagePreprocessor):
    """By at most one level, on at most 0.1 % of values.

    Args:
        resize: uint8 (1, height, width, channels) -> levels (1, ...).
    """
    differing = total = 0
    for image in images(preprocessor.channels):
        told = np.asarray(resize(image[None]))[0]
        apart = np.abs(told.astype(int) - preprocessor.in_tf_data(tf.constant(image)).numpy())
        assert told.shape == preprocessor.shape and apart.max() <= 1, (preprocessor.settings(), image.shape)
        differing, total = differing + (apart > 0).sum(), total + apart.size
        if image.shape == preprocessor.shape:
            assert not apart.any()
    assert differing / total <= 1e-3, preprocessor.settings()


@pytest.mark.parametrize("name", some(FILTERS, ["bilinear", "nearest"]))
def test_images_of_any_size_become_those_of_the_preprocessor(name):
    for resize, antialias in itertools.product(("stretch", "crop", "pad"), (True, False)):
        preprocessor = ImagePreprocessor((48, 34), 3, resize, name, antialias)
        require_equal(GraphResizing(preprocessor), preprocessor)


def test_large_images_have_weights_as_exact():
    preprocessor = ImagePreprocessor((9, 224), 1)
    line = np.random.default_rng(0).integers(0, 256, (1, 3, 16_001, 1), np.uint8)
    told = GraphResizing(preprocessor)(line).numpy()[0].astype(int)
    apart = np.abs(told - preprocessor.in_tf_data(tf.constant(line[0])).numpy())
    assert apart.max() <= 1 and (apart > 0).mean() <= 1e-3


GRAPHS = {
    "antialias": ImagePreprocessor((48, 34), 3),
    "crop": ImagePreprocessor((48, 34), 1, "crop", antialias=False),
    "pad": ImagePreprocessor((48, 34), 3, "pad", "bicubic", False),
}


def function_of(preprocessor: ImagePreprocessor, batch: int | None):
    layer, spec = GraphResizing(preprocessor), tf.TensorSpec([batch, None, None, preprocessor.channels], tf.uint8)
    return tf.function(lambda image: {"levels": layer(image)}, input_signature=[spec])


@pytest.mark.parametrize("name", some(GRAPHS, ["antialias"]))
def test_onnx_runtime_gives_the_same(name):
    preprocessor = GRAPHS[name]
    tf2onnx = pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    function = function_of(preprocessor, None)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=18)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    (image,) = [tensor.name for tensor in session.get_inputs()]
    run = lambda batch: session.run(None, {image: batch})[0]
    require_equal(run, preprocessor)
    several = np.random.default_rng(1).integers(0, 256, (3, 70, 45, preprocessor.channels), np.uint8)
    np.testing.assert_array_equal(run(several), np.concatenate([run(image[None]) for image in several]))


@pytest.mark.parametrize("name", some(GRAPHS, ["antialias"]))
def test_litert_gives_the_same_and_its_delegate_takes_the_graph(name, tmp_path):
    preprocessor = GRAPHS[name]
    interpreter_of = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    module = tf.Module()
    module.resize = function_of(preprocessor, 1)
    tf.saved_model.save(module, str(tmp_path), signatures=module.resize.get_concrete_function())
    interpreter = interpreter_of(model_content=tf.lite.TFLiteConverter.from_saved_model(str(tmp_path)).convert())
    run = interpreter.get_signature_runner("serving_default")
    require_equal(lambda image: run(image=image)["levels"], preprocessor)
    # XNNPACK refuses graphs in which a size hangs on a value
    assert "DELEGATE" in {operation["op_name"] for operation in interpreter._get_ops_details()}
