"""Sources of samples: folders, tables, archives of arrays. Each file of this folder may bring another, and so may
installed packages: see `plugins`.

What a task needs of its data goes this way: `open_source` finds who reads a path, `Source.read` gives the sample table,
`SampleTable.content` one sample.
"""

import functools
import importlib
import os
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ...core import plugins
from ...core.config.files import packaged, sample_names
from ...core.urls import as_text, is_remote
from ...core.words import counted, is_url, nearest
from ...errors import ConfigError, DataError
from .. import remote
from ..archives import content_root, is_readable, left_out_of, unpacked, within_archive
from ..compressed import COMPRESSIONS
from ..file_kinds import conversion, is_archive, unpacking
from ..sample_table import SEPARATOR, given_splits, places
from ..shard_files import find_shards
from .base import SampleTable, Source
from .requests import Kind, Request, key_of


@functools.cache
def built_in() -> tuple[type[Source], ...]:
    """Every class of a source that a file of this folder defines, in the order of the files' names."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        names = vars(importlib.import_module(f"{__name__}.{module.name}"))
        own = (value for value in names.values() if getattr(value, "__module__", "") == f"{__name__}.{module.name}")
        found += [value for value in own if isinstance(value, type) and issubclass(value, Source) and value.kinds]
    return tuple(found)


@functools.cache
def added() -> dict[plugins.Plugin, type[Source]]:
    """The classes that packages bring."""
    return plugins.members("sources", _fault)


def members() -> tuple[type[Source], ...]:
    """All of them. Those of packages come last, so that installing one changes nothing of who reads what."""
    return (*built_in(), *added().values())


def _fault(member: object) -> str:
    if not (isinstance(member, type) and issubclass(member, Source)):
        return f"is no class derived from {Source.__module__}.Source"
    return "" if member.kinds else "names no kinds of samples that it may hold"


def open_source(path: str, kind: Kind, key: str = "data.path", tell: remote.Tell = remote.print_it) -> Source:
    """Who reads a path. This is the only place where that is decided.

    Args:
        path: a folder, a file, `sample:NAME`, or a URL, whose content is copied first where it is not there yet.
        kind: of the samples that are wanted.
        key: the config field to speak of.
        tell: is told what is copied.

    Raises:
        ConfigError: for an unknown sample or scheme.
        DataError: if nothing is there, or nobody reads it.
        ResourceError: if there is no room for a copy.
    """
    copy = remote.local_copy(path, tell) if is_remote(path) else None
    located = locate(path, key) if copy is None else _there(copy.path, key)
    named = path if copy is None else copy.name
    able = [member for member in members() if kind.name in member.kinds]
    for member in able:
        if member.reads(located):
            source = member(located, named)
            given = Path(as_text(path)).expanduser() if copy is None else copy.path
            source.through = None if path.startswith("sample:") or given == located else given
            source.copied = "" if copy is None else remote.told(copy)
            return source
    endings = tuple(sorted({ending for member in able for ending in member.endings}))
    trees = any(member.tree for member in able)
    if is_readable(located.name) and located.is_file():
        whole = unpacked(located)
        inner = content_root(located, whole, endings, trees)
        member = next(member for member in able if member.reads(inner))
        source = member(inner, named)
        source.through, source.left_out = located / inner.relative_to(whole), left_out_of(whole)
        source.copied = "" if copy is None else remote.told(copy)
        return source
    if is_archive(located.name) and located.is_file():
        raise DataError(f"{located} is an archive, which is not read.", unpacking(located))
    folders = "a folder, or " if trees else ""
    message = f"{located} is not a {kind.source}: its extension is unknown."
    reasons = [plugins.reason("sources", plugin.name) for plugin in plugins.failures("sources")]
    remedy = conversion(located) if "table" in kind.source or kind.files else ""
    raise DataError(message, remedy or f"Give {folders}a file that ends in {_told(endings)}.{kind.hint}", reasons)


def _told(endings: Iterable[str]) -> str:
    """Endings of files; compressed ones are not named one by one."""
    return ", ".join(ending for ending in endings if not ending.endswith(COMPRESSIONS))


def locate(path: str, key: str = "data.path") -> Path:
    """The local file or folder that `path` means; `sample:NAME` is data that come with the package, `sample:NAME/FILE`
    a file of them; of a URL its copy.

    Raises:
        ConfigError: for an unknown sample or scheme.
        DataError: if nothing is there.
        ResourceError: if there is no room for a copy.
    """
    if is_remote(path):
        return _there(remote.local_copy(path, remote.print_it).path, key)
    if is_url(path):  # of a local file
        return _there(Path(unquote(urlsplit(path).path)), key)
    if not path.startswith("sample:"):
        return _there(Path(path).expanduser(), key)
    name, _, file = path.removeprefix("sample:").partition("/")
    if name not in sample_names():
        guess = nearest(name, sample_names())
        remedy = f"Did you mean sample:{guess}?" if guess else f"There are: {', '.join(sample_names())}."
        raise ConfigError(f"{key}: there is no sample {name!r}.", remedy)
    folder = packaged("samples") / name
    if file:
        return _there(folder / os.path.normpath(f"/{file}")[1:], key)
    endings = {ending for member in members() for ending in member.endings}
    tables = [file for file in sorted(folder.iterdir()) if file.suffix in endings]
    named = [file for file in tables if file.stem == name]
    return named[0] if named else tables[0] if len(tables) == 1 else folder


def settle_labels(table: SampleTable, request: Request) -> SampleTable:
    """The rows that have a label, where labels are asked for; the others are reported.

    Raises:
        DataError: if none has one, or folds are asked for by a column and there is none.
    """
    fold = request.columns.get("fold")
    if fold and "fold" not in table.frame:
        message = f"{table.source.path} has no column {fold!r} for data.folds."
        raise DataError(message, "Only tables can name folds; give data.folds a number instead.")
    table = settle_groups(table, request)
    if not request.labelled:
        return table
    missing = table.frame["label"].isna().to_numpy()
    if missing.all() and len(missing):
        raise DataError("The samples have no labels.", "Give labels: class folders, a label column, or an array y.")
    if missing.any():
        message = f"{counted(missing.sum(), 'row')} without a label"
        several = request.target == "labels" or table.frame["label"].str.contains(SEPARATOR, regex=False).any()
        remedy = (
            "Label them; a sample that has none of the labels is written as |, or []." if several else "Label them."
        )
        table.findings.bad(
            "no_label",
            request.on_bad,
            message,
            remedy,
            places(table.frame[missing]),
            given_splits(table.frame),
            missing,
        )
    return table.keep(~missing)


def settle_groups(table: SampleTable, request: Request) -> SampleTable:
    """The rows that have a group and a time, where they are asked for; the others are reported.

    Raises:
        DataError: if the source is none that has such columns.
    """
    for role, what in (("group", "a group"), ("time", "a time that can be read")):
        column = request.columns.get(role)
        if not column:
            continue
        if role not in table.frame:
            message = f"{table.source.path} is no table, so it has no column {column!r} for {key_of(role)}."
            columns = ", ".join(dict.fromkeys(("file", "label", column)))
            raise DataError(message, f"Write a table with a row for each sample, with the columns {columns}.")
        missing = table.frame[role].isna().to_numpy()
        if missing.any():
            message = f"{counted(missing.sum(), 'row')} without {what} in column {column!r} ({key_of(role)})"
            remedy, items = "Fill the cells.", places(table.frame[missing])
            splits = given_splits(table.frame)
            table.findings.bad(f"no_{role}", request.on_bad, message, remedy, items, splits, missing)
            table = table.keep(~missing)
    return table


def _there(path: Path, key: str) -> Path:
    """The path; raises DataError unless it is there and is a regular file or a folder."""
    if not path.exists():
        if (inner := within_archive(path)) or find_shards(path):
            return inner or path
        parent = path.parent
        guess = f" The folder {parent.resolve()} exists." if parent.is_dir() and parent != Path(".") else ""
        raise DataError(f"{path} does not exist.{guess}", f"Set {key} to a folder, a table or sample:NAME.")
    if not (path.is_dir() or path.is_file()):
        raise DataError(f"{path} is neither a folder nor a regular file.", f"Set {key} to data on a local disk.")
    return path
