"""Pipeline files: where the packaged ones lie, and YAML in which the schema, not the spelling, decides the type."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import yaml

from ...errors import ArtifactError, ConfigError
from ..run_files import read_text
from ..urls import masked_word
from ..words import brief, nearest, plain_lines, plain_text

_LARGEST, _MOST_VALUES = 2**20, 50_000  # bytes of a pipeline file, and values in it
SCHEMA_COMMENT = "# yaml-language-server: $schema="  # by which editors find the JSON schema of a file
_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_KEPT = (f"{_TAG}null", _MERGE)  # what plain scalars may be other than text
_DEEP = re.compile(r"(?:[\[{]\s*){100}")


def packaged(kind: str) -> Path:
    """The folder of what comes with the package.

    Args:
        kind: `"pipelines"` or `"samples"`.

    Returns:
        The installed folder (wheel or editable), or that of the repository in a bare checkout.

    Raises:
        ConfigError: if neither is there.
    """
    spec = importlib.util.find_spec(f"tfpipelines.{kind}")
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    folder = Path(__file__).resolve().parents[3] / {"pipelines": "pipelines", "samples": "data"}[kind]
    if not folder.is_dir():
        raise ConfigError(f"The installation lacks its {kind}.", "Install tfpipelines again.")
    return folder


def pipeline_names() -> list[str]:
    """Names of the packaged pipelines, in alphabetical order."""
    return sorted(path.stem for path in packaged("pipelines").glob("*.yaml"))


def find_pipeline(name: str) -> Path:
    """The file of a packaged pipeline, or `name` itself where it is a path to a YAML file.

    Raises:
        ConfigError: if there is no such pipeline; it names the nearest one.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        if not path.is_file():
            remedy = "Give the path of a YAML file, or a name that `tfpipe list` shows."
            raise ConfigError(f"There is no pipeline file {masked_word(name)}.", remedy)
        return path
    names = pipeline_names()
    if name not in names:
        guess = nearest(name, names)
        hint = f"Did you mean {guess}?" if guess else f"There are: {', '.join(names)}."
        raise ConfigError(f"There is no pipeline named {brief(name)}.", hint)
    return packaged("pipelines") / f"{name}.yaml"


class _Plain(yaml.SafeLoader):
    """Safe YAML of bounded size."""

    _nodes = 0

    def compose_node(self, parent, index):
        self._nodes += 1
        if self._nodes > _MOST_VALUES:
            raise ConfigError("It holds too many values.", "Fix the file.")
        return super().compose_node(parent, index)


class _Loader(_Plain):
    """Safe YAML whose plain scalars stay text (but for null): pydantic turns them into what the field is."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise ConfigError(f"Line {line}: {brief(key)} cannot be a key.", "Keys are words.")
            if key in seen:
                cause = f"The key {brief(key)} appears twice: in lines {seen[key]} and {line}."
                raise ConfigError(cause, "Keep one of them.")
            seen[key] = line
        mapping = super().construct_mapping(node, deep)
        if strange := [key for key in mapping if not isinstance(key, str)]:
            raise ConfigError(f"{brief(strange[0])} cannot be a key.", "Keys are words.")
        return mapping

    def flatten_mapping(self, node):
        """Puts the keys of `<<` before the mapping's own ones, which win."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_VALUES:  # mappings that are merged many times over
            raise ConfigError("It holds too many values.", "Fix the file.")


def parse_yaml(text: str, origin: str, plain: bool = False) -> Any:
    """YAML text to nested dicts and lists of strings and None, or with `plain` of the types that YAML itself sees.

    Raises:
        ConfigError: with line and column, if the text is not YAML; if it is nested too deeply or holds too much.
    """
    try:
        if _DEEP.search(text):  # the scanner would need seconds to see it
            raise RecursionError
        content = yaml.load(text, _Plain if plain else _Loader)
        if _count(content, 0) > _MOST_VALUES:
            raise ConfigError("It holds too many values.", "Fix the file.")
        return content
    except RecursionError as error:
        raise ConfigError(f"{origin} is nested too deeply.", "Fix the file.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        cause = f"{origin}{where} is not valid YAML: {error.problem}."
        raise ConfigError(cause, "Fix the line; indent with spaces.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin} is not valid YAML: {' '.join(str(error).split())}.", "Fix the file.") from error
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error.cause}", error.remedy) from error
    except ValueError as error:  # of a plain value, such as a date that there is not
        raise ConfigError(f"{origin} is not valid YAML: {error}.", "Fix the file.") from error


def _count(value: Any, before: int) -> int:
    """`before` and the values in nested dicts and lists, one that is named often as often; counting ends in time."""
    entries = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, (list, set)) else ()
    for entry in entries:
        if before > _MOST_VALUES:
            break
        before = _count(entry, before + 1)
    return before


def read_yaml(path: Path, plain: bool = False) -> dict[str, Any]:
    """A pipeline file as nested dicts; `plain` as in `parse_yaml`.

    Raises:
        ConfigError: if the file cannot be read or does not hold a mapping.
    """
    try:
        text = read_text(path, _LARGEST).removeprefix("\ufeff")
    except ArtifactError as error:
        raise ConfigError(error.cause, "Give a UTF-8 text file.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Give a UTF-8 text file.") from error
    content = parse_yaml(text, str(path), plain)
    if not isinstance(content, dict):
        remedy = "A pipeline file begins with `task: NAME`; see `tfpipe show image-cls`."
        raise ConfigError(f"{path} holds no pipeline.", remedy)
    return content


def sample_names() -> list[str]:
    """Names of the sample data that come with the package."""
    return sorted(path.name for path in packaged("samples").iterdir() if (path / "README.md").is_file())


def description(path: Path) -> str:
    """The first comment line of a pipeline file, without its mark; the line for editors is none."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not line.startswith(SCHEMA_COMMENT):
            return line.lstrip("# ").strip()
    return ""


class _Flow(dict):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Sections as blocks, what is in them on one line each; text with something hidden is in quotes, where the
    escapes of `plain_lines` mean the same.
    """

    def analyze_scalar(self, scalar):
        found = super().analyze_scalar(scalar)
        if plain_text(scalar) != scalar:
            found.allow_flow_plain = found.allow_block_plain = found.allow_single_quoted = found.allow_block = False
        return found


_Dumper.add_representer(_Flow, lambda dumper, value: dumper.represent_mapping(f"{_TAG}map", value, flow_style=True))
_Dumper.add_representer(list, lambda dumper, value: dumper.represent_sequence(f"{_TAG}seq", value, flow_style=True))


def dump_yaml(content: dict[str, Any]) -> str:
    """Nested dicts as YAML that `parse_yaml` and the schema read back to the same values."""
    style: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "default_flow_style": False, "width": 1000}
    return plain_lines(yaml.dump(_laid_out(content, 0), Dumper=_Dumper, **style))


def _laid_out(value: Any, depth: int) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _laid_out(item, depth + 1) for key, item in value.items()}
    flow = depth > 2 or (depth == 2 and not any(isinstance(item, dict) for item in inner.values()))
    return _Flow(inner) if flow else inner
