"""From a name and overrides to a frozen pipeline: schema < file < overrides."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError, create_model

from ...errors import ConfigError
from ..words import nearest
from .backbones import BUNDLED, is_path
from .choices import drop_foreign, refuse_given, without_foreign
from .explain import explain
from .files import dump_yaml, find_pipeline, parse_yaml, read_yaml
from .kinds import Kind
from .own import CODE, Code, codes_of, find_code, names_in, put_code, renamed, short
from .pipeline import Pipeline
from .plugged import without_lost
from .renamed import renames
from .search import Dimension
from .section import Role, fields_that
from .signature import NetworkSection

_create_model: Any = create_model  # its types do not know fields that are only known when it is called


Ask = Callable[[Code, bool], None]


class Loaded(NamedTuple):
    """What a file and overrides come to.

    Args:
        pipeline: ready to run.
        notes: what loading it had to say.
        content: the nested dicts that it came from, without defaults but with the code of users' own networks.
        changes: the overrides by dotted key, as they are called now.
    """

    pipeline: Pipeline
    notes: list[str]
    content: dict[str, Any]
    changes: dict[str, Any]


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
    content = read_yaml(path)
    changes = parse_overrides(overrides)
    of_task = _schema(changes.get("task", content.get("task")), schemas, path)
    content, changes = _with_code(content, changes, path, of_task, ask, built)
    schema_class = widened(of_task, codes_of(content))
    changes, notes = _with_new_names(content, changes, schema_class)
    notes += _drop_foreign_fields(content, changes, schema_class)
    notes += _drop_other_data(content, changes, schema_class) + _drop_layers(content, changes)
    train = schema_class.training()
    notes += drop_foreign(content, changes, train, train.choices)
    for key, value in changes.items():
        _put(content, _keys(key), value)
    content.setdefault("name", path.stem)
    if built and (found := without_lost(content, schema_class)):
        content, schema_class = found
    pipeline = validate(content, schema_class, name)
    refuse_given(pipeline.train, train.choices, changes)
    return Loaded(pipeline, notes, content, changes)


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
    values, _ = _with_new_names(content, values, schema_class)
    _drop_foreign_fields(content, values, schema_class)
    _drop_layers(content, values)
    train = schema_class.training()
    values = without_foreign(content, values, train, train.choices)
    drop_foreign(content, values, train, train.choices)
    for key, value in values.items():
        _put(content, _keys(key), value)
    return validate(content, schema_class, origin)


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
    default = schema_class.model_fields["model"].default
    kind = default.origin.kind if isinstance(default, NetworkSection) else None
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
        cause = f"model.name: {task} takes no network of your own: its networks have not one input and one output."
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


def parse_overrides(overrides: dict[str, Any] | list[str] | tuple[str, ...]) -> dict[str, Any]:
    """`a.b=value` words, or a dict, to a dict of dotted keys. Lists and mappings are given in YAML's [ ] and { }.

    Raises:
        ConfigError: if a word has no `=` or no key.
    """
    if isinstance(overrides, dict):
        return {key: str(value) if isinstance(value, Path) else value for key, value in overrides.items()}
    changes: dict[str, Any] = {}
    for word in overrides:
        key, mark, text = word.partition("=")
        if not mark or not key or not all(key.split(".")):
            raise ConfigError(f"{word!r} is not an override.", "Write KEY=VALUE, as in train.epochs=5.")
        changes[key] = _value(text, word)
    return changes


def with_absolute_paths(pipeline: Pipeline) -> Pipeline:
    """The same pipeline with absolute paths, so that its file means the same from any folder."""
    changes = {}
    for field in fields_that(type(pipeline.data), Role.PATH):
        value = getattr(pipeline.data, field)
        if value and not value.startswith("sample:"):
            changes[field] = str(Path(value).expanduser().absolute())
    named = {field: getattr(pipeline.model, field, None) for field in ("backbone", "weights")}
    given = {field: Path(value).expanduser() for field, value in named.items() if value and is_path(value)}
    files = {field: str(path.absolute()) for field, path in given.items()}
    features = getattr(pipeline.evaluation, "features", "")
    runs = {"features": str(Path(features).expanduser().resolve())} if features not in ("", "backbone") else {}
    parts = {"data": changes, "model": files, "evaluation": runs}
    changed = {part: getattr(pipeline, part).model_copy(update=update) for part, update in parts.items()}
    return pipeline.model_copy(update=changed)


def to_yaml(pipeline: Pipeline) -> str:
    """The resolved pipeline as YAML that `load` accepts and that resolves to an equal pipeline."""
    return dump_yaml(as_dict(pipeline))


def as_dict(pipeline: Pipeline) -> dict[str, Any]:
    """The resolved pipeline as nested dicts of JSON values, `task` first."""
    content = pipeline.model_dump(mode="json")
    content["search"]["space"] = {
        path: {key: value for key, value in dimension.items() if value not in (None, {}, "linear")}
        for path, dimension in content["search"]["space"].items()
    }
    if "name" in content["model"]:
        content["model"] = {"name": content["model"].pop("name"), **content["model"]}
    order = ("task", "name", "seed", "split_seed", "data", "model", "train")
    return {**{key: content[key] for key in order}, **content}


def changed_since(before: dict[str, Any], pipeline: Pipeline) -> list[str]:
    """As `difference`, from nested dicts that an earlier version may have written, without the fields that are new."""
    try:
        before = as_dict(validate(before, type(pipeline), "the pipeline that it began with"))
    except ConfigError:  # of fields that there are no longer
        pass
    return difference(before, as_dict(pipeline))


def difference(before: dict[str, Any], after: dict[str, Any], path: str = "") -> list[str]:
    """One line, `key: before -> after`, for each leaf in which two resolved pipelines differ."""
    return [f"{key}: {old} -> {new}" for key, (old, new) in differing([before, after], path)]


def differing(contents: list[dict[str, Any]], path: str = "", missing: Any = None) -> list[tuple[str, list[Any]]]:
    """(dotted key, value in each) of every leaf in which nested dicts differ; `missing` where one has no such key."""
    rows = []
    for key in dict.fromkeys(key for content in contents for key in content):
        here, values = f"{path}{key}", [content.get(key, missing) for content in contents]
        if all(isinstance(value, dict) for value in values):
            rows += differing(values, f"{here}.", missing)
        elif any(value != values[0] for value in values):
            rows.append((here, values))
    return rows


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
            _put(target, _keys(key), deepcopy(value))
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
        got = f"task: got {task!r}" if task is not None else "task is missing"
        remedy = f"Did you mean {guess}?" if guess else "Name one of them."
        raise ConfigError(f"{path}: {got}; allowed: {', '.join(names)}.", remedy) from None


def _value(text: str, word: str) -> Any:
    if text[:1] in ("[", "{"):
        return parse_yaml(text, f"The override {word}")
    return None if text in ("null", "~", "") else text


def _keys(path: str) -> list[str]:
    """The keys on the way to a value; that of a field to be searched has dots in it."""
    keys = path.split(".")
    if keys[:2] != ["search", "space"] or len(keys) < 4:
        return keys
    inner = keys[-1:] if len(keys) > 4 and keys[-1] in Dimension.model_fields else []
    return ["search", "space", ".".join(keys[2 : len(keys) - len(inner)]), *inner]


def _with_new_names(
    content: dict[str, Any], changes: dict[str, Any], schema_class: type[Pipeline]
) -> tuple[dict[str, Any], list[str]]:
    """Puts what fields and values are called now into nested dicts, in place; the overrides so, and the notes."""
    names, found, given = renames(schema_class), dict[str, Any](), dict[str, str]()
    notes = names.content(content)
    for key, value in changes.items():
        keys, nested = _keys(key), dict[str, Any]()
        _put(nested, keys, deepcopy(value))
        notes += names.content(nested)
        path, inner = [], nested
        for _ in keys:
            ((part, inner),) = inner.items()
            path.append(part)
        if (new := ".".join(path)) in found:
            old = key if key != new else given[new]
            raise ConfigError(f"{old} is the earlier name of {new}, and both are given.", f"Leave out {old}.")
        found[new], given[new] = inner, key
    return found, list(dict.fromkeys(notes))


def _put(content: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[keys[-1]] = value


def _dropped(section: str, content: dict[str, Any], fields: list[str]) -> str:
    """Removes fields from a section; their names."""
    for field in fields:
        del content[field]
    return ", ".join(f"{section}.{field}" for field in fields)


def _drop_layers(content: dict[str, Any], changes: dict[str, Any]) -> list[str]:
    """Where an override names another backbone: removes the file's names of layers, which it has not, and says so."""
    model = content.get("model")
    if not isinstance(model, dict) or "layers" not in model or "model.layers" in changes:
        return []
    own = model.get("backbone", BUNDLED)
    if changes.get("model.backbone", own) == own:
        return []
    return [f"model.backbone: left out {_dropped('model', model, ['layers'])} of the file, which are of another one"]


