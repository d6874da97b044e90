"""A blend of trained networks: the weighted mean of what they tell."""

from collections.abc import Callable

import numpy as np

from ..trainable import Combination, Trained

_STEPS = 20  # weights that are tried, 0 and 1 left out


def blend(trained: list[Trained], outputs: list[np.ndarray], loss: Callable[[np.ndarray], float]) -> Combination | None:
    """The best blend of the best two on the validation rows.

    Args:
        trained: networks with the same inputs.
        outputs: of each for the validation rows, float (rows, outputs).
        loss: of such outputs.
    """
    import keras

    first, second = np.argsort([loss(one) for one in outputs], kind="stable")[:2]
    shares = np.arange(1, _STEPS) / _STEPS
    losses = [loss(share * outputs[first] + (1 - share) * outputs[second]) for share in shares]
    share = float(shares[int(np.argmin(losses))])
    parts = [(trained[first], share), (trained[second], 1 - share)]
    inputs = [
        keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in trained[0].network.inputs
    ]
    told = []
    for number, (one, weight) in enumerate(parts):
        one.network.name = f"part{number}"
        given = inputs if len(inputs) > 1 else inputs[0]
        told.append(keras.layers.Rescaling(weight, name=f"share{number}", dtype="float32")(one.network(given)))
    mixed = keras.layers.Add(name="sum")(told)
    network = keras.Model(inputs if len(inputs) > 1 else inputs[0], mixed, name="table-blend")
    return Combination(network, {one.label: round(weight, 4) for one, weight in parts})
