"""Rules of networks: functions `rule_...` that check fields by raising ValueError, run apart from their file.

A rule sees its parameters and Python's simplest functions, nothing of its file. Its annotations and decorators are not
looked at. Whatever else it fails by is a ValueError, too, with file and line.
"""

import __future__

import ast
import traceback
from collections.abc import Callable
from typing import Any

from ...errors import ConfigError

_BUILTINS = {
    function.__name__: function
    for function in (
        abs, all, any, bool, dict, divmod, enumerate, filter, float, int, isinstance, len, list, map, max, min, pow,
        range, reversed, round, set, sorted, str, sum, tuple, zip, TypeError, ValueError,
    )
}  # fmt: skip


def rule_of(node: ast.FunctionDef, path: str) -> Callable[..., None]:
    """A rule that can be called. Only of files that are trusted.

    Args:
        node: its function.
        path: of the file.

    Raises:
        ConfigError: if no function can be made of it.
    """
    node.decorator_list = []
    seen: dict[str, Any] = {"__builtins__": _BUILTINS}
    flag = __future__.annotations.compiler_flag  # annotations are not evaluated
    try:
        exec(compile(ast.Module([node], []), path, "exec", flag, dont_inherit=True), seen)
    except Exception as error:
        raise ConfigError(f"{_failed(node, path, error)}.", "Fix the rule.") from None
    check = seen[node.name]

    def rule(*values: Any) -> None:
        try:
            check(*values)
        except Exception as error:
            if isinstance(error, ValueError) and str(error):
                raise
            raise ValueError(_failed(node, path, error)) from error

    return rule


def kept(rule: Callable[..., None], names: list[str] | None = None) -> Callable[[Any], Any]:
    """A validator that lets a value be, or a section some of whose fields are checked."""

    def validate(value: Any) -> Any:
        rule(*([value] if names is None else [getattr(value, name) for name in names]))
        return value

    return validate


def _failed(node: ast.FunctionDef, path: str, error: Exception) -> str:
    """By what a rule fails, and where."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    words = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":").removesuffix(".")
    known = "; a rule can use only Python's basic built-ins" if isinstance(error, (ImportError, NameError)) else ""
    return f"{path}:{[node.lineno, *lines][-1]}: {node.name}: {words}{known}"
