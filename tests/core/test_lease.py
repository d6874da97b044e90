"""A lock that lets work move: heartbeats, take-over, and fencing (FAULTS 22, 40)."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tfpipelines.core import files, heartbeat, lease, lock
from tfpipelines.core.files import atomic_write
from tfpipelines.core.lease import LOCK, SECONDS, Lease, chain
from tfpipelines.core.lock import locked, wait_for_silence, waiting, working_for
from tfpipelines.core.run_folder import RunFolder, ending
from tfpipelines.errors import ResourceError, RunInUseError, TakenOverError

from ..conftest import ROOT


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path, "a", "run")


@pytest.fixture
def holder(folder):
    """A process that holds the folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.core.holder", str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline().startswith("held ")
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.communicate()


def ask(process, words):
    process.stdin.write(f"{words}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def move(folder, silent=0.0, host="elsewhere"):
    """Makes a lock look like that of another host, whose last heartbeat is some seconds ago."""
    with open(folder / LOCK, "r+", encoding="utf-8") as file:
        facts = json.load(file)
        file.seek(0)
        file.truncate()
        json.dump({**facts, "host": host}, file)
    beaten = time.time() - silent
    os.utime(folder / LOCK, (beaten, beaten))


def hidden(folder):
    return sorted(name for name in os.listdir(folder.path) if name.startswith("."))


def test_what_a_lock_holds_and_leaves(folder):
    with folder.locked():
        facts = json.loads((folder / LOCK).read_text())
        assert facts == {"pid": os.getpid(), "host": lease.hostname(), "boot": lease.boot(), "token": folder.token}
        assert hidden(folder) == [LOCK, f"{LOCK}.0"]
    assert folder.token == "" and hidden(folder) == [LOCK] and (folder / LOCK).read_bytes() == b""
    with folder.locked():
        pass


def test_a_stopped_holder_that_was_taken_over_writes_nothing_and_ends(folder, holder):
    assert ask(holder, "write before") == "written"
    holder.send_signal(signal.SIGSTOP)
    move(folder, silent=SECONDS + 5)
    with folder.locked():
        atomic_write(folder / "mine", "by the taker")
        left = {path.name: path.stat().st_mtime_ns for path in folder.path.iterdir()}
        holder.send_signal(signal.SIGCONT)
        told = ask(holder, "write before")
        assert told.startswith("TakenOverError") and f"run was taken over by process {os.getpid()} on" in told
        assert holder.wait(20) == 6
        assert {path.name: path.stat().st_mtime_ns for path in folder.path.iterdir()} == left
        atomic_write(folder / "mine", "still by the taker")
    assert hidden(folder) == [LOCK] and (folder / "before").read_text() == "by the holder"


def test_a_write_that_was_delayed_between_look_and_rename_comes_to_nothing(folder, monkeypatch):
    """Whoever takes over removes the temporary file, before it reads anything in the folder."""
    first = ExitStack()
    first.enter_context(folder.locked())
    atomic_write(folder / "file", "old")
    real, taken = os.replace, ExitStack()

    def replace(source, target):
        monkeypatch.setattr("tfpipelines.core.files.os.replace", real)
        move(folder)
        code = f"""
from pathlib import Path
from tfpipelines.core.lock import locked
with locked(Path({str(folder.path)!r}), take_over=True):
    pass
"""
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        with taken, open(folder / LOCK, "w", encoding="utf-8") as file:
            json.dump({"pid": 7, "host": "elsewhere", "token": "0" * 16}, file)  # it goes on there
        real(source, target)

    monkeypatch.setattr("tfpipelines.core.files.os.replace", replace)
    with pytest.raises(TakenOverError, match="process 7 on elsewhere"):
        atomic_write(folder / "file", "new")
    first.close()
    assert (folder / "file").read_text() == "old" and not list(folder.path.glob(".tmp-*"))
    assert json.loads((folder / LOCK).read_text())["pid"] == 7  # it was not this one's to release


def test_a_holder_elsewhere_is_waited_for_while_its_heart_beats(folder, holder, tfpipe):
    holder.send_signal(signal.SIGSTOP)
    move(folder, silent=20)
    with pytest.raises(
        RunInUseError, match=rf"process {holder.pid} on elsewhere, whose last heartbeat was 2\d s"
    ) as told:
        folder.locked().__enter__()
    assert "free in 3" in told.value.remedy or "free in 40" in told.value.remedy
    assert "tfpipe resume run --take-over" in told.value.remedy
    with pytest.raises(RunInUseError) as told, locked(folder.path, is_run=False):
        pass
    assert told.value.remedy.endswith(" s.")
    move(folder, silent=-600)  # the clock of the file system was set back: not yet free, but for whoever asks for it
    with pytest.raises(RunInUseError), folder.locked():
        pass
    with folder.locked(take_over=True):
        assert json.loads((folder / LOCK).read_text())["pid"] == os.getpid()


def test_a_living_process_of_this_host_keeps_its_folder(folder, holder):
    holder.send_signal(signal.SIGSTOP)
    beaten = time.time() - 10 * SECONDS
    os.utime(folder / LOCK, (beaten, beaten))
    for take_over in (False, True):
        with pytest.raises(RunInUseError, match=f"process {holder.pid} on"), folder.locked(take_over):
            pass
    holder.kill()
    holder.wait()
    with folder.locked():  # free at once
        pass


def test_a_lock_of_an_earlier_version_needs_to_be_told(folder):
    (folder / LOCK).write_text(json.dumps({"pid": 7, "host": "elsewhere"}))
    os.utime(folder / LOCK, (0, 0))
    with (
        pytest.raises(RunInUseError, match="process 7 on elsewhere, or was so when it died") as caught,
        folder.locked(),
    ):
        pass
    assert "--take-over" in caught.value.remedy and json.loads((folder / LOCK).read_text())["host"] == "elsewhere"
    with folder.locked(take_over=True):
        pass
    (folder / LOCK).write_text(json.dumps({"pid": 2**22 + 1, "host": lease.hostname()}))
    with folder.locked():  # of this host, and dead
        pass


def test_another_start_of_a_host_of_the_same_name_is_another_host(folder):
    (folder / LOCK).write_text(
        json.dumps({"pid": 7, "host": lease.hostname(), "boot": "another", "token": "0123456789abcdef"})
    )
    with pytest.raises(RunInUseError, match="last heartbeat was 0 s ago"), folder.locked():
        pass


def test_two_takers_cannot_both_win(folder):
    """Each of them has seen the same lock, of a holder that is gone."""
    (folder / LOCK).write_text(json.dumps({"pid": 7, "host": "elsewhere", "token": "0123456789abcdef"}))
    for _ in range(30):
        seen, offers = chain(folder.path), [Lease(folder.path) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            won = list(pool.map(lambda offer, seen=seen: offer.take(seen), offers))
        assert sum(won) == 1
        for offer, taken in zip(offers, won):
            if not taken:
                offer.withdraw()
        winner = offers[won.index(True)]
        winner.require()
        assert chain(folder.path)[-1].token == winner.token
        assert len(hidden(folder)) == 2, hidden(folder)  # the lock, and the claim that won it


def test_a_late_taker_withdraws(folder):
    """It has seen a lock that two others have taken since, and the claim on it is gone."""
    seen = chain(folder.path)
    for _ in range(2):
        with folder.locked():
            late = Lease(folder.path)
            assert not late.take(seen)
            late.withdraw()
            atomic_write(folder / "file", "x")
    assert hidden(folder) == [LOCK]


@pytest.mark.parametrize("links", [True, False])
def test_a_process_that_dies_while_it_takes_over_is_no_obstacle(folder, monkeypatch, links):
    if not links:
        monkeypatch.setattr(lease.os, "link", raising(OSError(errno.EOPNOTSUPP, "no links")))
    seen, dead = chain(folder.path), Lease(folder.path)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(lease.os, "rename", raising(KeyboardInterrupt()))
        dead.take(seen)
    dead._close()  # as the system does
    assert (folder / LOCK).exists() is False and (folder / f"{LOCK}.0").exists()
    with folder.locked():
        atomic_write(folder / "file", "x")
        assert chain(folder.path)[-1].token == folder.token
    assert hidden(folder) == [LOCK]


def test_a_claim_that_was_never_written_is_no_obstacle(folder):
    """Of a file system without hard links, where a process died between making and writing it."""
    (folder / f"{LOCK}.0").touch()
    with folder.locked():
        atomic_write(folder / "file", "x")
    assert hidden(folder) == [LOCK]


def raising(error):
    def call(*_, **__):
        raise error

    return call


def test_a_file_system_without_locks_has_the_heartbeat_alone(folder, monkeypatch):
    monkeypatch.setattr(lock.fcntl, "flock", raising(OSError(errno.ENOLCK, "no locks")))
    with folder.locked(), pytest.raises(RunInUseError, match="last heartbeat was 0 s ago"), folder.locked():
        pass
    with folder.locked():
        os.utime(folder / LOCK, (0, 0))
        with folder.locked():
            pass


def test_a_lock_that_someone_removes_is_not_lost_until_another_takes_it(folder):
    with pytest.raises(TakenOverError, match="taken over by another process, which has ended"), folder.locked():
        for path in folder.path.glob(f"{LOCK}*"):
            path.unlink()
        atomic_write(folder / "file", "x")
        with locked(folder.path):
            atomic_write(folder / "file", "y")
        atomic_write(folder / "file", "z")


def test_a_folder_that_is_removed_beneath_a_run(folder):
    with pytest.raises(ResourceError, match="cannot be written: No such file"), folder.locked():
        shutil.rmtree(folder.path)
        atomic_write(folder / "file", "x")


def test_a_folder_in_which_nothing_may_be_written():
    with pytest.raises(ResourceError, match="cannot be written"), locked(Path("/proc/self")):
        pass


def test_a_full_disk_is_told_by_its_name(folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        with pytest.raises(ResourceError, match="disk is full"), folder.locked():
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [name for name in hidden(folder) if name != LOCK] == []


def test_what_ends_after_a_take_over_says_nothing_in_the_folder(folder):
    folder.set_status("running")
    with pytest.raises(TakenOverError), folder.locked(), ending(folder):
        with open(folder / LOCK, "w", encoding="utf-8") as file:
            json.dump({"pid": 7, "host": "elsewhere", "token": "0" * 16}, file)
        folder.set_status("running", epoch=3)
    assert folder.status["state"] == "running" and "epoch" not in folder.status


# --- within another folder
def test_a_process_that_works_for_another_writes_while_that_holds_the_whole(folder):
    inner = folder.child("trials/0001")
    with folder.locked():
        token = folder.token
        with working_for(folder.path, token), inner.locked(within=token):
            assert json.loads((inner / LOCK).read_text())["within"] == token
            atomic_write(inner / "file", "x")
    with folder.locked() as again, working_for(again.path, token), pytest.raises(TakenOverError):
        atomic_write(inner / "file", "y")
    assert (inner / "file").read_text() == "x"


def test_a_trial_of_an_earlier_supervisor_is_not_waited_for(folder):
    inner = folder.child("trials/0001")
    with inner.locked(within="1" * 16), pytest.raises(RunInUseError), inner.locked(within="2" * 16):
        pass
    with pytest.raises(TakenOverError), inner.locked(within="1" * 16):
        with inner.locked(take_over=True, within="2" * 16):  # of this host, and alive: when it has been waited for
            atomic_write(inner / "file", "x")
            (folder / LOCK).write_text("")
            with pytest.raises(RunInUseError), inner.locked(take_over=True, within="2" * 16):
                pass
            atomic_write(inner / "file", "x")
            with open(inner / LOCK, "w", encoding="utf-8") as file:
                json.dump({"pid": 7, "host": "elsewhere", "token": "0" * 16, "within": "2" * 16}, file)
        with inner.locked(within="3" * 16):  # of another host: at once
            pass
        atomic_write(inner / "file", "y")


def test_a_manifest_is_not_renewed_while_another_host_works_there(folder):
    (folder / LOCK).write_text(json.dumps({"pid": 7, "host": "elsewhere", "token": "0123456789abcdef"}))
    with pytest.raises(RunInUseError), waiting(folder.path, 0.1):
        pass
    os.utime(folder / LOCK, (0, 0))
    with waiting(folder.path, 0.1):
        pass


# --- heartbeats
@pytest.fixture
def quick(monkeypatch):
    """Heartbeats every 10 ms."""
    monkeypatch.setattr(heartbeat, "BEAT", 0.01)
    monkeypatch.setattr(heartbeat, "_beats", heartbeat._Thread())


def eventually(condition):
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_one_thread_beats_for_all_and_ends_with_them(folder, tmp_path, quick):
    before, other = threading.active_count(), RunFolder.create(tmp_path, "b")
    with folder.locked(), other.locked():
        for one in (folder, other):
            os.utime(one / LOCK, (1, 1))
            eventually(lambda one=one: (one / LOCK).stat().st_mtime > 1)
    eventually(lambda: heartbeat._beats._seen < 0)
    assert threading.active_count() == before
    with folder.locked():  # and begins again
        os.utime(folder / LOCK, (1, 1))
        eventually(lambda: (folder / LOCK).stat().st_mtime > 1)


def test_without_memory_for_a_thread_what_is_written_beats(folder, monkeypatch, quick):
    monkeypatch.setattr(heartbeat._thread, "start_new_thread", raising(RuntimeError("can't start new thread")))
    monkeypatch.setattr(lease, "_LATE", 0.0)
    with folder.locked():
        os.utime(folder / LOCK, (1, 1))
        time.sleep(0.05)
        assert (folder / LOCK).stat().st_mtime == 1
        atomic_write(folder / "file", "x")
        assert (folder / LOCK).stat().st_mtime > 1


def test_a_heartbeat_that_fails_is_told_once_and_ends_nothing(folder, monkeypatch, quick):
    told = []
    heartbeat.tell(told.append)
    with folder.locked():
        with monkeypatch.context() as patch:
            patch.setattr(lease.os, "utime", raising(OSError(errno.ENOSPC, "No space left on device")))
            eventually(lambda: heartbeat._beats.leases[0].trouble)
            atomic_write(folder / "file", "x")
            atomic_write(folder / "file", "y")
    assert (folder / "file").read_text() == "y"
    assert len(told) == 1 and "run/.lock cannot be written: No space left on device; after 60 s" in told[0]


def test_a_wait_for_another_host_ends_with_a_heartbeat_or_without(folder, monkeypatch):
    monkeypatch.setattr(lock, "SECONDS", 0.3)
    monkeypatch.setattr(lock, "BEAT", 0.05)
    notes = []
    wait_for_silence(folder.path, notes.append)
    assert not notes
    (folder / LOCK).write_text(json.dumps({"pid": 7, "host": "elsewhere", "token": "0123456789abcdef"}))
    wait_for_silence(folder.path, notes.append)
    assert len(notes) == 1 and "process 7 on elsewhere" in notes[0]
    with folder.locked():
        pass
    (folder / LOCK).write_text(json.dumps({"pid": 7, "host": "elsewhere", "token": "0123456789abcdef"}))
    threading.Timer(0.1, lambda: os.utime(folder / LOCK)).start()
    wait_for_silence(folder.path, notes.append)
    with pytest.raises(RunInUseError), folder.locked():
        pass


def test_processes_of_one_number_on_two_hosts_write_other_temporary_files(tmp_path, monkeypatch):
    """In containers all are number 1: a file that one has half written must not be renamed by another."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    path = tmp_path / f"{'x' * 240}.keras"
    here = files.temporary_path(path)
    monkeypatch.setattr(files, "_process", files._Process())
    there = files.temporary_path(path)
    assert here != there and here.suffix == ".keras" and len(os.fsencode(here.name)) <= 255
    files.atomic_write(path, b"whole")
    assert path.read_bytes() == b"whole" and list(tmp_path.iterdir()) == [path]


def test_a_forked_process_does_not_give_the_folder_free(tmp_path, monkeypatch):
    with locked(tmp_path) as token:
        held = lease.Lease(tmp_path, "")
        monkeypatch.setattr(held, "token", token)
        monkeypatch.setattr(held, "_pid", os.getpid() + 1)
        held.release()
        held.withdraw()
        lease.require_holder(tmp_path, token)
        assert (tmp_path / lease.LOCK).is_file()


def test_a_full_disk_while_waiting_is_told_as_such(tmp_path, monkeypatch):
    def full(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / ".lock").write_text(json.dumps({"pid": 7, "host": "elsewhere", "token": "0123456789abcdef"}))
    monkeypatch.setattr(lock, "clock", full)
    with pytest.raises(ResourceError, match="full"):
        lock.wait_for_silence(tmp_path, print)
    with pytest.raises(ResourceError, match="full"), lock.waiting(tmp_path):
        pass
    assert lock.in_use(tmp_path) and lock.beats_elsewhere(tmp_path)
    os.utime(tmp_path / ".lock", (1, 1))
    assert not lock.in_use(tmp_path)


def test_a_process_that_took_over_and_has_ended_is_not_said_to_go_on(tmp_path):
    with locked(tmp_path) as token:
        (tmp_path / f".lock.{token}").write_text("")
        with pytest.raises(TakenOverError, match="which has ended"):
            lease.require_holder(tmp_path, token)
        (tmp_path / f".lock.{token}").unlink()
