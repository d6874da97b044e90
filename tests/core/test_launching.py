"""`tfpipe launch`: several processes of this machine that begin and end together."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tfpipelines.core import launching
from tfpipelines.core.processes import ADDRESSES, COUNT, NUMBER
from tfpipelines.errors import ConfigError

from ..conftest import ROOT


@pytest.fixture
def code(monkeypatch):
    """Has the processes run some Python instead of a command."""

    def of(text):
        start = subprocess.Popen

        def popen(command, **options):
            assert command[:4] == [sys.executable, "-P", "-m", "tfpipelines"]
            return start([sys.executable, "-c", text], **options)

        monkeypatch.setattr(launching.subprocess, "Popen", popen)

    return of


def test_only_process_0_is_heard(tfpipe, capfd):
    result = tfpipe("launch", "-n", "2", "--", "--version")
    assert result.code == 0 and result.out.count("tfpipe ") == 1 and not result.err


def test_a_refused_command_is_told_once(tfpipe):
    result = tfpipe("launch", "-n", "2", "--", "fly", "image-cls")
    assert result.code == 2 and result.err.count("No such command 'fly'") == 1


def test_processes_know_of_each_other(code, tmp_path):
    names = (COUNT, NUMBER, ADDRESSES, "JAX_COORDINATOR_BIND_ADDRESS", "CUDA_VISIBLE_DEVICES")
    code(f"import os; open(os.environ['{NUMBER}'], 'w').write(' '.join(os.environ[name] for name in {names!r}))")
    assert launching.launch(3, ["x"]) == 0
    told = [(tmp_path / str(number)).read_text().split() for number in range(3)]
    assert [words[:2] for words in told] == [["3", "0"], ["3", "1"], ["3", "2"]]
    assert len({words[2] for words in told}) == 1 and told[0][2].startswith("127.0.0.1:")
    assert all(words[3] == words[2] for words in told) and [words[4] for words in told] == ["0", "1", "2"]


def test_each_has_one_of_the_gpus_that_are_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 7,GPU-1")
    assert launching._gpus(2) == [{"CUDA_VISIBLE_DEVICES": "4"}, {"CUDA_VISIBLE_DEVICES": "7"}]
    assert launching._gpus(1) == [{}]  # one process has them all
    with pytest.raises(ConfigError, match="names 3 GPUs, and 4 processes need one each"):
        launching._gpus(4)
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert launching._gpus(2) == [{}, {}]


def test_where_one_fails_the_others_are_ended(code, monkeypatch, capfd):
    monkeypatch.setattr(launching, "_BY_ITSELF", 0.2)
    monkeypatch.setattr(launching, "_BY_SIGNAL", 0.2)
    code(
        f"import os, signal, sys, time; first = os.environ['{NUMBER}'] == '0'; open('pid' + os.environ['{NUMBER}'], "
        "'w').write(str(os.getpid())); signal.signal(signal.SIGTERM, signal.SIG_IGN); print('heard'); "
        "first and time.sleep(60); sys.exit('it broke')"
    )
    began = time.monotonic()
    assert launching.launch(2, ["x"]) == 1 and time.monotonic() - began < 20
    out, err = capfd.readouterr()
    assert "process 1 of 2 has ended with exit code 1:" in err and "  it broke" in err
    assert not any(psutil.pid_exists(int(open(f"pid{number}").read())) for number in (0, 1))


def test_signals_are_passed_on_to_all(code, monkeypatch):
    code(
        f"import os, signal, sys, time; number = os.environ['{NUMBER}']; "
        "signal.signal(signal.SIGTERM, lambda *_: (open('got' + number, 'w').close(), sys.exit(143))); "
        "open('ready' + number, 'w').close(); time.sleep(60)"
    )
    ended, before = launching._ended, signal.getsignal(signal.SIGTERM)

    def sending(processes):
        while not all(os.path.exists(f"ready{number}") for number in (0, 1)):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)
        return ended(processes)

    monkeypatch.setattr(launching, "_ended", sending)
    assert launching.launch(2, ["x"]) == 143
    assert os.path.exists("got0") and os.path.exists("got1") and signal.getsignal(signal.SIGTERM) is before


def test_signals_that_are_ignored_stay_so(code):
    """As nohup has it for SIGHUP."""
    code("import os, signal; os.kill(os.getppid(), signal.SIGHUP); os.kill(os.getpid(), signal.SIGHUP)")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert launching.launch(2, ["x"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_no_process_outlives_the_launcher(tmp_path):
    """Not even where it is killed: each is sent a SIGTERM then."""
    text = (
        "import os, subprocess, sys; from tfpipelines.core import launching; start = subprocess.Popen; "
        "child = 'import os, time; open(str(os.getpid()), str(chr(119))).close(); time.sleep(60)'; "
        "launching.subprocess.Popen = lambda command, **how: start([sys.executable, '-c', child], **how); "
        "launching.launch(2, ['x'])"
    )
    launcher = subprocess.Popen([sys.executable, "-c", text], env={**os.environ, "PYTHONPATH": str(ROOT)})
    until = time.monotonic() + 60
    while len(names := [name for name in os.listdir(tmp_path) if name.isdecimal()]) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    launcher.kill()
    launcher.wait()
    processes = [psutil.Process(int(name)) for name in names if psutil.pid_exists(int(name))]
    assert len(names) == 2 and not psutil.wait_procs(processes, 20)[1]


@pytest.mark.parametrize("command", ["tune", "predict"])
def test_only_what_trains_one_network_is_launched(tfpipe, command):
    result = tfpipe("launch", "-n", "2", "--", command, "image-cls")
    assert result.code == 2 and f"{command} does not train one network" in result.err
