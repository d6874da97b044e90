"""Boosted trees as a graph of plain Keras, whose constants are weights."""

import keras
import numpy as np
from keras import ops

from ...constants import Constants, table
from .arrays import Trees

NETWORK = "table-network"  # a name that no input has: those are of columns, and hold no hyphen

WIDEST = 64  # leaves; the matrix of a tree grows with their square, and wider trees are walked


def compiled(trees: Trees, numbers: int, codes: int) -> keras.Model:
    """The network of fitted trees.

    It takes `numbers` float32 (batch, numbers), NaN where missing, and `codes` int32 (batch, codes), 0 where unknown or
    missing; or the one of both that there is. It gives logits float32 (batch, outputs), or one number (batch, 1). For
    two classes they are 0 and the log-odds. Nothing in it is trained.

    Every comparison is exact, so that a row ends in the leaves where scikit-learn has it: values are only gathered, and
    what is multiplied are small whole numbers, which TF32 has, too.

    Raises:
        ValueError: if the trees ask for other columns.
    """
    if (int(trees.numbers), len(trees.cardinalities)) != (numbers, codes) or numbers + codes == 0:
        has = f"{int(trees.numbers)} columns of numbers and {len(trees.cardinalities)} of codes"
        raise ValueError(f"The trees were fitted on {has}, not {numbers} and {codes}.")
    inputs = []
    if numbers:
        inputs.append(keras.Input((numbers,), dtype="float32", name="numbers"))
    if codes:
        inputs.append(keras.Input((codes,), dtype="int32", name="codes"))
    constants = Constants(inputs[0])
    none = ops.zeros_like(ops.transpose(inputs[0][:, :1]), dtype="float32")  # (1, batch)
    rows = [none]
    if numbers:
        values = ops.transpose(inputs[0])
        missing = ops.not_equal(values, values)
        # No NaN is compared: TensorFlow takes `not x <= y` for `x > y`.
        low, high = (ops.where(missing, infinity, values) for infinity in (float("-inf"), float("inf")))
        rows += [low, high, ops.cast(missing, "float32")]
    if len(trees.left_groups):
        rows.append(_right_by_category(trees, inputs[-1], constants))
    asked = ops.concatenate(rows, axis=0) if len(rows) > 1 else none  # (1 + 3 numbers + splits, batch)
    widest = np.bincount(trees.tree[trees.features < 0]).max()
    added = (_by_matrix if widest <= WIDEST else _by_walk)(trees, asked, constants)  # (trees, batch)
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], _added(trees, added, none, constants), name=NETWORK)


def _right_by_category(trees: Trees, codes: keras.KerasTensor, constants: Constants) -> keras.KerasTensor:
    """float32 (splits, batch): 1 where a split on categories sends a row right, 0 where left."""
    splits, groups = trees.left_groups.shape
    sizes = trees.cardinalities.astype(np.int64) + 1
    codes = ops.transpose(codes)  # (columns, batch); a constant added to whole rows would be a BiasAdd in LiteRT
    cardinalities = constants.places(trees.cardinalities[:, None], "cardinalities")
    known = ops.logical_and(ops.greater_equal(codes, 1), ops.less_equal(codes, cardinalities))
    first_codes = constants.places((np.cumsum(sizes) - sizes)[:, None], "first_codes")
    # In this order: Keras takes a second summand (columns, 1) for a bias where the last axis has as many places.
    places = first_codes + ops.where(known, codes, 0)
    group = ops.cast(ops.squeeze(table(trees.groups[:, None], "groups")(places), -1), "int32")
    columns = np.zeros(splits, np.int64)
    (nodes,) = np.nonzero(trees.splits >= 0)
    columns[trees.splits[nodes]] = trees.features[nodes] - trees.numbers
    group = ops.take(group, constants.places(columns, "split_columns"), axis=0)  # (splits, batch)
    first = constants.places(np.arange(splits)[:, None], "splits") * groups
    return ops.squeeze(table(~trees.left_groups.reshape(-1, 1), "right_groups")(first + group), -1)


def _asked(trees: Trees) -> tuple[np.ndarray, np.ndarray]:
    """(row of what can be asked for, of each node; threshold up to which it goes left; +inf for leaves)."""
    numbers, by_category = int(trees.numbers), trees.splits >= 0
    by_number = (trees.features >= 0) & ~by_category
    by_missing = by_number & np.isposinf(trees.thresholds) & ~trees.missing_left  # NaN right, all else left
    kind = np.where(trees.missing_left, 0, np.where(by_missing, 2, 1))
    row = np.where(by_number, 1 + kind * numbers + trees.features, 0)
    row = np.where(by_category, 1 + 3 * numbers + trees.splits, row)
    threshold = np.where(by_number, trees.thresholds, np.float32(np.inf))
    return row, np.where(by_category | by_missing, np.float32(0.5), threshold)


