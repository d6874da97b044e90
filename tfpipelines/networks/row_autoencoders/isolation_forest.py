"""Isolation forest."""

from typing import NamedTuple

import keras
import numpy as np

from tfpipelines.core.config.networks import FittedRows
from tfpipelines.core.config.section import AutoCount, Count, Share
from tfpipelines.networks.constants import table
from tfpipelines.networks.normals import Inputs, Normals
from tfpipelines.networks.tables.trees.arrays import Trees
from tfpipelines.networks.tables.trees.conversion import rounded_down
from tfpipelines.networks.tables.trees.graph import deepest_first, leaves_of

_SAMPLES = 256  # of a tree (Liu et al. 2008)
_MOST_CREDITS = 2**24  # numbers, 64 MB
_MOST = 2**13  # numbers for each row that are gathered at once


class Forest(NamedTuple):
    """A fitted forest; the deepest trees come first.

    Args:
        trees: whose leaves have no values.
        lengths: float64 (nodes,), of leaves the path length that a row has there.
        credits: float32 (leaves, numbers), what splits on each number have taken off the expected path length: of the
            leaves of the first trees.
        usual: path length by which scores are scaled, for all trees together.
    """

    trees: Trees
    lengths: np.ndarray
    credits: np.ndarray
    usual: float


