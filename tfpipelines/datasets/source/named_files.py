"""Finds the files that a table names, however it names them."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from ...core.words import counted, is_url
from ..findings import Findings
from ..folder_walk import list_files

Answer = tuple[str | None, str]  # a file, or None; how it was found, or why not
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\]")  # C:\ or \\server


class NamedFiles:
    """The files below a folder, by what a table calls them: with or without their ending or folder, with slashes or
    backslashes, by absolute paths, also those of another machine.

    Args:
        root: the folder that the paths start from.
        follow_links: whether paths may leave it.
        findings: where rows without a file are reported.
    """

    def __init__(self, root: Path, follow_links: bool, findings: Findings):
        self.root, self.follow_links, self.findings = root, follow_links, findings
        self._real_root, self._plain_root = root.resolve(), os.path.abspath(root)
        self._by_name: dict[str, list[str]] | None = None
        self.faults: list[tuple[str, str] | None] = []

    def resolve(self, names: Iterable[str | None], lines: Iterable[int]) -> list[str | None]:
        """Paths relative to the root, None where there is none; `faults` then says why: the code of a finding, and the
        row in words.
        """
        names = list(names)
        answers = [self._one(name) for name in names]
        moved = self._moved({row: answer for row, answer in enumerate(answers) if isinstance(answer, PurePath)})
        found: list[Answer] = []
        for row, answer in enumerate(answers):
            elsewhere = (moved[row], "end") if row in moved else (None, "absent")
            found.append(elsewhere if isinstance(answer, PurePath) else answer)
        self.faults = []
        for name, line, (item, reason) in zip(names, lines, found):
            kind = reason if reason in ("outside", "url") else "absent"
            why = "" if reason in ("outside", "url", "absent") else f" ({reason})"
            self.faults.append((kind, f"line {line}: {name or 'empty'}{why}") if item is None else None)
        self._report(Counter(reason for item, reason in found if item is not None))
        return [item for item, _ in found]

    def _report(self, ways: Counter) -> None:
        faults: dict[str, list[str]] = defaultdict(list)
        for kind, told in filter(None, self.faults):
            faults[kind].append(told)
        if absent := faults["absent"]:
            what = (
                f"{counted(len(absent), 'row')} that {'matches' if len(absent) == 1 else 'match'} no file, or several"
            )
            remedy = "Fix the rows, or set data.root."
            self.findings.add("absent", "error", f"{what}, below {self.root}", remedy, absent)
        if outside := faults["outside"]:
            message = f"{counted(len(outside), 'row')} with a file outside of {self.root}"
            remedy = "Set data.root to a folder that holds them all, or data.follow_links=true."
            self.findings.add("outside", "error", message, remedy, outside)
        if urls := faults["url"]:
            message = f"{counted(len(urls), 'row')} with a URL: only local files are read"
            remedy = "Download the files first, and give their local paths in the table."
            self.findings.add("url", "error", message, remedy, urls)
        if ways["searched"]:
            message = f"{counted(ways['searched'], 'file')} found by name in the folders below {self.root}"
            self.findings.add("resolved", "note", message)
        if ways["end"]:
            what = f"{counted(ways['end'], 'absolute path')} of another place"
            message = f"{what}: the files below {self.root} whose paths end alike are used"
            self.findings.add("moved", "note", message)

    def _one(self, name: str | None) -> Answer | PurePath:
        """The file of a name, or None, and how it was found, or why not; an absolute path of another place as it is."""
        if not name or "\0" in name:
            return None, "absent"
        if name[:7].lower() == "file://":
            name = unquote(urlsplit(name).path)
        elif is_url(name):
            return None, "url"
        if _DRIVE.match(name) and not is_file(self.root / name):
            return PureWindowsPath(name)
        answer = self._written(name)
        if "\\" in name and not isinstance(answer, PurePath) and answer[0] is None and answer[1] != "outside":
            answer = self._written(name.replace("\\", "/"))
        return answer

    def _written(self, name: str) -> Answer | PurePath:
        path = Path(os.path.normpath(self.root / name))
        within = os.path.abspath(path).startswith(os.path.join(self._plain_root, ""))
        real = os.path.realpath(path)
        truly = Path(real).is_relative_to(self._real_root)
        if (truly or self.follow_links) and is_file(path):
            if within:
                return os.path.relpath(path, self.root), "given"
            return str(path) if self.follow_links else os.path.relpath(real, self._real_root), "given"
        if os.path.isabs(name) and not within and not _exists(path):
            return PurePath(name)
        if not (within and truly) and not self.follow_links:
            return None, "outside"
        return _only(self._candidates(Path(name)), "searched")

    def _moved(self, paths: dict[int, PurePath]) -> dict[int, str]:
        """The files below the root that absolute paths of another place mean, {row: item}.

        One folder of that place must stand for one folder here, for all rows: a single name that is the same says
        nothing. The folder is the one that fits most rows, by the last parts that a path and a file share, which are
        two at least, or the name alone of a file directly below the root.
        """
        fits: Counter = Counter()
        for path in paths.values():
            found = [(Path(item).parts, path.parts) for item in self._index()[path.name]]
            shared = [(_common_end(here, there), here, there) for here, there in found]
            most = max((count for count, _, _ in shared), default=0)
            best = [(here, there) for count, here, there in shared if count == most]
            if len(best) == 1 and (most > 1 or len(best[0][0]) == 1):
                here, there = best[0]
                fits[there[:-most], here[:-most]] += 1
        if not fits:
            return {}
        (old, new), _ = fits.most_common(1)[0]
        items = {
            row: os.path.join(*new, *path.parts[len(old) :])
            for row, path in paths.items()
            if path.parts[: len(old)] == old
        }
        return {row: item for row, item in items.items() if is_file(self.root / item)}

    def _candidates(self, wanted: Path) -> list[str]:
        """Files in any folder that bear the wanted name, or else the wanted name with another ending or none."""
        if not wanted.name:
            return []
        for key, parts in ((wanted.name, wanted.parts), (wanted.stem, wanted.with_suffix("").parts)):
            found = [
                item
                for item in self._index()[key]
                if parts in (Path(item).parts[-len(parts) :], Path(item).with_suffix("").parts[-len(parts) :])
            ]
            if found:
                return found
        return []

    def _index(self) -> dict[str, list[str]]:
        """Files below the root by their name and by their name without ending."""
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for item in list_files(self.root, self.follow_links):
                for key in {Path(item).name, Path(item).stem}:
                    self._by_name[key].append(item)
        return self._by_name


def local_name(name: str, root: Path) -> Path | None:
    """The local file that a name means, which need not exist; None for other URLs than `file://`."""
    if name[:7].lower() == "file://":
        name = unquote(urlsplit(name).path)
    return None if is_url(name) else root.expanduser() / Path(name).expanduser()


def _only(items: list[str], way: str) -> tuple[str | None, str]:
    """The only item, and the way that it was found; or none, and why."""
    if len(items) == 1:
        return items[0], way
    return None, "absent" if not items else f"{len(items)} files: {', '.join(items[:3])}"


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of their last parts two paths have in common."""
    pairs = list(zip(reversed(one), reversed(other)))
    return next((place for place, (a, b) in enumerate(pairs) if a != b), len(pairs))


def is_file(path: Path) -> bool:
    """Whether a path is a file; False also where it can be none."""
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
