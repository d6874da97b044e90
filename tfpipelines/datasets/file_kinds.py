"""What a file is that is no image: by its first bytes, else by its name."""

import io
from pathlib import Path

_ARCHIVE = "an archive; unpack it, then give the folder"
READABLE = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")  # archives
ARCHIVE_ENDINGS = (*READABLE, ".7z", ".rar")
_UNPACK = {".zip": "unzip {}", ".7z": "7z x {}", ".rar": "unrar x {}"}
_HEAD = 512
_CONVERT = {  # ending of a table that is not read -> how to make one of it that is
    ".numbers": "Save the sheet as CSV (UTF-8).",
    ".gz": "Decompress it: gunzip {0}.",
    ".bz2": "Decompress it: bunzip2 {0}.",
    ".xz": "Decompress it: unxz {0}.",
    ".zst": "Decompress it: unzstd {0}.",
    **dict.fromkeys((".pkl", ".pickle"), "Write it as Parquet: pandas.read_pickle('{0}').to_parquet('{1}.parquet')."),
    **dict.fromkeys(
        (".arrow", ".feather"), "Write it as Parquet: pandas.read_feather('{0}').to_parquet('{1}.parquet')."
    ),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "Write the table as CSV or Parquet."),
}
HEIC = "HEIC, which needs the package pillow-heif: pip install pillow-heif"
_AVIF = "AVIF, which needs the package pillow-avif-plugin: pip install pillow-avif-plugin"
_JXL = "JPEG XL, which needs the package pillow-jxl-plugin: pip install pillow-jxl-plugin"
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), HEIC),
    **dict.fromkeys((b"avif", b"avis"), _AVIF),
    b"crx ": "a camera's raw file (CR3); export it as JPEG, PNG or TIFF",
}
_POSTSCRIPT = "PostScript (EPS), which is a program; export it as PNG"
_VIDEO = "a video; save its frames as images"
_MAGIC = {  # (place, bytes) -> what it is
    (0, b"PK\x03\x04"): _ARCHIVE,
    (0, b"PK\x05\x06"): _ARCHIVE,
    (0, b"7z\xbc\xaf\x27\x1c"): _ARCHIVE,
    (0, b"Rar!\x1a\x07"): _ARCHIVE,
    (257, b"ustar"): _ARCHIVE,
    (0, b"\x1f\x8b"): "a file compressed by gzip; unpack it",
    (0, b"BZh"): "a file compressed by bzip2; unpack it",
    (0, b"\xfd7zXZ\0"): "a file compressed by xz; unpack it",
    (0, b"\xff\x0a"): _JXL,
    (0, b"\0\0\0\x0cJXL \r\n\x87\n"): _JXL,
    (0, b"%!PS"): _POSTSCRIPT,
    (0, b"\xc5\xd0\xd3\xc6"): _POSTSCRIPT,
    (0, b"%PDF"): "a PDF document; save its pages as images",
    (128, b"DICM"): "DICOM; convert it to 16-bit PNG, by the package pydicom for example",
    (0, b"\x89HDF\r\n\x1a\n"): "an HDF5 file; save its images one by one, or as .npz",
    (0, b"\x93NUMPY"): "a NumPy array; save the images as .npz with x and y",
    (0, b"8BPS"): "a Photoshop file that cannot be read; export it as PNG",
    (0, b"v/1\x01"): "OpenEXR; convert it to 16-bit PNG or TIFF",
    (0, b"#?RADIANCE"): "Radiance HDR; convert it to 16-bit PNG or TIFF",
    (0, b"version https://git-lfs"): "a pointer of Git LFS; fetch the file itself: git lfs pull",
    (0, b"\x1a\x45\xdf\xa3"): _VIDEO,
    (8, b"AVI "): _VIDEO,
}
_TEXTS = {
    b"<svg": "an SVG drawing; export it as PNG",
    b"<!doctype html": "not an image but a web page (HTML), perhaps in place of an image that could not be downloaded",
    b"<html": "not an image but a web page (HTML), perhaps in place of an image that could not be downloaded",
}


def is_archive(name: str) -> bool:
    """Whether a file's name ends as that of an archive does."""
    return name.lower().endswith(ARCHIVE_ENDINGS)


def unpacking(path: Path) -> str:
    """How an archive is unpacked, as a remedy."""
    command = _UNPACK.get(path.suffix.lower(), "tar -xf {}").format(path.name)
    itself = " Or give the archive by itself." if path.name.lower().endswith(READABLE) else ""
    return f"Unpack it ({command}), then give the folder.{itself}"


def conversion(path: Path) -> str:
    """How a table that is not read becomes one that is, as a remedy; "" where that is not known."""
    return _CONVERT.get(path.suffix.lower(), "").format(path.name, path.stem)


def kind_of(source: str | Path | bytes) -> str:
    """What a file, or the content of one, is that is no image, and what to do; "" where that is unknown.

    Raises:
        OSError: if it cannot be read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        head = file.read(_HEAD)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _VIDEO)
    for (place, mark), words in _MAGIC.items():
        if head[place : place + len(mark)] == mark:
            return words
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for mark, words in _TEXTS.items():
        if begin.startswith(mark) or (mark == b"<svg" and begin.startswith(b"<?xml") and mark in begin):
            return words
    if not isinstance(source, bytes) and is_archive(str(source)):
        return _ARCHIVE
    return "not an image but text" if head and _is_text(head) else ""


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else a character that was cut
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character.isspace() for character in text)
