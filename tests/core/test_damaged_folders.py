"""Run and search folders whose files are not what their names promise: one sentence and exit code 7, never a bug, and
nothing that waits or fills the memory (FAULTS 26, 37).
"""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import tfpipelines
from tfpipelines import ArtifactError, ConfigError, Observer
from tfpipelines.core import config
from tfpipelines.core.files import file_hash, write_json
from tfpipelines.core.run_files import found_json, read_json, read_table, read_text
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.run_shapes import SHAPES
from tfpipelines.core.unchanged import require_same_splits
from tfpipelines.metrics import Threshold
from tfpipelines.tasks import SCHEMAS
from tfpipelines.training.checkpoints import Checkpoints
from tfpipelines.tuning.plan import Plan
from tfpipelines.tuning.state import Proposal, State, Trial

from ..conftest import TINY
from ..eager import eagerly
from ..fuzzing import EARLIER

pytestmark = pytest.mark.eager

DEEP, LARGE = "[" * 100_000, 10**400
WHOLE = {  # instead of a JSON file: bytes, or what makes something of another kind at the path
    "a list": b"[1]",
    "a number": b"3",
    "null": b"null",
    "a text": b'"x"',
    "nothing": b"",
    "cut": b'{"state": "do',
    "bytes": b"\xff\xfe\x00\x01",
    "zeros": bytes(1000),
    "too deep": DEEP.encode(),
    "deep, but whole": b'{"a": ' * 500 + b"1" + b"}" * 500,
    "an endless number": f'{{"a": {"9" * 5000}}}'.encode(),
    "a name twice": b'{"state": "done", "state": "failed"}',
    "half a character": b'{"a": "\\ud800"}',
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a device": lambda path: os.symlink("/dev/zero", path),
    "too large": lambda path: (path.touch(), os.truncate(path, 2**33)),
}
VALUES = ([1], {"a": 1}, None, "x", LARGE, -1.5)


