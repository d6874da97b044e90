"""One network trained by several processes, and by several devices of one, is that of one process."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.processes import ADDRESSES, COUNT, NUMBER, Processes
from tfpipelines.errors import ConfigError, DataError, Interrupted

from ..conftest import ROOT
from .test_resume import WORDS, check_equal

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
# as in `test_resume`, with a validation split that two cannot divide
FULL = [word for word in WORDS if not word.startswith(("data.limit", "train.steps_per_execution", "train.epochs"))]
FULL += ["data.limit=97", "train.epochs=3", "train.steps_per_execution=1", "train.learning_rate=0.01"]
TEXTS = [
    *("model.name=bilstm", "model.units=8", "data.path=sample:reviews", "data.limit=97", "train.epochs=2"),
    *("train.batch_size=16", "train.steps_per_execution=1", "evaluation.baselines=false", "evaluation.bootstrap=20"),
]
ROWS = [
    *("model.name=mlp", "data.path=sample:penguins", "data.class_weights=balanced", "train.epochs=2"),
    *("train.batch_size=16", "train.steps_per_execution=1", "evaluation.baselines=false", "evaluation.bootstrap=20"),
]
DIVIDED = "train.distribute=data"


class Together:
    """Processes of a command: what they printed, how they ended, and the losses of their steps."""

    def __init__(self, folder: Path, count: int, *words, stop=None, devices: int = 1):
        folder.mkdir(exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        several = {ADDRESSES: address, COUNT: str(count), "JAX_COORDINATOR_BIND_ADDRESS": address}
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"} if devices > 1 else {}
        known = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax", **flags}
        started = []
        for number in range(count):
            variables = {**known, **several, NUMBER: str(number)} if count > 1 else known
            command = [sys.executable, "-m", "tests.training.distributed", f"losses-{number}.json", json.dumps(stop)]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            started.append(subprocess.Popen([*command, *words], cwd=folder, env=variables, **pipes))
        try:
            self.output = [process.communicate(timeout=900)[0] for process in started]
        finally:
            for process in started:
                process.kill()
        self.codes = [process.returncode for process in started]
        self.losses = [
            json.loads(file.read_text()) if file.exists() else []
            for file in (folder / f"losses-{number}.json" for number in range(count))
        ]

    def finished(self):
        assert not any(self.codes), "\n".join(self.output)
        return self


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("together")


@pytest.fixture(scope="module")
def two(folder):
    """Two processes that nothing disturbed."""
    return Together(folder, 2, "run", "image-cls", *FULL, DIVIDED, "--name", "two").finished()


@pytest.fixture(scope="module")
def one(folder):
    return Together(folder, 1, "run", "image-cls", *FULL, "--name", "one").finished()


def history(folder: Path) -> np.ndarray:
    return np.loadtxt(folder / "history.csv", delimiter=",", skiprows=1)[:, :-1]  # without the seconds


@needs_jax
@pytest.mark.slow
def test_two_processes_train_as_one_does(folder, one, two):
    """With augmentation, mixed samples, dropout, averages, early stopping and a schedule by the validation loss."""
    assert len(one.losses[0]) == 36
    for losses in two.losses:
        np.testing.assert_allclose(losses, one.losses[0], atol=1e-6, rtol=0)
    np.testing.assert_allclose(history(folder / "runs/two"), history(folder / "runs/one"), atol=1e-5)
    for first, second in zip(
        *(tfpipelines.load(folder / "runs" / name).model.get_weights() for name in ("one", "two"))
    ):
        np.testing.assert_allclose(first, second, atol=1e-5)


@needs_jax
@pytest.mark.slow
def test_process_0_alone_writes_and_tells(folder, two):
    assert "run folder" in two.output[0] and "epoch   3/3" in two.output[0].replace("  ", "   ").replace("    ", "   ")
    assert "epoch" not in two.output[1] and "run folder" not in two.output[1]
    run = tfpipelines.load(folder / "runs/two")
    environment = json.loads((run.folder / "environment.json").read_text())
    assert environment["distribution"] == {"processes": 2, "devices": 2}
    assert run.status["state"] == "done" and not [*run.folder.rglob(".tmp-*")]
    assert len([*run.folder.glob("logs/tensorboard/*/*")]) == 2  # training and validation, of one process


@needs_jax
@pytest.mark.slow
def test_killed_and_resumed(folder, two):
    killed = Together(folder, 2, "run", "image-cls", *FULL, DIVIDED, "--name", "killed", stop=[2, 6, 9, None])
    assert killed.codes == [-9, -9]
    Together(folder, 2, "resume", "runs/killed").finished()
    check_equal(tfpipelines.load(folder / "runs/two"), tfpipelines.load(folder / "runs/killed"))


@needs_jax
@pytest.mark.slow
def test_a_signal_to_one_stops_all(folder, two):
    """After the same step, with a checkpoint; one process alone does not go on with it."""
    words = ("run", "image-cls", *FULL, DIVIDED, "--name", "stopped")
    stopped = Together(folder, 2, *words, stop=[2, 6, int(signal.SIGTERM), 1])
    assert stopped.codes == [143, 143], stopped.output
    status = json.loads((folder / "runs/stopped/status.json").read_text())
    assert status["state"] == "interrupted" and "SIGTERM" in status["reason"]
    assert (folder / "runs/stopped/checkpoints/step-000000019.json").is_file()
    alone = Together(folder, 1, "resume", "runs/stopped")
    assert alone.codes == [2] and "The run began by 2 processes with 2 devices" in alone.output[0]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-m", "tfpipelines", "launch", "-n", "2", "--", *words, "--resume-if-exists"]
    launched = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert not launched.returncode and "continues after epoch 1" in launched.stderr, launched.stderr
    check_equal(tfpipelines.load(folder / "runs/two"), tfpipelines.load(folder / "runs/stopped"))


@needs_jax
@pytest.mark.slow
def test_where_one_dies_the_other_ends(folder, two):
    words = ("run", "image-cls", *FULL, DIVIDED, "--name", "bereft")
    bereft = Together(folder, 2, *words, stop=[2, 6, int(signal.SIGKILL), 1])
    assert bereft.codes == [4, -9] and "Another process of the run has ended." in bereft.output[0], bereft.output
    status = json.loads((folder / "runs/bereft/status.json").read_text())
    assert status["state"] == "failed" and status["reason"] == "Another process of the run has ended."
    Together(folder, 2, *words, "--resume-if-exists").finished()
    check_equal(tfpipelines.load(folder / "runs/two"), tfpipelines.load(folder / "runs/bereft"))


@needs_jax
@pytest.mark.slow
def test_two_devices_of_one_process(folder, one):
    devices = Together(folder, 1, "run", "image-cls", *FULL, DIVIDED, "--name", "devices", devices=2).finished()
    np.testing.assert_allclose(devices.losses[0], one.losses[0], atol=1e-6, rtol=0)
    np.testing.assert_allclose(history(folder / "runs/devices"), history(folder / "runs/one"), atol=1e-5)
    odd = Together(folder, 1, "run", "image-cls", *FULL, DIVIDED, "train.batch_size=9", devices=2)
    assert odd.codes == [2] and "train.batch_size: got 9, which 2 devices cannot divide equally" in odd.output[0]


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize(("name", "words"), [("text-cls", TEXTS), ("tabular", ROWS)])
def test_texts_and_tables(folder, name, words):
    one = Together(folder, 1, "run", name, *words, "--name", f"{name}-one").finished()
    two = Together(folder, 2, "run", name, *words, DIVIDED, "--name", f"{name}-two").finished()
    np.testing.assert_allclose(two.losses[1], one.losses[0], atol=1e-6, rtol=0)
    np.testing.assert_allclose(history(folder / f"runs/{name}-two"), history(folder / f"runs/{name}-one"), atol=1e-5)


@needs_jax
@pytest.mark.slow
def test_divergence_ends_all(folder):
    """Of all processes by the same error, since they see the same loss."""
    words = ("train.learning_rate=1e30", "train.optimizer=sgd", "train.schedule=constant", "train.epochs=1")
    diverged = Together(folder, 2, "run", "image-cls", *FULL, DIVIDED, *words)
    assert diverged.codes == [5, 5], diverged.output


class Store:
    """The store of a coordination service, for threads in place of processes."""

    def __init__(self):
        self.said, self.news = {}, threading.Condition()

    def key_value_set(self, key, text):
        with self.news:
            assert key not in self.said
            self.said[key] = text
            self.news.notify_all()

    def key_value_dir_get(self, key):
        with self.news:
            return [(name, text) for name, text in self.said.items() if name.startswith(key)]

    def blocking_key_value_get(self, key, milliseconds):
        with self.news:
            if not self.news.wait_for(lambda: key in self.said, milliseconds / 1000):
                raise RuntimeError("DEADLINE_EXCEEDED: nobody said so")
            return self.said[key]


@pytest.fixture
def together(monkeypatch):
    """Has threads do something as the processes of a group, and gives what each of them returned or raised."""
    pytest.importorskip("jax")
    from tfpipelines.training import distribution

    monkeypatch.setattr(distribution, "_POLL", 50)
    monkeypatch.setattr(distribution, "_LEAVE", 0.3)

    def call(*functions):
        store, results = Store(), [None] * len(functions)
        groups = [distribution.Divided(Processes(len(functions), n), store, 0) for n in range(len(functions))]

        def work(number):
            try:
                results[number] = functions[number](groups[number])
            except BaseException as error:
                results[number] = error

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(functions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return results

    return call


def test_processes_hear_each_other(together):
    say = lambda text: lambda group: (group.gather(text), group.share({"says": text}), group.leads)
    told = ["a", "b", "c"]
    assert together(*map(say, told)) == [(told, {"says": "a"}, number == 0) for number in range(3)]


def test_processes_with_other_data_do_not_train_together(together):
    results = together(*(lambda group, text=text: group.require_same(text, "data") for text in "aab"))
    assert all(
        isinstance(error, DataError) and "Process 2 has other data than process 0" in str(error) for error in results
    )


def test_process_0_decides_when_training_has_ended_and_any_when_it_stops(together):
    say = lambda received, ended: lambda group: group.agreed(received, ended)
    assert together(say(None, True), say(15, False)) == [(15, True)] * 2
    assert together(say(None, False), say(None, True)) == [(None, False)] * 2


def test_all_stop_after_the_same_step(together):
    """Whoever is told says so before it begins the next call: no other can have ended that by then."""
    barrier = threading.Barrier(3)

    def train(at):
        def steps(group):
            group.begin_fit()
            for step in range(2, 20, 2):  # two a call
                barrier.wait(5)  # as all take part in each call
                stops = group.stops(step, 2, 15 if step >= at else None)
                if stops is not None:
                    return step, stops
            return None

        return steps

    assert together(train(99), train(6), train(8)) == [(8, 15)] * 3


def test_whoever_waits_learns_that_another_has_failed(together):
    def fails(group):
        group.leave(failure)

    for failure in (DataError("No image."), Interrupted("Stopped by SIGTERM.", 15)):
        error, _ = together(lambda group: group.gather("x"), fails)
        assert error.cause == f"Process 1 has ended: {failure.cause}" and error.exit_code == failure.exit_code
        assert isinstance(error, Interrupted) == isinstance(failure, Interrupted)


def test_batches_must_be_divisible_by_devices(together, monkeypatch):
    pytest.importorskip("jax")
    (error,) = together(lambda group: setattr(group, "devices", 3) or group.require_batches(64))
    assert isinstance(error, ConfigError) and error.remedy == "Set train.batch_size=63, for example."


@pytest.mark.parametrize(
    ("pipeline", "count", "told"), [("image-cls", 4, 1), ("image-cls", 1, 0), ("dcgan", 4, 0), ("image-cls", 0, 0)]
)
def test_accelerators_that_take_no_part_are_named(monkeypatch, pipeline, count, told):
    from tfpipelines import training
    from tfpipelines.core import config
    from tfpipelines.runner import Runner
    from tfpipelines.tasks import SCHEMAS, new_task

    class Listener(Observer):
        def __init__(self):
            self.notes = []

        def note(self, text):
            self.notes.append(text)

    monkeypatch.setattr(training, "accelerators", lambda: count)
    observer = Listener()
    runner = Runner(None, observer, None, resume=False)
    runner._tell_idle(new_task(config.load(pipeline, schemas=SCHEMAS).pipeline))
    assert len(observer.notes) == told and all("one of 4 accelerators" in note for note in observer.notes)
