"""Fields of `train` whose value decides which others count: each value has an entry that names those that it takes."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from ...errors import ConfigError
from .fields import field
from .section import Section


class Entry(Protocol):
    """What is known of one value."""

    @property
    def takes(self) -> Mapping[str, str]:
        """{field that it takes: what its class calls it}."""

    @property
    def usual(self) -> Mapping[str, Any]:
        """{field: its default with this value, where that is not the section's}."""

    @property
    def rate(self) -> float:
        """What is usual as learning rate, as a multiple of the section's default."""


Choices = Mapping[str, Mapping[str, Entry]]

# Files of version 0.1 may hold these beside optimizers that do not take them.
_TOLERATED = {(name, key) for name in ("adamw", "adam", "sgd", "rmsprop") for key in ("momentum", "beta_1", "beta_2")}


def taken(table: Mapping[str, Entry], name: str, default: Any, description: str, **checks: Any) -> Any:
    """A field that some values of a choice take alone; its description names them and their own defaults."""
    takers = ", ".join(key for key, entry in table.items() if name in entry.takes)
    own = ", ".join(f"{key} {entry.usual[name]:g}" for key, entry in table.items() if name in entry.usual)
    return field(default, f"{takers}: {description}" + (f"; default with {own}" if own else ""), **checks)


def usual_values(section: type[Section], choices: Choices, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of fields, where they are others than the section's because of what is chosen."""
    found: dict[str, Any] = {}
    for choice, table in choices.items():
        entry = table.get(str(raw.get(choice, section.model_fields[choice].default)))
        if entry is None:
            continue
        found |= {key: value for key, value in entry.usual.items() if key in section.model_fields}
        for key, info in section.model_fields.items():
            if entry.rate != 1 and key.endswith("learning_rate") and isinstance(info.default, float):
                found[key] = float(f"{info.default * entry.rate:.6g}")
    return found


def foreign(section: Section, choices: Choices) -> dict[str, str]:
    """{field: the reason} of the fields that are set, though what is chosen does not take them."""
    found = {}
    for choice, table in choices.items():
        chosen = getattr(section, choice)
        for key in dict.fromkeys(key for entry in table.values() for key in entry.takes):
            if key not in table[chosen].takes and getattr(section, key) != type(section).model_fields[key].default:
                takers = ", ".join(name for name, entry in table.items() if key in entry.takes)
                found[key] = f"train.{key}: train.{choice}={chosen} does not take it; leave it out (it is for {takers})"
    return found


def check(section: Section, choices: Choices) -> None:
    """Refuses fields that what is chosen does not take, but those which version 0.1 let pass.

    Raises:
        ValueError: naming the first of them.
    """
    for key, reason in foreign(section, choices).items():
        if (getattr(section, "optimizer", None), key) not in _TOLERATED:
            raise ValueError(reason)


def refuse_given(section: Section, choices: Choices, changes: Mapping[str, Any]) -> None:
    """Refuses overrides of fields that what is chosen does not take, all of them.

    Raises:
        ConfigError: naming the first of them.
    """
    for key, reason in foreign(section, choices).items():
        if f"train.{key}" in changes:
            cause, _, remedy = reason.partition("; ")
            raise ConfigError(f"{cause}.", f"{remedy[0].upper()}{remedy[1:]}.")


def drop_foreign(
    content: dict[str, Any], changes: Mapping[str, Any], section: type[Section], choices: Choices
) -> list[str]:
    """Where an override chooses another value: removes the file's fields of the one before, and says so.

    Those are the fields that the new one does not take, and those whose usual value is another with either.
    """
    train, notes = content.get("train"), []
    if not isinstance(train, dict):
        return []
    for choice, table in choices.items():
        old = str(train.get(choice, section.model_fields[choice].default))
        new = str(changes.get(f"train.{choice}", old))
        if new == old or old not in table or new not in table:
            continue
        of_others = {*usual_values(section, {choice: table}, {choice: old})}
        of_others |= {*usual_values(section, {choice: table}, {choice: new})}
        try:
            asked = {key: value for key, value in train.items() if f"train.{key}" not in changes}
            of_others |= {*foreign(section.model_construct(**_read(section, asked) | {choice: new}), {choice: table})}
        except ValidationError:  # which is reported later
            pass
        left = [key for key in train if key in of_others and f"train.{key}" not in changes]
        for key in left:
            del train[key]
        if left:
            names = ", ".join(f"train.{key}" for key in left)
            go = "goes" if len(left) == 1 else "go"
            notes.append(f"train.{choice}={new}: left out {names} of the file, which {go} with {old}")
    return notes


def without_foreign(
    content: Mapping[str, Any], values: Mapping[str, Any], section: type[Section], choices: Choices
) -> dict[str, Any]:
    """The values of a trial without those that its own choices do not take."""
    given, left = content.get("train"), dict(values)
    train = given if isinstance(given, Mapping) else {}  # what is none is refused later
    for choice, table in choices.items():
        chosen = values.get(f"train.{choice}", train.get(choice, section.model_fields[choice].default))
        known = {key for entry in table.values() for key in entry.takes}
        for key in known if chosen in table else ():
            if key not in table[chosen].takes:
                left.pop(f"train.{key}", None)
    return left


def _read(section: type[Section], raw: dict[str, Any]) -> dict[str, Any]:
    """The fields of a section as they were given, of the types that they have in it."""
    whole = section.model_validate(raw)
    return {key: getattr(whole, key) for key in section.model_fields}