@pytest.fixture(autouse=True)
def _in_time():
    """Nothing may wait for ever, as who opens a pipe would."""

    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A tiny finished run."""
    home, before = tmp_path_factory.mktemp("good"), os.getcwd()
    os.chdir(home)
    try:
        with eagerly():
            run = tfpipelines.run("image-cls", [*TINY, "data.limit=60"], name="good", observer=Observer())
        return run.folder.resolve()
    finally:
        os.chdir(before)


@pytest.fixture
def bad(good):
    """A copy to be damaged, beside the good one; both in runs/."""
    shutil.copytree(good, "runs/good")
    return Path(shutil.copytree(good, "runs/bad"))


@pytest.fixture
def search():
    """A search that is done but for its end: two trials and a final run that has its figures."""
    plan = Plan.of("image-cls", [*TINY, "search.trials=2", "search.final_seeds=[0]"], SCHEMAS)
    folder = RunFolder.create(Path("runs"), "search", "search")
    folder.set_status("interrupted", kind="search", pipeline="image-cls", task="image-cls")
    (folder / "pipeline.yaml").write_text(config.to_yaml(plan.pipeline))
    state = plan.state(1)
    for number in (1, 2):
        proposal = Proposal(str(number), {})
        trial = Trial(number, {}, proposal, status="completed", score=0.5, figures={"val_accuracy": 0.5}, epochs=1)
        state.trials.append(trial)
        state.events += [["start", number], ["end", number]]
    state.stopped = "search.trials=2"
    state.save(folder.path)
    final = folder.child("final/seed-0")
    final.set_status("done", pipeline="image-cls", task="image-cls", part_of=str(folder.path))
    write_json(final / "metrics.json", {"test": {"accuracy": 0.5}, "time": {"total": 1.0}})
    (folder / "leaderboard.csv").write_text("rank,trial\n1,1\n")
    return folder.path


def put(path: Path, what) -> None:
    """Makes something else of a file."""
    path.unlink()
    path.write_bytes(what) if isinstance(what, bytes) else what(path)


def changed(path: Path):
    """The file with each of its values, and then each of the values inside of those, replaced by each of VALUES."""
    whole = json.loads(path.read_text())
    for name, value in whole.items():
        for other in VALUES:
            yield f"{name} = {str(other)[:9]}", {**whole, name: other}
        for inner in list(value)[:2] if isinstance(value, dict) else ():
            for other in VALUES:
                yield f"{name}.{inner} = {str(other)[:9]}", {**whole, name: {**value, inner: other}}
        yield f"no {name}", {key: entry for key, entry in whole.items() if key != name}


def told(result, what: str = "") -> int:
    """The exit code, which must not be that of a bug, with one sentence of cause where it is one of an error."""
    assert result.code in (0, 2, 3, 6, 7), (what, result)
    assert "Traceback" not in result.err and (not result.code or result.err.count("error:") == 1), (what, result)
    return result.code


# --- the reader itself
@pytest.mark.parametrize("what", WHOLE)
def test_what_is_no_json_object_is_refused(tmp_path, what):
    path = tmp_path / "status.json"
    path.touch()
    put(path, WHOLE[what])
    with pytest.raises(ArtifactError) as caught:
        read_json(path)
    assert caught.value.cause.startswith("status.json is damaged: ") and "\n" not in caught.value.cause
    assert caught.value.remedy and found_json(path) == {}


def test_what_is_missing_or_linked_is_as_ever(tmp_path):
    assert read_json(tmp_path / "absent.json") == found_json(tmp_path / "absent.json") == {}
    (tmp_path / "file").write_text("x")
    assert read_json(tmp_path / "file" / "status.json") == {}
    with pytest.raises(ArtifactError, match="absent.json is missing"):
        read_json(tmp_path / "absent.json", ("time",))
    (tmp_path / "real.json").write_text('{"state": "done", "unknown to this version": [null, NaN, Infinity]}')
    (tmp_path / "status.json").symlink_to("real.json")
    assert read_json(tmp_path / "status.json", ("state",))["state"] == "done"
    with pytest.raises(ArtifactError, match="it has no entry time.total"):
        read_json(tmp_path / "status.json", ("time.total",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("status.json", {"state": "done\x1b"}, "state is none of done, failed, interrupted, running"),
        ("status.json", {"epoch": [3]}, "epoch is a list, not a whole number"),
        ("status.json", {"epoch": True}, "epoch is true or false, not a whole number"),
        ("status.json", {"epoch": 10**30}, "epoch is too large a number"),
        ("status.json", {"model_sha256": ["a", 1]}, "model_sha256.1 is a whole number, not a text"),
        ("metrics.json", {"test": {"accuracy": "high"}}, "test.accuracy is a text, not a number or null or an object"),
        ("metrics.json", {"test": {"accuracy": {"mean": "x"}}}, "test.accuracy.mean is a text, not a number or null"),
        ("metrics.json", {"intervals": {"accuracy": [1]}}, "intervals.accuracy has 1 entries, not 2"),
        ("environment.json", {"versions": ["keras"]}, "versions is a list, not an object"),
        ("data.json", {"size": [28, "x"]}, "size.1 is a text, not a whole number"),
        ("data.json", {"findings": [{"items": None}]}, "findings.0.items is null, not a list"),
        ("data.json", {"columns": []}, "columns is empty"),
        (
            "search.json",
            {"trials": [{"proposal": {"encoded": {"train.learning_rate": {}}}}]},
            "trials.0.proposal.encoded.train.learning_rate is an object, not a number",
        ),
        ("threshold.json", {"scores": [1, 2, "3"]}, "scores.2 is a text, not a number"),
    ],
)
def test_a_value_of_another_kind_is_named(tmp_path, name, content, said):
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ArtifactError) as caught:
        read_json(tmp_path / name)
    assert caught.value.cause == f"{name} is damaged: {said}."


def test_real_files_are_of_their_shapes(good, search):
    for folder in (good, search):
        for name in SHAPES:
            assert (read_json(folder / name) != {}) == (folder / name).is_file()


@pytest.mark.parametrize("what", ["nothing", "bytes", "zeros", "a pipe", "a folder", "a device", "too large"])
def test_what_is_no_table_is_refused(tmp_path, what):
    path = tmp_path / "splits.csv"
    path.touch()
    put(path, WHOLE[what])
    with pytest.raises(ArtifactError, match="splits.csv is damaged: "):
        read_table(path, ("item",))


def test_tables_have_their_columns(tmp_path):
    path = tmp_path / "splits.csv"
    with pytest.raises(ArtifactError, match="splits.csv is missing"):
        read_table(path)
    path.write_text("item,split\n007,test\n")
    assert read_table(path, ("item",))["item"].tolist() == ["007"]
    assert read_table(path, text=("split",))["item"].tolist() == [7]
    with pytest.raises(ArtifactError, match="it has no column 'label'"):
        read_table(path, ("label",))
    path.write_text('item\n"1')
    with pytest.raises(ArtifactError, match="splits.csv is damaged"):
        read_table(path)


def test_zeros_behind_the_first_line_are_found_before_the_table_is_read(tmp_path):
    path = tmp_path / "splits.csv"
    path.write_text("item,split\n1,train\n")
    os.truncate(path, 100 * 2**20)
    with pytest.raises(ArtifactError, match="it is no CSV file"):
        read_table(path)
    with pytest.raises(ArtifactError, match="104,857,600 bytes, and at most"):
        require_same_splits(RunFolder(tmp_path), "item,split\n1,train\n")


# --- what commands do with it
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["status.json", "metrics.json", "data.json", "environment.json"])
def test_commands_that_load_no_model(bad, tfpipe, name, whole):
    codes = set()
    for what, content in [*WHOLE.items()][:: 1 if whole else 3]:
        put(bad / name, content)
        assert told(tfpipe("list", "runs"), what) == 0
        assert told(tfpipe("report", bad), what) == (2 if name == "status.json" and not (bad / name).is_file() else 0)
        codes.add(told(tfpipe("compare", "runs/good", bad), what))
        shutil.rmtree(bad / name) if (bad / name).is_dir() else (bad / name).unlink()
        shutil.copy(Path("runs/good") / name, bad / name)
    assert 7 in codes and 0 not in codes
    for number, (what, content) in enumerate([*changed(bad / name)][:: 1 if whole else 10]):
        (bad / name).write_text(json.dumps(content))
        told(tfpipe("compare", "runs/good", bad), what)
        if whole or not number % 4:
            assert told(tfpipe("list", "runs"), what) == told(tfpipe("report", bad), what) == 0


@pytest.mark.parametrize("verb", ["predict", "evaluate", "resume", "export", "run"])
def test_commands_that_load_a_model(bad, tfpipe, verb, photos):
    words = {
        "predict": ["predict", bad, photos],
        "evaluate": ["evaluate", bad, photos],
        "resume": ["resume", bad],
        "export": ["export", bad],
        "run": ["run", "image-cls", "--from", bad, "--name", "new", "data.limit=10"],
    }[verb]
    needed = {
        "predict": {"status.json": "model_sha256", "data.json": "size"},
        "evaluate": {"status.json": "model_sha256", "data.json": "size"},
        "resume": {"status.json": "state", "environment.json": "pipeline"},
        "export": {"status.json": "state", "data.json": "channels"},
        "run": {"status.json": "model_sha256"},
    }[verb]
    for name, key in needed.items():
        whole = json.loads((bad / name).read_text())
        if verb == "resume":
            write_json(bad / "status.json", {**json.loads((bad / "status.json").read_text()), "state": "interrupted"})
        for value in ({"a": 1}, 1.5, LARGE):
            (bad / name).write_text(json.dumps({**whole, key: value}))
            assert told(tfpipe(*words), f"{key} = {str(value)[:9]}") in (2, 7)
        (bad / name).write_bytes(WHOLE["too deep"])
        assert told(tfpipe(*words)) == 7
        (bad / name).write_text(json.dumps(whole))


def test_tables_of_a_run(bad, tfpipe, photos):
    for name, words in (
        ("splits.csv", ["predict", bad, photos]),
        ("splits.csv", ["compare", "runs/good", bad]),
        ("splits.csv", ["export", bad]),
        ("predictions.csv", ["compare", "runs/good", bad]),
        ("predictions.csv", ["export", bad]),
    ):
        for what in ("bytes", "zeros", "a pipe"):
            put(bad / name, WHOLE[what])
            if (bad / name).is_file() or name == "splits.csv":
                assert told(tfpipe(*words), what) == 7
            (bad / name).unlink()
            shutil.copy(Path("runs/good") / name, bad / name)
    for name in ("history.csv", "predictions.csv", "pipeline.yaml", "status.json"):
        os.rename(bad / name, bad / "aside")
        os.mkfifo(bad / name)
        assert told(tfpipe("report", bad), name) == (2 if name == "status.json" else 0)
        os.replace(bad / "aside", bad / name)


def test_a_lock_may_hold_anything(bad, tfpipe):
    for content in (b"[]", b"3", b'{"host": []}', DEEP.encode(), b"\xff"):
        (bad / ".lock").write_bytes(content)
        assert told(tfpipe("list", "runs")) == 0 and told(tfpipe("resume", bad)) in (0, 6)


def test_checkpoints(bad, tfpipe):
    write_json(bad / "status.json", {**json.loads((bad / "status.json").read_text()), "state": "interrupted"})
    (manifest,) = (bad / "checkpoints").glob("step-*.json")
    whole = json.loads(manifest.read_text())
    facts = {**whole["facts"], "callbacks": {"0": {"wait": 3}}}
    for content in ({**whole, "facts": facts}, {**whole, "size": "x"}, {**whole, "file": None}, {**whole, "step": [1]}):
        manifest.write_text(json.dumps(content))
        with pytest.raises(ArtifactError, match="No checkpoint"):
            Checkpoints(manifest.parent).last()
    manifest.write_text(DEEP)
    assert told(tfpipe("resume", bad)) == 7
    unsealed = {key: value for key, value in whole.items() if key != "facts_sha256"}
    manifest.write_text(json.dumps({**unsealed, "facts": {**facts, "callbacks": {"99": {}}}}))
    assert told(tfpipe("resume", bad)) == 7
    manifest.write_text(json.dumps(unsealed))  # as earlier versions have it
    assert told(tfpipe("resume", bad)) == 0


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_searches(search, tfpipe, every):
    file = search / "search.json"
    whole = file.read_text()
    contents = [*WHOLE.items(), *((what, json.dumps(new).encode()) for what, new in changed(file))]
    for what, content in contents[:: 1 if every else 3]:
        put(file, content)
        assert told(tfpipe("list", "runs"), what) == told(tfpipe("report", search), what) == 0
        assert told(tfpipe("resume", search), what) in (0, 2, 7)
        shutil.rmtree(file) if file.is_dir() else file.unlink()
        file.write_text(whole)


def test_states_of_searches(search):
    file = search / "search.json"
    whole = json.loads(file.read_text())
    for content in (
        {**whole, "events": [["start", 3]]},
        {**whole, "events": [["start", 0]]},
        {**whole, "workers": 0},
        {**whole, "trials": whole["trials"][::-1]},
        {**whole, "trials": [{"number": 1}]},
        {**whole, "trials": [{**whole["trials"][0], "odd": 1}]},
    ):
        write_json(file, content)
        with pytest.raises(ArtifactError, match=r"search.json is damaged: [^\n]*\.\nBegin a new search"):
            State.load(search)
    write_json(file, whole)
    assert len(State.load(search).trials) == 2


def test_thresholds(tmp_path):
    Threshold.fit(np.arange(40.0), 0.1, "row", "the validation split").write(tmp_path)
    file = tmp_path / "threshold.json"
    for _, content in [*changed(file)]:
        file.write_text(json.dumps(content))
        try:
            Threshold.read(tmp_path)
        except ArtifactError as error:
            assert "tfpipe recalibrate" in error.remedy


def test_pipelines_that_multiply_or_have_no_end():
    path = Path("pipeline.yaml")
    bomb = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    contents = [bomb, "a: &a [*a]\n", f"a: {DEEP}", "a: " + "{b: " * 50_000, bytes(1000).decode(), "x" * 2**21]
    for plain in (False, True):
        for content in contents:
            path.write_text(content)
            with pytest.raises(ConfigError):
                config.read_yaml(path, plain)
    path.write_text("a: 1999-99-99\nb: 0x10\n")
    assert config.read_yaml(path) == {"a": "1999-99-99", "b": "0x10"}
    with pytest.raises(ConfigError):
        config.read_yaml(path, plain=True)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="it is a pipe"):
        config.read_yaml(path)
    with pytest.raises(OSError):
        read_text(Path("absent"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{" + ", ".join(f'"{number}": 0' for number in [*range(100_000), 7]) + "}", "it has the key '7' twice"),
        ('{"a": [' + "[], " * 600_000 + "0]}", "it holds more than 524,288 lists and objects"),
    ],
    ids=["a doubled name", "many lists"],
)
def test_large_files_are_refused_at_once(tmp_path, content, said):
    (tmp_path / "metrics.json").write_text(content)
    began = time.process_time()
    with pytest.raises(ArtifactError, match=said):
        read_json(tmp_path / "metrics.json")
    assert time.process_time() - began < 5
    assert found_json(tmp_path / "metrics.json") == {}


@pytest.mark.parametrize("content", ["a: [" + "1," * 500_000 + "]", "- " * 400_000], ids=["long list", "nested lists"])
def test_pipelines_that_hold_much_are_refused_at_once(content):
    Path("pipeline.yaml").write_text(content)
    began = time.process_time()
    with pytest.raises(ConfigError, match="too many values|nested too deeply"):
        config.read_yaml(Path("pipeline.yaml"))
    assert time.process_time() - began < 5


# --- what is written on
@pytest.mark.parametrize("what", ["a pipe", "a folder", "a device", "a link"])
def test_locks_and_logs_are_regular_files(tfpipe, what, tmp_path):
    """Nothing is waited for, and nothing is written through a link to a file of the user's."""
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    make = (lambda path: os.symlink(mine, path)) if what == "a link" else WHOLE[what]
    folder = RunFolder.create(Path("runs"), "x", "run")
    folder.set_status("interrupted", pipeline="image-cls", task="image-cls")
    shutil.copy(EARLIER / "image-cls" / "pipeline.yaml", folder / "pipeline.yaml")
    for name in (".lock", "logs/run.log"):
        make(folder / name)
        result = tfpipe("resume", folder.path)
        assert result.code == 7 and f"{name} is damaged: it is " in result.err, result
        shutil.rmtree(folder / name) if what == "a folder" else (folder / name).unlink()
    assert mine.read_text() == "mine"


