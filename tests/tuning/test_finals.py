"""Final runs of a search for which something was lacking: tried again by `tfpipe resume`."""

from types import SimpleNamespace

import pytest

from tfpipelines.core.files import write_json
from tfpipelines.core.observer import Observer
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import DivergedError, MemoryExhaustedError
from tfpipelines.output.console import Terminal
from tfpipelines.tuning.finals import run_finals
from tfpipelines.tuning.progress import trial_facts
from tfpipelines.tuning.state import Proposal, State, Trial
from tfpipelines.tuning.summary import write_metrics


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
    settings, best = SimpleNamespace(final_seeds=[0, 1]), SimpleNamespace(values={}, number=1, name="0001")
    state = State({}, {})
    facts = {"folder": folder, "stop": stop, "settings": settings, "best": best, "state": state}
    facts |= {"objective": SimpleNamespace(metric="val_loss", direction="min"), "final_epochs": 3}
    return SimpleNamespace(**facts, command="", observer=Observer(), begin_finals=lambda: None)


METRICS = {"time": {"total": 1.0}}
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


def test_a_final_run_that_is_done_but_could_not_tell_is_taken(search):
    class Silent(Workers):
        def start(self, setup, log):
            child = search.folder.child(f"final/seed-{setup['seed']}")
            write_json(child / "metrics.json", METRICS)
            child.set_status("done")
            return super().start(setup, log)

    pool = Silent([("lost", "lost with its node"), DEAD])
    results, error = run_finals(search, pool)
    assert pool.seeds == [0, 1] and results == {0: METRICS, 1: METRICS} and error is None


def test_what_would_fail_again_is_told_and_the_search_is_done(search):
    results, error = run_finals(search, Workers([("fatal", DivergedError("Training diverged.")), DONE]))
    assert results[0] == "Training diverged." and error is None


@pytest.mark.parametrize(
    ("losses", "told"), [((0.5, 0.5, 0.5), True), ((0.5, 0.5, 0.4), False), ((0.5,), False), ((), False)]
)
def test_a_seed_that_changes_nothing_is_told(search, losses, told):
    """Boosted trees are the same with every seed."""
    search.best = SimpleNamespace(score=0.5, number=1, values={}, figures={})
    search.objective = SimpleNamespace(metric="val_loss", direction="min")
    search.state = SimpleNamespace(trials=[], epochs=1, stopped="search.trials=1", elapsed=1.0)
    runs = {
        seed: {"validation": {"loss": 0.7}, "test": {"accuracy": 1.0, "log_loss": loss}, "time": {"total": seed}}
        for seed, loss in enumerate(losses)
    }
    about = write_metrics(search, {**runs, 9: "It failed."}).get("about", [])
    assert bool(about) is told
    assert not told or "seeds 0, 1, 2 have equal metrics: this network does not depend on the seed" in about[0]


def test_final_runs_are_announced_and_counted_in_what_is_left(search, capsys):
    trial = Trial(1, {}, Proposal("0", {}), status="completed", score=0.5, epochs=4, spent=4, seconds=10.0)
    search.state.trials, settings = [trial], search.settings
    settings.trials, settings.time, settings.objective = 2, None, search.objective
    facts = trial_facts(trial, None, settings, search.state, 10.0)
    assert facts["left"] == 30.0  # one more trial, two final runs
    search.observer = Terminal(results=False)
    run_finals(search, Workers([DONE, DONE]))
    said = capsys.readouterr().err
    assert "final runs  2 runs of up to 3 epochs with the values of trial 1 (seeds 0, 1), about 20 s" in said
