"""Numbers, times and commands as they are read."""

import re
import shlex
from datetime import datetime
from typing import Any

from ..errors import counted

_PROGRAM = re.compile(r"^\S*(?:tfpipelines/__main__\.py|/tfpipe)(?=\s|$)")


def figure(value: float | None) -> str:
    """A figure with four digits behind the point, large or tiny ones with four significant ones."""
    if value is None:
        return ""
    if value == 0 or 0.0001 <= abs(value) < 1000:
        return f"{value:.4f}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3e}"


def count(value: float | None) -> str:
    """A whole number with commas."""
    return "" if value is None else f"{value:,.0f}"


def percent(share: float) -> str:
    """0.123 as 12.3 %."""
    return f"{100 * share:.1f} %"


def samples(number: float) -> str:
    """`1 sample` or `3,000 samples`."""
    return counted(int(number), "sample").replace(str(int(number)), count(number), 1)


def seconds(value: float | None) -> str:
    """Seconds in words: 42 s, 3 min 20 s, 2 h 5 min."""
    if value is None:
        return ""
    if value < 60:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def instant(value: Any) -> str:
    """An ISO 8601 instant as `2025-01-31 12:30 UTC`; "" for anything else."""
    try:
        return datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M %Z").strip()
    except (TypeError, ValueError):
        return ""


def command(recorded: str) -> str:
    """A recorded command line, whose program may be a script of ours, as it is typed."""
    return _PROGRAM.sub("tfpipe", recorded)


def quoted(path: str) -> str:
    """A path as a shell takes it."""
    return shlex.quote(path)


def listed(names: list[str], most: int = 12) -> str:
    """`a, b, c`, of many the first ones and how many more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def value(entry: Any) -> str:
    """A field's value in short."""
    if isinstance(entry, float):
        return f"{entry:.4g}"
    if isinstance(entry, (list, tuple)):
        return "[" + ", ".join(map(value, entry)) + "]"
    return "null" if entry is None else str(entry).lower() if isinstance(entry, bool) else str(entry)
