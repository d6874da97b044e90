"""A blend of trained networks: the weighted mean of what they tell."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np

from .trainable import Combination, Trained

if TYPE_CHECKING:
    import keras

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
    return Combination(blended("table-blend", parts), {one.label: round(weight, 4) for one, weight in parts})


def blended(
    name: str, parts: list[tuple[Trained, float]], names: Collection[str] = (), usual: str = ""
) -> "keras.Model":
    """The weighted sum of what networks tell, as a network with all of their inputs.

    Args:
        name: of the network.
        parts: networks, which are called part0 and so on from now on, and the weight of each.
        names: of the inputs that there are; (): as the networks call them.
        usual: that which an input of any other name is: users' own networks call theirs as they like.
    """
    import keras

    inputs: dict[str, keras.KerasTensor] = {}
    told = []
    for number, (one, weight) in enumerate(parts):
        one.network.name = f"part{number}"
        called = [tensor.name if not names or tensor.name in names else usual for tensor in one.network.inputs]
        for tensor, known in zip(one.network.inputs, called):
            if known not in inputs:
                inputs[known] = keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=known)
        given = [inputs[known] for known in called]
        answer = one.network(given if len(given) > 1 else given[0])
        told.append(keras.layers.Rescaling(weight, name=f"share{number}", dtype="float32")(answer))
    mixed = keras.layers.Add(name="sum")(told)
    tensors = list(inputs.values())
    return keras.Model(tensors if len(tensors) > 1 else tensors[0], mixed, name=name)


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