def isolation_forest(
    normals: Normals,
    common: FittedRows,
    n_estimators: Count = 200,
    max_samples: AutoCount = "auto",
    max_features: Share = 1.0,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Isolation forest (Liu et al. 2008), fitted by scikit-learn and compiled into a graph.

    The score is that of the paper: 2 to the power of minus the mean path length, as a multiple of the usual one. What a
    column contributes is the path length that splits on it save, in steps: at each node, the mean path length of the
    tree's training rows there less that of those in the child which the row goes to (as Saabas 2014 has it for
    regression); what lengthens the path is negative. Where leaves times columns take
    more than 64 MB, it is of the first trees alone, so that the model file stays small. The expected values are the
    medians of the training rows.

    Args:
        n_estimators: trees.
        max_samples: training rows of each tree; auto: 256, or all where there are fewer.
        max_features: share of the columns that each tree sees.
    """
    rows = normals.values.reshape(len(normals.values), -1)
    settings = {"n_estimators": n_estimators, "max_samples": max_samples, "max_features": max_features, "seed": seed}
    forest = normals.fitted(fit_forest, rows, **settings)
    inputs, ops, trees = Inputs(normals), keras.ops, forest.trees
    raw = ops.reshape(inputs.raw, (-1, rows.shape[1])) if len(inputs.raw.shape) > 2 else inputs.raw
    asked = ops.transpose(raw)  # (numbers, batch)
    asked = ops.concatenate([ops.zeros_like(asked[:1, :]), asked], axis=0)
    at = leaves_of(trees, asked, inputs.constants)  # (trees, batch)
    (leaves,) = np.nonzero(trees.features < 0)
    numbers = np.zeros(len(trees.features))
    numbers[leaves] = np.arange(len(leaves))
    told = table(np.stack([forest.lengths, numbers], 1), "leaves")(at)  # (trees, batch, 2)
    score = ops.power(2.0, ops.sum(told[..., 0], 0) * (-1.0 / forest.usual))
    explaining = int(trees.tree[leaves[len(forest.credits) - 1]]) + 1  # trees
    credit = _summed(forest, leaves, ops.cast(told[..., 1], "int32"), explaining)
    contributions = credit * (1.0 / explaining)
    medians = inputs.constants.array(np.median(normals.few, 0)[None], "medians")
    normal = ops.zeros_like(inputs.scaled) + medians
    return inputs.detector("isolation_forest", score, contributions, normal, for_training)


def _summed(forest: Forest, leaves: np.ndarray, places: keras.KerasTensor, count: int) -> keras.KerasTensor:
    """The credits of the leaves that rows end in, summed over the first trees: float32 (batch, numbers).

    Args:
        leaves: nodes that are leaves.
        places: of leaves among those, int32 (trees, batch).
        count: of the trees.
    """
    ops, sums = keras.ops, list[keras.KerasTensor]()
    at_once = max(1, _MOST // forest.credits.shape[1])
    first = np.searchsorted(forest.trees.tree[leaves], np.arange(count + 1))  # leaf of each tree
    for start in range(0, count, at_once):
        end = min(start + at_once, count)
        credits = table(forest.credits[first[start] : first[end]], f"credits{start}")
        sums.append(ops.sum(credits(places[start:end, :] - int(first[start])), 0))
    total = sums[0]
    for one in sums[1:]:
        total = total + one
    return total


def fit_forest(
    rows: np.ndarray, n_estimators: int, max_samples: int | str, max_features: float, seed: int | None
) -> Forest:
    """The forest of rows, float32 (rows, numbers); arguments as in `isolation_forest`."""
    from sklearn.ensemble import IsolationForest

    samples = min(_SAMPLES if max_samples == "auto" else int(max_samples), len(rows))
    model = IsolationForest(
        n_estimators=n_estimators, max_samples=samples, max_features=max_features, random_state=seed
    ).fit(rows)
    grown = [(one.tree_, columns) for one, columns in zip(model.estimators_, model.estimators_features_)]
    trees, counts = _joined(grown, rows.shape[1])
    order = deepest_first(trees)
    if (order != np.arange(len(order))).any():
        trees, counts = _joined([grown[place] for place in order], rows.shape[1])
    lengths = np.where(trees.features < 0, trees.depths + average_path_length(counts), 0.0)
    usual = n_estimators * float(average_path_length(np.array([samples]))[0])
    return Forest(trees, lengths, _credits(trees, counts, lengths, rows.shape[1]), usual or 1.0)


def average_path_length(counts: np.ndarray) -> np.ndarray:
    """Steps that an unsuccessful search takes in a binary tree of so many rows (Liu et al. 2008), float64."""
    more = np.maximum(counts, 3).astype(np.float64)
    steps = 2.0 * (np.log(more - 1.0) + np.euler_gamma) - 2.0 * (more - 1.0) / more
    return np.where(counts > 2, steps, np.where(counts == 2, 1.0, 0.0))


def _joined(grown: list, numbers: int) -> tuple[Trees, np.ndarray]:
    """scikit-learn's trees, each with its columns, as arrays; and the training rows of each node."""
    sizes = np.array([tree.node_count for tree, _ in grown])
    roots = np.cumsum(sizes) - sizes
    number = np.repeat(np.arange(len(grown)), sizes)
    every = lambda name: np.concatenate([getattr(tree, name) for tree, _ in grown])
    left, threshold, counts = every("children_left"), every("threshold"), every("n_node_samples")
    inner = left >= 0
    column = lambda tree, columns: np.where(tree.feature >= 0, columns[np.maximum(tree.feature, 0)], -1)  # of no leaf
    features = np.concatenate([column(tree, columns) for tree, columns in grown])
    depths = np.zeros(len(left), np.int64)
    for node in np.flatnonzero(inner):  # parents stand before their children
        start = roots[number[node]]
        right = grown[number[node]][0].children_right[node - start]
        depths[[start + left[node], start + right]] = depths[node] + 1
    # Sorted by depth, stably, two children are neighbours: a node is written before its left side, then its right one.
    order = np.lexsort([depths, number])
    place = np.empty(len(left), np.int64)
    place[order] = np.arange(len(left))
    lefts = np.where(inner, place[np.where(inner, left, 0) + roots[number]], place)
    nothing = np.zeros(len(left))
    arrays = {
        "features": features.astype(np.int32),
        "thresholds": rounded_down(np.where(inner, threshold, 0.0)),
        "missing_left": inner,
        "splits": np.full(len(left), -1, np.int32),
        "lefts": lefts.astype(np.int32),
        "values": nothing.astype(np.float32),
    }
    trees = Trees(
        numbers=np.array(numbers, np.int64), cardinalities=np.zeros(0, np.int32), groups=np.zeros(0, np.int32),
        baseline=np.zeros(1, np.float32), roots=roots.astype(np.int32), outputs=np.zeros(len(grown), np.int32),
        left_groups=np.zeros((0, 1), bool), **{name: values[order] for name, values in arrays.items()},
    )  # fmt: skip
    return trees, counts[order]


def _credits(trees: Trees, counts: np.ndarray, lengths: np.ndarray, numbers: int) -> np.ndarray:
    """See `Forest.credits`.

    Args:
        counts: training rows of each node.
    """
    nodes, (leaves,) = np.arange(len(trees.features)), np.nonzero(trees.features < 0)
    sums = lengths * counts  # over the training rows of each node
    for node in nodes[::-1]:  # children stand behind their parents
        if trees.features[node] >= 0:
            sums[node] = sums[trees.lefts[node]] + sums[trees.lefts[node] + 1]
    means = sums / counts
    ends = np.cumsum(np.bincount(trees.tree[leaves]))  # leaves up to the end of each tree
    whole = max(int(np.searchsorted(ends, _MOST_CREDITS // numbers, side="right")), 1)
    leaves = leaves[: ends[whole - 1]]
    credits, at = np.zeros((len(leaves), numbers), np.float32), leaves
    rows = np.arange(len(leaves))
    while len(at):
        above = trees.parents[at]
        rows, at, above = rows[above != at], at[above != at], above[above != at]
        np.add.at(credits, (rows, trees.features[above]), (means[above] - means[at]).astype(np.float32))
        at = above
    return credits
