"""What the check of the data has to say, gathered from every stage so that the user sees all of it at once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from ..errors import DataError, shortened

EXAMPLES = 10  # items shown of a longer list
TOLERATED = 0.01  # share of the rows of a split that data.on_bad=auto leaves out
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One observation about the data.

    Args:
        code: short name for programs, such as `unreadable`.
        severity: `error` stops a run, `warning` is worth reading, `note` is a fact.
        message: one sentence of cause.
        remedy: one sentence of what to do.
        items: the files or rows concerned, all of them.
    """

    code: str
    severity: Severity
    message: str
    remedy: str = ""
    items: tuple[str, ...] = ()

    def examples(self) -> list[str]:
        """The first items, and how many there are beyond them."""
        more = len(self.items) - EXAMPLES
        return [*self.items[:EXAMPLES], *([f"... and {more} more"] if more > 0 else [])]


@dataclass(frozen=True)
class _Tolerated:
    """Rows that `data.on_bad=auto` leaves out, unless there turn out to be too many.

    Args:
        warning, error: what is said of them, if there are few or many.
        bad: how many there are, by split.
        rows: how many rows there are with them, by split.
    """

    warning: Finding
    error: Finding
    bad: Counter
    rows: Counter


@dataclass
class Findings:
    """A growing list of findings."""

    entries: list[Finding] = field(default_factory=list)
    _tolerated: list[_Tolerated] = field(default_factory=list)

    def add(self, code: str, severity: Severity, message: str, remedy: str = "", items=()) -> None:
        """Appends a finding; the arguments are those of `Finding`."""
        self.entries.append(Finding(code, severity, shortened(message), remedy, tuple(map(str, items))))

    def bad(
        self, code: str, on_bad: str, message: str, remedy: str, items: Iterable, splits: Iterable, mask: np.ndarray
    ) -> None:
        """Appends what `data.on_bad` decides on: an error, or a warning that the items were left out.

        With `auto` all that is bad counts together: as soon as it is more than 1% of the rows of any split, each of
        these findings becomes an error.

        Args:
            items: what is bad, for the message.
            splits: the split that the source names for each row, None where it names none.
            mask: which rows are bad, bool (rows,).
        """
        items, message = tuple(map(str, items)), shortened(message)
        warning = Finding(code, "warning", f"{message}; left out", "", items)
        if on_bad == "skip":
            self.entries.append(warning)
            return
        default = "" if on_bad == "error" else f"; the default leaves out at most {TOLERATED:.0%} of a split"
        error = Finding(code, "error", message, f"{remedy} Or leave them out with data.on_bad=skip{default}.", items)
        if on_bad == "error":
            self.entries.append(error)
            return
        names = np.array([name or "" for name in splits], object)
        self.entries.append(warning)
        self._tolerated.append(_Tolerated(warning, error, Counter(names[mask]), Counter(names)))
        self._settle()

    def extend(self, other: "Findings") -> None:
        """Appends all findings of another list."""
        self.entries += other.entries
        self._tolerated += other._tolerated
        self._settle()

    def copy(self) -> "Findings":
        """The same findings, to which others may be added."""
        return Findings(list(self.entries), list(self._tolerated))

    def _settle(self) -> None:
        """Makes errors of the rows left out if there are too many of them."""
        bad = sum((entry.bad for entry in self._tolerated), Counter())
        most = {split: max(entry.rows[split] for entry in self._tolerated) for split in bad}
        if any(bad[split] > TOLERATED * most[split] for split in bad):
            errors = {id(entry.warning): entry.error for entry in self._tolerated}
            self.entries = [errors.get(id(entry), entry) for entry in self.entries]

    def of(self, severity: str) -> list[Finding]:
        """The findings of one severity."""
        return [entry for entry in self.entries if entry.severity == severity]

    def raise_errors(self) -> None:
        """Raises DataError for the first error, with all errors in its details."""
        errors = self.of("error")
        if not errors:
            return
        first, *others = errors
        details = first.examples()
        for other in others:
            details += [f"{other.message}. {other.remedy}".rstrip(), *(f"  {line}" for line in other.examples())]
        raise DataError(f"{first.message}.", first.remedy, details)

    def as_list(self) -> list[dict[str, Any]]:
        """For data.json: every finding with its items and their count."""
        return [{**asdict(entry), "count": len(entry.items)} for entry in self.entries]
