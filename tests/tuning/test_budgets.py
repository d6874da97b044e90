"""Searches whose budgets are raised, that are taken over, and whose processes are all asked to end."""

import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yaml

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core import config
from tfpipelines.core.pipeline_files import write_pipeline
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tuning import budgets, entry, unchanged_state
from tfpipelines.tuning.plan import Plan
from tfpipelines.tuning.state import EXHAUSTED, Proposal, State, Trial

from ..core.test_lease import move
from .test_search import SMALL, Seen, events, table, tune
from .test_search_faults import running, whole  # noqa: F401


@pytest.fixture
def begun(tmp_path):
    """The folder of a search that has not begun."""
    folder, plan = RunFolder.create(tmp_path, "x", "search"), Plan.of("image-cls", SMALL, SCHEMAS)
    folder.set_status("running", kind="search")
    write_pipeline(folder, plan.pipeline)
    plan.state(1).save(folder.path)
    return folder


def raised(folder, workers=None, **changes):
    pipeline = config.load(str(folder / "pipeline.yaml"), schemas=SCHEMAS).pipeline
    return budgets.continued(
        folder, pipeline, {key.replace("__", "."): value for key, value in changes.items()}, workers
    )


def test_higher_budgets_are_written_and_recorded(begun):
    before = yaml.safe_load((begun / "pipeline.yaml").read_text())
    pipeline, state, notes = raised(begun, 2, search__trials=40, search__disk=None)
    assert notes == ["2 trials at a time; before: 1", "search.trials is raised from 4 to 40"]
    assert pipeline.search.trials == 40 and (state.workers, state.content["search"]["trials"]) == (2, 40)
    after = yaml.safe_load((begun / "pipeline.yaml").read_text())
    assert before["search"].pop("trials") == 4 and after["search"].pop("trials") == 40 and before == after
    record = json.loads((begun / "search.json").read_text())["raised"]
    assert [(entry["before"], entry["after"]) for entry in record] == [({"trials": 4}, {"trials": 40})]
    assert unchanged_state(begun, pipeline).raised == record
    assert raised(begun, search__trials=40)[2] == []
    assert len(raised(begun, search__trials=41)[1].raised) == 2


@pytest.mark.parametrize(("given", "begins", "goes_on"), [(None, 8, 1), (3, 3, 3)])
def test_a_number_of_workers_that_was_not_given_is_that_of_where_it_runs(given, begins, goes_on, begun, monkeypatch):
    class Seen(Exception):
        pass

    def search(folder, state, *_):
        state.save(begun.path)
        raise Seen

    monkeypatch.setattr(entry, "Search", search)
    state = Plan.of("image-cls", SMALL, SCHEMAS).state(given)
    for there, workers in ((SimpleNamespace(room=8), begins), (None, goes_on)):
        with pytest.raises(Seen):
            entry.carry_out(begun, state, Observer(), None, "", there)
        state = raised(begun)[1]
        assert state.workers == workers
    state = raised(begun, 2)[1]
    assert (state.workers, state.workers_given) == (2, True)


def test_a_process_that_dies_between_record_and_pipeline_is_no_obstacle(begun, monkeypatch):
    begun.set_status("done")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(State, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        raised(begun, search__trials=9)
    assert begun.status["state"] == "running"  # so that whoever goes on does not take it for done
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(budgets, "write_pipeline", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        raised(begun, search__trials=9)
    assert "trials: 4\n" in (begun / "pipeline.yaml").read_text()
    assert raised(begun)[0].search.trials == 9 and "trials: 9\n" in (begun / "pipeline.yaml").read_text()
    assert begun.status["state"] == "running"
    (begun / "pipeline.yaml").write_text((begun / "pipeline.yaml").read_text().replace("trials: 9\n", "trials: 7\n"))
    with pytest.raises(ConfigError, match="has changed since the search began"):  # as always
        raised(begun)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search__trials": 3}, "search.trials: a budget may be raised, not lowered: from 4 to 3"),
        ({"search__time": "1 h"}, "search.time: a budget may be raised, not lowered: from unlimited to 3600"),
        ({"search__trials": "many"}, "search.trials"),
        (
            {"search__algorithm": "grid"},
            "search.algorithm: a search goes on as it began; only its budgets",
        ),
        ({"train__epochs": 9}, "train.epochs: a search goes on as it began"),
        ({"search": {"trials": 9}}, "search: a search goes on as it began"),
    ],
)
def test_nothing_else_may_change(begun, changes, message):
    left = {path.name: path.read_bytes() for path in begun.path.iterdir() if path.is_file()}
    with pytest.raises(ConfigError, match=message):
        raised(begun, **changes)
    assert left == {path.name: path.read_bytes() for path in begun.path.iterdir() if path.is_file()}


