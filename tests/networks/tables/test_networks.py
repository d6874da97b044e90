"""Networks for tables: what they take, and that they load in plain Keras."""

import keras
import numpy as np
import pytest

from tfpipelines import networks
from tfpipelines.core.config.kinds import TABLES

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(50, 20, (40, 3)).astype(np.float32)
NUMBERS[::7, 1] = np.nan
NUMBERS[:, 2] = 5  # constant
CODES = RANDOM.integers(0, 4, (40, 2)).astype(np.int32)


def built(name, columns=NUMBERS, cardinalities=(3, 3), fit=lambda columns, weight_decay: None, **fields):
    table = networks.Table(columns, cardinalities, 2, lambda settings: pytest.fail("no trees are asked for"), fit)
    return networks.build_network(TABLES.section(name)(**fields), table=table, seed=0, for_training=False)


@pytest.mark.parametrize(
    "name, fields",
    [
        ("linear", {}),
        ("mlp", {"units": (8,), "numbers": "plain"}),
        ("mlp", {"units": (8,), "bins": 4}),
        ("mlp", {"units": (8,), "numbers": "periodic", "frequencies": 3}),
    ],
)
def test_they_answer_missing_values_and_unknown_codes(name, fields, tmp_path):
    network = built(name, **fields)
    assert [tensor.name for tensor in network.inputs] == ["numbers", "codes"]
    strange = np.full((1, 3), np.nan, np.float32), np.zeros((1, 2), np.int32)
    assert np.isfinite(network.predict(strange, verbose=0)).all()
    far = np.full((1, 3), 1e30, np.float32), np.zeros((1, 2), np.int32)
    assert np.isfinite(network.predict(far, verbose=0)).all()
    network.save(tmp_path / "n.keras")
    again = keras.saving.load_model(tmp_path / "n.keras", safe_mode=True)
    np.testing.assert_array_equal(*(one.predict((NUMBERS, CODES), verbose=0) for one in (network, again)))


def test_a_missing_number_is_the_median_of_training_and_marked():
    network = built("linear", cardinalities=())
    weights = network.get_layer("logits").get_weights()
    assert weights[0].shape == (4, 2)  # three numbers, and whether the second is missing
    network.get_layer("logits").set_weights([weights[0] * [[1], [1], [1], [0]], weights[1]])
    row = np.array([[40, np.nan, 5]], np.float32)
    usual = np.array([[40, np.nanmedian(NUMBERS[:, 1]), 5]], np.float32)
    np.testing.assert_allclose(*(network.predict(some, verbose=0) for some in (row, usual)), atol=1e-6)


def test_tables_of_one_kind_of_column():
    assert [tensor.name for tensor in built("mlp", units=(4,), cardinalities=()).inputs] == ["numbers"]
    codes = built("mlp", NUMBERS[:, :0], units=(4,))
    assert [tensor.name for tensor in codes.inputs] == ["codes"]
    assert codes.predict(CODES, verbose=0).shape == (40, 2)
