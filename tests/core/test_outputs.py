"""Files that the user has named are written without harm to what is there: links, modes, devices and pipes stay."""

import os
import stat
import threading

import pytest

from tfpipelines.core.outputs import is_stream, write_output
from tfpipelines.errors import ConfigError, ResourceError


def test_a_new_file_and_one_that_is_there(tmp_path):
    path = tmp_path / "out.csv"
    write_output(path, "a\n")
    assert path.read_text() == "a\n" and stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()
    path.chmod(0o600)
    write_output(str(path), b"b\n")
    assert path.read_bytes() == b"b\n" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_file_is_written(tmp_path, there):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "out.csv", tmp_path / "link.csv"
    link.symlink_to(target)
    if there:
        target.write_text("old")
        target.chmod(0o640)
    write_output(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    assert not there or stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("to", ["absent/out.csv", "link.csv"])  # no such folder; itself
def test_a_link_that_leads_nowhere_is_refused(tmp_path, to):
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / to)
    with pytest.raises(ResourceError, match="link.csv"):
        write_output(link, "new")
    assert link.is_symlink() and list(tmp_path.iterdir()) == [link]


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        write_output(tmp_path, "new")


def test_a_pipe_stays_and_its_reader_gets_all(tmp_path):
    pipe, read = tmp_path / "pipe.csv", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_output(pipe, "a,b\n" * 50_000)
    reader.join(20)
    assert read == ["a,b\n" * 50_000] and stat.S_ISFIFO(pipe.stat().st_mode) and is_stream(pipe)


def test_a_device_stays():
    before = os.stat("/dev/null")
    write_output("/dev/null", "x")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode) and (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert not [name for name in os.listdir("/dev") if name.startswith(".tmp-")]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_device_is_said():
    with pytest.raises(ResourceError, match="disk is full"):
        write_output("/dev/full", "x")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text("old")
    os.chown(path, 12345, 12346)
    write_output(path, "new")
    assert path.read_text() == "new" and (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to what is read-only")
def test_a_file_that_is_read_only_stays(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(ResourceError, match="Permission denied"):
        write_output(path, "new")
    assert path.read_text() == "old"


@pytest.mark.parametrize(("text", "expected"), [("é\udcff.png", b"\xc3\xa9\xff.png"), ("a\ud800b", b"a?b")])
def test_names_that_are_no_utf_8_are_written_as_they_are(tmp_path, text, expected):
    write_output(tmp_path / "out.csv", text)
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_a_dash_is_stdout(capfdbinary):
    write_output("-", "a\n")
    assert capfdbinary.readouterr().out == b"a\n" and is_stream("-") and not os.path.exists("-")