def _drop_other_data(content: dict[str, Any], changes: dict[str, Any], schema_class: type[Pipeline]) -> list[str]:
    """Where an override names other data: removes what the file says of its own alone, and says so."""
    data, notes = content.get("data"), []
    if not isinstance(data, dict) or changes.get("data.path", data.get("path")) == data.get("path"):
        return []
    folds, own = data.get("folds"), data.get("path")
    if isinstance(folds, str) and not folds.isdigit() and "data.folds" not in changes:
        notes.append(f"data.path: left out {_dropped('data', data, ['folds'])}={folds} of the file, a column of {own}")
    of_source = fields_that(schema_class.model_fields["data"].annotation, Role.OF_SOURCE)
    if fields := [field for field in of_source if field in data and f"data.{field}" not in changes]:
        are = "is" if len(fields) == 1 else "are"
        notes.append(f"data.path: left out {_dropped('data', data, fields)} of the file, which {are} of {own}")
    return notes


def _drop_foreign_fields(content: dict[str, Any], changes: dict[str, Any], schema_class: type[Pipeline]) -> list[str]:
    """Where an override names another network: removes the file's fields that it lacks, and says so."""
    model, name = content.get("model"), changes.get("model.name")
    if not isinstance(model, dict) or name is None or name == model.get("name", schema_class.default_network):
        return []
    members = getattr(schema_class.model_fields["model"].annotation, "__args__", ())
    network = next((member for member in members if member.model_fields["name"].default == name), None)
    if network is None:
        return []
    foreign = [key for key in model if key not in network.model_fields]
    left = _dropped("model", model, foreign)
    return (
        [f"model.name={short(str(name))}: left out {left} of the file, which {short(str(name))} does not have"]
        if foreign
        else []
    )
