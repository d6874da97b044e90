"""Sections made from signatures: the syntax tree says what the live function says; what cannot be read is refused."""

import importlib
import inspect
import pickle
import subprocess
import sys
import typing
from types import NoneType

import pytest

from tfpipelines.core import config
from tfpipelines.core.config import kinds
from tfpipelines.core.config.networks import ImageNetwork
from tfpipelines.core.config.section import FIXED
from tfpipelines.core.config.signature import NetworkSection, read_network
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS

from ...conftest import ROOT

KINDS = [value for value in vars(kinds).values() if isinstance(value, kinds.Kind)]
NETWORKS = [(kind, name) for kind in KINDS for name in kind.names]


def bare(annotation):
    """A type without its checks and descriptions."""
    if typing.get_origin(annotation) is typing.Annotated:
        return bare(typing.get_args(annotation)[0])
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal or not arguments:
        return annotation
    return typing.get_origin(annotation), tuple(map(bare, arguments))


def test_every_folder_is_a_kind():
    folders = {path.parent.name for path in ROOT.glob("tfpipelines/networks/*/*.py")} - {"backbones", "word_vectors"}
    assert {kind.folder for kind in KINDS} == folders and len(NETWORKS) >= 23


@pytest.mark.parametrize(("kind", "name"), NETWORKS, ids=lambda value: getattr(value, "folder", value))
def test_the_syntax_tree_says_what_the_function_says(kind, name):
    section = kind.section(name)
    module = importlib.import_module(f"tfpipelines.networks.{kind.folder}.{name}")
    hints = typing.get_type_hints(getattr(module, name), include_extras=True)
    live = inspect.signature(getattr(module, name)).parameters
    assert section.model_fields["name"].default == name
    assert [key for key in live if key not in kind.given] == [
        key for key in live if key in section.whole or key in section.own
    ]
    assert tuple(key for key in live if key in section.own) == section.own
    settings = section()
    for key in section.whole:
        assert isinstance(settings, hints[key]) and live[key].default is live[key].empty
    for key in section.own:
        field = section.model_fields[key]
        assert field.default == live[key].default == getattr(settings, key)
        assert bare(field.annotation) == bare(hints[key]), key
        assert (field.description and field.description[-1] != ".") or key in ImageNetwork.model_fields, key
    rules = [key for key in vars(module) if key.startswith("rule_")]
    for rule in rules:
        assert set(inspect.signature(getattr(module, rule)).parameters) <= section.model_fields.keys()


def test_a_section_is_that_of_what_its_network_shares():
    section = kinds.IMAGES.section("resnet")
    assert issubclass(section, ImageNetwork) and section.whole == ("common",)
    assert section.model_fields["dropout"].default == 0.0 and ImageNetwork.model_fields["dropout"].default == 0.3
    assert list(section.model_fields)[:5] == list(ImageNetwork.model_fields)
    assert kinds.IMAGES.section("resnet") is section


