"""Fields and values that had another name in an earlier version: the old name is still read, and a note says so."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, get_args

from ...errors import ConfigError
from .pipeline import Pipeline

_FIELDS = {  # (section, old name): new name
    ("model", "dense"): "head_units",  # of networks for texts
    ("model", "units"): "head_units",  # of fine-tuned backbones; other networks have a field of this name
    ("search", "keep"): "keep_trials",
    ("data", "multi_label"): "target",
}
_VALUES: dict[tuple[str, str], dict[Any, str]] = {  # (section, field): {old value: new value}
    ("model", "pooling"): {"average": "mean"},
    ("model", "head"): {"average": "mean"},
    ("data", "target"): {True: "labels", False: "class", "true": "labels", "false": "class"},
}


class Renames(NamedTuple):
    """What has another name in the pipelines of one task.

    Args:
        fields: {dotted key: the new one}.
        values: {new dotted key: {value: the new one}}.
    """

    fields: Mapping[str, str]
    values: Mapping[str, Mapping[Any, Any]]

    def content(self, content: dict[str, Any]) -> list[str]:
        """Puts new names into the nested dicts of a pipeline, in place; what there is to say of it.

        Raises:
            ConfigError: if a field is given by both names.
        """
        notes: dict[str, None] = {}
        for section, fields in content.items():
            if isinstance(fields, dict):
                notes |= dict.fromkeys(self._section(f"{section}.", fields))
        search = content.get("search")
        space = search.get("space") if isinstance(search, dict) else None
        if isinstance(space, dict):
            notes |= dict.fromkeys(self.flat(space))
            for dimension in space.values():
                if isinstance(dimension, dict) and isinstance(when := dimension.get("when"), dict):
                    notes |= dict.fromkeys(self.flat(when))
        return list(notes)

    def flat(self, fields: dict[str, Any]) -> list[str]:
        """As `content`, for a dict of dotted keys."""
        return list(self._section("", fields))

    def _section(self, before: str, fields: dict[str, Any]) -> Iterator[str]:
        """Puts new names into a mapping whose keys are dotted ones when `before` stands before them; their order, which
        a search hangs on, stays.
        """
        given = dict(fields)
        fields.clear()
        for name, value in given.items():
            old = f"{before}{name}"
            new = self.fields.get(old, old)
            if new != old:
                if new.removeprefix(before) in given:
                    raise ConfigError(f"{old} is the earlier name of {new}, and both are given.", f"Leave out {old}.")
                yield f"{old} is called {new} now"
                name = new.removeprefix(before)
            values = self.values.get(new, {})
            fields[name], found = _values(value, values)
            yield from (f"{new}={_shown(value)} is called {values[value]} now" for value in found)


@lru_cache(maxsize=64)
def renames(schema_class: type[Pipeline]) -> Renames:
    """Those of a task's pipelines: what its sections have under the new name, and none has under the old."""
    fields, values = {}, {}
    for (section, old), new in _FIELDS.items():
        names = {name for member in _members(schema_class, section) for name in member.model_fields}
        if new in names and old not in names:
            fields[f"{section}.{old}"] = f"{section}.{new}"
    for (section, name), table in _VALUES.items():
        found = [member.model_fields.get(name) for member in _members(schema_class, section)]
        allowed = {value for info in found if info is not None for value in _words(info.annotation)}
        if known := {old: new for old, new in table.items() if new in allowed and old not in allowed}:
            values[f"{section}.{name}"] = known
    return Renames(fields, values)


def _members(schema_class: type[Pipeline], section: str) -> list[Any]:
    """The classes of which a section may be one."""
    annotation = schema_class.model_fields[section].annotation
    return [member for member in (get_args(annotation) or (annotation,)) if hasattr(member, "model_fields")]


def _shown(value: Any) -> str:
    """A value as files have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(annotation: Any) -> Iterator[Any]:
    """The values that a field may have by its annotation, of literals and of unions of them."""
    for member in get_args(annotation):
        yield from _words(member) if get_args(member) else (member,)


def _values(value: Any, table: Mapping[Any, Any]) -> tuple[Any, list[Any]]:
    """A value, or a list of them, or what a search has of them, with new names; the old names found."""
    if not table:
        return value, []
    if isinstance(value, (list, tuple)):
        known = [isinstance(entry, (str, bool)) and entry in table for entry in value]
        return [table[entry] if old else entry for entry, old in zip(value, known)], [
            entry for entry, old in zip(value, known) if old
        ]
    if isinstance(value, dict) and "values" in value:
        inner, found = _values(value["values"], table)
        return {**value, "values": inner}, found
    return (table[value], [value]) if isinstance(value, (str, bool)) and value in table else (value, [])
