"""What a search does with worker processes of any kind, and what Ray's actors are taken for."""

import logging
import os
import signal
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfpipelines import Observer
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ConfigError, ResourceError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.training import StopSignals
from tfpipelines.tuning import actors, cluster
from tfpipelines.tuning.actor import Actor, examine, not_shared
from tfpipelines.tuning.plan import Plan
from tfpipelines.tuning.pool import Pool
from tfpipelines.tuning.supervisor import Search
from tfpipelines.tuning.workers import MOST_LOSSES, NO_MEMORY, Worker, Workers

from .test_search import SMALL

RESULT = {"status": "completed", "reason": "", "score": 0.5, "series": [0.5], "figures": {}, "best_epoch": 1}
RESULT |= {"epochs": 1, "spent": 1, "seconds": 1.0}


class FakeWorker(Worker):
    def __init__(self, pool):
        super().__init__()
        self.pool = pool

    def send(self, kind, content=None):
        self.pool.told.append((self, kind, content))
        if kind == "job":
            ends = self.pool.ends[content["number"]]
            self.pool.say(self, *(ends.pop(0) if ends else ("result", dict(RESULT))))
        elif kind == "keep":
            self.pool.say(self, "saved", "")
            self.pool.say(self, "dead", "ended with code 0")


class FakePool(Workers[FakeWorker]):
    """Workers that are no processes: `ends` has what each trial's do, one after the other, before they succeed."""

    def __init__(self, count, spare, ends):
        super().__init__(count)
        self.spare, self.ends, self.told, self._said = spare, defaultdict(list, ends), [], []
        self.most = 0

    def start(self, setup, log, target=None):
        worker = FakeWorker(self)
        self.workers.append(worker)
        self.most = max(self.most, len(self.among("preparing", "ready", "running")))
        self.say(worker, "ready", None)
        return worker

    def say(self, worker, kind, content):
        self._said.append((worker, kind, content))

    def messages(self, seconds):
        said, self._said = self._said, []
        for worker, kind, _ in said:
            if kind in ("dead", "lost"):
                self.remove(worker)
        return said

    def remove(self, worker):
        self.workers.remove(worker)


@pytest.fixture
def search():
    """Runs a search with a pool; returns it."""

    def run(pool, trials=2):
        plan = Plan.of("image-cls", {**SMALL, "search.trials": trials}, SCHEMAS)
        folder = RunFolder.create(Path("runs"), "tune", None, False)
        with StopSignals() as stop, folder.locked(), stop.hold():
            folder.set_status("running", kind="search")
            found = Search(folder, plan.state(pool.count), Observer(), stop, "")
            found.run(pool)
        return found

    return run


def test_a_lost_worker_costs_its_trial_nothing_and_a_dead_one_a_try(search):
    pool = FakePool(1, 0, {1: [("lost", "lost with its node")] * (MOST_LOSSES - 1), 2: [("dead", "killed")] * 2})
    first, second = search(pool).state.trials
    assert (first.status, first.deaths) == ("completed", 0)
    assert (second.status, second.deaths, second.reason) == ("failed", 2, "its worker died 2 times: killed")
    assert pool.most == 1 and not pool.among("preparing", "ready", "running")


def test_a_trial_that_takes_machine_after_machine_down_fails(search):
    (trial,) = search(FakePool(1, 0, {1: [("lost", "lost")] * MOST_LOSSES}), trials=1).state.trials
    assert trial.status == "failed" and trial.reason == f"its worker died {MOST_LOSSES} times: lost"


@pytest.mark.parametrize(("count", "spare", "most"), [(1, 0, 1), (1, 1, 2), (2, 0, 2)])
def test_no_more_workers_are_started_than_there_is_room_for(count, spare, most, search):
    pool = FakePool(count, spare, {})
    assert [trial.status for trial in search(pool, trials=4).state.trials] == ["completed"] * 4
    assert pool.most == most


