"""The columns that trees are fitted on: categories as groups, first, and numbers in float32."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Columns:
    """How a table's columns are given to scikit-learn.

    Args:
        numbers: columns of numbers.
        cardinalities: known categories of each column of codes.
        groups: for each column of codes the group of every code, code 0 included: 1 and up; 0: not in training.
        counts: groups of each column, without group 0.
        constant: bool (columns of codes + numbers,), those without any value in training.
    """

    numbers: int
    cardinalities: tuple[int, ...]
    groups: tuple[np.ndarray, ...]
    counts: tuple[int, ...]
    constant: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray | None, codes: np.ndarray | None, cardinalities: list[int], most: int) -> "Columns":
        """Those of training rows.

        Of more than `most` categories of a column the rarest share a group.
        """
        count = 0 if numbers is None else numbers.shape[1]
        groups, counts = [], []
        for column, cardinality in enumerate(cardinalities):
            assert codes is not None
            found = np.bincount(_known(codes[:, column], cardinality), minlength=cardinality + 1)
            found[0] = 0
            (seen,) = np.nonzero(found)
            places = np.zeros(cardinality + 1, np.int32)
            if len(seen) <= most:
                places[seen] = np.arange(1, len(seen) + 1)
            else:
                often = seen[np.sort(np.argsort(-found[seen], kind="stable")[: most - 1])]
                places[seen] = most
                places[often] = np.arange(1, most)
            groups.append(places)
            counts.append(min(len(seen), most))
        empty = np.isnan(numbers).all(0) if numbers is not None else np.zeros(0, bool)
        constant = np.concatenate([np.array(counts, int) == 0, empty])
        return cls(count, tuple(cardinalities), tuple(groups), tuple(counts), constant)

    def encoded(self, numbers: np.ndarray | None, codes: np.ndarray | None) -> np.ndarray:
        """float32 (rows, columns): categories as groups from 0, NaN where unknown; then numbers.

        Columns without any value in training are 0.
        """
        parts = []
        for column, (cardinality, groups) in enumerate(zip(self.cardinalities, self.groups)):
            assert codes is not None
            found = groups[_known(codes[:, column], cardinality)].astype(np.float32)[:, None]
            parts.append(np.where(found == 0, np.float32(np.nan), found - 1))
        if numbers is not None:
            parts.append(np.asarray(numbers, np.float32))
        columns = np.concatenate(parts, 1)
        columns[:, self.constant] = 0
        return columns

    @property
    def categorical(self) -> np.ndarray:
        """bool (columns,), which of the encoded columns are groups."""
        return np.arange(len(self.constant)) < len(self.cardinalities)


def _known(codes: np.ndarray, cardinality: int) -> np.ndarray:
    """Codes, 0 for those out of range."""
    return np.where((codes >= 1) & (codes <= cardinality), codes, 0)
