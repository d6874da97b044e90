"""The hashes that stand elsewhere than in a manifest: runs had those before they had manifests."""

import csv
import hashlib
from pathlib import Path
from typing import Any

from ..core.checkpoint_files import read_vouched
from ..core.run_files import found_json, read_json, require_table
from ..core.run_folder import THRESHOLD
from ..errors import ArtifactError, ResourceError
from .checked import CHANGED, MISSING, Checked

_JSON = ("environment.json", "data.json", "metrics.json", "search.json", THRESHOLD)
_COLUMNS = ("fingerprint", "label", "split")
_CODE = "network.py"


def check_records(folder: Path, checked: Checked) -> None:
    """Compares the files of one run folder, those of its folds, final runs and trials not included, with the hashes
    that are recorded in other files of it.
    """
    for name in _JSON:
        try:
            read_json(folder / name)
        except ArtifactError as error:
            checked.damage(folder / name, error)
    status = found_json(folder / "status.json")
    model, recorded = folder / "model.keras", status.get("model_sha256")
    left_out = folder.parent.name == "trials" and "part_of" in status  # only the best trials keep theirs
    if isinstance(recorded, list) and recorded and (model.exists() or not left_out):
        checked.hash(model, tuple(map(str, recorded)), "status.json")
    code = _text(found_json(folder / "environment.json").get("code"), "sha256")
    if code:
        checked.hash(folder / _CODE, (code,), "environment.json")
    for about in sorted(folder.glob("checkpoints/**/step-*.json")):
        _check_checkpoint(about, checked)
    if "candidate" not in status:  # whose splits are those of its run
        _check_splits(folder, checked)
    measured = _text(found_json(folder / "loss_surface.json"), "model_sha256")
    if measured and isinstance(recorded, list) and measured not in recorded[:1]:
        checked.notes.append("loss_surface.json is of another model than model.keras")


def _check_checkpoint(about: Path, checked: Checked) -> None:
    arrays = about.with_suffix(".npz")
    try:
        read_vouched(about)
    except ArtifactError as error:
        checked.damage(about, error)
    except (ValueError, OSError, ResourceError) as error:
        of_facts = "facts" in str(error)
        kind = CHANGED if of_facts or arrays.exists() else MISSING
        checked.wrong(about if of_facts else arrays, kind, f"{about.name} does not fit: {error}")
    else:
        checked.good(about)
        checked.good(arrays)


def _check_splits(folder: Path, checked: Checked) -> None:
    """Compares splits.csv with the content hash of data.json, as `datasets.checks.content_hash` makes it."""
    path, wanted = folder / "splits.csv", found_json(folder / "data.json").get("content_hash")
    if not isinstance(wanted, str):
        return
    try:
        require_table(path)
        with open(path, newline="", encoding="utf-8") as file:
            rows = [[row.get(name) or "" for name in _COLUMNS] for row in csv.DictReader(file)]
    except FileNotFoundError:
        checked.wrong(path, MISSING, "there is no such file")
        return
    except (ArtifactError, OSError, ValueError, csv.Error) as error:
        checked.wrong(path, CHANGED, error.cause if isinstance(error, ArtifactError) else str(error))
        return
    missing = ("", "None", "nan")  # a label that is missing was hashed as one of these
    texts = ([[key, label or word, split] for key, label, split in rows] for word in missing)
    hashes = (hashlib.sha256("\n".join("\t".join(row) for row in sorted(rows)).encode()) for rows in texts)
    if wanted in {found.hexdigest() for found in hashes}:
        checked.good(path)
    else:
        checked.wrong(path, CHANGED, "its rows do not fit the content hash of data.json")


def _text(content: Any, name: str) -> str:
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, str) else ""