def test_a_pool_shares_the_cores_unless_it_is_told_how_many():
    assert Pool(1)._threads == 0 and Pool(1, 3)._threads == 3


# --- Ray's actors
class Ref:
    def __init__(self):
        self.ready, self.value = False, None

    def answer(self, value):
        self.ready, self.value = True, value


class Handle:
    """An actor: calls of it are kept, and answered where the test says so."""

    def __init__(self):
        self.calls = defaultdict(list)

    def __getattr__(self, name):
        def remote(*words):
            self.calls[name].append((words, Ref()))
            return self.calls[name][-1][1]

        return SimpleNamespace(remote=remote)

    def answer(self, name, value):
        self.calls[name][-1][1].answer(value)


class FakeRay:
    """As much of Ray as `Actors` uses."""

    class exceptions:
        RayError = type("RayError", (Exception,), {})
        RayActorError = type("RayActorError", (RayError,), {"actor_init_failed": False, "preempted": False})
        ActorUnavailableError = type("ActorUnavailableError", (RayActorError,), {})
        RayTaskError = type("RayTaskError", (RayError,), {})
        ObjectLostError = type("ObjectLostError", (RayError,), {})
        RaySystemError = type("RaySystemError", (RayError,), {})
        LocalRayletDiedError = type("LocalRayletDiedError", (RayError,), {})
        RpcError = type("RpcError", (RayError,), {})
        OutOfMemoryError = type("OutOfMemoryError", (RayError,), {})
        NodeDiedError = type("NodeDiedError", (RayError,), {})
        ActorUnschedulableError = type("ActorUnschedulableError", (RayError,), {})
        GetTimeoutError = type("GetTimeoutError", (RayError, TimeoutError), {})
        TaskUnschedulableError = type("TaskUnschedulableError", (RayError,), {})
        WorkerCrashedError = type("WorkerCrashedError", (RayError,), {})

    def __init__(self):
        self.killed = []

    def wait(self, refs, num_returns=1, timeout=None):
        ready = [ref for ref in refs if ref.ready][:num_returns]
        return ready, [ref for ref in refs if ref not in ready]

    def get(self, ref, timeout=None):
        if isinstance(ref.value, Exception):
            raise ref.value
        return ref.value

    def kill(self, handle):
        self.killed.append(handle)


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(actors, "_PAUSE", 0)
    handles, notes = [], []

    def request():
        handles.append(Handle())
        return handles[-1]

    made = actors.Actors(FakeRay(), 2, request, (Path("token"), "1"), notes.append)
    made.handles, made.notes = handles, notes
    return made


def begun(pool, number):
    """A worker whose actor has begun and is asked for messages."""
    worker = pool.start({}, Path("log"))
    pool.handles[number].answer("hello", [])
    assert pool.messages(0) == [] == pool.messages(0)
    return worker


def test_an_actor_serves_one_worker_after_the_other_and_is_ended_when_it_is_idle(pool, monkeypatch):
    first = begun(pool, 0)
    assert pool.handles[0].calls["start"][0][0] == (1, {}, Path("log"), actors.begin, (Path("token"), "1"))
    pool.handles[0].answer("messages", [(1, "ready", None), (1, "dead", "ended with code 0"), (7, "ready", None)])
    assert pool.messages(0) == [(first, "ready", None), (first, "dead", "ended with code 0")] and not pool.workers
    first = pool.start({}, Path("log"))
    first.state = "saving"  # the next one is prepared meanwhile
    second = pool.start({}, Path("log"))
    pool.handles[0].answer("messages", [])
    pool.remove(first)
    assert len(pool.handles) == 1 and (first.number, second.number) == (2, 3)
    second.send("job", 5)
    assert pool.handles[0].calls["send"][0][0] == (3, "job", 5)
    pool.remove(second)
    assert [words for words, _ in pool.handles[0].calls["remove"]] == [(2,), (3,)]
    monkeypatch.setattr(actors, "_IDLE", -1.0)
    pool.messages(0)
    assert pool._ray.killed == pool.handles