def test_nothing_heavy_is_loaded():
    code = """
import sys
from tfpipelines.core.config import kinds
from tfpipelines.core.config.kinds import GenerativeNetworks, ImageAutoencoders, ImageNetworks, TextNetworks
print([name for name in ("tensorflow", "keras", "pandas", "tfpipelines.models", "tfpipelines.networks")
       if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


# --- a file of the user's own
GOOD = '''
"""Anything else in the file is not looked at."""
import os; os.abort()
from typing import Annotated
import typing

def helper(*anything):
    pass

def mixer(
    input_shape,
    classes: "how many",
    common: ImageNetwork,
    width: Count = 2**5,
    rate: Annotated[float, Field(gt=-1.5, lt=1, description="its own words")] = -0.5,
    sides: "tuple[int, ...] | None" = None,
    mode: typing.Literal["a", "b"] | bool = "a",
    table: dict[str, float] = {"x": 1 / 2},
    normalization: Normalization = "layer",
    fixed: Annotated[int, Field(ge=0, json_schema_extra=FIXED)] = 0,
    *,
    seed=None,
    hidden: int = 3,
):
    """Mixes patches,
    and channels.

    More of it.

    Args:
        width, sides: of the
            patches: in pixels.
        rate: other words.
        activation: of all layers.

    Returns:
        mode: no argument.
    """
'''


@pytest.fixture
def written(tmp_path):
    def write(text, function="mixer", kind=kinds.IMAGES, **options):
        path = tmp_path / "mixer.py"
        path.write_text(text)
        return read_network(path, function, kind, **options)

    return write


def test_a_users_file(written):
    section = written(GOOD)
    assert section.__doc__ == "Mixes patches, and channels."
    assert section.own == ("width", "rate", "sides", "mode", "table", "normalization", "fixed")
    assert section.asked == ("input_shape", "classes", "seed") and section.whole == ("common",)
    settings = section(width="7", mode="b")
    assert (settings.width, settings.rate, settings.mode, settings.table) == (7, -0.5, "b", {"x": 0.5})
    assert settings.normalization == "layer" and settings.dropout == 0.3 and "hidden" not in section.model_fields
    told = {name: field.description for name, field in section.model_fields.items()}
    assert told["width"] == told["sides"] == "of the patches: in pixels" and told["rate"] == "its own words"
    assert told["activation"] == "of all layers" and told["mode"] is None
    assert section.model_fields["fixed"].json_schema_extra == FIXED
    for wrong in ({"width": 0}, {"rate": -1.5}, {"mode": "c"}, {"depth": 1}, {"activation": "x"}):
        with pytest.raises(ValueError):
            section(**wrong)


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("input_shape, width", "width has no annotation"),
        ("input_shape, width: int", "width has no default"),
        ("*layers", "layers takes any number"),
        ("**settings", "settings takes any number"),
        ("width: int = 3, /", "width is positional-only"),
        ("*, width: int", "width is keyword-only and has no default"),
        ("width: Cuonts = (3,)", "width has an annotation that cannot be read: Cuonts"),
        ("width: os.system('x') = 3", "width has an annotation that cannot be read"),
        ("width: Annotated[int, Field(default_factory=int)] = 3", "width has an annotation that cannot be read"),
        ("width: Annotated[int, AfterValidator(print)] = 3", "width has an annotation that cannot be read"),
        ("width: int[3] = 3", "width has an annotation that cannot be read"),
        ("width: 'int(' = 3", "width has an annotation that cannot be read"),
        ("width: int = WIDTH", "width has a default that is no literal: WIDTH"),
        ("width: int = len('abc')", "width has a default that is no literal"),
        ("width: int = 9**9**9", "width has a default that is no literal"),
        ("width: int = 1 // 0", "width has a default that is no literal"),
        ("width: float = -True", "width has a default that is no literal"),
        ("width: Count = 0", "width: its own check refuses the default"),
        ("width: str = 3", "width: its own check refuses the default"),
        ("common: ImageNetwork, dropout: Fraction = 1.0", "dropout: its own check refuses the default"),
        ("name: str = 'x'", "name has a name that fields cannot have"),
        ("copy: bool = True", "copy has a name that fields cannot have"),
        ("_width: int = 3", "_width has a name that fields cannot have"),
        ("width: Annotated[str, Field(multiple_of=2)] = 'x'", "mixer makes no section"),
        ("common: ImageNetwork, layers: Layers", "mixer makes no section"),
        ("width: Annotated[str, Field(pattern='(')] = 'x'", 'Field "width": regex parse error'),
        ("width: Annotated[int, Field(gt='a')] = 3", "'gt' must be coercible to an integer"),
        ("width: tuple[...] = (1,)", "mixer makes no section"),
    ],
)
def test_what_cannot_be_read_is_refused(written, signature, message):
    with pytest.raises(ConfigError) as caught:
        written(f"\n\ndef mixer({signature}):\n    ...\n")
    assert "mixer.py:3: mixer" in caught.value.cause and message in caught.value.cause and caught.value.remedy


def test_other_files_are_refused(written, tmp_path):
    for text, message in (
        ("def mixr(): ...", "has no function mixer"),
        ("def mixer(:", "mixer.py:1: this is not Python"),
    ):
        with pytest.raises(ConfigError, match=message):
            written(text)
    with pytest.raises(ConfigError, match="Did you mean .*mixr?"):
        written("def mixr(): ...")
    (tmp_path / "bytes.py").write_bytes(b"\xff")
    for name in ("bytes.py", "missing.py", "."):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_network(tmp_path / name, "mixer", kinds.IMAGES)


RULES = """
def rule_width(width):
    if width % 2:
        raise ValueError(f"width is {width}; it must be even")

def rule_both(width, dropout):
    if width > 8 and not dropout:
        raise ValueError("wide networks need dropout")

