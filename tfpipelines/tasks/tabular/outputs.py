"""What a network for tables tells of rows, and how far that is from their targets."""

import numpy as np

INFERENCE_BATCH = 4096


def outputs_of(network, store, rows: np.ndarray, outputs: int) -> np.ndarray:
    """What a network tells, float (rows, outputs).

    Args:
        store: `datasets.TableStore` of the rows.
        rows: numbers of those that are asked for.
        outputs: how many numbers the network tells.
    """
    if not len(rows):
        return np.zeros((0, outputs), np.float32)
    blocks = (rows[start : start + INFERENCE_BATCH] for start in range(0, len(rows), INFERENCE_BATCH))
    return np.concatenate([network.predict_on_batch(store.inputs(block)) for block in blocks])


def loss_of(loss, wanted, outputs: np.ndarray) -> float:
    """Mean loss of outputs.

    Args:
        loss: of Keras.
        wanted: `datasets.Targets` of the rows.
    """
    return float(loss(wanted.at(np.arange(len(outputs))).numpy(), outputs.astype(np.float32)))
