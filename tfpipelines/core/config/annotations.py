"""What annotations and defaults in a syntax tree stand for, in a closed vocabulary. Nothing is imported or run.

An annotation is made of Python's basic types, Annotated, Literal, unions, pydantic's Field and the names of
`config.section` and `config.networks`; a default is a literal, or arithmetic of numbers.
"""

import ast
import operator
import typing
from typing import Any, Literal

from pydantic import Field

from . import networks, section

TYPES: dict[str, Any] = {
    **{kind.__name__: kind for kind in (bool, dict, float, int, list, str, tuple)},
    **{name: getattr(typing, name) for name in ("Annotated", "Literal", "Optional", "Union")},
    **{name: kind for name, kind in vars(section).items() if name[0].isupper() and not isinstance(kind, (type, dict))},
    **{name: kind for name, kind in vars(networks).items() if isinstance(kind, type) and name[0].isupper()},
    "Field": Field,
}
_MODULES = ("typing", "pydantic", "section", "networks")  # whose names may stand with the module's before them
_OF_FIELDS = "ge gt le lt multiple_of min_length max_length pattern description union_mode json_schema_extra".split()
_ARITHMETIC = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow,
}  # fmt: skip


def type_of(node: ast.expr) -> Any:
    """What an annotation stands for.

    Raises:
        ValueError: if it cannot be read.
    """
    match node:
        case ast.Constant(value) if value is None or value is ...:
            return value
        case ast.Constant(str(text)):
            return type_of(ast.parse(text, mode="eval").body)
        case ast.Name(name) if name in TYPES:
            return TYPES[name]
        case ast.Attribute(ast.Name(module), name) if module in _MODULES and name in TYPES:
            return TYPES[name]
        case ast.BinOp(left, ast.BitOr(), right):
            return type_of(left) | type_of(right)
        case ast.Subscript(base, inside):
            kind, parts = type_of(base), inside.elts if isinstance(inside, ast.Tuple) else [inside]
            if kind is Literal:
                return Literal[tuple(map(value_of, parts))]
            return kind[tuple(map(type_of, parts)) if isinstance(inside, ast.Tuple) else type_of(inside)]
        case ast.Call(function, [], keywords) if type_of(function) is Field:
            named = {word.arg: value_of(word.value) for word in keywords if word.arg in _OF_FIELDS}
            if len(named) == len(keywords):
                return Field(**named)
    raise ValueError(ast.unparse(node))


def value_of(node: ast.expr) -> Any:
    """What a literal stands for.

    Raises:
        ValueError: if it is none.
    """
    match node:
        case ast.Constant(None | str() | bool() | int() | float()):
            return node.value
        case ast.Tuple(parts):
            return tuple(map(value_of, parts))
        case ast.List(parts):
            return list(map(value_of, parts))
        case ast.Dict(keys, values) if None not in keys:
            return {value_of(key): value_of(value) for key, value in zip(keys, values) if key is not None}
        case ast.Name("FIXED"):
            return section.FIXED
        case ast.UnaryOp(ast.USub(), operand):
            return -_number(operand)
        case ast.BinOp(left, operation, right) if type(operation) in _ARITHMETIC:
            one, other = _number(left), _number(right)
            if not isinstance(operation, ast.Pow) or (abs(one) <= 2**16 and 0 <= other <= 64):  # else it might not end
                return _ARITHMETIC[type(operation)](one, other)
    raise ValueError(ast.unparse(node))


def _number(node: ast.expr) -> int | float:
    value = value_of(node)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(ast.unparse(node))
    return value
