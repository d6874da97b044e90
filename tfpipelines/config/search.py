"""The `search` section: which fields of a pipeline may vary, and how."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator, model_validator

from ..errors import nearest
from .section import Count, Section


class Dimension(Section):
    """One field's values: a list to choose from, or an interval."""

    values: Annotated[tuple[Any, ...] | None, Field(description="to choose from")] = None
    min: int | float | None = None
    max: int | float | None = None
    step: float | None = Field(None, gt=0, description="between the values of an interval; whole-number fields: 1")
    scale: Literal["linear", "log"] = "linear"
    when: dict[str, Any] = Field({}, description="other field: value that it must have for this one to vary")

    @model_validator(mode="after")
    def _one_kind(self) -> "Dimension":
        if self.values is not None:
            if len(self.values) < 1 or self.min is not None or self.max is not None:
                raise ValueError("give either values (a list) or min and max")
        elif self.min is None or self.max is None or not self.min < self.max:
            raise ValueError("give values (a list), or min and max with min below max")
        if self.scale == "log" and self.min is not None and self.min <= 0:
            raise ValueError("scale: log needs min above 0")
        return self

    def samples(self) -> tuple[Any, ...]:
        """Values that stand for all: every choice, or both ends."""
        return self.values if self.values is not None else (self.min, self.max)


class Search(Section):
    """How `tfpipe tune` looks for better values. The test set plays no part in it."""

    algorithm: Literal["random", "bayesian", "hyperband", "grid"] = "bayesian"
    trials: Count = 20
    space: dict[str, Dimension] = {}

    @field_validator("space", mode="before")
    @classmethod
    def _lists_are_values(cls, space: Any) -> Any:
        if isinstance(space, dict):
            return {path: {"values": spec} if isinstance(spec, (list, tuple)) else spec for path, spec in space.items()}
        return space


def typed_space(search: Search, pipeline: type[BaseModel]) -> dict[str, Dimension]:
    """The space with every value turned into what its field takes.

    Raises:
        ValueError: naming a field that does not exist, may not be searched or cannot take a value.
    """
    fields = searchable_fields(pipeline)
    space = {}
    for path, dimension in search.space.items():
        if path == "train.epochs" and search.algorithm == "hyperband":
            raise ValueError("search.space: train.epochs belongs to hyperband itself")
        values = tuple(_typed(path, value, fields) for value in dimension.samples())
        when = {other: _typed(other, value, fields) for other, value in dimension.when.items()}
        change = {"values": values} if dimension.values is not None else dict(zip(("min", "max"), values))
        space[path] = dimension.model_copy(update={**change, "when": when})
    for path, dimension in space.items():
        for other, value in dimension.when.items():
            if other not in space:
                raise ValueError(f"search.space: {path} depends on {other}, which is not searched")
            choices = space[other].values
            if choices is not None and value not in choices:
                raise ValueError(f"search.space: {path} asks for {other}={value}, which is not among its values")
    return space


def _typed(path: str, value: Any, fields: dict[str, list[TypeAdapter]]) -> Any:
    if path not in fields:
        guess = nearest(path, fields)
        raise ValueError(f"search.space: {path} is no field that can be searched" + (f". Did you mean {guess}?" if guess else ""))
    for adapter in fields[path]:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].lower().removeprefix("value error, ")
    raise ValueError(f"search.space: {path} cannot be {value!r}: {reason}")


def searchable_fields(pipeline: type[BaseModel]) -> dict[str, list[TypeAdapter]]:
    """Every path below data, model and train that a search may vary, with a validator for each network that has it."""
    fields: dict[str, list[TypeAdapter]] = {}
    for section in ("data", "model", "train"):
        if section in pipeline.model_fields:
            _collect(section, pipeline.model_fields[section].annotation, fields)
    return fields


def _collect(path: str, annotation: Any, fields: dict[str, list[TypeAdapter]]) -> None:
    members = getattr(annotation, "__args__", ()) if not isinstance(annotation, type) else (annotation,)
    for member in members:
        if not (isinstance(member, type) and issubclass(member, Section)):
            continue
        for name, field in member.model_fields.items():
            if (field.json_schema_extra or {}).get("searchable", True) is False:
                continue
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                _collect(f"{path}.{name}", field.annotation, fields)
            else:
                adapter = TypeAdapter(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)
                fields.setdefault(f"{path}.{name}", []).append(adapter)
