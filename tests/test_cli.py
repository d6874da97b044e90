"""Every verb of the command line: what goes to stdout, what to stderr, and what --json gives."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

import tfpipelines
from tfpipelines import Observer

from .conftest import ROOT, TINY, write_photos
from .eager import eagerly

pytestmark = pytest.mark.eager


@pytest.fixture(scope="module")
def finished(tmp_path_factory, digits):
    """A finished run on photos of three digits, in a folder of its own."""
    home, before = tmp_path_factory.mktemp("cli"), os.getcwd()
    os.chdir(home)
    try:
        write_photos(home / "photos", digits, {"zero": 0, "one": 1, "two": 2}, 12)
        with eagerly():
            return tfpipelines.run("image-cls", ["data.path=photos", *TINY], observer=Observer()).folder.resolve()
    finally:
        os.chdir(before)


@pytest.fixture
def copy(finished, tmp_path):
    """The finished run folder, free to be changed."""
    return shutil.copytree(finished, tmp_path / "copy")


def document(result):
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_version(tfpipe):
    assert tfpipe("--version").out == f"tfpipe {tfpipelines.__version__}\n"


def test_list(tfpipe):
    shown = tfpipe("list").out
    assert "image-cls" in shown and "handwritten digits" in shown and "sample:digits" in shown
    entries = document(tfpipe("list", "--json"))
    assert {("image-cls", "image-cls"), ("backbone", "finetune")} <= {
        (entry["name"], entry["task"]) for entry in entries["pipelines"]
    } and "digits" in entries["samples"]


def test_show_prints_what_run_accepts(tfpipe, tmp_path):
    (tmp_path / "mine.yaml").write_text(tfpipe("show", "image-cls", "train.epochs=3").out)
    again = tfpipe("show", "mine.yaml")
    assert again.code == 0 and again.out == (tmp_path / "mine.yaml").read_text()
    assert yaml.safe_load(again.out)["train"]["epochs"] == 3
    assert document(tfpipe("show", "image-cls", "train.epochs=3", "--json")) == yaml.safe_load(again.out)


def test_show_schema_is_a_json_schema(tfpipe):
    schema = json.loads(tfpipe("show", "image-cls", "--schema").out)
    assert schema["properties"].keys() >= {"task", "seed", "data", "model", "train", "search", "evaluation"}
    assert schema == document(tfpipe("show", "image-cls", "--schema", "--json"))


def test_init_copies_and_never_overwrites(tfpipe, tmp_path):
    result = tfpipe("init", "image-cls")
    assert result.code == 0 and "tfpipe run image-cls.yaml" in result.out
    first, rest = (tmp_path / "image-cls.yaml").read_text().split("\n", 1)
    assert first == "# yaml-language-server: $schema=image-cls.schema.json"
    assert rest == (ROOT / "pipelines" / "image-cls.yaml").read_text()
    schema = json.loads((tmp_path / "image-cls.schema.json").read_text())
    assert schema == json.loads(tfpipe("show", "image-cls.yaml", "--schema").out)
    assert document(tfpipe("show", "image-cls.yaml", "--json")) == document(tfpipe("show", "image-cls", "--json"))
    (tmp_path / "image-cls.yaml").write_text("mine")
    refused = tfpipe("init", "image-cls")
    assert refused.code == 2 and "exists already" in refused.err and (tmp_path / "image-cls.yaml").read_text() == "mine"
    assert document(tfpipe("init", "image-cls", "other.yaml", "--json")) == {
        "file": "other.yaml",
        "schema": "other.schema.json",
    }
    (tmp_path / "third.schema.json").write_text("mine")
    assert "third.schema.json exists already" in tfpipe("init", "image-cls", "third.yaml").err
    assert not (tmp_path / "third.yaml").exists() and (tmp_path / "third.schema.json").read_text() == "mine"


def test_check_prints_split_by_class(tfpipe, photos):
    result = tfpipe("check", photos)
    assert result.code == 0 and "36 PNG" in result.out and "28 x 28, grey" in result.out
    rows = [line.split("│")[1:-1] for line in result.out.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows][0] == ["one", "8", "2", "2"]
    assert os.listdir() == ["photos"]  # a check makes nothing
    facts = document(tfpipe("check", photos, "--json"))
    assert facts["counts"]["train"] == {"one": 8, "two": 8, "zero": 8}


def test_check_prints_an_error_once_and_counts_usable_images(tfpipe, photos):
    whole = (photos / "one" / "003.png").read_bytes()
    (photos / "one" / "003.png").write_bytes(whole[: len(whole) // 2])  # its header can be read
    (photos / "two" / "004.png").write_bytes(b"")
    result = tfpipe("check", photos)
    assert result.code == 3 and "34 PNG" in result.out
    assert result.out.count("2 of 36 files cannot be read as images") == 1 and "error" not in result.err
    facts = json.loads(tfpipe("check", photos, "--json").out)
    assert facts["error"]["cause"] == "2 of 36 files cannot be read as images."
    assert facts["result"]["formats"] == {"PNG": 34}
    result = tfpipe("check", photos / "absent")
    assert result.code == 3 and result.err.count("does not exist") == 1 and "error" not in result.out


def test_check_with_folds_looks_at_every_fold(tfpipe, photos):
    for path in sorted((photos / "two").iterdir())[2:]:
        path.unlink()
    result = tfpipe("check", photos, "data.folds=3")
    assert result.code == 3 and "'two' has 2 samples" in result.err
    assert json.loads(tfpipe("check", photos, "data.folds=3", "--json").out)["error"]["exit_code"] == 3


def test_run_prints_what_a_reader_wants(tfpipe, photos):
    result = tfpipe("run", "image-cls", f"data.path={photos}", *TINY, "train.epochs=2", "--name", "mine")
    assert result.code == 0
    for part in (
        "run folder  runs/mine",
        "TensorFlow",
        "CPU cores",
        "train",
        "parameters",
        "epoch   1/2",
        "samples/s  ETA",
        "epoch   2/2",
    ):
        assert part in result.err
    for part in (
        "accuracy",
        "95% interval",
        "balanced_accuracy",
        "precision",
        "tfpipe predict runs/mine",
        "tfpipe evaluate",
        "tensorboard --logdir",
        "for data, training and evaluation",
        "tfpipe export runs/mine ",
        "tfpipe report runs/mine ",
    ):
        assert part in result.out
    assert "cuda" not in result.err.lower()  # TensorFlow's own messages go to the log
    log = (tfpipelines.load("runs/mine").folder / "logs" / "run.log").read_text()
    assert "epoch" not in log


def test_json_is_the_only_thing_on_stdout(tfpipe, photos):
    found = document(tfpipe("run", "image-cls", f"data.path={photos}", *TINY, "--json"))
    assert (
        found["run"].endswith("runs/image-cls-1")
        and found["status"]["state"] == "done"
        and 0 <= found["metrics"]["test"]["accuracy"] <= 1
    )
    assert document(tfpipe("resume", "runs/image-cls-1", "--json"))["status"]["state"] == "done"
    refused = tfpipe("resume", "runs/image-cls-1", "train.epochs=9")
    new = "tfpipe run runs/image-cls-1/pipeline.yaml --from runs/image-cls-1 train.epochs=9"
    assert refused.code == 2 and "a run is finished as it began" in refused.err and new in refused.err


def test_errors_are_json_too(tfpipe):
    result = tfpipe("run", "image-cls", "data.path=absent", "--json")
    assert result.code == 3
    error = json.loads(result.out)["error"]
    assert error["exit_code"] == 3 and "absent" in error["cause"] and error["remedy"]
    usage = tfpipe("run")
    assert usage.code == 2 and "Missing argument 'PIPELINE'" in usage.err


def test_debug_shows_the_traceback(tfpipe):
    assert "Traceback" not in tfpipe("show", "image-cls", "train.epochs=0").err
    assert "Traceback" in tfpipe("show", "image-cls", "train.epochs=0", "--debug").err


def test_from_starts_with_the_weights_of_an_earlier_run(tfpipe, finished, photos):
    result = tfpipe(
        "run",
        "image-cls",
        f"data.path={photos}",
        *TINY,
        "--from",
        finished,
        "train.learning_rate=1e-12",
        "train.warmup_epochs=0",
        "train.ema=null",
    )
    assert result.code == 0
    before, after = tfpipelines.load(finished).model.get_weights(), tfpipelines.load("runs/latest").model.get_weights()
    kernels = [(a, b) for a, b in zip(before, after) if a.ndim > 1]
    assert kernels and all(abs(a - b).max() < 1e-5 for a, b in kernels)
    other = tfpipe(
        "run", "image-cls", f"data.path={photos}", "model.name=mlp", "model.units=[3]", *TINY[3:], "--from", finished
    )
    assert other.code == 2 and "no layer of that run's model fits" in other.err


def test_evaluate_prints_and_writes(tfpipe, copy, photos, tmp_path):
    result = tfpipe("evaluate", copy, photos, "--out", tmp_path / "report")
    assert result.code == 0 and "accuracy" in result.out and "36 samples (all)" in result.out
    assert {path.name for path in (tmp_path / "report").iterdir()} >= {
        "metrics.json",
        "predictions.csv",
        "confusion_matrix.png",
        "reliability.png",
        "mistakes.png",
    }
    figures = document(tfpipe("evaluate", copy, photos, "--json"))
    assert figures["samples"] == 36
    assert json.loads((tmp_path / "report" / "metrics.json").read_text())["test"] == figures["test"]


def test_evaluate_takes_the_test_part_where_there_is_one(tfpipe, copy, photos, tmp_path):
    for split in ("train", "test"):
        shutil.copytree(photos / "zero", tmp_path / "parts" / split / "zero")
    assert document(tfpipe("evaluate", copy, tmp_path / "parts", "--json"))["samples"] == 12
    assert document(tfpipe("evaluate", copy, tmp_path / "parts", "--split", "all", "--json"))["samples"] == 24
    refused = tfpipe("evaluate", copy, photos, "--split", "test")
    assert refused.code == 3 and "has no splits" in refused.err


def test_predict_takes_files_folders_globs_and_tables(tfpipe, copy, photos, tmp_path):
    everything = tfpipe("predict", copy, photos).out.splitlines()
    assert everything[0] == "item,predicted,one,two,zero" and len(everything) == 37
    (tmp_path / "files.csv").write_text("image\n" + "\n".join(f"photos/one/{n:03d}.png" for n in range(12)))
    by_glob, by_table, by_file = (
        tfpipe("predict", copy, words).out.splitlines()
        for words in (f"{photos}/one/*.png", "files.csv", photos / "one" / "000.png")
    )
    scores = [line.split(",")[1:] for line in everything if "/one/" in line]
    again = [[line.split(",")[1:] for line in some[1:]] for some in (by_glob, by_table, by_file)]
    assert again[0] == again[1] and [row[0] for row in again[0]] == [row[0] for row in scores]
    numbers = lambda rows: [[float(number) for number in row[1:]] for row in rows]
    np.testing.assert_allclose(numbers(again[0]), numbers(scores), atol=2e-6)  # other batches round otherwise
    np.testing.assert_allclose(numbers(again[2]), numbers(scores[:1]), atol=2e-6)
    rows = document(tfpipe("predict", copy, photos / "one", "--json", "--batch-size", 5))
    assert [row["predicted"] for row in rows] == [line[0] for line in scores] and abs(
        sum(rows[0]["scores"].values()) - 1
    ) < 1e-4
    assert tfpipe("predict", copy, photos, "--out", "all.csv").out == ""
    assert (tmp_path / "all.csv").read_text().splitlines() == everything


def raw(line, folder):
    """How a shell ends that runs the console script, and what is said on stderr."""
    code = "from tfpipelines.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TFPIPE": f"{sys.executable} -c '{code}'"}
    result = subprocess.run(
        ["bash", "-c", f"eval $TFPIPE {line}"], capture_output=True, text=True, env=environment, cwd=folder, check=False
    )
    return result.returncode, result.stdout, result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", ["list", "list --json"])
def test_a_full_stdout_is_said(words, tmp_path):
    code, _, said = raw(f"{words} > /dev/full", tmp_path)
    assert code == 4 and said.startswith("error: The output cannot be written: No space left on device.")
    assert "Traceback" not in said and len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "expected", "closed"),
    [
        ("list", 0, ">&-"),
        ("show nope", 2, "2>&-"),
        pytest.param("check nope", 3, "2>&-", marks=pytest.mark.slow),
        ("show nope", 2, "<&- >&- 2>&-"),
    ],
)
def test_closed_streams_change_nothing(words, expected, closed, tmp_path):
    code, out, said = raw(f"{words} {closed}", tmp_path)
    assert code == expected and (out == "" or ">&-" not in closed.split()) and "Traceback" not in said


def test_outputs_harm_nothing_that_is_there(tfpipe, copy, photos, tmp_path):
    """A link, a mode, a device; each way to name a file."""
    one = photos / "one" / "000.png"
    on_stdout = tfpipe("predict", copy, one).out
    assert tfpipe("predict", copy, one, "--out", "-").out == on_stdout and not (tmp_path / "-").exists()
    (tmp_path / "link.csv").symlink_to("real.csv")
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "real.csv").chmod(0o600)
    assert tfpipe("predict", copy, one, "--out", "link.csv").code == 0
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real.csv").read_text() == on_stdout
    assert (tmp_path / "real.csv").stat().st_mode & 0o777 == 0o600
    device = os.stat("/dev/null")
    for words in (("predict", copy, one, "--explain"), ("report", copy)):
        result = tfpipe(*words, "--out", "/dev/null")
        assert result.code == 0 and os.stat("/dev/null").st_rdev == device.st_rdev != 0, result.err
    assert tfpipe("report", copy, "--out", "-").out.startswith("<!doctype html>")
    (tmp_path / "why.html").symlink_to("page.html")  # beside why.csv
    assert tfpipe("predict", copy, one, "--explain", "--out", "why.csv").code == 0
    assert (tmp_path / "why.html").is_symlink() and "Grad-CAM" in (tmp_path / "page.html").read_text()


def test_no_color_is_honoured(finished):
    code = "import pty, sys; sys.exit(pty.spawn([sys.executable, '-m', 'tfpipelines', 'list']))"
    shown = {}
    for name, extra in {"colour": {"FORCE_COLOR": "1"}, "plain": {"NO_COLOR": "1"}}.items():
        environment = {
            **{key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")},
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
            **extra,
        }
        shown[name] = subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        ).stdout
    assert "image-cls" in shown["plain"] and "\x1b[3" not in shown["plain"]


def test_predictions_on_a_terminal_hold_no_control_characters(tfpipe, copy, photos, monkeypatch):
    odd = photos / "one" / "\x1b[31m=red.png"
    shutil.copy(photos / "one" / "000.png", odd)
    assert "\x1b[31m" in tfpipe("predict", copy, odd).out  # to a pipe as it is
    with monkeypatch.context() as patch:
        patch.setattr(sys.stdout, "isatty", lambda: True)
        shown = tfpipe("predict", copy, odd).out
    assert "\x1b" not in shown and "=red.png," in shown
    os.rename(odd, photos / "one" / "=red.png")
    monkeypatch.chdir(photos / "one")
    assert tfpipe("predict", copy, "=red.png", "--safe-csv").out.splitlines()[1].startswith("'=red.png,")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(tfpipe, shell):
    result = tfpipe("--completion", shell)
    assert result.code == 0 and "_TFPIPE_COMPLETE" in result.out


def test_completion_names_pipelines():
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_TFPIPE_COMPLETE": "bash_complete",
        "COMP_WORDS": "tfpipe run ima",
        "COMP_CWORD": "2",
    }
    result = subprocess.run(
        [sys.executable, "-m", "tfpipelines"], capture_output=True, text=True, env=environment, check=False
    )
    assert result.stdout.split() == ["plain,image-cls", "plain,image-reg"]


@pytest.mark.slow
def test_progress_on_a_terminal_is_one_line_per_epoch(photos):
    """On a real terminal the line of the epoch updates itself, and leaves one plain line behind."""
    words = [
        sys.executable,
        "-m",
        "tfpipelines",
        "run",
        "image-cls",
        f"data.path={photos}",
        *TINY,
        "train.epochs=2",
        "train.steps_per_execution=1",
    ]
    code = f"import pty, sys; sys.exit(pty.spawn({words!r}))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    shown = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    ).stdout
    assert "epoch   2/2" in shown and "accuracy" in shown and "Traceback" not in shown
