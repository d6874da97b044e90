"""The package: what it holds, what it may import, and that it works however it is installed."""

import ast
import configparser
import graphlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT

HEAVY = ("tensorflow", "keras", "keras_tuner", "pandas", "pydantic")
LAYERS = {
    "cli": 9,
    "api": 8,
    "members": 8,
    "comparing": 7,
    "exporting": 7,
    "reporting": 7,
    "surfaces": 7,
    "tuning": 7,
    "result": 6,
    "route": 5,
    "tasks": 4,
    "training": 3,
    "networks": 3,
    "datasets": 2,
    "models": 2,
    "evaluation": 2,
    "catalogue": 3,
    "listing": 2,
    "logs": 3,
    "unchanged": 2,
    "trust": 2,
    "pipeline_files": 2,
    "metrics": 0,
    "pages": 1,
    "versions": 2,
    "config": 1,
    "runs": 1,
    "conformal": 0,
    "run_files": 0,
    "console": 3,
    "observer": 2,
    "printing": 1,
    "words": 0,
}
LEAVES = {"errors", "plugins", "run_shapes"}  # import nothing else of ours, so all may import them


def _setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_package_is_listed():
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("tfpipelines/**/__init__.py")}
    listed = set(_setup()["options"]["packages"].split())
    assert listed == found | {"tfpipelines.pipelines", "tfpipelines.samples"}


def _imports(path):
    """(part of ours that is imported, line) of a source file, lazy imports inside functions included."""
    package = ["tfpipelines", *path.relative_to(ROOT / "tfpipelines").parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "tfpipelines" else [module]
        for name in names:
            if name.startswith("tfpipelines."):
                part = name.split(".")[1]
                yield (
                    part if part in {*LAYERS, *LEAVES} or part.startswith("_") else "api",
                    node.lineno,
                )  # lazy names of the package lead to api


def test_imports_point_down():
    wrong = []
    for path in sorted(ROOT.glob("tfpipelines/**/*.py")):
        part = path.relative_to(ROOT / "tfpipelines").parts[0].removesuffix(".py")
        if part in ("__init__", "__main__"):
            continue
        for other, line in _imports(path):
            if other in LEAVES or other == part or other.startswith("_"):
                continue
            if part in LEAVES or LAYERS[other] >= LAYERS[part]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} {part} imports {other}")
    assert not wrong


def test_no_files_import_each_other_in_a_circle():
    files = {path.relative_to(ROOT).with_suffix(""): path for path in ROOT.glob("tfpipelines/**/*.py")}
    imported = {}
    for name, path in files.items():
        nodes = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.level
        ]
        bases = [(name.parents[node.level - 1].joinpath(*(node.module or "").split(".")), node.names) for node in nodes]
        imported[name] = {base for base, _ in bases if base in files}
        imported[name] |= {base / alias.name for base, names in bases for alias in names if base / alias.name in files}
    assert len(imported[Path("tfpipelines/models/backbones")]) > 3
    graphlib.TopologicalSorter(imported).prepare()  # raises CycleError, with the circle


BASES = {
    "abilities",
    "base",
    "classification",
    "detection",
    "finetuning",
    "generation",
    "images",
    "judging",
    "numbers",
    "pixels",
    "sampled",
    "texts",
    "trainable",
}  # of tasks, in tfpipelines/tasks


def test_tasks_import_only_their_bases_among_tasks():
    own = {"__init__", *BASES}
    for path in sorted(ROOT.glob("tfpipelines/tasks/*.py")):
        if path.stem in own:
            continue
        relative = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.level == 1
        ]
        assert {node.module for node in relative} <= BASES, path


COMMANDS = (
    *("list", "show", "init", "check", "run", "finetune", "tune", "resume", "evaluate", "recalibrate", "predict"),
    *("generate", "export", "compare", "report"),
)


@pytest.fixture(scope="module")
def helped():
    """What one process says of --help, of all commands one after another: [[command, text, what is loaded then]]."""
    code = f"""
import contextlib, io, json, sys
from tfpipelines.cli import cli
told = []
for command in {["", *COMMANDS]!r}:
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            cli.main([*command.split(), "--help"], prog_name="tfpipe")
    except SystemExit as end:
        assert not end.code
    told.append([command, text.getvalue(), [name for name in {HEAVY!r} if name in sys.modules]])
print(json.dumps(told))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(result.stdout)


def test_help_loads_nothing_heavy(helped):
    for command, text, loaded in helped:
        assert text.startswith(f"Usage: tfpipe {command}".rstrip()) and loaded == [], command


def test_config_error_comes_before_tensorflow():
    code = """
