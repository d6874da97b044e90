"""Archives are unpacked once into the cache folder, and read as what is in them."""

import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets import archives, image_samples, raw_images
from tfpipelines.datasets.source import open_source
from tfpipelines.datasets.source.requests import FEATURES, ROWS, TEXTS, Request
from tfpipelines.errors import ConfigError, DataError, ResourceError


def read_images(path, **fields):
    return image_samples.read_image_source(ImageData(path=str(path), **fields))


def labels(table):
    return table.frame["label"].value_counts().to_dict()


def packed(photos, to, form, inner="photos"):
    """An archive of the folder of photos, with a folder of that name on top, or none."""
    kind = {".zip": "zip", ".tar": "tar", ".tar.gz": "gztar", ".tar.bz2": "bztar", ".tar.xz": "xztar"}[form]
    shutil.copytree(photos, to / "inside" / inner, dirs_exist_ok=True)
    return Path(shutil.make_archive(str(to / "packed"), kind, to / "inside"))


def zipped(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("form", [".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_every_form_is_read_as_its_folder(photos, tmp_path, form):
    archive = packed(photos, tmp_path, form)
    table = read_images(archive)
    assert labels(table) == {"zero": 12, "one": 12, "two": 12} and len(list(table.source.root.rglob("*.png"))) == 36
    assert [entry.code for entry in table.findings.entries] == ["unpacked"]
    assert read_images(archive).source.path == table.source.path  # unpacked once
    assert labels(read_images(archive / "photos")) == labels(table)
    with pytest.raises(DataError, match="does not exist"):
        read_images(archive / "absent")


def test_another_archive_of_the_same_name_is_unpacked_anew(photos, tmp_path):
    first = read_images(packed(photos, tmp_path, ".zip"))
    shutil.rmtree(tmp_path / "inside" / "photos" / "two")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "inside"))
    os.utime(archive, ns=(1, 1))
    assert set(labels(read_images(archive))) == {"zero", "one"} and len(labels(first)) == 3


def test_splits_and_a_single_class_stay_folders(photos, tmp_path):
    for name in ("train", "test"):
        shutil.copytree(photos, tmp_path / "two" / "set" / name)
    archive = Path(shutil.make_archive(str(tmp_path / "splits"), "zip", tmp_path / "two"))
    assert read_images(archive).frame["split"].value_counts().to_dict() == {"train": 36, "test": 36}
    shutil.rmtree(tmp_path / "two" / "set" / "test")
    archive = Path(shutil.make_archive(str(tmp_path / "train"), "zip", tmp_path / "two"))
    assert set(read_images(archive).frame["split"]) == {"train"}


def test_a_table_in_an_archive(tmp_path):
    rows = "a,label\n1,x\n2,y\n"
    table = open_source(str(zipped(tmp_path / "t.zip", {"out/t.csv": rows})), FEATURES).read(Request(FEATURES))
    assert list(table.cells["a"]) == ["1", "2"] and table.findings.entries[-1].code == "unpacked"
    two = zipped(tmp_path / "two.zip", {"a.csv": rows, "b.csv": rows.replace("2,", "3,")})
    with pytest.raises(DataError, match="holds 2 tables: a.csv, b.csv") as caught:
        open_source(str(two), ROWS)
    assert caught.value.remedy == f"Name one: {two}/a.csv."
    assert list(open_source(f"{two}/b.csv", ROWS).read(Request(ROWS)).cells["a"]) == ["1", "3"]
    with pytest.raises(DataError, match="holds no table"):
        open_source(str(zipped(tmp_path / "none.zip", {"x.txt": "x"})), ROWS)
    texts = zipped(tmp_path / "texts.zip", {"pos/1.txt": "good", "pos/2.txt": "fine", "neg/1.txt": "bad"})
    assert labels(open_source(str(texts), TEXTS).read(Request(TEXTS))) == {"pos": 2, "neg": 1}


def test_a_table_names_files_of_its_archive(photos, tmp_path):
    (photos / "labels.csv").write_text("file,label\nzero/000.png,a\none/001.png,b\n")
    table = read_images(packed(photos, tmp_path, ".zip") / "photos" / "labels.csv")
    assert list(table.frame["item"]) == ["zero/000.png", "one/001.png"] and table.path(0).is_file()


def test_inputs_of_predictions(photos, tmp_path):
    archive = packed(photos, tmp_path, ".zip")
    found = raw_images([str(archive / "photos" / "zero"), str(archive / "photos" / "one" / "000.png"), f"{archive}/no"])
    assert len(found) == 12 + 2 and found[0].item == f"{archive}/photos/zero/000.png" and not found[12].error
    assert found[12].item == f"{archive}/photos/one/000.png" and found[13].error == "no such file"
    everything = raw_images(str(archive))
    assert len(everything) == 36 and everything[0].item == f"{archive}/photos/one/000.png"
    archive.write_bytes(b"x")
    assert "is no whole archive" in raw_images(str(archive / "photos"))[0].error


def test_names_of_other_systems(tmp_path, digits):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(digits["x"][0]).save(stream, "PNG")
    info = zipfile.ZipInfo("x")
    info.filename = "p\\grün\\1.png"  # as some programs of Windows write it
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, stream.getvalue())
        archive.writestr("p/rot/1.png", stream.getvalue())
    content = (tmp_path / "a.zip").read_bytes()
    assert content.count("p\\grün\\1.png".encode()) == 2
    assert set(labels(read_images(tmp_path / "a.zip"))) == {"grün", "rot"}


