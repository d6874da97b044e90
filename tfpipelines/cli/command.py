"""What every command of the command line has in common: --json, --debug, errors and exit codes."""

import errno
import functools
import os
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ..core.words import brief, json_line, json_text, plain_lines
from ..errors import shortened

if TYPE_CHECKING:
    from ..errors import ConfigError, MemoryExhaustedError, ResourceError


class Group(click.Group):
    """Commands whose wrong usage is JSON, too, where that was asked for."""

    def invoke(self, context):
        words = [*context._protected_args, *context.args]
        try:
            return super().invoke(context)
        except click.UsageError as error:
            if "--json" in words:
                facts = {"exit_code": error.exit_code, "cause": error.format_message(), "remedy": "", "details": []}
                echo(json_text({"error": facts}))
            raise click.UsageError(plain_lines(shortened(error.format_message())), error.ctx) from error


def echo(text: str) -> None:
    """Prints lines on stdout, in which nothing is hidden."""
    click.echo(plain_lines(text))


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_ALLOW = "See to it that you may read and write there, or name another place."
_REFUSED = {  # by the number of the system's error
    errno.ENAMETOOLONG: "Name a file or folder.", errno.ELOOP: "Name what the link leads to.",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _ALLOW),
}  # fmt: skip
_JSON = "Print one JSON document on stdout, and nothing else there."


def command(group: click.Group):
    """Decorator: a command of the group, with --json and --debug.

    It gets a Terminal as first argument and returns what --json prints; None where it has printed that itself.
    """

    def decorate(function):
        @group.command(name=function.__name__.strip("_"))
        @click.option("--json", "as_json", is_flag=True, help=_JSON)
        @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
        @functools.wraps(function)
        def wrapped(*args, as_json: bool, debug: bool, **options):
            from ..core.plugins import tell
            from ..output.console import Terminal

            terminal = Terminal(results=not as_json, redirect=True)
            tell(terminal.warning)
            code = 0
            try:
                document = function(terminal, *args, **options)
            except click.ClickException:
                raise
            except BaseException as error:
                code, document = _report(error, terminal, debug)
            if as_json and document is not None:
                from ..core.files import plain

                text = json_line if terminal.lines else json_text
                echo(text(plain(document)))
            terminal.close(keep_log=code == 1)
            click.get_current_context().exit(code)

        return wrapped

    return decorate


def full_stdout(error: BaseException) -> "ResourceError | None":
    """The error to be told of one that came up where stdout was written to a full disk; None for any other."""
    from ..errors import ResourceError

    if not isinstance(error, OSError) or error.filename or error.errno not in _FULL:
        return None
    _leave_stdout()
    return ResourceError(f"The output cannot be written: {error.strerror}.", "Free some space, then try again.")


def _leave_stdout() -> None:
    """Sends what is still in its buffer nowhere: to write it would fail again."""
    with suppress(OSError):  # it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_a_name(error: BaseException) -> "ConfigError | ResourceError | None":
    """The error to be told where the system refuses the name of a file, or access to it; None for any other."""
    from ..errors import ConfigError, ResourceError

    if not isinstance(error, OSError) or not error.filename or error.errno not in _REFUSED:
        return None
    remedy = _REFUSED[error.errno]
    cause = f"{brief(os.fsdecode(error.filename))} cannot be used: {error.strerror}."
    return ResourceError(cause, remedy) if remedy is _ALLOW else ConfigError(cause, remedy)


def _of_memory(error: BaseException) -> "MemoryExhaustedError | None":
    """The error to be told where memory has gone outside of training; None for any other."""
    from ..errors import MemoryExhaustedError

    words = str(error)
    gone = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    gone |= isinstance(error, ImportError) and ("failed to map" in words or "Cannot allocate memory" in words)
    gone |= isinstance(error, RuntimeError) and words == "can't start new thread"
    if not gone:
        return None
    return MemoryExhaustedError("There is no memory left.", "Free some; a run or search goes on by tfpipe resume.")


def _report(error: BaseException, terminal, debug: bool) -> tuple[int, dict]:
    """Prints an error; its exit code, and what --json prints of it, with the results there are nevertheless."""
    from ..errors import Interrupted, TfpipelinesError

    if isinstance(error, BrokenPipeError):  # whoever read our output has left
        _leave_stdout()
        return 0, {}
    error = full_stdout(error) or _of_a_name(error) or _of_memory(error) or error
    if isinstance(error, KeyboardInterrupt) and not isinstance(error, Interrupted):
        error = Interrupted("Stopped by Ctrl-C.")
    if not isinstance(error, (TfpipelinesError, Interrupted)):
        if terminal.log is None:
            terminal.redirect_native_logs()
        with open(terminal.log, "a", encoding="utf-8") as log:
            traceback.print_exception(error, file=log)
        cause, where = f"This is a bug in tfpipelines: {type(error).__name__}: {error}", error.__traceback__
        error = TfpipelinesError(cause, f"Its traceback is in {terminal.log}.").with_traceback(where)
    if not getattr(error, "shown", False):
        terminal.error(error)
    if debug:
        terminal.messages.print("".join(traceback.format_exception(error)))
    facts = {"exit_code": error.exit_code, "cause": error.cause, "remedy": error.remedy, "details": list(error.details)}
    result = getattr(error, "result", None)
    return error.exit_code, {"error": facts} if result is None else {"error": facts, "result": result}