def mixer(common: ImageNetwork, width: int = 4): ...
"""


def test_rules_run_where_they_are_trusted_alone(written):
    section = written(RULES, trusted=True)
    with pytest.raises(ValueError, match="must be even"):
        section(width=3)
    with pytest.raises(ValueError, match="need dropout"):
        section(width=10, dropout=0.0)
    assert section(width=10).width == 10 and written(RULES)(width=3).width == 3
    with pytest.raises(ConfigError, match="rule_width: width is no field of mixer"):
        written("def rule_width(width): ...\ndef mixer(): ...")
    with pytest.raises(ConfigError, match="refuses the default"):
        written(RULES.replace("int = 4", "int = 5"), trusted=True)
    with pytest.raises(ConfigError, match="'open' is not defined"):
        written("def rule_width(width): open('x', 'w')\ndef mixer(width: int = 4): ...", trusted=True)


NOTED = """
@remembered
def rule_width(width: int) -> Checked:
    odd: Odd = isinstance(width, float) or round(float(str(width))) % 2
    if bool(odd):
        raise ValueError("must be even")

def mixer(common: ImageNetwork, width: int = 4): ...
"""


def test_annotations_and_decorators_of_rules_are_not_looked_at(written):
    with pytest.raises(ValueError, match="must be even"):
        written(NOTED, trusted=True)(width=3)
    assert written(NOTED, trusted=True)(width=6).width == 6
    for text, message in (
        (
            "def rule_width(width, *, limit=LIMIT): ...",
            "mixer.py:1: rule_width: NameError: name 'LIMIT' is not defined",
        ),
        ("def rule_width(width): await width", "rule_width: SyntaxError"),
    ):
        with pytest.raises(ConfigError, match=message):
            written(f"{text}\ndef mixer(width: int = 4): ...", trusted=True)
        written(f"{text}\ndef mixer(width: int = 4): ...")


@pytest.mark.parametrize(
    ("parameters", "line", "message"),
    [
        ("width", "1 // width", "3: rule_x: ZeroDivisionError: "),
        ("width, dropout", "(width,)[1 - min(1, width)]", "3: rule_x: IndexError: tuple index out of range"),
        ("width", "width or len(width)", "3: rule_x: TypeError: object of type 'int'"),
        ("width", "assert width, 'not  so'", "3: rule_x: AssertionError: not so"),
        ("width, dropout", "width or math.pi", "3: rule_x: NameError: name 'math' is not defined; a rule can use "),
        ("width", "if not width: raise ValueError", "3: rule_x: ValueError"),
    ],
)
def test_whatever_a_rule_fails_by_is_told_with_its_place(written, parameters, line, message):
    text = f"\ndef rule_x({parameters}):\n    {line}\n\ndef mixer(common: ImageNetwork, width: int = 4): ..."
    with pytest.raises(ValueError) as caught:
        written(text, trusted=True)(width=0)
    assert f"mixer.py:{message}" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        written(text.replace("int = 4", "int = 0"), trusted=True)
    assert f"own check refuses the default: Value error, {caught.value.cause.partition(':')[0]}:{message}" in str(
        caught.value
    )
    assert ": :" not in caught.value.cause


def test_a_rule_that_cannot_be_called_is_told(written):
    with pytest.raises(ConfigError, match="mixer.py:1: rule_width: TypeError: .*missing 1 required"):
        written("def rule_width(*, width): ...\ndef mixer(width: int = 4): ...", trusted=True)


@pytest.mark.parametrize("task", SCHEMAS)
def test_pipelines_can_be_pickled(task):
    name = next(entry for entry in config.pipeline_names() if config.load(entry, schemas=SCHEMAS).pipeline.task == task)
    pipeline = config.load(name, schemas=SCHEMAS).pipeline
    again = pickle.loads(pickle.dumps(pipeline))
    assert again == pipeline and type(again.model) is type(pipeline.model)
    assert again.model.model_fields_set == pipeline.model.model_fields_set


def test_a_section_is_the_same_in_another_process_whatever_became_of_its_file(written, tmp_path):
    settings = written(GOOD)(width=9)
    (tmp_path / "mixer.py").unlink()
    (tmp_path / "pickle").write_bytes(pickle.dumps(settings))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).model_dump_json())"
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "pickle")], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.strip() == settings.model_dump_json()
    assert isinstance(settings, NetworkSection) and NoneType not in map(
        type, settings.model_dump(exclude={"sides"}).values()
    )