HOSTILE = ("../out.png", "/tmp/out.png", "a/../../out.png")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", [".zip", ".tar.gz"])
def test_a_path_that_leads_out_is_refused_whole(tmp_path, name, form):
    archive = tmp_path / f"a{form}"
    if form == ".zip":
        zipped(archive, {"a/1.png": "x", name: "x"})
    else:
        with tarfile.open(archive, "w:gz") as packing:
            for entry in ("a/1.png", name):
                info = tarfile.TarInfo(entry)
                info.size = 1
                packing.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(DataError, match="holds a path that leads out of it"):
        archives.unpacked(archive)
    assert not list((tmp_path / "cache" / "unpacked").iterdir()) and not (tmp_path / "out.png").exists()


def test_links_and_devices_of_an_archive_are_left_out(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (
            ("a", tarfile.SYMTYPE),
            ("c", tarfile.CHRTYPE),
            ("d", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("real")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"ok"))
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("real", "ok")
    for name in ("a.tar", "a.zip"):
        folder = archives.unpacked(tmp_path / name)
        assert [path.name for path in folder.iterdir()] == ["real"] and (folder / "real").read_bytes() == b"ok"


FORMS = (".zip", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar")
DAMAGES = [(form, damage) for form in FORMS for damage in ("cut", "bits", "other")]
DAMAGES.remove((".tar", "bits"))  # it has sums over its headers alone


@pytest.mark.parametrize(("form", "damage"), DAMAGES)
def test_damaged_archives_leave_nothing(photos, tmp_path, form, damage):
    archive = packed(photos, tmp_path, form)
    content = bytearray(archive.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "bits":
        middle = len(content) // 3
        content[middle : middle + 40] = bytes(40)
    else:
        content = b"no archive" * 10
    archive.write_bytes(content)
    with pytest.raises(DataError, match="is no whole archive"):
        archives.unpacked(archive)
    assert not list((tmp_path / "cache" / "unpacked").iterdir())


@pytest.mark.parametrize("damage", ["bit", "cut"])
def test_a_tar_that_ends_too_early_is_refused(tmp_path, damage):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(4):
            info = tarfile.TarInfo(f"{number}.txt")
            info.size = 4
            archive.addfile(info, io.BytesIO(b"text"))
    content = bytearray(stream.getvalue())
    if damage == "bit":
        content[2 * 1024 + 5] ^= 1  # in the third header
    (tmp_path / "a.tar").write_bytes(content if damage == "bit" else content[: 2 * 1024])
    with pytest.raises(DataError, match="is no whole archive"):
        archives.unpacked(tmp_path / "a.tar")


def test_hard_links_are_copies(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("cat/1.txt")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"ok"))
        for name, target in (("dog/1.txt", "cat/1.txt"), ("dog/2.txt", "absent")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.LNKTYPE, target
            archive.addfile(info)
    folder = archives.unpacked(tmp_path / "a.tar")
    assert (folder / "dog" / "1.txt").read_bytes() == b"ok" and archives.left_out_of(folder) == 1
    table = open_source(str(tmp_path / "a.tar"), TEXTS).read(Request(TEXTS))
    assert labels(table) == {"cat": 1, "dog": 1} and table.findings.of("warning")[0].code == "archive_links"


def test_hard_links_take_room_as_files_do(tmp_path, monkeypatch):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("0")
        info.size = 400_000
        archive.addfile(info, io.BytesIO(bytes(400_000)))
        for number in range(1, 5):
            info = tarfile.TarInfo(str(number))
            info.type, info.linkname = tarfile.LNKTYPE, "0"
            archive.addfile(info)
        info = tarfile.TarInfo("0")
        info.type, info.linkname = tarfile.LNKTYPE, "0"  # to itself
        archive.addfile(info)
    sizes = {path.stat().st_size for path in archives.unpacked(tmp_path / "a.tar.gz").iterdir()}
    assert sizes == {400_000}
    os.utime(tmp_path / "a.tar.gz", ns=(1, 1))
    monkeypatch.setattr(archives, "_SMALL", 10**6)
    with pytest.raises(DataError, match="may be a zip bomb"):
        archives.unpacked(tmp_path / "a.tar.gz")


def test_a_header_that_is_too_long_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"comment": "0" * 3_000_000}
        archive.addfile(info)
    with pytest.raises(DataError, match="is no whole archive: a header of 3.00 MB"):
        archives.unpacked(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("names", [("a", "a/b"), ("x" * 300,)])
def test_names_that_cannot_be_files(tmp_path, names):
    with pytest.raises(DataError, match="which cannot be a file here"):
        archives.unpacked(zipped(tmp_path / "a.zip", dict.fromkeys(names, "x")))


def test_files_that_were_removed_come_again_and_leftovers_go(photos, tmp_path):
    archive = packed(photos, tmp_path, ".zip")
    folder = archives.unpacked(archive)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~archives._umask()
    (folder / "photos" / "one" / "000.png").unlink()
    left = folder.with_name(f"{archives._prefix(2**22 + 1)}x")  # of a process that is not there
    left.mkdir()
    assert archives.unpacked(archive) == folder and (folder / "photos" / "one" / "000.png").is_file()
    assert not left.exists()


def test_folders_with_backslashes(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("cat\\", "cat\\1.txt", "dog\\"):
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, "" if name.endswith("\\") else "meow")
    folder = archives.unpacked(tmp_path / "a.zip")
    assert [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()] == ["cat/1.txt"]


def test_bombs_and_small_disks(tmp_path, monkeypatch):
    bomb = zipped(tmp_path / "bomb.zip", {"a.csv": b"0" * 3_000_000}, compression=zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(archives, "_SMALL", 10**6)
    with pytest.raises(DataError, match="may be a zip bomb"):
        archives.unpacked(bomb)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: usage._replace(free=10**6))
    with pytest.raises(ResourceError, match="holds at least 3.00 MB, and .* has room for 1.00 MB"):
        archives.unpacked(bomb)
    assert not list((tmp_path / "cache" / "unpacked").iterdir())


def test_encrypted_archives_and_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "a.zip", {"a.csv": "a\n1\n"})
    content = bytearray(archive.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    (tmp_path / "locked.zip").write_bytes(content)
    with pytest.raises(DataError, match="is encrypted"):
        archives.unpacked(tmp_path / "locked.zip")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TFPIPE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        archives.unpacked(archive)
    assert "TFPIPE_CACHE" in caught.value.remedy