def test_a_worker_that_finds_no_room_takes_that_of_one_that_has_ended(pool, monkeypatch):
    begun(pool, 0)
    waits = pool.start({}, Path("log"))  # its actor is never heard of
    pool.messages(0)
    assert not pool.notes
    monkeypatch.setattr(actors, "_PENDING", -1.0)
    pool.messages(0)
    pool.messages(0)
    assert len(pool.notes) == 1 and "no room" in pool.notes[0]
    pool.handles[0].answer("messages", [(1, "dead", "ended with code 0")])
    pool.messages(0)
    assert pool._ray.killed == [pool.handles[1]] and waits.actor.handle is pool.handles[0]
    assert [words[0] for words, _ in pool.handles[0].calls["start"]] == [1, 2]


_ERRORS = FakeRay.exceptions


@pytest.mark.parametrize(
    ("error", "kind", "how"),
    [
        (_ERRORS.RayActorError("The actor died because its node has died."), "lost", "lost with its node"),
        (_ERRORS.RayActorError("The actor died."), "dead", "lost with the process of its Ray actor"),
        (_ERRORS.RayTaskError("trace\nNo module named x"), "dead", "not started by its Ray actor: No module named x"),
        (_ERRORS.OutOfMemoryError("Task was killed due to the node running low on memory."), "dead", NO_MEMORY),
        (_ERRORS.NodeDiedError("gone"), "lost", "lost with its node"),
        (_ERRORS.ActorUnschedulableError("no such node"), "dead", "not started by its Ray actor: no such node"),
    ],
)
def test_the_end_of_an_actor_is_that_of_its_worker(error, kind, how, pool):
    worker = begun(pool, 0)
    pool.handles[0].answer("messages", error)
    assert pool.messages(0) == [(worker, kind, how)] and not pool.workers and pool._ray.killed == pool.handles


@pytest.mark.parametrize("call", ["start", "send", "remove"])
@pytest.mark.parametrize(
    ("error", "kind", "how"),
    [
        (_ERRORS.RayTaskError("trace\nOSError: full"), "dead", "not started by its Ray actor: OSError: full"),
        (_ERRORS.ActorUnavailableError("x"), "lost", "lost, since its node was out of reach for a while"),
    ],
)
def test_what_did_not_come_through_ends_the_actor(call, error, kind, how, pool):
    worker = begun(pool, 0)
    worker.send("job", {})
    if call == "remove":
        pool.remove(worker)
    pool.handles[0].answer(call, error)
    assert pool.messages(0) == ([] if call == "remove" else [(worker, kind, how)])
    assert not pool.workers and pool._ray.killed == pool.handles


def test_what_came_through_is_forgotten(pool):
    worker = begun(pool, 0)
    pool.handles[0].answer("start", None)
    assert pool.messages(0) == [] and pool.workers == [worker] and not worker.actor.told


def test_an_actor_that_nobody_waits_for_keeps_no_room(pool):
    first = pool.start({}, Path("log"))
    pool.remove(first)
    assert pool._ray.killed == pool.handles and not pool._actors
    second = pool.start({}, Path("log"))
    assert len(pool.handles) == 2 and second.actor.handle is pool.handles[1]


def test_whatever_keeps_an_actor_from_starting_a_process_is_told(tmp_path, monkeypatch):
    token = (tmp_path / "token", "1")
    token[0].write_text("1")
    monkeypatch.setattr(os, "environ", {**os.environ, "TF_OF_NODE": "1", "XLA_FLAGS": "x", "TFPIPE_CACHE": "c"})
    actor = Actor(1, 0, {"TF_OF_SEARCH": "2"})
    names = {"TF_OF_NODE", "XLA_FLAGS", "TFPIPE_CACHE", "TF_OF_SEARCH", "CUDA_VISIBLE_DEVICES"} & os.environ.keys()
    assert names == {"TFPIPE_CACHE", "TF_OF_SEARCH", "CUDA_VISIBLE_DEVICES"} and not actor._pool.gpus

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(actor._pool, "start", full)
    actor.start(1, {}, Path("log"), actors.begin, token)
    (said,) = actor.messages()
    assert said == (1, "dead", "not started: OSError: [Errno 28] No space left on device")


