"""Checkpoints: an ordered dump of all variables, and the state of the callbacks, whole or not there at all."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from ..core.files import atomic_write, file_hash
from ..core.run_files import read_json
from ..errors import ArtifactError

KEPT = 2
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile)
_FACTS = {"finished": bool, "callbacks": {str: dict}}
_MANIFEST = {"step": int, "file": str, "size": int, "sha256": str, "facts": _FACTS}


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
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # none of them is called allow_pickle
        content = buffer.getbuffer()
        atomic_write(file, lambda temporary: temporary.write_bytes(content))
        digest = hashlib.sha256(content).hexdigest()
        manifest: dict[str, Any] = {"step": step, "file": file.name, "size": len(content), "sha256": digest}
        manifest |= {"facts": facts, "facts_sha256": _seal(facts)}
        atomic_write(file.with_suffix(".json"), json.dumps(manifest, indent=1))
        manifests = sorted(self.folder.glob("step-*.json"))
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
                content = read_json(manifest, _MANIFEST, _MANIFEST)
                if content.get("facts_sha256", facts := _seal(content["facts"])) != facts:  # earlier ones have none
                    raise ValueError("the hash of the facts does not fit")
                file = self.folder / Path(content["file"]).name
                if not file.is_file() or file.stat().st_size != content["size"] or file_hash(file) != content["sha256"]:
                    raise ValueError("size or hash do not fit")
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


def _seal(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


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
