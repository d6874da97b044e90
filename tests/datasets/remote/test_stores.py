"""Object stores, by fsspec and its file system in memory."""

import hashlib

import pytest

from tfpipelines.core.machine import cache_folder
from tfpipelines.datasets.image_samples import read_image_source
from tfpipelines.datasets.remote import local_copy, stores
from tfpipelines.datasets.source import open_source
from tfpipelines.datasets.source.requests import FEATURES, Request
from tfpipelines.errors import ConfigError, DataError

fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")
ROWS = b"a,label\n1,x\n2,y\n"


@pytest.fixture
def memory():
    found = fsspec.filesystem("memory")
    found.store.clear()
    yield found
    found.store.clear()


def fetched(url, told=None):
    return local_copy(url, (told if told is not None else []).append)


def test_a_file(memory):
    memory.pipe("/bucket/set.csv", ROWS)
    copy = fetched("memory://bucket/set.csv", told := [])
    assert copy.path.name == "set.csv" and copy.path.read_bytes() == ROWS and len(told) == 1
    assert copy.sha256 == hashlib.sha256(ROWS).hexdigest()
    assert fetched("memory://bucket/set.csv", told) == copy and len(told) == 1
    memory.pipe("/bucket/set.csv", ROWS + b"3,x\n")
    assert fetched("memory://bucket/set.csv", told).bytes == len(ROWS) + 4 and len(told) == 2
    table = open_source("memory://bucket/set.csv", FEATURES).read(Request(FEATURES))
    assert len(table.frame) == 3


def test_a_folder_of_photos(memory, photos):
    from tfpipelines.core.config.images import ImageData

    for path in photos.rglob("*.png"):
        memory.pipe(f"/bucket/photos/{path.relative_to(photos)}", path.read_bytes())
    table = read_image_source(ImageData(path="memory://bucket/photos/"))
    assert table.frame["label"].value_counts().to_dict() == {"zero": 12, "one": 12, "two": 12}
    assert len(read_image_source(ImageData(path="memory://bucket/photos#inside=zero"), labelled=False).frame) == 12
    told = []
    fetched("memory://bucket/photos", told)
    assert not told
    memory.rm("/bucket/photos/zero/000.png")
    fetched("memory://bucket/photos", told)
    assert "35 files, of" in told[0]


class Breaks:
    """A file that breaks off."""

    def __init__(self, file, most):
        self.file, self.left = file, most

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def seek(self, place):
        self.file.seek(place)

    def read(self, count):
        if not self.left:
            raise OSError("the line is cut\nand more")
        piece = self.file.read(min(count, self.left))
        self.left -= len(piece)
        return piece


def test_what_was_fetched_stays(memory, monkeypatch):
    memory.pipe({"/bucket/p/a.txt": b"a" * 100, "/bucket/p/b/c.txt": bytes(range(200))})
    opened, places = type(memory).open, []
    with monkeypatch.context() as patch:
        cut = lambda self, name, mode: Breaks(opened(self, name, mode), 50 if name.endswith("c.txt") else 1000)
        patch.setattr(type(memory), "open", cut)
        with pytest.raises(DataError, match="c.txt broke off after 50 bytes of 200 bytes: the line is cut") as caught:
            fetched("memory://bucket/p")
    assert "goes on from there" in caught.value.remedy
    part = next(cache_folder().glob("fetched/*/part/files"))
    assert (part / "a.txt").stat().st_size == 100 and not (part / "b" / "c.txt").exists()
    with monkeypatch.context() as patch:

        def watched(self, name, mode):
            places.append(name)
            return opened(self, name, mode)

        patch.setattr(type(memory), "open", watched)
        copy = fetched("memory://bucket/p")
    assert places == ["/bucket/p/b/c.txt"]
    assert (copy.path / "a.txt").read_bytes() == b"a" * 100 and (copy.path / "b/c.txt").read_bytes() == bytes(
        range(200)
    )
    assert not part.exists()


def test_ctrl_c_waits_for_no_whole_file(memory, monkeypatch):
    import os
    import signal
    import threading

    memory.pipe({f"/bucket/p/{number}": bytes(100) for number in range(3)})
    opened, begun, pieces = type(memory).open, threading.Event(), []

    class Slow(Breaks):
        def read(self, count):
            begun.set()
            pieces.append(count)
            stopped.wait(5)
            return super().read(count)

    stopped = threading.Event()
    monkeypatch.setattr(stores, "_CHUNK", 10)
    monkeypatch.setattr(type(memory), "open", lambda self, name, mode: Slow(opened(self, name, mode), 100))

    def stops():
        begun.wait(5)
        os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(0.2, stopped.set).start()

    thread = threading.Thread(target=stops)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        fetched("memory://bucket/p")
    thread.join()
    assert len(pieces) <= 3  # of 10 of each file
    monkeypatch.setattr(type(memory), "open", opened)
    assert fetched("memory://bucket/p").bytes == 300