def test_an_actor_that_was_out_of_reach_may_have_lost_messages(pool):
    worker = begun(pool, 0)
    pool.handles[0].answer("messages", _ERRORS.ActorUnavailableError("The actor is temporarily unavailable"))
    assert pool.messages(0) == [] and pool.messages(0) == [] and pool.workers == [worker]
    pool.handles[0].answer("messages", [])
    assert pool.messages(0) == [(worker, "lost", "lost, since its node was out of reach for a while")]


def test_a_cluster_that_is_gone_ends_the_search_with_a_sentence(pool):
    begun(pool, 0)
    pool.handles[0].answer("messages", _ERRORS.RaySystemError("System error: no GCS"))
    with pytest.raises(ResourceError, match="The connection to the Ray cluster is lost: System error: no GCS"):
        pool.messages(0)
    pool.close()
    assert pool._ray.killed == pool.handles and not pool.workers


def test_a_head_that_is_gone_ends_the_search_before_ray_does(pool, monkeypatch):
    begun(pool, 0)
    pool._answers = lambda: False
    pool.messages(0)  # asked a moment ago
    monkeypatch.setattr(actors, "_ASKED_EVERY", 0)
    pool.messages(0)  # it may come back
    monkeypatch.setattr(actors, "_HEAD_PATIENCE", 0)
    with pytest.raises(ResourceError, match="its head does not answer"):
        pool.messages(0)
    pool._answers = lambda: True
    assert pool.messages(0) == []


def test_a_node_that_joins_with_other_versions_gets_no_trials(pool):
    worker = pool.start({}, Path("log"))
    pool.handles[0].answer("hello", [(0, "unfit", "node n1 has other versions")])
    assert pool.messages(0) == [] and pool.notes == ["node n1 has other versions"]
    assert worker.actor.handle is pool.handles[1] and len(pool.handles[1].calls["start"]) == 1
    assert not pool._ray.killed  # its place stays taken
    pool.handles[1].answer("hello", [])
    pool.messages(0)
    assert pool.workers == [worker] and worker.actor.begun
    pool.close()
    assert set(pool._ray.killed) == set(pool.handles)


def test_an_actor_with_other_versions_says_so_and_starts_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    actor = Actor(1, 0, {})
    assert actor.hello({}) == []
    ((number, kind, told),) = actor.hello({"keras": "0.1"})
    assert (number, kind) == (0, "unfit") and "other versions and gets no work: keras: 0.1 here, " in told
    actor.start(1, {}, Path("log"), actors.begin, (tmp_path / "none", "1"))
    assert actor._said == []


# --- clusters
def test_a_node_sees_the_folder_or_does_not(tmp_path):
    token, answer = (tmp_path / "token", "abc"), tmp_path / "answer"
    assert examine(token, answer, ["keras", "no-such-package"])[0] == "does not see" and not answer.exists()
    token[0].write_text("abc")
    trouble, versions = examine(token, answer, ["keras", "no-such-package"])
    assert trouble == "" and answer.read_text() == "abc" and list(versions) == ["keras"]
    assert examine(token, tmp_path / "none" / "answer", [])[0].startswith("cannot write (No such file")
    assert "n1 does not see" in not_shared(tmp_path, "n1").cause


@pytest.mark.parametrize(("cpus", "gpus", "room"), [(1, 0, 8), (3, 0, 2), (1, 1, 2), (1, 0.5, 4), (9, 0, 0), (1, 3, 0)])
def test_room_on_a_node(cpus, gpus, room):
    assert cluster._room({"Resources": {"CPU": 8.0, "GPU": 2.0}}, cpus, gpus) == room


