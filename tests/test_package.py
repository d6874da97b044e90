"""The package: what it holds, what it may import, and that it works however it is installed."""

import ast
import configparser
import graphlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfpipelines

from .conftest import ROOT

HEAVY = ("tensorflow", "keras", "keras_tuner", "pandas", "pydantic")
LAYERS = {
    "cli": 10,
    "api": 9,
    "members": 9,
    "predicting": 8.5,
    "products": 8.5,
    "serve": 8.5,
    "exporting": 8,
    "provenance": 8,
    "reporting": 8,
    "tuning": 8,
    "watching": 6,
    "result": 7,
    "runner": 7,
    "choosing": 6.5,
    "decisions": 6.5,
    "tasks": 6,
    "catalogue": 7,
    "evaluation": 5,
    "networks": 4,
    "training": 4,
    "models": 3,
    "datasets": 2,
    "metrics": 2,
    "output": 3,
    "core": 1,
    "metrics.registry": 0,
}
LEAVES = {"errors", "core.plugins"}  # import nothing else of ours, so all may import them


def _room(module):
    """The longest name in LAYERS or LEAVES that a module, without the package's name, begins with."""
    rooms = [room for room in (*LAYERS, *LEAVES) if f"{module}.".startswith(f"{room}.")]
    return max(rooms, key=len, default="api")  # lazy names of the package lead to api


def _setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def _imports(path):
    """(module of ours that is imported, line) of a source file, lazy imports inside functions included."""
    package = ["tfpipelines", *path.relative_to(ROOT / "tfpipelines").parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("tfpipelines.") and not name.startswith("tfpipelines._"):
                yield name.removeprefix("tfpipelines."), node.lineno


def _sources():
    """(module's name without the package's, its file), but for the package itself."""
    for path in sorted(ROOT.glob("tfpipelines/**/*.py")):
        name = ".".join(path.relative_to(ROOT / "tfpipelines").with_suffix("").parts).removesuffix(".__init__")
        if name not in ("__init__", "__main__"):
            yield name, path


def test_imports_point_down():
    wrong = []
    for name, path in _sources():
        room = _room(name)
        for imported, line in _imports(path):
            other = _room(imported)
            if other in LEAVES or other == room:
                continue
            if room in LEAVES or LAYERS[other] >= LAYERS[room]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} {room} imports {imported}")
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
    assert len(imported[Path("tfpipelines/networks/backbones/loading")]) > 3
    graphlib.TopologicalSorter(imported).prepare()  # raises CycleError, with the circle


SHARED = {"targets"}  # folders of what several families need
FAMILIES = sorted({path.parent.name for path in ROOT.glob("tfpipelines/tasks/*/__init__.py")} - SHARED)


def test_what_one_family_of_tasks_uses_is_used_by_no_other_room():
    wrong = []
    for name, path in _sources():
        own = name.split(".")[1] if name.startswith("tasks.") else ""
        for imported, line in _imports(path):
            family = imported.split(".")[1] if imported.startswith("tasks.") else ""
            if family in FAMILIES and family != own:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {imported}")
    assert len(FAMILIES) == 5 and not wrong


COMMANDS = (
    *("list", "show", "init", "check", "run", "finetune", "tune", "resume", "evaluate", "recalibrate", "predict"),
    *("watch", "generate", "export", "compare", "report", "verify", "sign", "serve", "launch"),
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
    "from tfpipelines import list_pipelines; from tfpipelines.core.config import packaged; "
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
    for part in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
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
        "tfpipelines/core/config/applications.csv",
        "tfpipelines/networks/backbones/weights/efficientnet_lite0.npz",
        "tfpipelines/networks/backbones/weights/README.md",
        "tfpipelines/networks/word_vectors/weights/all_minilm_l6_v2.npz",
        "tfpipelines/networks/word_vectors/weights/README.md",
        "tfpipelines/reporting/compare/comparison.html.j2",
        "tfpipelines/output/pages/style.css.j2",
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

    files = {path for path in ROOT.glob("tfpipelines/tasks/*/*.py") if "\n    schema = " in path.read_text()}
    modules = {target.split(":")[0] for target in TASKS.values()}
    assert {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files} == modules
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


def test_the_version_to_cite_is_that_of_the_package():
    assert f"\nversion: {tfpipelines.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_continuous_integration_runs_the_documented_commands():
    lines = (
        (ROOT / ".ci" / "run").read_text().replace('"$environment"/bin', ".venv/bin").replace('"$environment"', ".venv")
    )
    tests, types, documents = [line for line in lines.splitlines() if "/bin/" in line][-3:]
    assert tests in [line.strip() for line in (ROOT / "README.md").read_text().splitlines()]
    shown = [line.partition("  #")[0].strip() for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines()]
    assert types in shown and documents.replace(" -q", "").replace(".venv/html", "docs/_build/html") in shown


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_root_lead_to_files(name):
    text = (ROOT / name).read_text()
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text) + re.findall(r"`((?:docs|tests|benchmarks)/[\w/.]+)`", text)
    assert not [link for link in links if not (ROOT / link).exists()] and (len(links) > 20 or name != "README.md")
    assert name != "README.md" or len(text.splitlines()) <= 150


SAID = """
import contextlib, io, sys
from tfpipelines.cli import cli
for words in {commands!r}:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            cli(words, prog_name="tfpipe")
        except SystemExit as end:
            assert not end.code, (words, end.code, said.getvalue())
    heavy = ("tensorflow", "keras", "jax", "torch", "matplotlib", "sklearn", "scipy")
    print(words[0], len(said.getvalue()) > 50, *[name for name in heavy if name in sys.modules])
"""


def test_checks_lists_reports_and_comparisons_do_not_load_tensorflow(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(40):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (40 + number, 50, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.{'jpg' if number % 4 else 'png'}")
    for name in ("one", "other"):
        shutil.copytree(ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0" / "image-cls", tmp_path / "runs" / name)
    runs, one, other = (str(tmp_path / "runs" / name) for name in ("", "one", "other"))
    checks = [["check", str(tmp_path / "photos")], ["check", "sample:digits", "data.limit=100"]]
    commands = [*checks, ["list"], ["list", "networks"], ["list", "runs", "--in", runs], ["report", one]]
    table = ["check", "sample:penguins", "--pipeline", "tabular", "data.target_column=species"]
    code = SAID.format(commands=[*commands, table, ["compare", one, other]])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    lines = [f"{words[0]} True" for words in commands]
    assert run.stdout.splitlines() == [
        *lines,
        "check True sklearn scipy",
        "compare True sklearn scipy",
    ]  # tests need it