def _by_matrix(trees: Trees, asked: keras.KerasTensor, constants: Constants) -> keras.KerasTensor:
    """The trees' values, all nodes at once: a leaf is reached if its path says left and right as the nodes do."""
    tree, inner = trees.tree, trees.features >= 0
    within = np.where(inner, _count_within(inner, trees.roots, tree), _count_within(~inner, trees.roots, tree))
    nodes, leaves = max(1, within[inner].max(initial=0) + 1), within[~inner].max() + 1
    row, threshold = _asked(trees)
    rows, thresholds = np.zeros((len(trees.roots), nodes)), np.full((len(trees.roots), nodes), np.inf)
    rows[tree[inner], within[inner]], thresholds[tree[inner], within[inner]] = row[inner], threshold[inner]

    paths = np.zeros((len(trees.roots), leaves, nodes), np.float32)  # 1: left of the node, -1: right
    lefts, values = np.full(paths.shape[:2], -1.0), np.zeros(paths.shape[:2])  # which no sum is for a leaf that is none
    (every,) = np.nonzero(~inner)
    values[tree[every], within[every]] = trees.values[every]
    lefts[tree[every], within[every]] = 0
    leaf, at = every, every
    while len(leaf):
        above = trees.parents[at]
        leaf, at, above = leaf[above != at], at[above != at], above[above != at]
        is_left = trees.lefts[above] == at
        paths[tree[leaf], within[leaf], within[above]] = np.where(is_left, 1, -1)
        lefts[tree[leaf], within[leaf]] += is_left
        at = above

    value = ops.take(asked, constants.places(rows.reshape(-1), "rows"), axis=0)  # (trees * nodes, batch)
    left = ops.less_equal(value, constants.array(thresholds.reshape(-1, 1), "thresholds"))
    left = ops.reshape(ops.cast(left, "float32"), (*rows.shape, -1))
    agreeing = ops.matmul(constants.array(paths, "paths"), left)  # (trees, leaves, batch)
    reached = ops.equal(agreeing, constants.array(lefts[..., None], "left_turns"))
    return ops.sum(ops.where(reached, constants.array(values[..., None], "values"), 0.0), axis=1)


def _count_within(chosen: np.ndarray, roots: np.ndarray, tree: np.ndarray) -> np.ndarray:
    """How many of the chosen nodes stand before each node of the same tree."""
    before = np.cumsum(chosen) - chosen
    return before - before[roots][tree]


def _by_walk(trees: Trees, asked: keras.KerasTensor, constants: Constants) -> keras.KerasTensor:
    """The trees' values, step by step from the roots."""
    order = deepest_first(trees)
    values = ops.squeeze(table(trees.values[:, None], "values")(leaves_of(trees, asked, constants)), -1)
    return ops.take(values, constants.places(np.argsort(order), "order"), axis=0)


def deepest_first(trees: Trees) -> np.ndarray:
    """int64 (trees,), their numbers by depth."""
    return np.argsort(-_depths(trees), kind="stable")


def _depths(trees: Trees) -> np.ndarray:
    depths = np.zeros(len(trees.roots), np.int64)
    np.maximum.at(depths, trees.tree, trees.depths)
    return depths


def leaves_of(trees: Trees, asked: keras.KerasTensor, constants: Constants) -> keras.KerasTensor:
    """The leaves that rows end in, int32 (trees, batch): the deepest trees come first, and the others end earlier.

    Args:
        asked: float32 (1 + columns, batch): a row of 0, then what nodes ask for, see `_asked`.
    """
    depths, order = _depths(trees), deepest_first(trees)
    row, threshold = _asked(trees)
    nodes = table(np.stack([threshold, row, trees.lefts], 1), "nodes")
    of_batch = ops.ones_like(asked[0, :], dtype="int32")
    batch, sample = ops.sum(of_batch), ops.cumsum(of_batch) - 1
    asked = ops.reshape(asked, (-1,))
    at = constants.places(trees.roots[order][:, None], "roots") + ops.zeros_like(sample)  # (trees, batch)
    ended: list[keras.KerasTensor] = []
    for step in range(depths.max()):
        on = int((depths > step).sum())
        if on < at.shape[0]:
            ended.insert(0, at[on:, :])
            at = at[:on, :]
        node = nodes(at)  # (trees, batch, 3)
        value = ops.take(asked, ops.cast(node[..., 1], "int32") * batch + sample)
        at = ops.cast(node[..., 2], "int32") + ops.cast(ops.greater(value, node[..., 0]), "int32")
    return ops.concatenate([at, *ended], axis=0) if ended else at


def _added(trees: Trees, values: keras.KerasTensor, none: keras.KerasTensor, constants: Constants) -> keras.KerasTensor:
    """The values of the trees of each output, and what they are added to: (batch, outputs)."""
    outputs, counts = np.unique(trees.outputs, return_counts=True)
    slots = np.full((len(outputs), counts.max()), len(trees.roots))  # behind the last tree: none
    for number, output in enumerate(outputs):
        (chosen,) = np.nonzero(trees.outputs == output)
        slots[number, : len(chosen)] = chosen
    values = ops.take(ops.concatenate([values, none], axis=0), constants.places(slots.reshape(-1), "slots"), axis=0)
    sums = ops.sum(ops.reshape(values, (*slots.shape, -1)), axis=1)
    if len(outputs) < len(trees.baseline):
        places = np.full(len(trees.baseline), len(outputs))
        places[outputs] = np.arange(len(outputs))
        sums = ops.take(ops.concatenate([sums, none], axis=0), constants.places(places, "outputs"), axis=0)
    return ops.transpose(constants.array(trees.baseline[:, None], "baseline") + sums)  # as above
