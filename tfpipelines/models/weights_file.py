"""What is in an HDF5 file of weights, looked at before Keras reads it: numbers, in groups that form a tree."""

from pathlib import Path
from typing import NoReturn

import h5py

from ..errors import ArtifactError

_DEEPEST, _MOST = 64, 40_000  # levels of groups; groups and arrays
_PACKED = 20  # numbers may take so many times the bytes that are there
_SMALL = 2**20  # bytes of an array that is not looked at for this
_REMEDY = "Load models only from sources you know; restore it, or save the weights again with Keras."


def count_numbers(path: Path, file: h5py.File) -> int:
    """How many numbers a file of weights holds.

    Args:
        path: what messages call it.
        file: opened; of a member of an archive, too.

    Raises:
        ArtifactError: if it refers to other files or places, if a group or array is linked twice, as in a cycle, if it
            is nested too deeply, or holds arrays larger than what is there of them.
    """
    seen, numbers, waiting = {h5py.h5o.get_info(file.id).addr}, 0, [(file.id, 0)]
    while waiting:
        group, depth = waiting.pop()
        if depth > _DEEPEST or len(seen) + group.get_num_objs() > _MOST:
            _refuse(
                path, "its weights are nested too deeply" if depth > _DEEPEST else "its weights have too many parts"
            )
        for name in group:
            link = group.links.get_info(name)
            if link.type != h5py.h5l.TYPE_HARD:
                where = "files" if link.type == h5py.h5l.TYPE_EXTERNAL else "places"
                _refuse(path, f"its weights refer to other {where} ({_text(name)})")
            item = h5py.h5o.open(group, name)
            address = h5py.h5o.get_info(item).addr
            if address in seen:
                _refuse(path, f"its weights hold one part in two places ({_text(name)})")
            seen.add(address)
            if isinstance(item, h5py.h5g.GroupID):
                waiting.append((item, depth + 1))
            elif isinstance(item, h5py.h5d.DatasetID):
                numbers += _size(path, item, _text(name))
    return numbers


def _size(path: Path, array: h5py.h5d.DatasetID, name: str) -> int:
    """How many numbers an array has."""
    plan = array.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
        _refuse(path, f"its weights refer to other files ({name})")
    space = array.get_space()
    numbers = int(space.get_simple_extent_npoints())
    size = numbers * array.get_type().get_size()
    if size > _SMALL and size > _PACKED * array.get_storage_size():
        _refuse(path, f"its weights claim more numbers than the file holds ({name}: {numbers:,})")
    return numbers


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")[:200]


def _refuse(path: Path, reason: str) -> NoReturn:
    raise ArtifactError(f"{path} is not to be trusted: {reason}.", _REMEDY)
