"""Networks of the user's own: functions that `model.name` names as FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION.

Here their code is found and read. Nothing of it is run; whether it may be is asked of the user's trust store: a folder
with one file for each SHA-256 that the user has let run.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import ConfigError
from ..run_files import read_text
from .modules import located

CODE = "(code)"  # key of the nested dicts of a pipeline: {name of an own network: {"path": ..., "text": ...}}
AUTO = "auto"  # the name that stands for a choice among candidates
COPY = "network.py"  # of the code, in a run folder
_LARGEST = 2**20  # bytes of a file
_NAMING = ("name", "candidates")  # fields of `model` that name networks


class Code(NamedTuple):
    """The code of an own network.

    Args:
        name: what `model.name` says, the path being absolute.
        path: of the file that was read; that of the run folder's copy where a run goes on.
        text: of the file.
    """

    name: str
    path: str
    text: str

    @property
    def function(self) -> str:
        """That builds the network."""
        return self.name.rpartition(":")[2]

    @property
    def module(self) -> str:
        """To be imported; "" for a file."""
        place = self.name.rpartition(":")[0]
        return "" if _is_file(place) else place

    @property
    def sha256(self) -> str:
        """Of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def trusted(self) -> bool:
        """Whether the user's trust store knows it."""
        try:
            return (store() / self.sha256).is_file()
        except (OSError, RuntimeError):  # no home folder, or one that may not be read
            return False


def is_own(name: Any) -> bool:
    """Whether this is no built-in network's name."""
    return isinstance(name, str) and ":" in name


def short(name: str) -> str:
    """The name without the folders of its file."""
    place, _, function = name.rpartition(":")
    return f"{Path(place).name}:{function}" if _is_file(place) else name


def store() -> Path:
    """The folder of the trust store: `trusted` in TFPIPE_CONFIG, else in the user's folder of settings."""
    given = os.environ.get("TFPIPE_CONFIG")
    base = Path(given) if given else Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "tfpipelines"
    return base.expanduser() / "trusted"


def names_in(content: Mapping[str, Any]) -> list[str]:
    """The own networks that the nested dicts of a pipeline name: that of `model` or its candidates, and those that a
    search tries.
    """
    model, search = content.get("model"), content.get("search")
    space = search.get("space") if isinstance(search, dict) else None
    tried = space.get("model.name") if isinstance(space, dict) else None
    tried = tried.get("values") if isinstance(tried, dict) else tried
    named = [*names_of(model), *(tried if isinstance(tried, list) else ())]
    return list(dict.fromkeys(name for name in named if is_own(name)))


def names_of(model: Any) -> list[Any]:
    """The names of networks in the nested dicts of a section `model`: its own, and those of candidates."""
    if not isinstance(model, dict):
        return []
    each = model.get("candidates") if model.get("name", AUTO) == AUTO else ()
    entries = each if isinstance(each, (list, tuple)) else ()
    return [model.get("name"), *(entry.get("name") if isinstance(entry, dict) else entry for entry in entries)]


def find_code(content: Mapping[str, Any], pipeline: Path, given: Mapping[str, Any]) -> dict[str, Code]:
    """{name as it is given: code} of the own networks that the nested dicts of a pipeline name.

    Args:
        content: with overrides.
        pipeline: its file: a name in it means a file beside it, or one below the working directory; in a run folder
            the copy of the code.
        given: the nested dicts of the overrides alone, in which names are relative to the working directory.

    Raises:
        ConfigError: if there is no such file or module, or there are several.
    """
    named, found = names_in(given), dict[str, Code]()
    for name in names_in(content):
        copy = pipeline.parent / COPY if name not in named and _is_run(pipeline) else None
        found[name] = _found(name, copy, None if name in named else pipeline.parent)
    if len(paths := {code.path for code in found.values()}) > 1:
        cause = f"model.name: the networks of one run are in several files: {', '.join(sorted(paths))}."
        raise ConfigError(cause, "Put them into one file.")
    return found


def put_code(content: dict[str, Any], found: Mapping[str, Code]) -> None:
    """Makes the names of own networks absolute in the nested dicts of a pipeline, and puts their code beside them."""
    names = {name: code.name for name, code in found.items()}
    for key in ("model", "search"):
        if key in content:
            content[key] = renamed(key, content[key], names)
    if found:
        content[CODE] = {code.name: {"path": code.path, "text": code.text} for code in found.values()}


def codes_of(content: Mapping[str, Any]) -> tuple[tuple[Code, bool], ...]:
    """What `put_code` has put there, and whether it is trusted."""
    codes = (Code(name, **told) for name, told in content.get(CODE, {}).items())
    return tuple((code, code.trusted) for code in codes)


def renamed(key: str, value: Any, names: Mapping[str, str]) -> Any:
    """A value of a pipeline with other names of networks in it: of `model`, of its `name` or `candidates`, or what is
    below `search`.
    """
    if key == "model" and isinstance(value, dict):
        return value | {name: renamed(f"model.{name}", value[name], names) for name in _NAMING if name in value}
    if key == "model.candidates" and isinstance(value, (list, tuple)):
        return [
            renamed("model", entry, names) if isinstance(entry, dict) else _renamed(entry, names) for entry in value
        ]
    return _renamed(value, names) if key == "model.name" or key.split(".")[0] == "search" else value


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(entry, names) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_renamed(entry, names) for entry in value]
    return names.get(value, value) if isinstance(value, str) else value


def current_text(code: Code) -> str | None:
    """What the file or module that code was read from holds now; None if it cannot be read any more."""
    place = code.name.rpartition(":")[0]
    try:
        path = Path(place) if _is_file(place) else located(place)
        return read_text(path, _LARGEST).removeprefix("\ufeff")
    except (OSError, ValueError):
        return None


def _is_run(pipeline: Path) -> bool:
    """Whether a pipeline's file is that of a run folder with a copy of the code."""
    there = pipeline.name == "pipeline.yaml" and (pipeline.parent / "status.json").exists()
    return there and os.path.lexists(pipeline.parent / COPY)


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place


def _path_of(place: str, beside: Path | None) -> Path:
    """The file of code, absolute."""
    path = Path(place).expanduser() if _is_file(place) else located(place)
    near = beside / path if beside else path
    return (near if near.is_file() else path).absolute()


def _found(name: str, copy: Path | None, beside: Path | None) -> Code:
    place, _, function = name.rpartition(":")
    if not place or not function.isidentifier():
        raise ConfigError(
            f"model.name: {name!r} names no function.", "Write FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION."
        )
    try:
        path = copy if copy and not _is_file(place) else _path_of(place, beside)
        there = copy is not None or path.is_file()
        what = "is not a regular file" if path.exists() else "does not exist"
    except (OSError, RuntimeError) as error:  # a name that is too long, an unknown home
        raise ConfigError(f"model.name: {place} is no path: {error}.", "Name a Python file.") from error
    if not there:
        raise ConfigError(f"model.name: {path} {what}.", "Name the Python file that defines the network.")
    known = f"{path}:{function}" if _is_file(place) else name
    source = copy or path
    try:
        return Code(known, str(source), read_text(source, _LARGEST).removeprefix("\ufeff"))
    except (OSError, ValueError) as error:
        cause = getattr(error, "cause", f"{source} cannot be read: {error}.")
        raise ConfigError(f"model.name: {cause}", "Name a Python file.") from error
