"""Numbers, durations, names and commands as text."""

import json
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import MOST_OF_VALUE

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's control, format and surrogate characters, ends of lines
_JOINERS = "\u200c\u200d"  # without which some scripts and emoji cannot be written
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PROGRAM = re.compile(r"^\S*(?:tfpipelines/__main__\.py|/tfpipe)(?=\s|$)")


def is_url(name: str) -> bool:
    """Whether a name is a URL, such as s3://bucket/photos."""
    return bool(_URL.match(name))


def counted(count: int, one: str, many: str = "") -> str:
    """`1 row` or `3 rows`; `many` is the plural where it is not `one` with an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def brief(value: Any, most: int = MOST_OF_VALUE) -> str:
    """A value as Python writes it, for a message: cut after so many characters."""
    return cut(repr(value), most)


def cut(text: Any, most: int = MOST_OF_VALUE) -> str:
    """A name for a message: cut after so many characters."""
    text = str(text)
    return text if len(text) <= most else f"{text[:most]}..."


def nearest(name: str, candidates: Iterable[str], least: float = 0.5) -> str:
    """The candidate most like `name`, or "" if none is at least so much, from 0 to 1."""
    import difflib

    candidates = list(candidates)
    matches = difflib.get_close_matches(name, candidates, n=1, cutoff=least)
    if not matches:
        matches = [candidate for candidate in candidates if candidate.lower() == name.lower()]
    return matches[0] if matches else ""


def fixed(value: float | None) -> str:
    """A number with four digits behind the point, so that columns of them line up."""
    return "" if value is None else f"{value:.4f}"


def signed(value: float | None) -> str:
    """The same with its sign."""
    return "" if value is None else f"{value:+.4f}"


def extremes(interval: Sequence[float], shown: Callable[[float | None], str] = fixed) -> str:
    """`0.1000 to 0.2000`."""
    return " to ".join(map(shown, interval))


def figure(value: float | None) -> str:
    """A number with four digits behind the point, large or tiny ones with four significant ones."""
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
    return f"{value:.3g} s" if value < 60 else duration(value)


def duration(seconds: float) -> str:
    """The same in whole seconds."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def age(seconds: float) -> str:
    """The largest unit alone: 5 min, 3 h, 12 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def megabytes(size: float) -> str:
    """Bytes as 1.23 MB, fewer than 100,000 as 1.2 kB, fewer than 1,000 as 123 bytes."""
    if size < 1e5:
        return f"{size / 1e3:.1f} kB" if size >= 1e3 else f"{size:.0f} bytes"
    return f"{size / 1e6:.2f} MB"


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
    return ", ".join(map(cut, names[:most])) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def extreme(direction: str | None) -> str:
    """What a metric is searched for: the highest (max) or the lowest (min)."""
    return "highest" if direction == "max" else "lowest"


def value(entry: Any, gap: str = ", ") -> str:
    """A field's value in short; `gap` stands between those of a list."""
    if isinstance(entry, float):
        return f"{entry:.4g}"
    if isinstance(entry, (list, tuple)):
        return "[" + gap.join(value(part, gap) for part in entry) + "]"
    if isinstance(entry, dict):
        return "{" + gap.join(f"{name}: {value(part, gap)}" for name, part in entry.items()) + "}"
    return "null" if entry is None else str(entry).lower() if isinstance(entry, bool) else str(entry)


def distinct(each: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of the fields of several networks those in which they are not all the same."""
    shared = {key for key in each[0] if all(key in one and one[key] == each[0][key] for one in each)} if each else ()
    return [{key: entry for key, entry in one.items() if key not in shared} for one in each]


def labels(each: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """What to call each of several networks, (name, fields): by its name, and where another one has it, too, by the
    fields that tell them apart.
    """
    found = []
    for place, (name, _) in enumerate(each):
        alike = [number for number, (other, _) in enumerate(each) if other == name]
        own = distinct([each[number][1] for number in alike])[alike.index(place)] if len(alike) > 1 else {}
        told = ", ".join(f"{key}={value(entry)}" for key, entry in own.items())
        found.append(f"{name} ({told})" if told else name)
    return found


def plain_text(text: Any) -> str:
    """Text in one line in which nothing is hidden: control characters, terminal escapes and marks of direction as
    Python writes them, such as `\\x1b` and `\\u202e`. Names of classes, columns and files are data, and may hold any.
    """
    line = str(text)
    return line if line.isprintable() else "".join(map(_shown, line))


def plain_lines(text: str) -> str:
    """The same of each of several lines."""
    return "\n".join(map(plain_text, text.split("\n")))


def _shown(character: str) -> str:
    hidden = unicodedata.category(character) in _HIDDEN and character not in _JOINERS
    return character.encode("unicode_escape").decode() if hidden else character


def json_text(content: Any) -> str:
    """JSON with what `plain_text` shows escaped, which is the same content."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    return "\n".join(line if line.isprintable() else "".join(map(_in_json, line)) for line in text.split("\n"))


def json_line(content: Any) -> str:
    """The same in one line."""
    text = json.dumps(content, ensure_ascii=False)
    return text if text.isprintable() else "".join(map(_in_json, text))


def _in_json(character: str) -> str:
    return character if _shown(character) == character else json.dumps(character)[1:-1]
