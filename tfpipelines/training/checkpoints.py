"""Checkpoints: an ordered dump of all variables, and the state of the callbacks, whole or not there at all."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from ..core.checkpoint_files import read_vouched, vouched
from ..core.files import atomic_write, is_silent, require_held
from ..errors import ArtifactError

KEPT = 2
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile)


class Checkpoint(NamedTuple):
    """A loaded checkpoint.

    Args:
        step: steps done, over all epochs.
        arrays: {name: array} as saved.
        facts: JSON values as saved.
    """

    step: int
    arrays: dict[str, np.ndarray]
    facts: dict


class Checkpoints:
    """The checkpoints of a folder: `step-N.npz` with the arrays, then `step-N.json`, which vouches for it.

    Args:
        folder: exists already.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.damaged: list[str] = []

    def save(self, step: int, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Writes a checkpoint and removes all but the last two."""
        file = self.folder / f"step-{step:09d}.npz"
        if is_silent(file):
            return
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # none of them is called allow_pickle
        content = buffer.getbuffer()
        atomic_write(file, lambda temporary: temporary.write_bytes(content))
        digest = hashlib.sha256(content).hexdigest()
        atomic_write(file.with_suffix(".json"), vouched(file, len(content), digest, step, facts))
        manifests = sorted(self.folder.glob("step-*.json"))
        require_held(file)
        for old in manifests[:-KEPT]:
            old.unlink()
        kept = {manifest.stem for manifest in manifests[-KEPT:]}
        for old in self.folder.glob("step-*.npz"):  # also those of a process that died before the manifest
            if old.stem not in kept:
                old.unlink()

    def last(self) -> Checkpoint | None:
        """The newest whole checkpoint; None if none was ever written. Damaged ones are named in `damaged`.

        Raises:
            ArtifactError: if there are some, and all are damaged.
        """
        manifests = sorted(self.folder.glob("step-*.json"), reverse=True)
        for manifest in manifests:
            try:
                file, content = read_vouched(manifest)
                with zipfile.ZipFile(file) as archive:
                    if any(member.file_size != member.compress_size for member in archive.infolist()):
                        raise ValueError("it unpacks to more than its size")
                with np.load(file, allow_pickle=False) as archive:
                    arrays = {name: archive[name] for name in archive.files}
                    return Checkpoint(content["step"], arrays, content["facts"])
            except _UNREADABLE as error:
                self.damaged.append(f"{manifest.with_suffix('.npz')}: {error}")
        if manifests:
            message = f"No checkpoint in {self.folder} is intact."
            raise ArtifactError(message, "Start again with `tfpipe run`.", self.damaged)
        return None


def dump(model: keras.Model) -> dict[str, np.ndarray]:
    """All variables of a built and compiled model in order: weights, seed generators, optimizer, metrics."""
    groups = {"model": model.variables, "optimizer": model.optimizer.variables, "metric": model.metrics_variables}
    every = [(group, number, value) for group, values in groups.items() for number, value in enumerate(values)]
    return {f"{group}/{number:05d}": np.asarray(value.numpy()) for group, number, value in every}


def restore(
    model: keras.Model, arrays: dict[str, np.ndarray], groups: tuple[str, ...] = ("model", "optimizer")
) -> None:
    """Assigns what `dump` gave to a model built in the same way.

    Raises:
        ArtifactError: if numbers or shapes do not fit.
    """
    targets = {"model": model.variables, "optimizer": model.optimizer.variables, "metric": model.metrics_variables}
    for group in groups:
        saved = [arrays[name] for name in sorted(arrays) if name.startswith(f"{group}/")]
        variables = targets[group]
        if [array.shape for array in saved] != [tuple(variable.shape) for variable in variables]:
            raise ArtifactError("The checkpoint does not fit the model.", "Start again with `tfpipe run`.")
        for variable, array in zip(variables, saved):
            variable.assign(array)


def whole_weights(model: keras.Model, part: keras.Model, weights: list) -> list:
    """Weights of a model in its order, those that it shares with `part` as given, which is in the part's order."""
    if part is model:
        return weights
    given = {id(variable): value for variable, value in zip(part.weights, weights, strict=True)}
    return [given.get(id(variable), variable.numpy()) for variable in model.weights]
