"""What is killed and resumed equals what never was, bit for bit (FAULTS 17, 19 to 22, 24, 25)."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ArtifactError, ConfigError, DivergedError, Interrupted, ResourceError
from tfpipelines.training.checkpoints import Checkpoints

from ..conftest import ROOT, some
from ..core.test_lease import move

# Everything that has a state: dropout, augmentation, averaged weights, early stopping, a plateau schedule.
FULL = {
    "data.path": "sample:digits", "data.limit": 96, "data.augment": {"translate": 0.1, "rotate": 0.05, "mixup": 0.2},
    "model.name": "cnn", "model.filters": [4, 8], "model.convolutions": 1, "model.dropout": 0.3,
    "train.epochs": 6, "train.batch_size": 8, "train.optimizer": "adamw", "train.learning_rate": 0.1, "train.ema": 0.5,
    "train.schedule": "plateau", "train.warmup_epochs": 0, "train.decay_epochs": 1, "train.decay_factor": 0.5,
    "train.early_stopping": 3,
    "train.checkpoint_steps": 4, "train.steps_per_execution": 2, "evaluation.bootstrap": 20,
    "evaluation.calibrate": False,
}  # fmt: skip
WORDS = [f"{key}={json.dumps(value) if isinstance(value, (dict, list)) else value}" for key, value in FULL.items()]


class SignalAt(Observer):
    """Sends this process a signal at a step of an epoch."""

    def __init__(self, epoch, step, number=signal.SIGTERM):
        self.at, self.number = (epoch, step), number

    def step(self, epoch, done, total):
        if (epoch, done) == self.at:
            os.kill(os.getpid(), self.number)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nothing disturbed."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("whole"))
    try:
        return tfpipelines.run("image-cls", FULL, observer=Observer())
    finally:
        os.chdir(before)


def final_state(run):
    """All that must be equal: last checkpoint's arrays, the model's weights, history but for its times, metrics,
    predictions.
    """
    last = sorted((run.folder / "checkpoints").glob("*.npz"))[-1]
    with np.load(last) as archive:
        arrays = {name: archive[name] for name in archive.files}
    rows = [line.rsplit(",", 1)[0] for line in (run.folder / "history.csv").read_text().splitlines()]
    metrics = {key: value for key, value in run.metrics.items() if key != "time"}
    return last.name, arrays, run.model.get_weights(), rows, metrics, (run.folder / "predictions.csv").read_text()


def check_equal(run, other):
    first, second = final_state(run), final_state(other)
    assert first[0] == second[0] and first[3:] == second[3:]
    assert first[1].keys() == second[1].keys() and all(
        np.array_equal(first[1][name], second[1][name]) for name in first[1]
    )
    assert all(np.array_equal(a, b) for a, b in zip(first[2], second[2], strict=True))
    assert run.status["state"] == other.status["state"] == "done"


def test_the_full_settings_are_at_work(whole):
    with np.load(sorted((whole.folder / "checkpoints").glob("*.npz"))[-1]) as archive:
        assert any(name.startswith("callback") for name in archive.files)
    rates = {line.split(",")[5] for line in (whole.folder / "history.csv").read_text().splitlines()[1:]}
    assert len(rates) > 1


@pytest.mark.slow  # so is what starts again without a checkpoint, below
def test_same_seed_same_result(whole):
    check_equal(whole, tfpipelines.run("image-cls", FULL, observer=Observer()))


def stop(epoch, step, number, code, **options):
    """A new run that a signal stops; its folder."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted) as caught:
        tfpipelines.run("image-cls", FULL, observer=SignalAt(epoch, step, number), **options)
    assert caught.value.exit_code == code
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    run = tfpipelines.load(Path(options.get("out", "runs")) / "latest")
    check_stopped(run, epoch, step, number)
    return run.folder


