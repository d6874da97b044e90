"""The `search` section: which fields of a pipeline may vary, and how."""

from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator, model_validator

from ...metrics.registry import direction_of
from ..words import brief, nearest
from .amounts import Duration, Size
from .fields import field
from .own import AUTO
from .section import Count, Section
from .synonyms import meant

BUDGETS = ("trials", "epochs", "time", "disk")  # fields that may be raised while a search goes on


def _or_name(schema: dict[str, Any]) -> None:
    """An objective may be the name of a metric alone."""
    schema["anyOf"] = [{"type": "string"}, *schema["anyOf"]]


def _or_list(schema: dict[str, Any]) -> None:
    """A dimension may be a list of values alone, or null where it is taken out."""
    schema["additionalProperties"] = {"anyOf": [schema["additionalProperties"], {"type": "array"}, {"type": "null"}]}


class Objective(Section):
    """What a search looks for."""

    metric: str = field(
        ...,
        "a metric of the validation split: val_ and its name in history.csv, or else in metrics.json",
        pattern=r"^val_\w+$",
    )
    direction: Literal["max", "min"]

    @model_validator(mode="before")
    @classmethod
    def _known_direction(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"metric": value}
        if isinstance(value, dict) and not str(metric := value.get("metric", "val_")).startswith("val_"):
            cause = "the objective is a metric of the validation split"
            raise ValueError(f"{cause}: val_{metric}, not {metric}")
        if isinstance(value, dict) and isinstance(name := value.get("metric"), str):
            direction = direction_of(name.removeprefix("val_"))
            if "direction" not in value and direction is None:
                raise ValueError(f"is {name} to be high or low? Give both: {{metric: {name}, direction: max}}")
            if direction is not None and value.get("direction") in {"max", "min"} - {direction}:
                better = {"max": "higher", "min": "lower"}[direction]
                raise ValueError(f"{name} is better when it is {better}: set direction={direction}, or leave it out")
            return {"direction": direction, **value}
        return value


class Dimension(Section):
    """One field's values: a list to choose from, or an interval."""

    values: Annotated[tuple[Any, ...] | None, Field(description="to choose from")] = None
    min: int | float | None = None
    max: int | float | None = None
    step: float | None = field(
        None, "between the values of an interval, with scale: log their ratio; whole numbers: 1", gt=0
    )
    scale: Literal["linear", "log"] = "linear"
    when: dict[str, Any] = field({}, "{other field: its value, or a list of values}: this field varies only with these")

    @model_validator(mode="after")
    def _one_kind(self) -> "Dimension":
        if self.values is not None:
            if len(self.values) < 1 or self.min is not None or self.max is not None:
                raise ValueError("give either values (a list) or min and max")
        elif self.min is None or self.max is None or not self.min < self.max:
            raise ValueError("give values (a list), or min and max with min below max")
        if self.scale == "log" and self.min is not None and self.min <= 0:
            raise ValueError("scale: log needs min above 0")
        if self.scale == "log" and self.step is not None and self.step <= 1:
            raise ValueError("with scale: log the step is a factor, above 1")
        return self

    @property
    def whole(self) -> bool:
        """Whether it is an interval of whole numbers."""
        return self.values is None and isinstance(self.min, int) and isinstance(self.max, int)

    @property
    def ends(self) -> tuple[float, float]:
        """`min` and `max` of an interval; whole numbers where it is one of such."""
        assert self.min is not None and self.max is not None
        return self.min, self.max

    def samples(self) -> tuple[Any, ...]:
        """Values that stand for all: every choice, or both ends."""
        return self.values if self.values is not None else (self.min, self.max)


class Resources(Section):
    """What a trial takes. On a Ray cluster it begins where so much is free."""

    cpus: Count | None = field(
        None, "CPU cores, and threads of TensorFlow; null: on a cluster 1, in one machine an equal share of its cores"
    )
    gpus: Annotated[float, Field(ge=0, le=1)] | None = field(
        None, "GPUs on a cluster: 1, 0 or a share of one, such as .5; null: 1 if the cluster has some"
    )


class Search(Section):
    """How `tfpipe tune` looks for better values. The test set plays no part in it."""

    algorithm: Literal["random", "bayesian", "hyperband", "grid"] = "bayesian"
    objective: Objective | None = field(
        None,
        "validation metric, and whether it is maximised (max) or minimised (min); null: that of the task",
        json_schema_extra=_or_name,
    )
    trials: Count = field(20, "maximum number of trials")
    epochs: Count | None = field(None, "maximum number of epochs of all trials together")
    time: Duration | None = field(
        None, "maximum time of the trials, in seconds or such as 90 min; the final runs come on top"
    )
    disk: Size | None = field(
        None, "maximum size of the search's folder, in bytes or such as 10 GB; the final runs come on top"
    )
    pruning: Literal["median", "none"] = field(
        "median",
        "random and bayesian: stop a trial whose best value so far is worse than the median of the other trials' means "
        "up to that epoch",
    )
    pruning_trials: Count = field(5, "minimum number of finished trials before one is pruned")
    pruning_epochs: Count = field(3, "minimum number of epochs of a trial before it is pruned")
    factor: Annotated[int, Field(ge=2)] = field(
        3, "hyperband: one in this many trials continues, with this many times the epochs"
    )
    start: bool = field(True, "the first trial is the unchanged pipeline, if the space contains it; not with grid")
    keep_trials: Count = field(3, "number of best trials whose weights are kept")
    resources: Resources = Field(Resources())  # of each trial
    final_seeds: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = field(
        (0, 1, 2), "the best values are trained again with each of these seeds, and tested; []: not at all"
    )
    space: dict[str, Dimension] = Field({}, json_schema_extra=_or_list)

    @field_validator("space", mode="before")
    @classmethod
    def _lists_are_values(cls, space: Any) -> Any:
        if not isinstance(space, dict):
            return space
        given = {path: spec for path, spec in space.items() if spec is not None}
        return {path: {"values": spec} if isinstance(spec, (list, tuple)) else spec for path, spec in given.items()}


