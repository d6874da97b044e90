"""What can go wrong, by exit code. Every error has one sentence for the cause and one for the remedy."""

import re
from typing import Any

MOST_OF_VALUE = 200  # characters of a name or value that a message shows
_MOST = 4_000  # characters of a message
_WORD = re.compile(rf"\S{{{MOST_OF_VALUE + 1},}}")
_QUOTED = re.compile(rf"""(?<!\w)(['"])((?:(?!\1)[^\\]|\\.){{{MOST_OF_VALUE + 1},}})\1(?!\w)""", re.DOTALL)


def shortened(message: str) -> str:
    """A message whose words and quoted values, which may be data, are cut after `MOST_OF_VALUE` characters."""
    if len(message) <= MOST_OF_VALUE:
        return message
    quoted = lambda match: f"{match[1]}{match[2][:MOST_OF_VALUE]}...{match[1]}"
    text = _WORD.sub(lambda match: _cut_word(match[0]), _QUOTED.sub(quoted, message))
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


def _cut_word(word: str) -> str:
    """A long word cut at its end; a path in its middle, since its end is the name of the file."""
    third = MOST_OF_VALUE // 3
    return f"{word[: 2 * third]}...{word[-third:]}" if "/" in word else f"{word[:MOST_OF_VALUE]}..."


class TfpipelinesError(Exception):
    """Base of all errors that the user can do something about.

    Args:
        cause: one sentence that says what is wrong and where; long values in it are cut.
        remedy: one sentence that says what to do about it.
        details: further lines, such as the paths concerned.
    """

    exit_code = 1
    result: Any = None  # of the command: what it prints with --json all the same
    shown = False  # whether it stands among the results on stdout already

    def __init__(self, cause: str, remedy: str = "", details: tuple[str, ...] | list[str] = ()):
        self.cause, self.remedy, self.details = shortened(cause), remedy, tuple(map(shortened, details))
        super().__init__(self.cause)

    def __str__(self) -> str:
        return "\n".join([self.cause, *(f"  {line}" for line in self.details), *([self.remedy] if self.remedy else [])])


class ConfigError(TfpipelinesError, ValueError):
    """The pipeline file, an override or a command line argument is wrong."""

    exit_code = 2


class NothingFitsError(ConfigError):
    """A network can take over no layer of an earlier run's model."""


class DataError(TfpipelinesError, ValueError):
    """The user's data cannot be used as they are."""

    exit_code = 3


class ResourceError(TfpipelinesError, RuntimeError):
    """Disk, memory or permissions do not suffice."""

    exit_code = 4


class MemoryExhaustedError(ResourceError):
    """The device has no memory left."""


class DivergedError(TfpipelinesError, ArithmeticError):
    """The loss became NaN or infinite."""

    exit_code = 5
    at_once = False  # when the loss was looked at for the first time


class SearchError(TfpipelinesError, RuntimeError):
    """A search has found nothing: its trials fail."""

    exit_code = 5


class ExportError(TfpipelinesError, RuntimeError):
    """A model cannot be exported, or the exported one answers differently."""

    exit_code = 5


class WorseError(TfpipelinesError, RuntimeError):
    """A run is worse than the one it is compared with, and the caller asked for an error in that case."""

    exit_code = 5


class ShiftedError(TfpipelinesError, RuntimeError):
    """New data are not like those that a detector's threshold was fitted to."""

    exit_code = 5


class RunInUseError(TfpipelinesError, RuntimeError):
    """Another process works on the run folder."""

    exit_code = 6


class TakenOverError(RunInUseError):
    """Another process has taken the run folder over from this one, which may write in it no longer."""


class ArtifactError(TfpipelinesError, ValueError):
    """A model, a checkpoint or a run folder is damaged, of another type, of a later version or not trusted.

    Attributes:
        reason: of a damaged file what is wrong with it, without its name; "" of others.
    """

    exit_code = 7
    reason = ""


class Interrupted(KeyboardInterrupt):
    """A signal stopped the run cleanly. Not an `Exception`, so that error handlers do not swallow it.

    Args:
        cause: one sentence.
        signal_number: of the signal received; the exit code is 128 plus this number.
    """

    def __init__(self, cause: str, signal_number: int = 2):
        super().__init__(cause)
        self.cause, self.remedy, self.details = cause, "", ()
        self.exit_code = 128 + signal_number