def test_budgets_that_give_no_further_trials_are_refused(begun):
    state = State.load(begun.path)
    state.trials = [Trial(1, {}, Proposal("0", {}), status="completed", score=0.5)]
    state.stopped = EXHAUSTED
    state.save(begun.path)
    with pytest.raises(ConfigError, match="has tried every combination of values"):
        raised(begun, search__trials=9)
    plan = Plan.of("image-cls", {**SMALL, "search.algorithm": "hyperband"}, SCHEMAS)
    state.content, state.fingerprint, state.stopped = plan.content, plan.state(1).fingerprint, "search.trials=4"
    state.save(begun.path)
    write_pipeline(begun, plan.pipeline)
    with pytest.raises(ConfigError, match="Hyperband continues trials from their checkpoints"):
        raised(begun, search__trials=9)


def test_the_command_says_what_may_be_raised(begun, tfpipe):
    refused = tfpipe("resume", begun.path, "train.epochs=9")
    assert refused.code == 2 and "only its budgets may be raised: search.trials, search.epochs" in refused.err
    assert f"tfpipe tune {begun}/pipeline.yaml train.epochs=..." in refused.err


@pytest.mark.slow
def test_a_search_whose_budget_is_raised_is_as_one_that_had_it_from_the_beginning(tfpipe):
    once = tune(name="once", search__trials=5, search__final_seeds=[0])
    short = tune(name="raised", search__trials=2, search__final_seeds=[0])
    best = short.metrics["search"]["trial"]
    done = tfpipe("resume", "runs/raised")
    assert done.code == 0 and "more trials: tfpipe resume runs/raised search.trials=N" in done.err
    seen = Seen()
    longer = tfpipelines.resume("runs/raised", {"search.trials": 5}, workers=1, observer=seen)
    assert table(longer) == table(once) and events(longer) == events(once)
    assert longer.metrics["search"] == once.metrics["search"] and longer.metrics["test"] == once.metrics["test"]
    assert "search.trials is raised from 2 to 5" in seen.notes
    changed = longer.metrics["search"]["trial"] != best
    assert changed and (longer.folder / "final-1" / "seed-0" / "status.json").is_file()
    assert tfpipelines.verify(longer.folder).ok and tfpipelines.load("runs/raised").status["state"] == "done"
    assert tfpipe("resume", "runs/raised", "search.trials=5").code == 0


@pytest.mark.slow
def test_a_search_that_is_taken_over_goes_on_and_the_one_before_stops(running, whole):  # noqa: F811
    """Its worker lives, and may write nothing any more either."""
    process, folder = running
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGSTOP)
    move(RunFolder(Path(folder)))
    resumed = tfpipelines.resume(folder, take_over=True, observer=Observer())
    assert list(resumed.leaderboard["val_accuracy"]) == whole
    left = {path: path.stat().st_mtime_ns for path in resumed.folder.rglob("*") if path.suffix != ".log"}
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 6 and "was taken over by process" in said
    assert not psutil.wait_procs(below, timeout=30)[1]
    assert left == {path: path.stat().st_mtime_ns for path in resumed.folder.rglob("*") if path.suffix != ".log"}


@pytest.mark.slow
def test_all_processes_of_a_search_are_asked_to_end_and_its_trial_has_a_checkpoint(running, whole):  # noqa: F811
    """As cluster managers do, which then wait for some seconds."""
    process, folder = running
    began = time.monotonic()
    for one in (*psutil.Process(process.pid).children(recursive=True), process):
        one.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143 and time.monotonic() - began < 20
    assert any(name.endswith(".json") for name in os.listdir(f"{folder}/trials/0002/checkpoints"))
    state = json.loads(open(f"{folder}/search.json").read())
    assert state["trials"][1]["deaths"] == 0 and state["trials"][1]["status"] == "running"
    resumed = tfpipelines.resume(folder, observer=Observer())
    assert list(resumed.leaderboard["val_accuracy"]) == whole