def test_a_store_that_trickles(memory, monkeypatch):
    import time

    from tfpipelines.datasets.remote import origin

    memory.pipe("/bucket/set.csv", bytes(1000))
    opened = type(memory).open

    class Slow(Breaks):
        def read(self, count):
            time.sleep(0.3)
            return super().read(count)

    monkeypatch.setattr(stores, "_CHUNK", 10)
    monkeypatch.setattr(origin, "SLOW", 0.4)
    monkeypatch.setattr(stores, "_LOOK", 0.15)
    monkeypatch.setattr(origin, "TELLS", 0.1)
    monkeypatch.setattr(type(memory), "open", lambda self, name, mode: Slow(opened(self, name, mode), 1000))
    with pytest.raises(DataError, match="broke off: less than 1 kB a second"):
        fetched("memory://bucket/set.csv", told := [])
    assert "of 1.0 kB are there" in told[-1]


def test_names_that_are_too_long(memory):
    memory.pipe("/bucket/p/" + "n" * 250 + ".c", b"1")
    assert next(fetched("memory://bucket/p").path.iterdir()).read_bytes() == b"1"
    memory.pipe("/bucket/q/" + "n" * 300 + ".c", b"1")
    with pytest.raises(DataError, match="cannot be a file here: File name too long"):
        fetched("memory://bucket/q")


def test_what_is_not_there_or_refused(memory, monkeypatch):
    with pytest.raises(DataError, match="memory://bucket/no.csv does not exist"):
        fetched("memory://bucket/no.csv")
    memory.pipe("/bucket/set.csv", ROWS)
    for error, told in (
        (PermissionError("Access Denied"), "is refused: Access Denied"),
        (type("HttpError", (Exception,), {"code": 403})("no storage.objects.list"), "is refused: no storage"),
        (type("HttpError", (Exception,), {"code": 404})("x"), "does not exist"),
        (ConnectionError("no route"), "cannot be reached: no route"),
    ):
        with monkeypatch.context() as patch:

            def failing(self, path, error=error):
                raise error

            patch.setattr(type(memory), "info", failing)
            with pytest.raises(DataError, match=told):
                fetched("memory://bucket/set.csv")


def test_a_public_bucket_needs_no_account(memory, monkeypatch):
    memory.pipe("/bucket/set.csv", ROWS)
    asked, info = [], type(memory).info

    def opened(self, options):
        asked.append(options)
        return memory

    def careful(self, path):
        if asked[-1].get("anon") is None:
            raise type("NoCredentialsError", (Exception,), {})("Unable to locate credentials")
        return info(self, path)

    monkeypatch.setattr(stores.Store, "_opened", opened)
    monkeypatch.setattr(type(memory), "info", careful)
    assert fetched("memory://bucket/set.csv").bytes == len(ROWS) and asked == [{}, {"anon": True}]


def test_names_that_lead_out_or_cannot_be_files(memory, monkeypatch):
    found = {"/bucket/p/../../x": {"size": 1, "type": "file"}}
    memory.pipe("/bucket/p/a", b"x")
    monkeypatch.setattr(type(memory), "find", lambda self, path, detail: found)
    with pytest.raises(DataError, match="leads out of it"):
        fetched("memory://bucket/p")
    found.clear()
    with pytest.raises(DataError, match="holds no files"):
        fetched("memory://bucket/p")
    found |= {"/bucket/p/a": {"size": 1, "type": "file"}, "/bucket/p/a/b": {"size": 1, "type": "file"}}
    with pytest.raises(DataError, match="cannot be a file here"):
        fetched("memory://bucket/p")


@pytest.mark.parametrize("url", ["s3://bucket/set.csv", "gs://bucket/set.csv"])
def test_a_missing_package_is_named_with_its_extra(url, monkeypatch):
    import sys

    for name in ("s3fs", "gcsfs"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match="needs packages that are not installed") as caught:
        fetched(url)
    assert "pip install 'tfpipelines[remote]'" in caught.value.remedy
