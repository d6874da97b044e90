"""Arrow files, as pyarrow and the package `datasets` of Hugging Face write them: streams, or files with an index."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.run_files import found_json
from ..errors import DataError

INFO = "dataset_info.json"  # beside the data
CLASSES = "columns of classes"  # in `attrs`
AGAIN = "Fetch or write it again."
_IN_A_FILE, _STREAM = b"ARROW1", b"\xff\xff\xff\xff"  # first bytes
_END = _STREAM + bytes(4)  # of a stream


def read_arrow(files: list[Path], path: Path, images: bool) -> pd.DataFrame:
    """The rows of some files; classes by their names, which columns hold them in `attrs`.

    Args:
        path: of all, for messages.
        images: whether the contents of images are wanted: {"bytes": scalar of pyarrow, "path": str}, which stay in the
            file until its `as_py` is called; else their paths stand there.

    Raises:
        DataError: if pyarrow is missing, or a file is damaged, cut or of a version that it does not know.
    """
    try:
        import pyarrow
    except ImportError:
        message = f"{path}: reading Arrow files needs pyarrow."
        raise DataError(message, "Install it: pip install 'tfpipelines[parquet]'.") from None
    frames, classes = [], set[str]()
    for file in files:
        try:
            table = _table(file)
            frame = pd.DataFrame({name: _cells(table.column(name), images) for name in table.column_names})
        except (OSError, pyarrow.ArrowException) as error:
            told = " ".join(str(error).split()).rstrip(".")
            cause = f"{file} is damaged, cut, or of a version of Arrow that pyarrow {pyarrow.__version__} cannot read"
            raise DataError(f"{cause}: {told}.", AGAIN) from error
        features = _features(table.schema.metadata, file)
        for name in frame.columns:
            if (names := _classes(features.get(name))) is not None:
                frame[name] = pd.Series([_named(value, names) for value in frame[name]], dtype=object)
                classes.add(name)
        frames.append(frame)
    if len({tuple(frame.columns) for frame in frames}) > 1:
        raise DataError(f"{path}: not all of its files have the same columns.", AGAIN)
    whole = pd.concat(frames, ignore_index=True)
    whole.attrs[CLASSES] = sorted(classes)
    return whole


def _table(file: Path) -> Any:
    """What a file holds, of which nothing is in memory yet but what is compressed."""
    import pyarrow
    from pyarrow import ipc

    with pyarrow.memory_map(str(file)) as content:
        head = content.read(len(_IN_A_FILE))
        content.seek(max(0, content.size() - len(_END)))
        if head.startswith(_STREAM) and content.read() != _END:  # else a cut between two batches would not be seen
            raise DataError(f"{file} ends too early.", AGAIN)
        content.seek(0)
        with ipc.open_file(content) if head == _IN_A_FILE else ipc.open_stream(content) as reader:
            table = reader.read_all()
    if twice := sorted({name for name in table.column_names if table.column_names.count(name) > 1}):
        raise DataError(f"{file}: the column {twice[0]!r} appears twice.", "Rename one of them.")
    return table


def _cells(column: Any, images: bool) -> Any:
    """A column for pandas; see `read_arrow` for images."""
    from pyarrow import types

    kind = column.type
    if not types.is_struct(kind) or {field.name for field in kind} != {"bytes", "path"}:
        return column.to_pandas()
    cells: list[Any] = []
    for chunk in column.chunks:
        parts = dict(zip((field.name for field in kind), chunk.flatten()))
        paths = parts["path"].to_pylist()
        if images:
            contents = [content if content.is_valid else None for content in parts["bytes"]]
            paths = [{"bytes": content, "path": path} for content, path in zip(contents, paths)]
        cells += [cell if there else None for cell, there in zip(paths, chunk.is_valid().to_pylist())]
    return pd.Series(cells, dtype=object)


def _features(metadata: Mapping[bytes, bytes] | None, file: Path) -> dict[str, Any]:
    """What `datasets` knows of the columns, by the file itself or the one beside it; {} where it has not written it."""
    try:
        written: Any = json.loads((metadata or {}).get(b"huggingface", b"{}"))
    except (ValueError, RecursionError):
        written = {}
    info = written.get("info") if isinstance(written, dict) else None
    own = info.get("features") if isinstance(info, dict) else None
    features = own or found_json(file.parent / INFO).get("features")
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
    """Numbers of classes as their names; -1, which stands for none, as None; what is a name already as it is."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [name for one in value if (name := _named(one, names)) is not None]
    if isinstance(value, str):
        return value
    if not isinstance(value, (int, float, np.number)) or value != value or value < 0:
        return None
    return names[int(value)] if value < len(names) else str(int(value))
