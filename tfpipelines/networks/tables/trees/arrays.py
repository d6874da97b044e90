"""Boosted trees as plain arrays: what a fit gives, a file holds, and a graph is made from."""

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ....core.files import atomic_write
from ....core.run_files import REMEDY, damaged, open_own, shown
from ....errors import ArtifactError, ResourceError

MOST_NODES = 2**24  # places of nodes are float32 in the graph
_LARGEST = 2**31  # bytes of a file
_DAMAGE = (ValueError, EOFError, KeyError, OSError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees whose leaves' values are added up.

    A row begins at a tree's root. At a node that asks for a number it goes left if the number is at most the threshold;
    at one that asks for a category, if the category's group is among the node's; NaN and unknown categories go where
    the node says. A node's two children are neighbours, and lie behind it.

    Args:
        numbers: int64 (), columns of numbers.
        cardinalities: int32 (columns of categories,), known categories of each; their codes are 1 and up.
        groups: int32 (sum of cardinalities + 1,), for one column of categories after the other the group of each code,
            code 0 included. Group 0 is what counts as missing.
        baseline: float32 (outputs,), what the trees add to.
        roots: int32 (trees,), first node of each tree.
        outputs: int32 (trees,), output that each tree adds to.
        features: int32 (nodes,), a column of numbers, or `numbers` + a column of categories; -1: a leaf.
        thresholds: float32 (nodes,), of nodes that ask for a number; else 0.
        missing_left: bool (nodes,), whether NaN and group 0 go left.
        splits: int32 (nodes,), of nodes that ask for a category their row of `left_groups`; else -1.
        left_groups: bool (splits, groups), which groups go left.
        lefts: int32 (nodes,), the left child; the right one is the next; of a leaf itself.
        values: float32 (nodes,), of leaves; else 0.
    """

    numbers: np.ndarray
    cardinalities: np.ndarray
    groups: np.ndarray
    baseline: np.ndarray
    roots: np.ndarray
    outputs: np.ndarray
    features: np.ndarray
    thresholds: np.ndarray
    missing_left: np.ndarray
    splits: np.ndarray
    left_groups: np.ndarray
    lefts: np.ndarray
    values: np.ndarray

    @cached_property
    def tree(self) -> np.ndarray:
        """int64 (nodes,), the tree that each node is of."""
        return np.repeat(np.arange(len(self.roots)), np.diff([*self.roots, len(self.features)]))

    @cached_property
    def parents(self) -> np.ndarray:
        """int64 (nodes,), of a root itself."""
        parents = np.arange(len(self.features))
        (inner,) = np.nonzero(self.features >= 0)
        parents[self.lefts[inner]] = parents[self.lefts[inner] + 1] = inner
        return parents

    @cached_property
    def depths(self) -> np.ndarray:
        """int64 (nodes,), steps from the root."""
        depths, at = np.zeros(len(self.features), np.int64), np.arange(len(self.features))
        while (moved := self.parents[at] != at).any():
            depths += moved
            at = self.parents[at]
        return depths

    def save(self, path: Path) -> None:
        """Writes them as .npz, atomically.

        Raises:
            ResourceError: if the file cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, **{name: getattr(self, name) for name in _KINDS})
        content = buffer.getbuffer()
        atomic_write(path, lambda temporary: temporary.write_bytes(content))

    @classmethod
    def load(cls, path: Path) -> "Trees":
        """Those of a file that `save` wrote.

        Raises:
            ArtifactError: if it is missing, or damaged: then the graph of it might answer anything.
            ResourceError: if it may not be read.
        """
        try:
            file = open_own(path, "rb")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ArtifactError(f"{shown(path)} is missing.", REMEDY) from error
        except OSError as error:
            raise ResourceError(
                f"{shown(path)} cannot be read: {error.strerror}.", "See to it that it may be."
            ) from error
        try:
            with file, zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                unpacked = any(member.file_size != member.compress_size for member in members)
                if unpacked or sum(member.file_size for member in members) > _LARGEST:
                    raise ValueError("it unpacks to more than its size")
                if lacking := [name for name in _KINDS if f"{name}.npy" not in archive.namelist()]:
                    raise ValueError(f"it has no array {lacking[0]}")
                file.seek(0)
                with np.load(file, allow_pickle=False) as arrays:
                    trees = cls(**{name: arrays[name] for name in _KINDS})
        except _DAMAGE as error:
            damaged(path, str(error).splitlines()[0].rstrip(".") if str(error) else "it is cut off", error)
        if fault := trees.fault():
            damaged(path, fault)
        return trees

    def fault(self) -> str:
        """What is wrong with the arrays, "" if nothing is."""
        for name, (kind, dimensions) in _KINDS.items():
            array = getattr(self, name)
            if array.dtype != kind or array.ndim != dimensions:
                return f"{name} is {array.dtype} of {array.ndim} dimensions, not {kind} of {dimensions}"
        lengths = {len(getattr(self, name)) for name in _OF_NODES}
        if len(lengths) > 1 or len(self.roots) != len(self.outputs):
            return "its arrays differ in length"
        if not len(self.roots) or not len(self.features) or not len(self.baseline):
            return "it holds no tree"
        if len(self.features) > MOST_NODES:
            return f"it has more than {MOST_NODES:,} nodes"
        if self.numbers < 0 or (self.cardinalities < 0).any():
            return "its numbers of columns or categories are negative"
        if len(self.groups) != int(np.sum(self.cardinalities, dtype=np.int64)) + len(self.cardinalities):
            return "its groups are not those of its columns of categories"
        if self.roots[0] != 0 or (np.diff(self.roots) <= 0).any() or self.roots[-1] >= len(self.features):
            return "its trees are not one behind the other"
        if not all(np.isfinite(values).all() for values in (self.values, self.baseline)) or (
            np.isnan(self.thresholds).any()
        ):
            return "some of its values are no numbers"
        return self._reach() or self._fault_of_nodes()

    def _reach(self) -> str:
        """What of all places is out of range."""
        columns, groups = int(self.numbers) + len(self.cardinalities), self.left_groups.shape[1]
        ranges = {
            "outputs": (self.outputs, 0, len(self.baseline)),
            "features": (self.features, -1, columns),
            "splits": (self.splits, -1, len(self.left_groups)),
            "groups": (self.groups, 0, max(groups, 1)),
            "lefts": (self.lefts, 0, len(self.features)),
        }
        wrong = [name for name, (values, least, end) in ranges.items() if ((values < least) | (values >= end)).any()]
        return f"{wrong[0]} are out of range" if wrong else ""

    def _fault_of_nodes(self) -> str:
        """What makes the nodes no trees."""
        (leaves,), (inner,) = np.nonzero(self.features < 0), np.nonzero(self.features >= 0)
        if (self.lefts[leaves] != leaves).any():
            return "a leaf has children"
        children = np.concatenate([self.lefts[inner], self.lefts[inner] + 1])
        others = np.setdiff1d(np.arange(len(self.features)), self.roots)
        if not np.array_equal(np.sort(children), others) or (self.lefts[inner] <= inner).any():
            return "its nodes are no trees"
        if (self.tree[children] != np.tile(self.tree[inner], 2)).any():
            return "a node is a child of another tree's"
        by_category = self.features >= self.numbers
        if ((self.splits >= 0) != by_category).any():
            return "splits and features differ"
        return ""


_KINDS = {  # name -> dtype, dimensions
    "numbers": ("int64", 0),
    "cardinalities": ("int32", 1),
    "groups": ("int32", 1),
    "baseline": ("float32", 1),
    "roots": ("int32", 1),
    "outputs": ("int32", 1),
    "features": ("int32", 1),
    "thresholds": ("float32", 1),
    "missing_left": ("bool", 1),
    "splits": ("int32", 1),
    "left_groups": ("bool", 2),
    "lefts": ("int32", 1),
    "values": ("float32", 1),
}
_OF_NODES = ("features", "thresholds", "missing_left", "splits", "lefts", "values")
