"""Arrow files: datasets of Hugging Face, as `save_to_disk` and their cache keep them, and single .arrow, .feather.

pyarrow alone reads them; names of classes and splits stand in the files beside the data.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...core.run_files import found_json
from ...core.words import counted, listed
from ...errors import DataError
from ..arrow_files import AGAIN, CLASSES, INFO, read_arrow
from ..sample_table import split_of
from ..table_cells import cells_of
from ..table_files import TableForm
from .base import SampleTable
from .requests import Request
from .table import Table

_DICT, _STATE = "dataset_dict.json", "state.json"
_CACHED = re.compile(r".+-([\w.]+?)(?:-\d{5}-of-\d{5})?\.arrow")
_RESULT = re.compile(r"cache-[0-9a-f]+(?:_\d{5}_of_\d{5})?\.arrow")
_SPLITS = ("split", "subset", "set", "partition")  # of which the first that is free names the splits


class Arrow(Table):
    """A table in Arrow files, or a folder of those of each split."""

    kinds = ("images", "texts", "rows", "series")
    endings = (".arrow", ".feather")
    _asked: Request

    @classmethod
    def reads(cls, path: Path) -> bool:
        if path.is_dir():
            return (path / _DICT).is_file() or ((path / INFO).is_file() and any(_data_files(path)))
        return path.suffix.lower() in cls.endings and path.is_file()

    def read(self, request: Request) -> SampleTable:
        if request.root is None and self.path.is_dir():
            request = replace(request, root=str(self.path))
        self._asked = request
        return super().read(request)

    def open(self, item: str) -> bytes | np.ndarray:
        content: Any = super().open(item)
        return content if isinstance(content, bytes) else content.as_py()

    def written(self, form: TableForm) -> pd.DataFrame:
        images, labelled = "image" in self._asked.kind.roles, self._asked.labelled
        parts = {split: read_arrow(files, self.path, images) for split, files in _files(self.path).items()}
        left_out: list[str] = []
        if (labelled or self._asked.training) and any(map(split_of, parts)):
            left_out = [
                f"{split} ({counted(len(part), 'row')})" for split, part in parts.items() if not split_of(split)
            ]
            hidden = [split for split, part in parts.items() if labelled and split_of(split) and self._hides(part)]
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
        label = self._asked.columns.get("label")
        named = [label] if isinstance(label, str) else part.attrs[CLASSES]
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
        if not (isinstance(splits, list) and splits and all(map(_is_name, splits))):
            raise DataError(f"{path / _DICT} names no splits.", AGAIN)
        return {split: _of_one(path / split) for split in splits}
    if (path / _STATE).is_file():
        split = found_json(path / _STATE).get("_split")
        return {split if isinstance(split, str) else "": _of_one(path)}
    found: dict[str, list[Path]] = {}
    for file in _data_files(path):
        if match := _CACHED.fullmatch(file.name):
            found.setdefault(match[1], []).append(file)
    if not found:
        raise DataError(f"{path} holds no Arrow file that is named after its split.", "Give one of its files.")
    for files in found.values():
        _require_all(files, path)
    return found


def _is_name(split: Any) -> bool:
    """Whether it is a name of a split, which is that of its folder, too."""
    return isinstance(split, str) and split not in ("", "..", ".") and "/" not in split and "\0" not in split


def _data_files(folder: Path) -> list[Path]:
    """The Arrow files of a folder, without those in which `datasets` keeps the results of its functions."""
    return sorted(file for file in folder.glob("*.arrow") if not _RESULT.fullmatch(file.name))


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
        raise DataError(f"{folder / _STATE} names no files of data.", AGAIN)
    files = [folder / name for name in names]
    if lost := [file.name for file in files if not file.is_file()]:
        raise DataError(f"{folder} lacks {listed(lost, 5)}, which its {_STATE} names.", AGAIN)
    return files


def _require_all(files: list[Path], folder: Path) -> None:
    """Raises DataError if of the files of a split, such as x-00000-of-00003.arrow, one is not there."""
    counts = {match[1] for file in files if (match := re.search(r"-of-(\d{5})\.arrow$", file.name))}
    if counts and {len(files)} != {int(count) for count in counts}:
        cause = f"{folder} holds {len(files)} of {int(max(counts))} files like {files[0].name}."
        raise DataError(cause, AGAIN)