def check_stopped(run, epoch, step, number):
    assert run.status["state"] == "interrupted" and signal.Signals(number).name in run.status["reason"]
    expected = 12 * (epoch - 1) + step
    assert (run.folder / "checkpoints" / f"step-{expected:09d}.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epoch", "step", "number", "code"), [(1, 6, signal.SIGTERM, 143), (2, 12, signal.SIGINT, 130)]
)
def test_signal_then_resume(whole, epoch, step, number, code):
    folder = stop(epoch, step, number, code)
    check_equal(whole, tfpipelines.resume(folder, observer=Observer()))
    assert len(json.loads((folder / "environment.json").read_text())["resumed"]) == 1


def test_stopped_by_either_signal_then_resumed(whole, interrupted, tfpipe, monkeypatch):
    """By SIGTERM in the third epoch, and by SIGINT, as of a command, where it goes on."""
    with monkeypatch.context() as patch:
        at = SignalAt(3, 12, signal.SIGINT)
        patch.setattr("tfpipelines.output.console.Terminal.step", lambda self, *told: at.step(*told))
        result = tfpipe("resume", interrupted)
    assert result.code == 130 and "Stopped by SIGINT." in result.err and "tfpipe resume" in result.err
    assert "note: continues after epoch 2" in result.err
    check_stopped(tfpipelines.load(interrupted), 3, 12, signal.SIGINT)
    check_equal(whole, tfpipelines.resume(interrupted, observer=Observer()))
    assert len(json.loads((interrupted / "environment.json").read_text())["resumed"]) == 2


@pytest.mark.slow
def test_interrupted_twice(whole):
    with pytest.raises(Interrupted):
        tfpipelines.run("image-cls", FULL, observer=SignalAt(1, 4))
    with pytest.raises(Interrupted):
        tfpipelines.resume("runs/latest", observer=SignalAt(1, 10))
    check_equal(whole, tfpipelines.resume("runs/latest", observer=Observer()))


@pytest.mark.slow
def test_second_signal_stops_at_once(whole):
    class Twice(SignalAt):
        def step(self, epoch, done, total):
            super().step(epoch, done, total)
            if (epoch, done) == self.at:
                os.kill(os.getpid(), self.number)

    with pytest.raises(Interrupted):
        tfpipelines.run("image-cls", FULL, observer=Twice(2, 6, signal.SIGINT))
    assert tfpipelines.load("runs/latest").status["state"] == "interrupted"
    assert not list(tfpipelines.load("runs/latest").folder.rglob(".tmp-*"))
    check_equal(whole, tfpipelines.resume("runs/latest", observer=Observer()))


def test_done_runs_are_left_alone(whole):
    before = {
        path: path.stat().st_mtime_ns for path in whole.folder.rglob("*") if path.is_file() and path.name != ".lock"
    }
    tfpipelines.resume(whole.folder, observer=Observer())
    assert before == {
        path: path.stat().st_mtime_ns for path in whole.folder.rglob("*") if path.is_file() and path.name != ".lock"
    }


# --- SIGKILL, for real, in a process of its own
def kill_when(process, folder, condition):
    """Waits for a condition in the run folder, then kills the process without warning."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if folder.is_dir() and condition(folder):
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_kill_in_mid_epoch_and_no_second_process_before_it(whole, start, tmp_path, tfpipe):
    process = start("run", "image-cls", *WORDS, "--name", "killed")
    folder = tmp_path / "runs" / "killed"

    def held(folder):
        if not (folder / "checkpoints" / "step-000000016.json").exists():
            return False
        process.send_signal(signal.SIGSTOP)  # it works on the run, but gets no further
        result = tfpipe("resume", folder)
        assert result.code == 6 and f"process {process.pid} on" in result.err
        return True

    kill_when(process, folder, held)
    assert tfpipelines.load("runs/killed").status["state"] == "running"  # nobody was left to say otherwise
    check_equal(whole, tfpipelines.resume("runs/killed", observer=Observer()))


@pytest.mark.slow
def test_a_run_that_was_taken_over_equals_the_whole_and_its_first_process_stops(whole, start, tmp_path):
    process, folder = start("run", "image-cls", *WORDS, "--name", "moved"), tmp_path / "runs" / "moved"
    until = time.monotonic() + 120
    while not (folder / "checkpoints" / "step-000000016.json").exists():
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    move(RunFolder(folder))  # to another host, as it were
    moved = tfpipelines.resume(folder, take_over=True, observer=Observer())
    check_equal(whole, moved)
    left = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix != ".log"}
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 6 and "runs/moved was taken over by another process, which has ended" in said
    assert left == {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix != ".log"}


@pytest.mark.slow
def test_kill_in_mid_checkpoint(whole, tmp_path):
    code = f"""
