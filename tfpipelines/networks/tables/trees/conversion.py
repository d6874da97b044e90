"""scikit-learn's fitted trees -> plain arrays."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .arrays import Trees
from .columns import Columns


class Fitted(NamedTuple):
    """Trees as scikit-learn has them.

    Args:
        baseline: float64 (outputs,), what the trees add to.
        iterations: of each iteration its trees (`TreePredictor`).
        places: int32 (trees of an iteration,), the outputs that they add to.
    """

    baseline: np.ndarray
    iterations: list
    places: np.ndarray

    @classmethod
    def side_by_side(cls, parts: Sequence["Fitted"]) -> "Fitted":
        """Models of one output each as one."""
        most = max(len(part.iterations) for part in parts)
        rows = [[part.iterations[at][0] if at < len(part.iterations) else None for part in parts] for at in range(most)]
        return cls(np.concatenate([part.baseline for part in parts]), rows, np.arange(len(parts), dtype=np.int32))


def joined(fitted: Fitted, columns: Columns) -> Trees:
    """The arrays of all trees."""
    named = [(place, tree) for place, trees in enumerate(zip(*fitted.iterations)) for tree in trees if tree is not None]
    nodes = [tree.nodes for _, tree in named]
    sets = [_left_groups(tree, columns) for _, tree in named]
    outputs = fitted.places[[place for place, _ in named]] if named else fitted.places[:1]
    if not named:
        nodes, sets = [_single_leaf()], [_no_groups(columns)]
    sizes = np.array([len(tree) for tree in nodes])
    roots = np.cumsum(sizes) - sizes
    splits_before = np.cumsum([len(rows) for rows in sets]) - [len(rows) for rows in sets]
    every, tree = np.concatenate(nodes), np.repeat(np.arange(len(nodes)), sizes)

    # scikit-learn writes a node, then all of its left side, then its right side: sorted by depth, stably, two children
    # are neighbours.
    order = np.lexsort([every["depth"], tree])
    place = np.empty(len(every), np.int32)
    place[order] = np.arange(len(every))
    left, right = (place[every[side] + roots[tree]] for side in ("left", "right"))
    inner, by_category = every["is_leaf"] == 0, (every["is_leaf"] == 0) & (every["is_categorical"] != 0)
    assert (right[inner] == left[inner] + 1).all()
    first = len(columns.cardinalities)  # scikit-learn has the categories first, the arrays have the numbers first
    column = np.where(by_category, every["feature_idx"] + columns.numbers, every["feature_idx"] - first)
    thresholds = np.where(inner & ~by_category, every["num_threshold"], 0)
    arrays = {
        "features": np.where(inner, column, -1).astype(np.int32),
        "thresholds": rounded_down(thresholds),
        "missing_left": inner & (every["missing_go_to_left"] != 0),
        "splits": np.where(by_category, every["bitset_idx"] + splits_before[tree], -1).astype(np.int32),
        "lefts": np.where(inner, left, place).astype(np.int32),
        "values": np.where(inner, 0, every["value"]).astype(np.float32),
    }
    arrays = {name: values[order] for name, values in arrays.items()}
    left_groups = np.concatenate(sets)
    (with_groups,) = np.nonzero(arrays["splits"] >= 0)
    left_groups[arrays["splits"][with_groups], 0] = arrays["missing_left"][with_groups]
    return Trees(
        numbers=np.array(columns.numbers, np.int64),
        cardinalities=np.array(columns.cardinalities, np.int32),
        groups=np.concatenate([*columns.groups, np.zeros(0, np.int32)]).astype(np.int32),
        baseline=fitted.baseline.astype(np.float32),
        roots=roots.astype(np.int32),
        outputs=outputs.astype(np.int32),
        left_groups=left_groups,
        **arrays,
    )


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """The largest float32 that is at most the threshold: for x of float32, x <= threshold stays what it is."""
    with np.errstate(over="ignore"):  # what no float32 reaches
        rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _left_groups(tree: Any, columns: Columns) -> np.ndarray:
    """bool (splits, groups) of a tree's splits on categories, group 0 yet to be set."""
    bits = np.unpackbits(tree.raw_left_cat_bitsets.astype("<u4").view(np.uint8), axis=1, bitorder="little")
    groups = _no_groups(columns).shape[1]
    return np.pad(bits[:, : groups - 1].astype(bool), ((0, 0), (1, 0)))


def _no_groups(columns: Columns) -> np.ndarray:
    return np.zeros((0, 1 + max(columns.counts, default=0)), bool)


def _single_leaf() -> np.ndarray:
    """The nodes of a tree that adds 0."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes = np.zeros(1, PREDICTOR_RECORD_DTYPE)
    nodes["is_leaf"] = 1
    return nodes