def test_a_cluster_needs_an_address_and_ray(monkeypatch, tfpipe):
    for wrong in ("nowhere", "host:port", "ray://127.0.0.1:10001"):
        result = tfpipe("tune", "image-cls", "--cluster", wrong)
        assert result.code == 2 and f"--cluster{':' if wrong[3:6] != '://' else ''}" in result.err, result.err
    monkeypatch.setitem(sys.modules, "ray", None)
    result = tfpipe("tune", "image-cls", "--cluster", "auto")
    assert result.code == 2 and "pip install 'tfpipelines[ray]'" in result.err and not Path("runs").exists()


def test_resources_are_those_of_one_trial():
    load = lambda **given: Plan.of("image-cls", {**SMALL, **given}, SCHEMAS).pipeline.search.resources
    assert load(**{"search.resources": {"cpus": 4, "gpus": 0.5}}).gpus == 0.5 and load().cpus is None
    for wrong in ({"search.resources.gpus": 2}, {"search.resources.cpus": 0}):
        with pytest.raises(ConfigError, match="search.resources"):
            load(**wrong)


@pytest.mark.parametrize(
    ("address", "error", "told"),
    [
        (
            "auto",
            RuntimeError("Version mismatch: The cluster was started with:\n Ray: 2.1"),
            "another version of Ray or",
        ),
        (
            "auto",
            ConnectionError("Could not find any running Ray instance."),
            "this machine is no node of a Ray cluster",
        ),
        (
            "auto",
            RuntimeError("Can't find a node_ip_address.json\nmore"),
            "No connection to the Ray cluster auto: Can't",
        ),
        ("local", OSError("no room"), "Ray could not be started: no room"),
    ],
)
def test_what_ray_has_against_a_connection_is_told_in_a_sentence(address, error, told):
    def init(**_):
        raise error

    ray = SimpleNamespace(init=init, _private=SimpleNamespace(worker=SimpleNamespace()))
    before = signal.getsignal(signal.SIGTERM), dict(os.environ)
    with pytest.raises((ConfigError, ResourceError), match=told):
        cluster._connect(ray, address)
    assert (signal.getsignal(signal.SIGTERM), dict(os.environ)) == before


@pytest.mark.parametrize(
    ("error", "raised", "told"),
    [
        (_ERRORS.NodeDiedError("gone"), None, ""),
        (_ERRORS.TaskUnschedulableError("The node specified via NodeAffinitySchedulingStrategy"), None, ""),
        (_ERRORS.WorkerCrashedError("crashed"), None, ""),
        (_ERRORS.RayTaskError("trace\nModuleNotFoundError: No module named x"), ConfigError, "cannot be used"),
        (_ERRORS.RayTaskError("trace\nOSError: full" + 9999 * "!"), ResourceError, "not be looked at: OSError: full"),
        (_ERRORS.GetTimeoutError("late"), ResourceError, "has not answered"),
    ],
)
def test_what_a_node_has_against_being_looked_at(error, raised, told):
    one, ref = cluster.Cluster(FakeRay(), "auto", 1, 0, []), Ref()
    ref.answer(error)
    if raised is None:
        assert one._answer("node n1", ref) is None
        return
    with pytest.raises(raised, match=told) as caught:
        one._answer("node n1", ref)
    assert len(str(caught.value)) < 700


def test_a_connection_leaves_no_traces(monkeypatch):
    worker, logger = SimpleNamespace(_worker_logs_enabled=True), logging.getLogger("ray")
    before = logger.level, logger.propagate

    def init(**_):
        logger.setLevel(logging.ERROR)
        logger.propagate = False

    ray = SimpleNamespace(init=init, shutdown=lambda: None, _private=SimpleNamespace(worker=worker))
    with cluster._connected(ray, "auto"):
        assert not worker._worker_logs_enabled
    assert worker._worker_logs_enabled and (logger.level, logger.propagate) == before
