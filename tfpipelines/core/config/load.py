"""From a name and overrides to a frozen pipeline: schema < file < preset of the file < overrides."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError, create_model

from ...errors import ConfigError
from ..urls import cleaned
from ..words import brief, nearest
from .choices import drop_foreign, refuse_given, without_foreign
from .explain import explain
from .files import find_pipeline, packaged, read_yaml
from .kinds import Kind
from .overrides import drop_foreign_fields, drop_layers, drop_other_data, keys_of, parse_overrides, put, with_new_names
from .own import CODE, Code, codes_of, find_code, names_in, put_code, renamed
from .pipeline import Pipeline
from .plugged import without_lost
from .presets import take_preset
from .renamed import renames
from .resolved import as_dict, difference
from .signature import NetworkSection

_create_model: Any = create_model  # its types do not know fields that are only known when it is called


_LENGTHS = ("train.epochs", "train.head_epochs", "train.steps_per_epoch")  # that train.time fits

Ask = Callable[[Code, bool], None]


class Loaded(NamedTuple):
    """What a file and overrides come to.

    Args:
        pipeline: ready to run.
        notes: what loading it had to say.
        content: the nested dicts that it came from, without defaults but with the code of users' own networks.
        changes: the fields of the preset and the overrides by dotted key, as the latter are called now.
        default_batch_size: whether nobody has asked for `train.batch_size`: no override, nor a file of the user's own.
    """

    pipeline: Pipeline
    notes: list[str]
    content: dict[str, Any]
    changes: dict[str, Any]
    default_batch_size: bool


def load(
    name: str,
    overrides: dict[str, Any] | list[str] | tuple[str, ...] = (),
    *,
    schemas: Mapping[str, type[Pipeline]],
    ask: Ask | None = None,
    built: bool = False,
) -> Loaded:
    """Resolves a pipeline.

    Args:
        name: of a packaged pipeline, or the path of a YAML file.
        overrides: `{"train.epochs": 5}` or `["train.epochs=5"]`; they win over the file.
        schemas: mapping from a task's name to its Pipeline class.
        ask: is told of the code of each network of the user's own that can be read and that the task takes, and
            whether an override names it, before anybody asks whether it is trusted.
        built: whether it is that of a run whose network has been built; then the network need not be known any more.

    Raises:
        ConfigError: if the pipeline, a key or a value is wrong.
    """
    path = find_pipeline(name)
    content = cleaned(read_yaml(path))
    changes = cleaned(parse_overrides(overrides))
    preset = take_preset(content, changes, name)
    of_task = _schema(changes.get("task", content.get("task")), schemas, path)
    content, changes = _with_code(content, changes, path, of_task, ask, built)
    schema_class = widened(of_task, codes_of(content))
    notes = _put_all(content, preset, schema_class)
    changes, told = with_new_names(content, changes, schema_class)
    notes += told
    notes += drop_foreign_fields(content, changes, schema_class)
    notes += drop_other_data(content, changes, schema_class) + drop_layers(content, changes)
    train = schema_class.training()
    notes += drop_foreign(content, changes, train, train.choices)
    for key, value in changes.items():
        put(content, keys_of(key), value)
    content.setdefault("name", path.stem)
    if built and (found := without_lost(content, schema_class)):
        content, schema_class = found
    pipeline = validate(content, schema_class, name)
    refuse_given(pipeline.train, train.choices, changes)
    if pipeline.train.time is not None and (given := next((key for key in _LENGTHS if key in changes), "")):
        cause = f"{given} and train.time exclude each other: the number of epochs is fitted to the time."
        raise ConfigError(cause, "Give one of them." if "train.time" in changes else "Add train.time=null.")
    section = (changes if path.is_relative_to(packaged("pipelines")) else content).get("train")
    asked = "train.batch_size" in changes or (isinstance(section, dict) and "batch_size" in section)
    return Loaded(pipeline, notes, content, {**preset, **changes}, not asked)


def with_values(
    content: dict[str, Any], values: dict[str, Any], schemas: Mapping[str, type[Pipeline]], origin: str
) -> Pipeline:
    """A pipeline in which some fields have other values, as if they had been given as overrides.

    Args:
        content: as in `Loaded`; stays as it is.
        values: by dotted key.
        origin: what to call it in errors.

    Raises:
        ConfigError: listing all that is wrong.
    """
    content, schema_class = deepcopy(content), widened(schemas[content["task"]], codes_of(content))
    _put_all(content, values, schema_class)
    return validate(content, schema_class, origin)


def _put_all(content: dict[str, Any], values: dict[str, Any], schema_class: type[Pipeline]) -> list[str]:
    """Sets fields in nested dicts, in place, and drops what they make void; the notes about earlier names."""
    values, notes = with_new_names(content, values, schema_class)
    drop_foreign_fields(content, values, schema_class)
    drop_layers(content, values)
    train = schema_class.training()
    values = without_foreign(content, values, train, train.choices)
    drop_foreign(content, values, train, train.choices)
    for key, value in values.items():
        put(content, keys_of(key), value)
    return notes


def validate(content: dict[str, Any], schema_class: type[Pipeline], origin: str) -> Pipeline:
    """Nested dicts to a pipeline.

    Raises:
        ConfigError: listing all that is wrong.
    """
    schema_class = widened(schema_class, codes_of(content))
    content = deepcopy({key: value for key, value in content.items() if key != CODE})
    renames(schema_class).content(content)
    try:
        return schema_class.model_validate(content)
    except ValidationError as error:
        own = (kind := _kind_of(schema_class)) is not None and kind.takes_own
        raise explain(error, schema_class.model_json_schema(), content, origin, own) from None


def _kind_of(schema_class: type[Pipeline]) -> Kind | None:
    """Of the networks that a class of pipelines takes; None where they are no networks of a kind."""
    annotation = schema_class.model_fields["model"].annotation
    first = getattr(annotation, "__args__", (annotation,))[0]
    kind = first.origin.kind if isinstance(first, type) and issubclass(first, NetworkSection) else None
    return kind if isinstance(kind, Kind) else None


@lru_cache(maxsize=64)
def widened(schema_class: type[Pipeline], codes: tuple[tuple[Code, bool], ...]) -> type[Pipeline]:
    """The class of pipelines whose `model` may also be one of the user's own networks.

    Args:
        codes: (of each, whether it is trusted).

    Raises:
        ConfigError: if the task takes none, or a function's signature cannot be read.
    """
    codes = tuple(entry for entry in codes if entry not in schema_class.own_code)
    if not codes:
        return schema_class
    kind = _kind_of(schema_class)
    if kind is None or not kind.takes_own:
        task = schema_class.model_fields["task"].default
        cause = f"model.name: {task} takes no network of your own: it needs more than one."
        raise ConfigError(cause, f"`tfpipe show {task} --schema` lists its fields.")
    made = _create_model(
        schema_class.__name__,
        __base__=schema_class,
        __doc__=schema_class.__doc__,
        __module__=schema_class.__module__,
        model=(kind.with_own(codes), schema_class.model_fields["model"].default),
    )
    made.own_code, made.restored_by = codes, (_restored, schema_class)
    return made


def _restored(of_task: type[Pipeline], codes: tuple[tuple[Code, bool], ...], state: dict[Any, Any]) -> Pipeline:
    """An unpickled pipeline, of the class that this process makes."""
    kind = widened(of_task, codes)
    found = kind.__new__(kind)
    found.__setstate__(state)
    return found


def changed_since(before: dict[str, Any], pipeline: Pipeline) -> list[str]:
    """As `difference`, from nested dicts that an earlier version may have written, without the fields that are new."""
    try:
        before = as_dict(validate(before, type(pipeline), "the pipeline that it began with"))
    except ConfigError:  # of fields that there are no longer
        pass
    return difference(before, as_dict(pipeline))


def _with_code(
    content: dict[str, Any],
    changes: dict[str, Any],
    path: Path,
    schema_class: type[Pipeline],
    ask: Ask | None,
    built: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both with absolute names of users' own networks, and the content with their code."""
    if CODE in content:
        raise ConfigError(f"{path}: unknown key {CODE}.")
    whole, given = deepcopy(content), dict[str, Any]()
    for key, value in changes.items():
        for target in (whole, given):
            put(target, keys_of(key), deepcopy(value))
    try:
        found = find_code(whole, path, given)
    except ConfigError:
        if not built:
            raise
        found = {}  # the network is not known any more
    if found and ask is not None:
        widened(schema_class, tuple((code, False) for code in found.values()))
        for name, code in found.items():
            ask(code, name in names_in(given))
    put_code(content, found)
    names = {name: code.name for name, code in found.items()}
    return content, {key: renamed(key, value, names) if found else value for key, value in changes.items()}


def _schema(task: Any, schemas: Mapping[str, type[Pipeline]], path: Path) -> type[Pipeline]:
    try:
        return schemas[task if isinstance(task, str) else ""]
    except KeyError:
        names = list(schemas)
        guess = nearest(str(task), names)
        got = f"task: got {brief(task)}" if task is not None else "task is missing"
        remedy = f"Did you mean {guess}?" if guess else "Name one of them."
        raise ConfigError(f"{path}: {got}; allowed: {', '.join(names)}.", remedy) from None