import sys
from tfpipelines import cli
from tfpipelines.core import files
real = files.os.replace
def replace(source, target):
    if str(target).endswith("step-000000020.npz"):
        print("at the rename", flush=True)
        import time
        time.sleep(100)
    real(source, target)
files.os.replace = replace
cli.cli.main({["run", "image-cls", *WORDS, "--name", "killed"]!r})
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == "at the rename\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    folder = tmp_path / "runs" / "killed"
    assert (
        list((folder / "checkpoints").glob(".tmp-*")) and not (folder / "checkpoints" / "step-000000020.npz").exists()
    )
    check_equal(whole, tfpipelines.resume("runs/killed", observer=Observer()))
    assert not list(folder.rglob(".tmp-*"))


# --- checkpoints and folders that were tampered with
@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run stopped in its third epoch."""
    return stop(3, 2, signal.SIGTERM, 143, out=tmp_path_factory.mktemp("stopped"), name="image-cls-1")


@pytest.fixture
def interrupted(stopped):
    """A copy of it, to be changed."""
    return Path(shutil.copytree(stopped, "runs/image-cls-1")).resolve()


DAMAGES = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "other bytes": lambda path: path.write_bytes(path.read_bytes()[:-9] + b"123456789"),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", some(DAMAGES, ("cut",)))
def test_damaged_checkpoint_is_passed_over(whole, interrupted, damage):
    newest = sorted((interrupted / "checkpoints").glob("*.npz"))[-1]
    DAMAGES[damage](newest)
    notes = []

    class Notes(Observer):
        def note(self, text):
            notes.append(text)

    check_equal(whole, tfpipelines.resume(interrupted, observer=Notes()))
    (told,) = [note for note in notes if "passed over" in note]
    assert newest.name in told


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_of_a_checkpoint_is_seen(interrupted, damage):
    whole, newest = sorted((interrupted / "checkpoints").glob("*.npz"))
    DAMAGES[damage](newest)
    checkpoints = Checkpoints(interrupted / "checkpoints")
    assert f"step-{checkpoints.last().step:09d}" == whole.stem
    assert len(checkpoints.damaged) == 1 and newest.name in checkpoints.damaged[0]


def test_no_checkpoint_is_whole(interrupted):
    for path in (interrupted / "checkpoints").glob("*.npz"):
        path.write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="No checkpoint in .* is intact") as caught:
        tfpipelines.resume(interrupted, observer=Observer())
    assert caught.value.exit_code == 7 and len(caught.value.details) == 2
    assert tfpipelines.load(interrupted).status["state"] == "failed"


@pytest.mark.slow
def test_no_checkpoint_yet_starts_again(whole, interrupted):
    shutil.rmtree(interrupted / "checkpoints")
    (interrupted / "checkpoints").mkdir()
    check_equal(whole, tfpipelines.resume(interrupted, observer=Observer()))


def test_changed_pipeline_is_refused(interrupted):
    file = interrupted / "pipeline.yaml"
    file.write_text(file.read_text().replace("learning_rate: 0.1", "learning_rate: 0.2"))
    with pytest.raises(ConfigError, match="has changed since the run began") as caught:
        tfpipelines.resume(interrupted, observer=Observer())
    assert caught.value.details == ("train.learning_rate: 0.1 -> 0.2",)
    assert "--from" in caught.value.remedy and caught.value.exit_code == 2
    assert tfpipelines.load(interrupted).status["state"] == "interrupted"


@pytest.mark.eager
def test_changed_data_are_refused_and_from_goes_on(photos, digits):
    settings = {
        **FULL,
        "data.path": str(photos),
        "train.checkpoint_steps": None,
        "train.batch_size": 4,
        "train.steps_per_execution": 1,
    }
    with pytest.raises(Interrupted):
        tfpipelines.run("image-cls", settings, observer=SignalAt(2, 2))
    folder = tfpipelines.load("runs/latest").folder
    shutil.copy(photos / "zero" / "000.png", photos / "one" / "new.png")
    before = (folder / "splits.csv").read_text()
    with pytest.raises(ConfigError, match="The data are not those") as caught:
        tfpipelines.resume(folder, observer=Observer())
    assert caught.value.exit_code == 2 and "--from" in caught.value.remedy
    assert any("one/new.png" in line for line in caught.value.details)
    assert (folder / "splits.csv").read_text() == before
    fresh = tfpipelines.run(str(folder / "pipeline.yaml"), {"train.epochs": 1}, start=folder, observer=Observer())
    assert fresh.status["state"] == "done" and fresh.folder.name == "image-cls-2"


@pytest.mark.slow
def test_a_process_that_is_asked_to_end_says_how_to_go_on(start, tmp_path):
    process = start("run", "image-cls", *WORDS, "train.epochs=500", "train.early_stopping=null", "--name", "busy")
    folder = tmp_path / "runs" / "busy"
    while not (folder / "history.csv").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143 and "Stopped by SIGTERM." in errors and "tfpipe resume" in errors
    assert json.loads((folder / "status.json").read_text())["state"] == "interrupted"


# --- trouble while training
def test_divergence_keeps_the_last_finite_checkpoint():
    settings = {key: value for key, value in FULL.items() if not key.startswith("model.")} | {
        "model.name": "mlp", "model.units": [32], "model.normalization": "none", "data.augment": {},
        "train.optimizer": "sgd",
        "train.learning_rate": 30.0, "train.weight_decay": 0.2, "train.schedule": "constant",
        "train.checkpoint_steps": 1, "train.steps_per_execution": 1, "train.early_stopping": None,
    }  # fmt: skip
    with pytest.raises(DivergedError, match="Training diverged") as caught:
        tfpipelines.run("image-cls", settings, observer=Observer())
    assert caught.value.exit_code == 5 and "train.learning_rate" in caught.value.remedy
    run = tfpipelines.load("runs/latest")
    assert run.status["state"] == "failed" and "diverged" in run.status["reason"]
    kept = sorted((run.folder / "checkpoints").glob("*.npz"))
    assert kept
    for path in kept:
        with np.load(path) as archive:
            assert all(np.isfinite(archive[name]).all() for name in archive.files if name.startswith("model/"))


@pytest.mark.slow
def test_resume_is_exact_on_jax():
    chosen = "same_seed or then_resume or interrupted_twice or kill_in_mid_epoch or damaged_checkpoint"
    command = [sys.executable, "-m", "pytest", __file__, "-k", chosen, "-p", "no:cacheprovider"]
    result = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_disk_that_fills_up_keeps_the_previous_checkpoint(whole):
    class Fill(Observer):
        """From the end of the second epoch on, no file may grow beyond 2 kB."""

        def epoch(self, row, epochs, samples):
            if row["epoch"] == 2:
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(ResourceError, match="disk is full") as caught:
            tfpipelines.run("image-cls", FULL, observer=Fill())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.exit_code == 4
    run = tfpipelines.load("runs/latest")
    assert run.status["state"] == "failed" and "disk is full" in run.status["reason"]
    assert not list(run.folder.rglob(".tmp-*"))
    assert (run.folder / "checkpoints" / "step-000000020.json").is_file() and not (
        run.folder / "checkpoints" / "step-000000024.npz"
    ).exists()
    check_equal(whole, tfpipelines.resume(run.folder, observer=Observer()))
