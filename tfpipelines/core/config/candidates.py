"""`model.name=auto`: the section of a network that is chosen among several, its candidates."""

import operator
from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import combinations
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, create_model, field_validator, model_validator

from .fields import field, fixed
from .networks import is_fitted
from .own import AUTO, short
from .section import FIXED, Section
from .signature import NetworkSection, Origin, section_of

# Fields that decide what a loss is of: val_loss of networks that differ in one of them cannot be compared.
_OF_LOSS = ("loss", "centered", "backbone", "weights", "scaling", "layers", "grid", "wide", "beta")


_OF_CANDIDATES: dict[str, Any] = {"minItems": 2, **FIXED}


class AutoNetwork(Section):
    """The best of several networks: each candidate is trained, and the one with the best `search.objective` on the
    validation split becomes the network of the run.
    """

    members: ClassVar[tuple[type[NetworkSection], ...]]  # what a candidate may be

    name: Literal["auto"] = fixed(AUTO, "the network is chosen among model.candidates")
    candidates: tuple[Any, ...]

    @model_validator(mode="before")
    @classmethod
    def _only_candidates(cls, raw: Any) -> Any:
        for key in raw if isinstance(raw, dict) else ():
            holder = next((member for member in cls.members if key in member.model_fields), None)
            if holder is not None and key not in cls.model_fields:
                such = f"model.candidates=[{{name: {_name_of(holder)}, {key}: VALUE}}, NETWORK]"
                raise ValueError(f"model.{key} is a field of one network, not of auto: give it to a candidate, {such}")
        return raw

    @field_validator("candidates", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        if not isinstance(given, (list, tuple)) or len(given) < 2:
            got = "no list" if not isinstance(given, (list, tuple)) else f"{len(given) or 'none'}"
            such = f"model.candidates=[{', '.join([*map(_name_of, cls.members), 'NETWORK'][:2])}]"
            raise ValueError(f"model.candidates: got {got}; give a list of at least two networks, such as {such}")
        return given

    @field_validator("candidates")
    @classmethod
    def _different(cls, networks: tuple[NetworkSection, ...]) -> tuple[NetworkSection, ...]:
        for one, other in combinations(networks, 2):
            if one == other:
                name = short(dict(one)["name"])
                raise ValueError(f"model.candidates: {name} is there twice with the same fields; leave one out")
        return networks

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (tuple(member.origin for member in self.members), self.__getstate__())


@lru_cache(maxsize=1024)
def auto_of(members: tuple[type[NetworkSection], ...]) -> type[AutoNetwork]:
    """The section of `model.name=auto`, each of whose candidates is one of some networks."""
    one: Any = one_of(members)
    entry = Annotated[one, BeforeValidator(_named, json_schema_input_type=str | one)]
    text = "networks to choose from: names, or mappings of `name` and fields, such as {name: NAME, FIELD: VALUE}"

    made: Any = create_model(
        AUTO, __base__=AutoNetwork, __doc__=AutoNetwork.__doc__, __module__=__name__,
        candidates=(tuple[entry, ...], field(..., text, json_schema_extra=_OF_CANDIDATES)),
    )  # fmt: skip
    made.members = members
    return made


def _name_of(member: type[Section]) -> str:
    return member.model_fields["name"].default or "NETWORK"


def one_of(sections: Sequence[type[Section]]) -> Any:
    """What is one of some sections, by its `name`."""
    union: Any = reduce(operator.or_, sections)
    return Annotated[union, Field(discriminator="name")] if len(sections) > 1 else union


def _named(given: Any) -> Any:
    """A name stands for the network with its defaults."""
    return {"name": given} if isinstance(given, str) else given


def _restored(origins: tuple[Origin, ...], state: dict[Any, Any]) -> AutoNetwork:
    """An unpickled section, of the class that this process makes."""
    kind = auto_of(tuple(map(section_of, origins)))
    found = kind.__new__(kind)
    found.__setstate__(state)
    return found


def given_fields(network: Section) -> dict[str, Any]:
    """The fields of a network that differ from its defaults, without its name, as JSON values."""
    usual, fields = type(network)().model_dump(mode="json"), network.model_dump(mode="json")
    return _others({key: entry for key, entry in fields.items() if key != "name"}, usual)


def _others(fields: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    inner = {key: _others(entry, usual[key]) for key, entry in fields.items() if isinstance(entry, dict)}
    return {key: inner.get(key, entry) for key, entry in fields.items() if entry != usual[key]}


def with_chosen(pipeline: dict[str, Any], candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """The nested dicts of a pipeline with the network that a run of it has chosen; as they are where none was chosen,
    or a combination of several.

    Args:
        pipeline: resolved.
        candidates: as metrics.json has them.
    """
    model = pipeline.get("model")
    each = model.get("candidates") if isinstance(model, dict) else None
    number = next((number for number, entry in enumerate(candidates) if entry.get("chosen") is True), -1)
    if not isinstance(each, list) or not 0 <= number < len(each) or not isinstance(each[number], dict):
        return pipeline
    return {**pipeline, "model": each[number]}


def incomparable(networks: tuple[NetworkSection, ...]) -> str:
    """What two networks differ in that decides what `val_loss` is of, such as a field; "" if their losses can be
    compared.
    """
    if any(map(is_fitted, networks)):
        return "loss (of fitted detectors it is the mean score)"
    fields = [{name: entry for name, entry in network if getattr(entry, "active", True)} for network in networks]
    return next((name for name in _OF_LOSS if any(one.get(name) != fields[0].get(name) for one in fields)), "")
