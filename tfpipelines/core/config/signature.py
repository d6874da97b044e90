"""The signature of a network is its schema: the section of `model` that it is given is made from it here.

The file is read as a syntax tree. Nothing in it is imported, so Keras is not, and nobody's code runs.

    def mlp(input_shape, classes, common: ImageNetwork, units: Counts = (256, 128), *, seed: int | None = None):
        '''Multilayer perceptron over the flattened image.

        Args:
            units: width of each hidden layer.
        '''

- What the task gives (`Family.given`) is no field, wherever it stands.
- A parameter of a section's type (`config.networks`) stands for all of its fields; the function gets the whole section.
- Every other parameter is a field, with its annotation as type and checks, its default, and what `Args:` say of it in
  the docstring. It replaces a shared field of the same name. `Args:` may say fitter words of a shared field, too.
- What stands behind `*` is no field, but of a user's own network.
- A function of the file named `rule_...` checks the fields that its parameters name: see `rules`.

What annotations and defaults may be made of: see `annotations`.
"""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NoReturn

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import SchemaError

from ...errors import ConfigError
from ..words import nearest
from .annotations import TYPES, type_of, value_of
from .family import Family
from .rules import kept, rule_of
from .section import Section

_create_model: Any = create_model  # its types do not know fields that are only known when it is called
_TAKEN = ("backbone", "weights", "layers", "wide")  # fields of `model` that tasks know


class Origin(NamedTuple):
    """Where a section comes from; all that it takes to make it again in another process.

    Args:
        path: of the file.
        text: of the file.
        function: that builds the network.
        kind: of the network.
        trusted: whether the file's rules may run.
        name: of the network.
        module: to import the function from; "" for a user's own file, whose text is run as it stands here.
    """

    path: str
    text: str
    function: str
    kind: Family
    trusted: bool
    name: str
    module: str


class NetworkSection(Section):
    """What sections made from signatures share: where they come from, and how the function is called."""

    model_config = ConfigDict(validate_default=True)

    origin: ClassVar[Origin]
    asked: ClassVar[tuple[str, ...]]  # arguments that the task passes
    whole: ClassVar[tuple[str, ...]]  # arguments that are the section itself
    own: ClassVar[tuple[str, ...]]  # arguments that are fields

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self).origin, self.__getstate__())