import sys
from tfpipelines.cli import cli
try:
    cli.main(["run", "image-cls", "train.epochs=none"], prog_name="tfpipe")
except SystemExit as end:
    print(end.code, [name for name in ("tensorflow", "keras", "pandas") if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert result.stdout.strip() == "2 []"
    assert "train.epochs: got 'none'; allowed: a whole number from 1" in result.stderr
    assert not os.listdir()


_LOCATE = (
    "from tfpipelines import list_pipelines; from tfpipelines.config import packaged; "
    "print(len(list_pipelines()), packaged('samples'))"
)
_LIST = f"import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]; {_LOCATE}"


def test_bare_checkout_finds_its_files(tmp_path):
    for part in ("tfpipelines", "pipelines", "data"):
        (tmp_path / part).symlink_to(ROOT / part)
    result = subprocess.run([sys.executable, "-c", _LIST], capture_output=True, text=True, cwd=tmp_path, check=True)
    count, samples = result.stdout.split()
    assert int(count) == len(list(ROOT.glob("pipelines/*.yaml"))) and samples.endswith("data")


PIP = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]


@pytest.fixture
def source(tmp_path):
    """A copy of what the package is built from."""
    target = tmp_path / "source"
    target.mkdir()
    for part in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / part, target)
    for part in ("tfpipelines", "pipelines", "data"):
        shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.mark.slow
def test_editable_install_finds_its_files(source, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run(
        [*PIP, "--python", python, "install", "--no-deps", "-e", str(source)], check=True, capture_output=True
    )
    (tmp_path / "empty").mkdir()
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "zz-dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")  # searched last
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(
        [python, "-c", _LOCATE], capture_output=True, text=True, cwd=tmp_path / "empty", env=environment, check=True
    )
    count, samples = result.stdout.split()
    assert int(count) == len(list(ROOT.glob("pipelines/*.yaml"))) and samples.startswith(str(source))


@pytest.mark.parametrize("isolated", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_wheel_works_in_an_empty_folder(source, tmp_path, isolated):
    """Isolated: it is built by nothing but what pyproject.toml names."""
    words = ["--no-deps", *([] if isolated else ["--no-build-isolation"]), "-w", str(tmp_path / "dist")]
    subprocess.run([*PIP, "wheel", *words, str(source)], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "tfpipelines"
    }  # no pipelines, data or tests beside it
    assert {
        "tfpipelines/py.typed",
        "tfpipelines/__init__.pyi",
        "tfpipelines/training/__init__.pyi",
        "tfpipelines/pipelines/image-cls.yaml",
        "tfpipelines/samples/digits/digits.npz",
        "tfpipelines/samples/digits/README.md",
        "tfpipelines/samples/emoji/folds.csv",
    } <= set(names)
    assert {
        "tfpipelines/config/applications.csv",
        "tfpipelines/models/weights/efficientnet_lite0.npz",
        "tfpipelines/models/weights/README.md",
        "tfpipelines/comparing/comparison.html.j2",
        "tfpipelines/pages/style.css.j2",
    } <= set(names)
    subprocess.run(
        [*PIP, "install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel)], check=True, capture_output=True
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", _LIST],
        capture_output=True,
        text=True,
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        check=True,
    )
    count, samples = result.stdout.split()
    assert int(count) == len(list(ROOT.glob("pipelines/*.yaml"))) and samples.startswith(str(tmp_path / "site"))


def test_registry_files_and_pipelines_agree():
    from tfpipelines import list_pipelines
    from tfpipelines.tasks import SCHEMAS, TASKS

    files = {path.stem for path in ROOT.glob("tfpipelines/tasks/*.py")} - {"__init__", *BASES}
    assert files == {target.split(":")[0].rsplit(".", 1)[1] for target in TASKS.values()}
    assert {entry["task"] for entry in list_pipelines()} == set(TASKS) == set(SCHEMAS)
    for name, schema in SCHEMAS.items():
        assert schema.model_fields["task"].default == name


@pytest.mark.parametrize("stub", sorted(ROOT.glob("tfpipelines/**/__init__.pyi")), ids=lambda stub: stub.parent.name)
def test_names_of_stubs_exist(stub):
    package = importlib.import_module(".".join(stub.parent.relative_to(ROOT).parts))
    assert package.__all__
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_version_is_that_of_the_package():
    assert _setup()["metadata"]["version"] == "attr: tfpipelines.__version__"
