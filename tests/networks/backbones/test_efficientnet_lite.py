"""The bundled backbone: a correct port, any size, the same on every backend."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tfpipelines.networks.backbones.efficientnet_lite import efficientnet_lite0

from ...conftest import ROOT

FEATURES = (
    "import numpy as np, keras; from tfpipelines.networks.backbones.efficientnet_lite import efficientnet_lite0; x = "
    "np.load('x.npy'); np.save('y.npy', keras.ops.convert_to_numpy(efficientnet_lite0(x.shape[1:])(x)))"
)


EXPECTED = {"largest": 113, "moments": [0.10862, 0.38949, 4.0628]}


def picture(side):
    """A seeded picture with edges and gradients, levels 0 to 255."""
    y, x = np.mgrid[:side, :side] / side
    return (np.stack([255 * x, 255 * y, 255 * ((x * 5).astype(int) + (y * 5).astype(int)) % 2], -1)[None]).astype(
        np.float32
    )


def test_it_has_the_published_size_and_blocks():
    model = efficientnet_lite0((64, 64, 3))
    assert model.count_params() == 3_413_024 and model.output_shape == (None, 2, 2, 1280)
    assert len({layer.name.split("_")[0] for layer in model.layers if layer.name.startswith("block")}) == 16


@pytest.mark.parametrize("shape", [(64, 64, 3), (96, 160, 3), (None, None, 3)])
def test_any_size_from_64_up(shape):
    model = efficientnet_lite0(shape)
    image = np.zeros((1, *(side or 128 for side in shape)), np.float32)
    assert np.isfinite(keras.ops.convert_to_numpy(model(image))).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (32, 64, 3)}, "at least 64"),
        ({"input_shape": (64, 64, 1)}, "3"),
        ({"weights": "noisy"}, "'imagenet' or None"),
    ],
)
def test_what_it_cannot_do_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        efficientnet_lite0(**arguments)


def test_weights_are_the_bundled_ones_in_their_places():
    """Fingerprints of features, taken when the port told scikit-image's coffee.png as espresso with 0.94 and
    chelsea.png as a cat.
    """
    features = keras.ops.convert_to_numpy(efficientnet_lite0((128, 128, 3))((picture(128) - 127) / 128)).mean((0, 1, 2))
    assert features.argmax() == EXPECTED["largest"]
    np.testing.assert_allclose([features.mean(), features.std(), features.max()], EXPECTED["moments"], rtol=1e-3)


@pytest.mark.slow
def test_jax_gives_the_same_features(tmp_path):
    pytest.importorskip("jax")
    images = (picture(64) - 127) / 128
    np.save(tmp_path / "x.npy", images)
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", FEATURES], cwd=tmp_path, env=environment, check=True, capture_output=True)
    here = keras.ops.convert_to_numpy(efficientnet_lite0((64, 64, 3))(images))
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), here, atol=2e-4)


def test_loading_leaves_random_numbers_alone():
    import random

    random.seed(3)
    expected = random.random()
    random.seed(3)
    efficientnet_lite0((64, 64, 3))
    assert random.random() == expected
