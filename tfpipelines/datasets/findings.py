"""What the check of the data has to say, gathered from every stage so that the user sees all of it at once."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..errors import DataError

EXAMPLES = 10  # items shown of a longer list
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


@dataclass
class Findings:
    """A growing list of findings."""

    entries: list[Finding] = field(default_factory=list)

    def add(self, code: str, severity: Severity, message: str, remedy: str = "", items=()) -> None:
        """Appends a finding; the arguments are those of `Finding`."""
        self.entries.append(Finding(code, severity, message, remedy, tuple(map(str, items))))

    def bad(self, code: str, on_bad: str, message: str, remedy: str, items) -> None:
        """Appends what `data.on_bad` decides on: an error, or a warning that the items were skipped."""
        if on_bad == "skip":
            self.add(code, "warning", f"{message}; skipped", "", items)
        else:
            self.add(code, "error", message, f"{remedy} Or leave them out with data.on_bad=skip.", items)

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
