"""What type checkers tell a user of the package, in spite of names that are loaded lazily."""

import re
import subprocess
import sys

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.slow  # half a minute without a cache; `.ci/run` asks mypy of the package alone

# A line's comment is what mypy has to say of it: a revealed type, or the code of an error.
SCRIPT = """
import pathlib
import tfpipelines

run = tfpipelines.run("image-cls", {"train.epochs": 1}, observer=tfpipelines.Observer())
reveal_type(run)  # tfpipelines.result.Run
reveal_type(run.metrics)  # dict[str, Any]
reveal_type(run.predict(["some.jpg"]))  # pandas.core.frame.DataFrame
reveal_type(run.pipeline.train.learning_rate)  # float
reveal_type(run.generate(4)[1])  # list[str] | None
reveal_type(tfpipelines.load(pathlib.Path("runs/x")))  # tfpipelines.result.Run | tfpipelines.tuning.search_result.SearchResult
reveal_type(tfpipelines.tune("tabular", ["search.trials=3"], workers=2))  # tfpipelines.tuning.search_result.SearchResult
reveal_type(tfpipelines.check("photos/").error)  # tfpipelines.errors.DataError | None
reveal_type(tfpipelines.loss_surface(run).center)  # float
reveal_type(tfpipelines.__version__)  # str
tfpipelines.run("image-cls", out=1)  # arg-type
tfpipelines.run("image-cls", epochs=1)  # call-arg
tfpipelines.tune("image-cls", workers="all")  # arg-type
tfpipelines.walk("image-cls")  # attr-defined
run.metric  # attr-defined
"""  # noqa: E501


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What mypy says of the package, and of SCRIPT: {number of its line: type or code of error}."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("mypy")
    script = folder / "user_script.py"
    script.write_text(SCRIPT)
    cache = str(ROOT / ".mypy_cache")  # which `mypy -p tfpipelines` has and keeps, too
    command = [sys.executable, "-m", "mypy", "--cache-dir", cache, "tfpipelines", str(script)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    of_script, of_package = {}, []
    for line in result.stdout.splitlines():
        if f"{script.name}:" not in line:  # the cache may tell of the same script in the folder of an earlier test
            of_package.append(line)
        elif found := re.search(r':(\d+): (?:note: Revealed type is "(.*)"|error: .*\[(.*)\])$', line):
            of_script[int(found[1])] = (found[2] or found[3]).replace("builtins.", "")
    return of_package, of_script


def test_users_get_types(said):
    _, found = said
    lines = enumerate(SCRIPT.splitlines(), 1)
    expected = {number: line.partition("  # ")[2] for number, line in lines if "  # " in line}
    assert found == expected


def test_mypy_has_nothing_to_say(said):
    of_package, _ = said
    assert not [line for line in of_package if not line.startswith("Found ")], "\n".join(of_package)
