"""What a terminal is told: lines about findings, time and advice."""

import os
import subprocess
import sys

from tfpipelines.core.processes import ADDRESSES, COUNT, NUMBER
from tfpipelines.output import console
from tfpipelines.output.console import Terminal
from tfpipelines.output.printing import finding_lines

from ..conftest import ROOT


def test_the_first_epoch_does_not_count_for_the_time_that_is_left(monkeypatch, capsys):
    moments = iter([0.0, 110.0, 112.0, 115.0, 117.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(moments))
    terminal = Terminal()
    terminal.model({"input_shape": [4], "parameters": 1, "steps_per_epoch": 1, "name": "mlp"})
    for epoch in range(1, 5):
        terminal.epoch({"epoch": epoch, "loss": 1.0, "seconds": 2.0}, 101, 32)
    said = capsys.readouterr().err.splitlines()
    assert [line.split("ETA ")[1] for line in said[1:]] == ["3 h 3 min", "3 min 18 s", "4 min 5 s", "3 min 14 s"]


def test_the_first_advice_is_one_line(capsys):
    Terminal().advised([("Train longer.", "tfpipe run x train.epochs=9"), ("More.", "")])
    Terminal().advised([])
    Terminal(results=False).advised([("Train longer.", "")])
    assert capsys.readouterr().out == "advice: Train longer. tfpipe run x train.epochs=9\n"


def test_items_that_the_message_names_are_not_listed_again():
    found = {"severity": "note", "message": "Columns left out: id (3 words)", "remedy": "", "items": ["id (3 words)"]}
    assert finding_lines([found], ("note",)) == ["note: Columns left out: id (3 words)."]
    assert len(finding_lines([{**found, "items": ["id (3 words)", "key"]}], ("note",))) == 3


def test_of_several_processes_native_code_writes_nothing_on_stdout():
    """Gloo prints there that it has connected them."""
    code = (
        "import os; from tfpipelines.output.console import Terminal; terminal = Terminal(redirect=True); "
        "terminal.preparing(); terminal.preparing(); os.write(1, b'native'); print('told'); terminal.close(False)"
    )
    for count, told in (("1", "nativetold\n"), ("2", "told\n")):
        several = {COUNT: count, NUMBER: "0", ADDRESSES: "127.0.0.1:1"}
        how = {"env": {**os.environ, "PYTHONPATH": str(ROOT), **several}, "capture_output": True, "text": True}
        assert subprocess.run([sys.executable, "-c", code], **how, check=True).stdout == told
