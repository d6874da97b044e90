"""Files that are no images: what they are, and what to do."""

import io
import sys
import types
import zipfile

import pytest
from PIL import Image

from tfpipelines import decode_image
from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets import decoding
from tfpipelines.datasets.image_samples import read_image_source
from tfpipelines.errors import DataError

from ..conftest import DOT

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.png", DOT)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEIC, "HEIC, which needs the package pillow-heif: pip install pillow-heif"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL, which needs the package pillow-jxl-plugin"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "an SVG drawing; export it as PNG"),
        (b"\n<!DOCTYPE html><p>404</p>", "not an image but a web page (HTML)"),
        (b"%PDF-1.7\n", "a PDF document"),
        (bytes(128) + b"DICM" + bytes(50), "DICOM; convert it to 16-bit PNG"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        (b"\0\0\0\x20ftypisom" + bytes(50), "a video"),
        (archive(), "an archive; unpack it"),
        (bytes(257) + b"ustar\0" + bytes(60), "an archive; unpack it"),
        ("Übersicht\n".encode(), "not an image but text"),
        (b"\x01\x02\x03\xfe\xff" * 30, "not an image"),
    ],
)
def test_one_sentence_names_what_a_file_is(tmp_path, content, told):
    (tmp_path / "x.png").write_bytes(content)
    for source in (content, tmp_path / "x.png"):
        with pytest.raises(DataError, match="x.png|the bytes given") as caught:
            decode_image(source)
        assert caught.value.cause.partition(": ")[2].startswith(told)


def test_heic_is_read_where_its_package_is_installed(monkeypatch):
    package = types.ModuleType("pillow_heif")
    open_heic = lambda file, name: Image.new("RGB", (3, 2), (9, 8, 7))
    package.register_heif_opener = lambda: Image.register_open("FAKE", open_heic, lambda head: head[4:12] == HEIC[4:12])
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    decoding._know_heic.cache_clear()
    try:
        assert decode_image(HEIC).tolist() == [[[9, 8, 7]] * 3] * 2
    finally:
        decoding._know_heic.cache_clear()


@pytest.mark.parametrize(
    ("name", "command"),
    [("a.zip", "unzip a.zip"), ("a.tar.gz", "tar -xf"), ("a.TGZ", "tar -xf"), ("a.7z", "7z x"), ("a.rar", "unrar")],
)
def test_an_archive_is_to_be_unpacked(tmp_path, name, command):
    (tmp_path / name).write_bytes(archive())
    for path in (tmp_path / name, tmp_path) if name in ("a.7z", "a.rar") else (tmp_path,):
        with pytest.raises(DataError, match="archive") as caught:
            read_image_source(ImageData(path=str(path)))
        assert command in caught.value.remedy and name in caught.value.cause


def test_archives_among_images_are_counted_and_named(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.png").write_bytes(DOT)
    (tmp_path / "a" / "more.zip").write_bytes(archive())
    (tmp_path / "rest.tar").write_bytes(b"")
    table = read_image_source(ImageData(path=str(tmp_path)))
    assert list(table.frame["item"]) == ["a/1.png", "b/1.png"]
    (found,) = table.findings.of("warning")
    assert (
        found.code == "archives"
        and found.message.startswith("2 archives")
        and found.items == ("a/more.zip", "rest.tar")
    )


@pytest.mark.parametrize(
    "begin", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xc5\xd0\xd3\xc6" + bytes(28) + b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
def test_postscript_is_never_run(tmp_path, begin, monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *given, **others: pytest.fail("Ghostscript is asked"))
    content = begin + b"%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n"
    for name in ("x.png", "x.eps"):
        (tmp_path / name).write_bytes(content)
        for source in (content, tmp_path / name):
            with pytest.raises(DataError, match="PostScript"):
                decode_image(source)


@pytest.mark.parametrize("form", ["PPM", "TGA", "ICO", "JPEG2000", "AVIF", "PCX"])
def test_other_formats_of_pillow_are_read_but_where_only_usual_ones_are(form):
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 0, 0)).save(stream, form)
    assert decode_image(stream.getvalue()).shape == (16, 16, 3)
    with pytest.raises(DataError):
        decoding.read_header(stream.getvalue(), usual=True)
