"""Searches on a Ray cluster whose nodes are processes of this machine: equal to local ones, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.config.search import Resources
from tfpipelines.errors import ConfigError
from tfpipelines.tuning import cluster as clusters

from .test_search import SMALL, Seen, table

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'tfpipelines[ray]'")
pytestmark = pytest.mark.slow

ONE_CORE = {**SMALL, "search.resources.cpus": 1, "train.epochs": 30, "search.trials": 3}  # long enough to be cut short
_WORDS = [f"{key}={json.dumps(value) if isinstance(value, (list, dict)) else value}" for key, value in ONE_CORE.items()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The leaderboard of a local search by trial."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("whole"))
        return table(tfpipelines.tune("image-cls", ONE_CORE, observer=Observer()))


def test_a_search_on_a_cluster_finds_what_a_local_one_finds(driver, whole):
    seen = Seen()
    search = tfpipelines.tune("image-cls", {**ONE_CORE, "search.final_seeds": [3]}, cluster="auto", observer=seen)
    assert table(search) == whole and search.status["state"] == "done"
    assert seen.ended == [3] and search.runs[0].metrics["test"]
    assert any("1 node, room for 1 trial at a time (1 CPU, 0 GPUs each); 1 at a time are run" in n for n in seen.notes)
    assert not list(search.folder.glob(".tmp-*"))


class Killer(Seen):
    """Calls something when the second trial has done an epoch, as often as it is left to."""

    def __init__(self, call):
        super().__init__()
        self.call, self.left = call, 1
        self.warnings = []

    def trial_epoch(self, number, epoch, epochs, value):
        if number == 2 and epoch >= 2 and self.left:
            self.left -= 1
            self.call()

    def warning(self, text):
        self.warnings.append(text)


def _kill_actor():
    """Kills the process of the actor that the nodes have."""
    raylets = psutil.Process().children()
    (actor,) = [one for raylet in raylets for one in raylet.children() if "ray::Actor" in " ".join(one.cmdline())]
    actor.kill()


@pytest.mark.parametrize("what", ["node", "actor"])
def test_a_node_or_an_actor_that_dies_costs_time_only(what, driver, whole):
    killer = Killer(driver.lose if what == "node" else _kill_actor)
    search = tfpipelines.tune("image-cls", ONE_CORE, cluster="auto", observer=killer)
    how = {"node": "lost with its node", "actor": "lost with the process of its Ray actor"}[what]
    assert f"trial 2: its worker was {how}; it is tried again" in killer.warnings
    assert table(search) == whole
    (trial,) = [one for one in json.loads((search.folder / "search.json").read_text())["trials"] if one["number"] == 2]
    assert trial["deaths"] == {"node": 0, "actor": 1}[what]


def test_a_search_whose_process_is_killed_goes_on(nodes, whole, start, tfpipe):
    process = start("tune", "image-cls", *_WORDS, "--name", "search", "--cluster", nodes.address)
    until = time.monotonic() + 180
    while not os.path.exists("runs/search/trials/0002/history.csv"):
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = tfpipe("resume", "runs/search", "--cluster", nodes.address, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["status"]["state"] == "done"
    assert table(tfpipelines.load("runs/search")) == whole


def test_what_a_cluster_cannot_do_is_refused(driver, tfpipe):
    with pytest.raises(ConfigError, match="asks for 8 CPUs, 0 GPUs for each trial, and no node .* has 1 CPU, 0 GPUs"):
        tfpipelines.tune("image-cls", {**ONE_CORE, "search.resources.cpus": 8}, cluster="auto", observer=Observer())
    assert not os.path.exists("runs")  # nothing was made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "atomic_write", lambda path, text: None)  # as where a node has a disk of its own
        result = tfpipe("tune", "image-cls", *_WORDS, "--cluster", "auto")
    assert result.code == 2 and "node 127.0.0." in result.err and "does not see" in result.err, result.err

    with clusters.connect("auto", Resources(cpus=1)) as cluster:
        with pytest.raises(ConfigError, match="has other versions") as caught:
            with cluster.workers(tfpipelines.load("runs/latest").folder, 1, {"keras": "0.1"}, print):
                pass
    assert caught.value.details[0].startswith("keras: 0.1 here, ")


def test_a_cluster_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="nothing answers at 127.0.0.1:9"):
        with clusters.connect("127.0.0.1:9", Resources()):
            pass
    assert not ray.is_initialized()


_LOCAL = """
import ray, tfpipelines
search = tfpipelines.tune("image-cls", FIELDS, cluster="local", observer=tfpipelines.Observer())
assert list(search.leaderboard["status"]) == ["completed"] and not ray.is_initialized()
"""


def test_a_cluster_of_this_process_alone_runs_a_search(tmp_path):
    """In a process of its own: Ray keeps the token of such a cluster, and is refused by others afterwards."""
    script = tmp_path / "search.py"
    script.write_text(_LOCAL.replace("FIELDS", repr({**ONE_CORE, "search.trials": 1})))
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, timeout=300)
