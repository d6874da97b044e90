"""Arrow files: datasets of Hugging Face, as `save_to_disk` and their cache keep them, and single .arrow, .feather.

pyarrow alone reads them; names of classes and splits stand in the files beside the data.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...core.run_files import found_json
from ...core.words import counted, listed
from ...errors import DataError
from ..sample_table import split_of
from ..table_cells import cells_of
from ..table_files import TableForm
from .base import SampleTable
from .requests import Request
from .table import Table

_DICT, _INFO, _STATE = "dataset_dict.json", "dataset_info.json", "state.json"
_CACHED = re.compile(r".+-([\w.]+?)(?:-\d{5}-of-\d{5})?\.arrow")
_IN_A_FILE = b"ARROW1"
_END = b"\xff\xff\xff\xff\0\0\0\0"  # of a stream
_CLASSES = "columns of classes"  # in `attrs`
_SPLITS = ("split", "subset", "set", "partition")  # of which the first that is free names the splits
_AGAIN = "Fetch or write it again."


class Arrow(Table):
    """A table in Arrow files, or a folder of those of each split."""

    kinds = ("images", "texts", "rows", "series")
    endings = (".arrow", ".feather")
    _parted, _label = True, None

    @classmethod
    def reads(cls, path: Path) -> bool:
        if path.is_dir():
            return (path / _DICT).is_file() or ((path / _INFO).is_file() and any(path.glob("*.arrow")))
        return path.suffix.lower() in cls.endings and path.is_file()

    def read(self, request: Request) -> SampleTable:
        self._parted, self._label = request.labelled, request.columns.get("label")
        if request.root is None and self.path.is_dir():
            request = replace(request, root=str(self.path))
        return super().read(request)

    def written(self, form: TableForm) -> pd.DataFrame:
        parts = {split: _read(files, self.path) for split, files in _files(self.path).items()}
        left_out: list[str] = []
        if self._parted and any(map(split_of, parts)):
            left_out = [
                f"{split} ({counted(len(part), 'row')})" for split, part in parts.items() if not split_of(split)
            ]
            hidden = [split for split, part in parts.items() if split_of(split) and self._hides(part)]
            if len(hidden) < len(parts) - len(left_out):
                left_out += [f"{split} ({counted(len(parts[split]), 'row')}, without labels)" for split in hidden]
                parts = {split: part for split, part in parts.items() if split not in hidden}
            parts = {split: part for split, part in parts.items() if split_of(split)}
            for split, part in parts.items():
                part.insert(len(part.columns), next(name for name in _SPLITS if name not in part), split)
        cells = cells_of(pd.concat(parts.values(), ignore_index=True), self.path)
        if left_out:
            cells.attrs["as"] = [f"the splits {listed([*parts])}, without {listed(left_out)}"]
        return cells

    def _hides(self, part: pd.DataFrame) -> bool:
        """Whether a split has no labels, as that for the test of a contest: -1 stands for the class in all rows."""
        named = [self._label] if isinstance(self._label, str) else part.attrs[_CLASSES]
        return bool(len(part)) and any(name in part and part[name].isna().all() for name in named)


def _files(path: Path) -> dict[str, list[Path]]:
    """Split -> its Arrow files; "" where the path is of one table.

    Raises:
        DataError: if a folder is not as `datasets` writes it.
    """
    if not path.is_dir():
        return {"": [path]}
    if (path / _DICT).is_file():
        splits = found_json(path / _DICT).get("splits")
        if not (isinstance(splits, list) and splits and all(isinstance(split, str) for split in splits)):
            raise DataError(f"{path / _DICT} names no splits.", _AGAIN)
        return {split: _of_one(path / Path(split).name) for split in splits}
    if (path / _STATE).is_file():
        split = found_json(path / _STATE).get("_split")
        return {split if isinstance(split, str) else "": _of_one(path)}
    found: dict[str, list[Path]] = {}
    for file in sorted(path.glob("*.arrow")):
        if match := _CACHED.fullmatch(file.name):
            found.setdefault(match[1], []).append(file)
    if not found:
        raise DataError(f"{path} holds no Arrow file that is named after its split.", "Give one of its files.")
    for files in found.values():
        _require_all(files, path)
    return found


def _of_one(folder: Path) -> list[Path]:
    """The files of a `Dataset` that was saved, in order."""
    state = found_json(folder / _STATE)
    if state.get("_indices_data_files"):
        cause = f"{folder}: its rows are chosen by a file of indices, as early versions of datasets wrote it."
        raise DataError(cause, "Save it again: dataset.flatten_indices().save_to_disk(PLACE).")
    entries = state.get("_data_files")
    listed_there = entries if isinstance(entries, list) else []
    names = [str(entry.get("filename") or "") for entry in listed_there if isinstance(entry, dict)]
    if not names or not all(name and Path(name).name == name for name in names):
        raise DataError(f"{folder / _STATE} names no files of data.", _AGAIN)
    files = [folder / name for name in names]
    if lost := [file.name for file in files if not file.is_file()]:
        raise DataError(f"{folder} lacks {listed(lost, 5)}, which its {_STATE} names.", _AGAIN)
    return files


def _require_all(files: list[Path], folder: Path) -> None:
    """Raises DataError if of the files of a split, such as x-00000-of-00003.arrow, one is not there."""
    counts = {match[1] for file in files if (match := re.search(r"-of-(\d{5})\.arrow$", file.name))}
    if counts and {len(files)} != {int(count) for count in counts}:
        cause = f"{folder} holds {len(files)} of {int(max(counts))} files like {files[0].name}."
        raise DataError(cause, _AGAIN)


def _read(files: list[Path], path: Path) -> pd.DataFrame:
    """The rows of some files; classes by their names.

    Raises:
        DataError: if pyarrow is missing, or a file is damaged, cut or of a version that it does not know.
    """
    try:
        import pyarrow
        from pyarrow import ipc
    except ImportError:
        message = f"{path}: reading Arrow files needs pyarrow."
        raise DataError(message, "Install it: pip install 'tfpipelines[parquet]'.") from None
    frames, classes = [], set[str]()
    for file in files:
        try:
            with pyarrow.memory_map(str(file)) as content:
                in_a_file = content.read(len(_IN_A_FILE)) == _IN_A_FILE
                content.seek(max(0, content.size() - len(_END)))
                if not in_a_file and content.read() != _END:
                    raise DataError(f"{file} ends too early.", _AGAIN)
                content.seek(0)
                with ipc.open_file(content) if in_a_file else ipc.open_stream(content) as reader:
                    table = reader.read_all()
                frame = table.to_pandas(ignore_metadata=True)
        except (OSError, pyarrow.ArrowException) as error:
            told = " ".join(str(error).split()).rstrip(".")
            cause = f"{file} is damaged, cut, or of a version of Arrow that pyarrow {pyarrow.__version__} cannot read"
            raise DataError(f"{cause}: {told}.", _AGAIN) from error
        features = _features(table.schema.metadata, file)
        for name in frame.columns:
            if (names := _classes(features.get(name))) is not None:
                frame[name] = pd.Series([_named(value, names) for value in frame[name]], dtype=object)
                classes.add(name)
        frames.append(frame)
    if len({tuple(frame.columns) for frame in frames}) > 1:
        raise DataError(f"{path}: not all of its files have the same columns.", _AGAIN)
    whole = pd.concat(frames, ignore_index=True)
    whole.attrs[_CLASSES] = sorted(classes)
    return whole


def _features(metadata: Mapping[bytes, bytes] | None, file: Path) -> dict[str, Any]:
    """What `datasets` knows of the columns, by the file itself or the one beside it; {} where it has not written it."""
    try:
        info = json.loads((metadata or {}).get(b"huggingface", b"{}")).get("info", {})
    except (ValueError, AttributeError):
        info = {}
    features = info.get("features") or found_json(file.parent / _INFO).get("features")
    return features if isinstance(features, dict) else {}


def _classes(feature: Any) -> list[str] | None:
    """The names of the classes of a column, or of what its lists hold; None where it holds no classes."""
    while isinstance(feature, list) and len(feature) == 1:  # a list, as early versions write it
        feature = feature[0]
    if not isinstance(feature, dict):
        return None
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names")
        return [str(name) for name in names] if isinstance(names, list) and names else None
    return _classes(feature.get("feature"))


def _named(value: Any, names: list[str]) -> Any:
    """Numbers of classes as their names; -1, which stands for none, as None."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [name for one in value if (name := _named(one, names)) is not None]
    if value is None or value != value or value < 0:
        return None
    return names[int(value)] if value < len(names) else str(int(value))