def test_folders_inside_a_run_folder(tfpipe):
    folder = RunFolder.create(Path("runs"), "x", "run")
    shutil.rmtree(folder / "logs")
    folder.complete()
    assert (folder / "logs").is_dir()
    (folder / "plots").rmdir()
    (folder / "plots").touch()
    with pytest.raises(ArtifactError, match="plots is damaged: it is no folder"):
        folder.complete()


def test_checkpoints_unpack_to_what_they_are(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(3, {"model/00000": np.zeros(1000)}, {"finished": False, "callbacks": {}})
    assert checkpoints.last().step == 3
    file, manifest = tmp_path / "step-000000003.npz", tmp_path / "step-000000003.json"
    np.savez_compressed(file, **{"model/00000": np.zeros(1_000_000)})
    facts = {"size": file.stat().st_size, "sha256": file_hash(file)}
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **facts}))
    with pytest.raises(ArtifactError, match="No checkpoint") as caught:
        checkpoints.last()
    assert "it unpacks to more than its size" in caught.value.details[0]


def test_a_model_is_looked_at_before_a_run_starts_from_it(tfpipe, tmp_path):
    run = Path(shutil.copytree(EARLIER / "image-cls", "earlier"))
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "model_sha256": []}))
    for make in (lambda path: path.write_bytes(b"no model"), lambda path: os.symlink(tmp_path / "x.keras", path)):
        shutil.copy(run / "model.keras", tmp_path / "x.keras")
        (run / "model.keras").unlink()
        make(run / "model.keras")
        assert tfpipe("run", "image-cls", "--from", run).code == 7 and not Path("runs").exists()
        (run / "model.keras").unlink()
        shutil.copy(tmp_path / "x.keras", run / "model.keras")
