"""The two files of a checkpoint: `step-N.npz` with the arrays, and `step-N.json`, which vouches for them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from .files import file_hash
from .run_files import read_json

_FACTS = {"finished": bool, "callbacks": {str: dict}}
_SHAPE = {"step": int, "file": str, "size": int, "sha256": str, "facts": _FACTS}


def vouched(file: Path, size: int, sha256: str, step: int, facts: dict[str, Any]) -> str:
    """The content of `step-N.json`.

    Args:
        file: with the arrays.
        size, sha256: of it.
    """
    about: dict[str, Any] = {"step": step, "file": file.name, "size": size, "sha256": sha256}
    return json.dumps({**about, "facts": facts, "facts_sha256": _seal(facts)}, indent=1)


def read_vouched(path: Path) -> tuple[Path, dict[str, Any]]:
    """The file with the arrays of a checkpoint, and the content of its `step-N.json`, whose hashes fit.

    Raises:
        ValueError: if they do not fit; an ArtifactError, which is one, if `step-N.json` is damaged.
        OSError: if a file cannot be read.
    """
    content = read_json(path, _SHAPE, _SHAPE)
    if content.get("facts_sha256", facts := _seal(content["facts"])) != facts:  # earlier ones have none
        raise ValueError("the hash of the facts does not fit")
    file = path.parent / Path(content["file"]).name
    if not file.is_file() or file.stat().st_size != content["size"] or file_hash(file) != content["sha256"]:
        raise ValueError("size or hash do not fit")
    return file, content


def _seal(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
