"""Final runs of a search for which something was lacking: tried again by `tfpipe resume`."""

from types import SimpleNamespace

import pytest

from tfpipelines.core.observer import Observer
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import DivergedError, MemoryExhaustedError
from tfpipelines.tuning.finals import run_finals


class Workers:
    """A pool whose workers end as they are told."""

    def __init__(self, ends):
        self.count, self.workers, self.ends, self.seeds = 1, [], list(ends), []

    def start(self, setup, log):
        self.seeds.append(setup["seed"])
        worker = SimpleNamespace(trial=None)
        self.workers.append(worker)
        return worker

    def messages(self, seconds):
        worker, (kind, content) = self.workers.pop(), self.ends.pop(0)
        return [(worker, kind, content)]


@pytest.fixture
def search(tmp_path):
    """What `run_finals` asks of a search with two seeds."""
    folder = RunFolder.create(tmp_path / "runs", "tune-image-cls")
    stop = SimpleNamespace(received=None, raise_if_interrupted=lambda: None)
    settings, best = SimpleNamespace(final_seeds=[0, 1]), SimpleNamespace(values={})
    state = SimpleNamespace(content={})
    facts = {"folder": folder, "stop": stop, "settings": settings, "best": best, "state": state}
    return SimpleNamespace(**facts, command="", observer=Observer())


DONE = ("done", {"time": {"total": 1.0}})
DEAD = ("dead", "killed by signal 9")


def test_a_final_run_without_enough_memory_can_be_resumed(search):
    results, error = run_finals(search, Workers([("fatal", MemoryExhaustedError("No memory is left.")), DONE]))
    assert results == {0: "No memory is left.", 1: DONE[1]}
    assert error.exit_code == 4 and "seed 0 could not be finished: No memory is left." in str(error)
    assert f"tfpipe resume {search.folder}" in error.remedy


def test_so_can_one_whose_workers_are_killed(search):
    pool = Workers([DEAD, DONE, DEAD])
    results, error = run_finals(search, pool)
    assert pool.seeds == [0, 1, 0] and results[1] == DONE[1]
    assert "seed 0 could not be finished: its worker died 2 times: killed by signal 9." in str(error)


def test_what_would_fail_again_is_told_and_the_search_is_done(search):
    results, error = run_finals(search, Workers([("fatal", DivergedError("Training diverged.")), DONE]))
    assert results[0] == "Training diverged." and error is None
