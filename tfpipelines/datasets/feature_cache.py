"""What a frozen backbone says of samples: computed once for each, kept on disk, found again by content."""

import fcntl
import hashlib
import json
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..core.files import atomic_write
from ..core.machine import cache_folder
from ..errors import ResourceError
from .tracing import appended

_SLICE = 16_384  # samples whose features are computed before they are written


@dataclass(frozen=True)
class FeatureStore:
    """Feature vectors by number of a sample.

    Args:
        features: float32 (samples, width).
    """

    features: np.ndarray

    @property
    def shape(self) -> tuple[int]:
        """Of one sample's features."""
        return self.features.shape[1:]

    def attach(self, samples: tf.data.Dataset) -> tf.data.Dataset:
        """Appends features to a dataset of (..., numbers), numbers being int64 (batch,): float32 (batch, width)."""
        return appended(samples, lambda numbers: self.features[numbers], self.shape)


class FeatureCache:
    """The features of one source of samples, by one backbone, on disk: shared by runs, folds and trials of a search.

    Each sample is known by the hash of its content, so one that has changed is computed anew, and only that.

    Args:
        key: all that the features depend on besides the sample: JSON values.
    """

    def __init__(self, key: dict):
        self.name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def file(self) -> Path:
        """Where they are kept."""
        return cache_folder() / "features" / f"{self.name}.npz"

    def get(self, fingerprints: np.ndarray, compute: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, int]:
        """The features of samples.

        Args:
            fingerprints: content hash of each, uint64 (samples,).
            compute: function of places in `fingerprints`, int64 (n,), to their features, float (n, width).

        Returns:
            float32 (samples, width), and how many had to be computed.

        Raises:
            ResourceError: if the cache folder cannot be written.
        """
        unique, first, inverse = np.unique(fingerprints, return_index=True, return_inverse=True)
        with self._locked():
            known, table = self._read()
            missing = np.flatnonzero(~np.isin(unique, known))
            for start in range(0, len(missing), _SLICE):  # what is done survives a kill
                some = missing[start : start + _SLICE]
                fresh = np.asarray(compute(first[some].astype(np.int64)), np.float32)
                known = np.concatenate([known, unique[some]])
                table = np.concatenate([table.reshape(-1, fresh.shape[1]), fresh])
                _write(self.file, known, table)
        order = np.argsort(known)
        return table[order[np.searchsorted(known[order], unique)]][inverse], len(missing)

    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        try:
            with np.load(self.file, allow_pickle=False) as archive:
                return archive["fingerprints"], archive["features"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # none yet, or damaged: it is made anew
            return np.zeros(0, np.uint64), np.zeros((0, 0), np.float32)

    @contextmanager
    def _locked(self):
        """One process at a time: a second that wants the same waits and then finds it."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            lock = open(self.file.with_suffix(".lock"), "w")
        except OSError as error:
            message = f"The cache folder {self.file.parent} cannot be written: {error.strerror}."
            raise ResourceError(message, "Name another in the environment variable TFPIPE_CACHE.") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _write(path: Path, fingerprints: np.ndarray, features: np.ndarray) -> None:
    def save(temporary: Path) -> None:
        with open(temporary, "wb") as stream:  # np.savez would add an ending to the name
            np.savez(stream, fingerprints=fingerprints, features=features)

    atomic_write(path, save)
