"""The runs of a folder, by what stands in their files; nothing is locked, loaded or changed."""

import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

from ..core.lease import chain
from ..core.lock import beats_elsewhere
from ..core.run_files import found_json
from ..core.run_folder import PRODUCTS
from ..core.splits import SPLITS
from ..errors import ConfigError, ResourceError
from ..metrics import main_figure

STATES = ("running", "done", "interrupted", "failed")
KILLED, DAMAGED = "killed", "damaged"
_LOCKS = Path("/proc/locks")  # of Linux: all locks that are held, by the inodes of their files


def list_runs(folder: str | Path = "runs") -> list[dict[str, Any]]:
    """The runs and searches that lie in a folder, the newest first.

    Args:
        folder: that runs are made in. What is no run folder is passed over.

    Returns:
        For each: `name`, `folder`, `kind` (run, search or products), `pipeline`, `task`, `state`, `reason` (why it
        ended early), `metric` ({`name`, `part`, `value`}: the main test metric of the task, else the validation metric,
        of a search the objective of its best trial, of several products the mean; or None), `seconds` (duration so
        far), `started`, `updated` (ISO 8601), `age` (seconds since the start). `state` is running, done, interrupted,
        failed, killed (running by status.json, but no process holds the lock, or one of another host has said nothing
        for minutes) or damaged (status.json cannot be read).

    Raises:
        ConfigError: if there is no such folder.
        ResourceError: if it cannot be read.
    """
    parent = Path(folder)
    if not parent.is_dir():
        remedy = "Name the folder that runs were made in: tfpipe list runs --in DIR."
        raise ConfigError(f"There is no folder {folder}.", remedy)
    try:
        inner = [path for path in parent.iterdir() if not (path.is_symlink() and path.name == "latest")]
    except OSError as error:
        raise ResourceError(f"{folder} cannot be read: {error.strerror}.", "Name a folder you may read.") from error
    entries = [entry for path in inner if (entry := _entry(path)) is not None]
    return sorted(entries, key=lambda entry: (entry["age"], entry["name"]))


def _entry(path: Path) -> dict[str, Any] | None:
    """What a folder says of itself; None if it is no run's."""
    try:
        if not (os.path.lexists(path / "status.json") or (path / "pipeline.yaml").is_file()):
            return None
        changed = path.stat().st_mtime
    except OSError:  # not to be looked into
        return None
    status = found_json(path / "status.json")
    state = state_of(path, status)
    metrics = found_json(path / "metrics.json")
    began = _instant(status.get("started"))
    return {
        "name": path.name,
        "folder": str(path),
        "kind": status["kind"] if status.get("kind") in ("search", PRODUCTS) else "run",
        "pipeline": _text(status.get("pipeline")),
        "task": _text(status.get("task")),
        "state": state,
        "reason": _text(status.get("reason")) if state in ("failed", "interrupted") else "",
        "metric": _search_metric(path, metrics) if status.get("kind") == "search" else _metric(metrics),
        "seconds": _seconds(status, metrics),
        "started": _text(status.get("started")),
        "updated": _text(status.get("updated")),
        "age": max(0.0, datetime.now(UTC).timestamp() - (changed if began is None else began)),
    }


def state_of(path: Path, status: dict[str, Any]) -> str:
    """running, done, interrupted, failed, killed or damaged, see `list_runs`; `status`: content of status.json."""
    state = status.get("state")
    if state not in STATES:
        return DAMAGED
    if state == "running" and not _held(path, status):
        state = found_json(path / "status.json").get("state")  # it may have ended while we looked
        return KILLED if state == "running" else state if state in STATES else DAMAGED
    return state


def _held(path: Path, status: dict[str, Any]) -> bool:
    """Whether a process may be at work in the folder: one on another host whose heartbeat is not long ago, or one that
    holds its lock.
    """
    lock = _lock_file(path, status)
    owner = {**status, **found_json(lock)}
    try:
        holder = chain(lock.parent)[-1]
        if holder.token and not holder.here:
            return beats_elsewhere(lock.parent)
        if owner.get("host") != socket.gethostname():
            return "token" not in owner
        inode = lock.stat().st_ino
        lines = [line.split() for line in _LOCKS.read_text().splitlines()]
        held = {words[-3].rsplit(":", 1)[-1] for words in lines if len(words) > 7}
    except OSError:  # no lock, or not Linux
        return lock.exists() and _lives(owner.get("pid"))
    return str(inode) in held


def _lock_file(path: Path, status: dict[str, Any]) -> Path:
    """The lock of a run; folds, candidates and the runs of a search share that of the whole."""
    if "fold" in status:
        return path.parent / ".lock"
    if "candidate" in status:
        run = path.parents[1]
        return _lock_file(run, found_json(run / "status.json"))
    return (Path(_text(status["part_of"])) if "part_of" in status else path) / ".lock"


def _lives(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError, TypeError, ValueError):
        return False
    return True


def _metric(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """The main metric of the test, else of validation, else of training, where a generator has nothing else."""
    for split in reversed(SPLITS):
        figures = metrics.get(split)
        numbers = [name for name in figures if _is_number(figures[name])] if isinstance(figures, dict) else []
        if figures and numbers:
            return {"name": (name := main_figure(numbers)), "part": split, "value": figures[name]}
    return None


def _search_metric(path: Path, metrics: dict[str, Any]) -> dict[str, Any] | None:
    """The objective of the best trial, so far where the search goes on."""
    found = metrics.get("search")
    if isinstance(found, dict) and _is_number(found.get("score")):
        return {"name": _text(found.get("metric")).removeprefix("val_"), "part": "validation", "value": found["score"]}
    state = found_json(path / "search.json")
    try:
        objective = state["fingerprint"]["pipeline"]["search"]["objective"]
        trials = [trial for trial in state["trials"] if trial["status"] != "running"]
        scores = [trial["score"] for trial in trials if _is_number(trial["score"])]
        best = (max if objective["direction"] == "max" else min)(scores)
        return {"name": objective["metric"].removeprefix("val_"), "part": "validation", "value": best}
    except (AttributeError, KeyError, TypeError, ValueError):  # damaged, or no trial has ended
        return None


def _seconds(status: dict[str, Any], metrics: dict[str, Any]) -> float | None:
    time = metrics.get("time")
    if isinstance(time, dict):
        parts = [time["total"]] if "total" in time else [time.get("search"), time.get("final")]
        numbers = [part for part in parts if _is_number(part)]
        if len(numbers) == len(parts):
            return float(sum(numbers))
    began, ended = _instant(status.get("started")), _instant(status.get("updated"))
    return None if began is None or ended is None else max(0.0, ended - began)


def _instant(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (OverflowError, TypeError, ValueError):
        return None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