def read_network(
    path: str | Path, function: str, kind: Family, trusted: bool = False, name: str = "", module: str = ""
) -> type[NetworkSection]:
    """The section of the network that a function in a Python file builds.

    Args:
        path: of the file.
        function: its name.
        kind: of the network.
        trusted: whether the file's rules may run. Nothing else of it ever does.
        name: of the network; "": that of the function.
        module: that the function is imported from when the network is built.

    Raises:
        ConfigError: if there is no such function, or what it takes cannot be read off its signature.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Name a Python file.") from None
    return section_of(Origin(str(path), text, function, kind, trusted, name or function, module))


@lru_cache(maxsize=1024)
def section_of(origin: Origin) -> type[NetworkSection]:
    """The section of the network that a function builds.

    Raises:
        ConfigError: as `read_network`.
    """
    return _Signature(origin).section()


def _restored(origin: Origin, state: dict[Any, Any]) -> NetworkSection:
    """An unpickled section, of the class that this process makes of the same text."""
    kind = section_of(origin)
    found = kind.__new__(kind)
    found.__setstate__(state)
    return found


def functions_of(path: str, text: str | bytes, asked: str) -> dict[str, ast.FunctionDef]:
    """Name -> function, of a file of Python.

    Raises:
        ConfigError: if it is none, or the function that is asked for is not in it.
    """
    try:
        body = ast.parse(text, path).body
    except (MemoryError, RecursionError, SyntaxError, ValueError) as error:
        cause = f"{path}:{getattr(error, 'lineno', 1)}: this is not Python: {getattr(error, 'msg', error)}."
        raise ConfigError(cause, "Fix the line.") from None
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    if asked not in functions:
        guess = nearest(asked, functions)
        known = f"Did you mean {guess}?" if guess else f"It has: {', '.join(functions) or 'none'}."
        raise ConfigError(f"{path} has no function {asked}.", known)
    return functions


class _Signature:
    """One function of a file, on its way to a section."""

    def __init__(self, origin: Origin):
        self.origin, self.kind, self.trusted = origin, origin.kind, origin.trusted
        self.path, self.function = path, function = origin.path, origin.function
        functions = functions_of(path, origin.text, function)
        self.node = functions[function]
        self.rules = [node for name, node in functions.items() if name.startswith("rule_")]
        others = (node for name, node in functions.items() if not name.startswith("rule_") and name != function)
        self.others = [{part.arg for part in (*node.args.args, *node.args.kwonlyargs)} for node in others]
        self.summary, self.told = _documented(ast.get_docstring(self.node) or "")

    def section(self) -> type[NetworkSection]:
        """The class."""
        brings, sections = dict(self.kind.brings), list[type[Section]](self.kind.always)
        fields, asked, whole = dict[str, tuple[Any, Any]](), list[str](), list[str]()
        for argument, default in self._arguments():
            name = argument.arg
            if name in self.kind.given:
                asked.append(name)
                sections += [brings[name]] if name in brings else []
                continue
            if argument.annotation is None:
                given, guess = ", ".join(self.kind.given), nearest(name, self.kind.given)
                known = f"Did you mean {guess}?" if guess else f"Write its type; only {given} need none."
                self._refuse(argument, "has no annotation", known)
            kind = self._type(argument)
            if isinstance(kind, type) and issubclass(kind, Section):
                whole.append(name)
                sections.append(kind)
            elif default is None:
                self._refuse(argument, "has no default", f"Write one: {name}: {ast.unparse(argument.annotation)} = ...")
            else:
                fields[name] = (kind, self._default(argument, default))
        shared = {name: field for part in sections for name, field in part.model_fields.items()}
        own = tuple(fields)
        fields = {name: self._field(name, *pair, shared.get(name)) for name, pair in fields.items()}
        for name in self.told.keys() & shared.keys() - fields.keys():
            field = shared[name]
            kind = Annotated[field.annotation, *field.metadata, Field(json_schema_extra=field.json_schema_extra)]
            fields[name] = self._described(kind, field.default, self.told[name])
        rules = self._rules(fields, shared)
        try:
            made: type[NetworkSection] = _create_model(
                self.function,
                __base__=(*reversed(sections), NetworkSection),
                __doc__=self.summary or None,
                __module__=__name__,
                __validators__=rules,
                name=(Literal[self.origin.name], self.origin.name),
                **fields,
            )
            made.origin = self.origin
            made.asked, made.whole, made.own = tuple(asked), tuple(whole), own
            made()
        except ValidationError as error:
            detail = error.errors()[0]
            where = ".".join(map(str, detail["loc"])) + ": " if detail["loc"] else ""
            cause = f"{where}its own check refuses the default: {detail['msg']}"
            raise ConfigError(f"{self._place}: {cause}.", "Make them agree.") from None
        except (NameError, TypeError, ValueError, PydanticUserError, SchemaError) as error:  # such as a bound of a text
            raise ConfigError(f"{self._place} makes no section: {_words(error)}.", "Look at its annotations.") from None
        return made

    @property
    def _place(self) -> str:
        return f"{self.path}:{self.node.lineno}: {self.function}"

    def _arguments(self) -> Iterator[tuple[ast.arg, ast.expr | None]]:
        """(argument, default) of those that are fields, or are given."""
        parts = self.node.args
        for argument in (parts.vararg, parts.kwarg):
            if argument is not None:
                self._refuse(argument, "takes any number of arguments", "Write out each of them.")
        for argument in parts.posonlyargs:
            self._refuse(argument, "is positional-only", "Remove the / after it.")
        missing = len(parts.args) - len(parts.defaults)
        for argument, default in zip(parts.args, [None] * missing + list(parts.defaults)):
            yield self._free(argument), default
        for argument, default in zip(parts.kwonlyargs, parts.kw_defaults):
            if argument.arg in self.kind.given or self.kind.own:
                yield self._free(argument), default
            elif default is None:
                given = ", ".join(self.kind.given)
                self._refuse(argument, "is keyword-only and has no default", f"The task passes only {given}.")

    def _free(self, argument: ast.arg) -> ast.arg:
        """The argument, whose name a field can have, or the task gives it."""
        name = argument.arg
        taken = name == "name" or name[0] == "_" or hasattr(Section, name) or (self.kind.own and name in _TAKEN)
        if any(name in section.model_fields for section in self.kind.always) or (taken and name not in self.kind.given):
            self._refuse(argument, "has a name that fields cannot have", "Give it another one.")
        return argument

    def _field(self, name: str, kind: Any, default: Any, shared: FieldInfo | None) -> tuple[Any, Any]:
        inner = [part for part in getattr(kind, "__metadata__", ()) if isinstance(part, FieldInfo)]
        if any(part.description for part in inner):
            return kind, default
        text = self.told.get(name) or (shared.description if shared else None)
        return self._described(kind, default, text) if text else (kind, default)

    @staticmethod
    def _described(kind: Any, default: Any, text: str) -> tuple[Any, Any]:
        return Annotated[kind, Field(description=text)], default

    def _rules(self, fields: dict[str, tuple[Any, Any]], shared: dict[str, FieldInfo]) -> dict[str, Any]:
        """Validators of several fields; a rule of one field becomes part of the field."""
        validators = {}
        for node in self.rules:
            names = [argument.arg for argument in node.args.args]
            if any(set(names) <= known for known in self.others) and not set(names) <= fields.keys() | shared.keys():
                continue  # it is of another network of the file
            for argument in node.args.args:
                if argument.arg not in fields and argument.arg not in shared:
                    place = f"{self.path}:{argument.lineno}: {node.name}"
                    remedy = "A function named rule_... checks the fields that its parameters name."
                    raise ConfigError(f"{place}: {argument.arg} is no field of {self.function}.", remedy)
            if not self.trusted:
                continue
            rule = rule_of(node, self.path)
            if len(names) == 1 and names[0] in fields:
                kind, default = fields[names[0]]
                fields[names[0]] = Annotated[kind, AfterValidator(kept(rule))], default
            else:
                validators[node.name] = model_validator(mode="after")(kept(rule, names))
        return validators

    def _type(self, argument: ast.arg) -> Any:
        assert argument.annotation is not None
        try:
            return type_of(argument.annotation)
        except (RecursionError, SyntaxError, TypeError, ValueError):
            words = ast.unparse(argument.annotation)
            guess = nearest(words, TYPES) if words.isidentifier() else ""
            simple = [name for name in sorted(TYPES) if name[0].islower()]
            known = f"Did you mean {guess}?" if guess else f"Known are {', '.join(simple)}, Literal, Annotated, Union."
            self._refuse(argument, f"has an annotation that cannot be read: {words}", known)

    def _default(self, argument: ast.arg, node: ast.expr) -> Any:
        try:
            return value_of(node)
        except (ArithmeticError, RecursionError, TypeError, ValueError):
            cause = f"has a default that is no literal: {ast.unparse(node)}"
            self._refuse(argument, cause, "Write the value itself, such as 0.1 or (32, 64).")

    def _refuse(self, argument: ast.arg, cause: str, remedy: str) -> NoReturn:
        raise ConfigError(f"{self.path}:{argument.lineno}: {self.function}: {argument.arg} {cause}.", remedy)


def _words(error: Exception) -> str:
    """What an error of pydantic says, in a line; of those that a SchemaError names, the field and the last."""
    whole, *inner = " ".join(str(error).split()).split(" SchemaError: ")
    return " ".join([part for part in inner if part.startswith("Field ")][:1] + inner[-1:]) or whole


def _documented(text: str) -> tuple[str, dict[str, str]]:
    """The first paragraph of a docstring, and what its `Args:` say of each name, both as single lines."""
    lines = cleandoc(text).splitlines()
    end = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    told: dict[str, str] = {}
    names: list[str] = []
    start = lines.index("Args:") + 1 if "Args:" in lines else len(lines)
    for line in lines[start:]:
        if line and not line[0].isspace():
            break
        entry = re.match(r" {4}(\w+(?:, \w+)*): (.*)", line)
        if entry:
            names = entry[1].split(", ")
        for name in names:
            told[name] = " ".join([told[name], line.strip()] if not entry else [entry[2].strip()]).strip()
    return " ".join(" ".join(lines[:end]).split()), {name: words.removesuffix(".") for name, words in told.items()}
