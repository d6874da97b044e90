"""A run told to `logging`: by a program that has set it up, and by no other."""

import logging

import pytest

import tfpipelines
from tfpipelines import LogObserver, Observer
from tfpipelines.output import logs

from ..conftest import TINY

pytestmark = pytest.mark.eager

SMALL = [*TINY, "data.limit=60"]


@pytest.fixture
def at_info():
    """The program logs this package's course."""
    logger = logging.getLogger("tfpipelines")
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(logging.NOTSET)


def test_a_program_that_logs_gets_the_course_in_its_log(at_info, caplog, capfd, tfpipe):
    run = tfpipelines.run("image-cls", SMALL)
    told = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    names = [name for name, _, _ in told if name.startswith("tfpipelines.")]
    assert {"tfpipelines.runner", "tfpipelines.datasets", "tfpipelines.training"} <= {*names}
    assert any(name == "tfpipelines.training" and "epoch 1 of 1: accuracy " in text for name, _, text in told)
    accuracy = f"accuracy {run.metrics['test']['accuracy']:.6g}"
    assert told[-1][0] == "tfpipelines.runner" and " is done: " in told[-1][2] and accuracy in told[-1][2]
    out, err = capfd.readouterr()
    assert out == "" and "run folder  " not in err and "epoch   1/1" not in err
    caplog.clear()
    shown = tfpipe("resume", run.folder)  # the command line prints, whatever is logged
    assert shown.code == 0 and "note: runs/image-cls-1 is done already" in shown.err and not caplog.records


def test_without_a_log_it_is_printed_as_ever_and_logged_nowhere(caplog, capfd):
    tfpipelines.run("image-cls", SMALL, name="one")
    out, err = capfd.readouterr()
    assert "run folder  runs/one" in err and "epoch   1/1" in err and "accuracy" in out
    assert not [record for record in caplog.records if record.name.startswith("tfpipelines")]


def test_when_a_log_is_wanted(monkeypatch):
    root, package = logging.getLogger(), logging.getLogger("tfpipelines")
    assert any(isinstance(handler, logging.NullHandler) for handler in package.handlers)
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", logging.INFO)
    package.manager._clear_cache()
    assert not logs.wanted()  # nobody would see it
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler()])
    assert logs.wanted()
    monkeypatch.setattr(package, "propagate", False)
    assert not logs.wanted()
    monkeypatch.setattr(package, "propagate", True)
    monkeypatch.setattr(root, "level", logging.WARNING)
    package.manager._clear_cache()
    assert not logs.wanted()
    package.manager._clear_cache()


def test_what_warns_is_told_apart(caplog):
    notes = []

    class Notes(Observer):
        def note(self, text):
            notes.append(text)

    Notes().warning("odd")
    assert notes == ["odd"]
    with caplog.at_level(logging.INFO, "tfpipelines"):
        observer = LogObserver()
        observer.note("100% plain")
        observer.warning("odd")
        trial = {"number": 3, "status": "failed", "score": None, "reason": "no memory"}
        observer.trial(trial)
        observer.trial({**trial, "status": "completed", "score": 0.5})
        finding = {"severity": "warning", "message": "2 leaks", "remedy": "Look at them."}
        observer.data({"rows": {"train": 3}, "findings": [finding]})
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "100% plain"),
        ("WARNING", "odd"),
        ("WARNING", "trial 3 failed: no memory"),
        ("INFO", "trial 3 completed: 0.5"),
        ("INFO", "samples: train 3"),
        ("WARNING", "2 leaks. Look at them."),
    ]
