"""A blend of trained networks: the weighted mean of what they tell."""

from collections.abc import Callable

import numpy as np

from ..trainable import Combination, Trained

_STEPS = 20  # of the selection: weights are multiples of one step


def blend(trained: list[Trained], outputs: list[np.ndarray], loss: Callable[[np.ndarray], float]) -> Combination | None:
    """The best blend on the validation rows, by forward selection with replacement (Caruana et al. 2004).

    Args:
        trained: networks with the same inputs.
        outputs: of each for the validation rows, float (rows, outputs).
        loss: of such outputs.

    Returns:
        None where no blend of two or more was found.
    """
    shares = selected(outputs, loss)
    parts = [(one, share) for one, share in zip(trained, shares) if share > 0]
    if len(parts) < 2:
        return None
    import keras

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


def selected(outputs: list[np.ndarray], loss: Callable[[np.ndarray], float]) -> list[float]:
    """The share of each in the mean with the least loss, among the means that forward selection comes by.

    Args:
        outputs: see `blend`, as `loss`.
    """
    total, counts = np.zeros(outputs[0].shape), np.zeros(len(outputs), int)
    least, shares = float("inf"), [0.0] * len(outputs)
    for step in range(1, _STEPS + 1):
        losses = np.nan_to_num([loss((total + one) / step) for one in outputs], nan=np.inf, posinf=np.inf)
        chosen = int(np.argmin(losses))
        total, counts[chosen] = total + outputs[chosen], counts[chosen] + 1
        if losses[chosen] < least:
            least, shares = losses[chosen], (counts / step).tolist()
    return shares
