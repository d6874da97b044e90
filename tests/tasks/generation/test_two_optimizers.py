"""Two optimizers that look like one."""

import keras
import numpy as np
import pytest

from tfpipelines.tasks.generation import TwoOptimizers


def test_each_updates_its_own_and_clips_by_itself():
    variables = [keras.Variable(np.ones(2, "float32")) for _ in range(3)]
    both = TwoOptimizers(keras.optimizers.SGD(0.5, global_clipnorm=1.0), keras.optimizers.SGD(0.1), 1)
    both.build(variables)
    both.apply(
        [
            keras.ops.convert_to_tensor(np.array([3.0, 4.0], "float32")),
            *[keras.ops.convert_to_tensor(np.full(2, 10.0, "float32"))] * 2,
        ],
        variables,
    )
    np.testing.assert_allclose(variables[0].numpy(), [1 - 0.5 * 0.6, 1 - 0.5 * 0.8], rtol=1e-5)
    for variable in variables[1:]:
        np.testing.assert_allclose(variable.numpy(), 0.0, atol=1e-6)
    assert int(both.iterations) == 1


def test_its_variables_are_those_of_both():
    variables = [keras.Variable(np.ones(2, "float32")) for _ in range(2)]
    both = TwoOptimizers(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-2), 1)
    both.build(variables)
    assert [id(variable) for variable in both.variables] == [
        id(variable) for variable in (*both.first.variables, *both.second.variables)
    ]
    assert len(both.variables) == 2 * (2 + 2)  # count and rate, and two moments of the one variable


def test_a_new_rate_moves_both_in_the_same_ratio():
    both = TwoOptimizers(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(4e-3), 1)
    both.learning_rate = 5e-4
    assert float(both.learning_rate) == pytest.approx(5e-4) and float(both.second.learning_rate) == pytest.approx(2e-3)