def typed_space(search: Search, pipeline: type[BaseModel]) -> dict[str, Dimension]:
    """The space with every value turned into what its field takes.

    Raises:
        ValueError: naming a field that does not exist, may not be searched or cannot take a value.
    """
    fields = searchable_fields(pipeline)
    space = {}
    for path, dimension in search.space.items():
        if dimension.when.keys() & {path}:
            raise ValueError(f"search.space: {path} depends on itself")
        if path == "train.epochs" and search.algorithm == "hyperband":
            raise ValueError("search.space: hyperband sets train.epochs itself")
        values = tuple(_typed(path, value, fields, pipeline) for value in dimension.samples())
        asked = dimension.when.items()
        when = {other: _conditions(other, value, search.space, fields, pipeline) for other, value in asked}
        if dimension.values is None:
            # a list of one number is that number
            values = tuple(value[0] if isinstance(value, tuple) and len(value) == 1 else value for value in values)
            if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
                raise ValueError(f"search.space: {path} is no number: give a list of values")
        change = {"values": values} if dimension.values is not None else dict(zip(("min", "max"), values))
        space[path] = dimension.model_copy(update={**change, "when": when})
        if space[path].whole and dimension.step is not None and dimension.step != int(dimension.step):
            raise ValueError(f"search.space: {path} takes whole numbers, its step is {dimension.step:g}")
    for path, dimension in space.items():
        for other, values in dimension.when.items():
            if other not in space:
                raise ValueError(f"search.space: {path} depends on {other}, which is not searched")
            if (choices := space[other].values) is None:
                raise ValueError(f"search.space: {path} depends on {other}, which has no list of values")
            for value in values:
                if value not in choices:
                    raise ValueError(f"search.space: {path} asks for {other}={value}, which is not among its values")
    ordered: dict[str, Dimension] = {}
    while len(ordered) < len(space):  # what others depend on comes first
        left = {path: dimension for path, dimension in space.items() if path not in ordered}
        ready = {path: dimension for path, dimension in left.items() if dimension.when.keys() <= ordered.keys()}
        if not ready:
            raise ValueError(f"search.space: {', '.join(left)} depend on each other")
        ordered |= ready
    return ordered


def _conditions(
    path: str, value: Any, space: dict[str, Dimension], fields: dict[str, list[TypeAdapter]], pipeline: type[BaseModel]
) -> list[Any]:
    """The values that a condition names: one, or a list of them where the field itself takes no lists."""
    try:
        return [_typed(path, value, fields, pipeline)]
    except ValueError:
        if not isinstance(value, (list, tuple)) or not value or path not in space:
            raise
        return [_typed(path, entry, fields, pipeline) for entry in value]


def _exists(section: str, name: str, pipeline: type[BaseModel]) -> bool:
    """Whether there is such a field, searchable or not."""
    annotation = pipeline.model_fields[section].annotation if section in pipeline.model_fields else None
    members = getattr(annotation, "__args__", (annotation,))
    return any(name in getattr(member, "model_fields", ()) for member in members)


def _typed(path: str, value: Any, fields: dict[str, list[TypeAdapter]], pipeline: type[BaseModel]) -> Any:
    if path == "model.name" and value == AUTO:
        raise ValueError("search.space: model.name cannot be auto: list the networks themselves")
    if path not in fields:
        section, _, name = path.partition(".")
        own = {field.partition(".")[2]: field for field in fields if field.startswith(f"{section}.")}
        guess = own.get(meant(name, own), "") or nearest(path, fields)
        guess = "" if _exists(section, name, pipeline) else guess
        hint = f". Did you mean {guess}?" if guess else ""
        raise ValueError(f"search.space: {path} is no field that can be searched{hint}")
    found = []
    for adapter in fields[path]:  # networks may have fields of one name and of several types
        try:
            found.append(adapter.validate_python(value))
        except ValidationError as error:
            reason = error.errors()[0]["msg"].lower().removeprefix("value error, ")
    if found:
        whole = isinstance(value, (list, tuple))
        return next((entry for entry in found if whole or not isinstance(entry, tuple)), found[0])
    raise ValueError(f"search.space: {path} cannot be {brief(value)}: {reason}")


@lru_cache(maxsize=64)
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
        for name, info in member.model_fields.items():
            if isinstance(extra := info.json_schema_extra, dict) and extra.get("searchable") is False:
                continue
            if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
                _collect(f"{path}.{name}", info.annotation, fields)
            else:
                kind: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
                fields.setdefault(f"{path}.{name}", []).append(TypeAdapter(kind))
