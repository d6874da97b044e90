"""Files that a table names by absolute paths, with backslashes, by URLs or by paths of another machine."""

import os
from pathlib import Path

import pytest

from tfpipelines.core.config.images import ImageData
from tfpipelines.datasets.findings import Findings
from tfpipelines.datasets.image_inputs import raw_images
from tfpipelines.datasets.image_samples import read_image_source
from tfpipelines.datasets.source.named_files import NamedFiles

from ..conftest import DOT

FILES = ("img/cat/000.png", "img/dog/000.png", "img/dog/001.png", "other.png")


@pytest.fixture
def root(tmp_path) -> Path:
    """A folder of a few files, with a link beside it that leads to the same."""
    for name in FILES:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(DOT)
    (tmp_path / "link").symlink_to(tmp_path / "data", target_is_directory=True)
    return tmp_path / "data"


def resolve(root, *names, follow_links=False) -> tuple[list, dict[str, tuple]]:
    findings = Findings()
    items = NamedFiles(root, follow_links, findings).resolve(names, range(2, 2 + len(names)))
    return items, {finding.code: finding.items or finding.message for finding in findings.entries}


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("through", ["data", "link"])
@pytest.mark.parametrize("given", ["data", "link"])
def test_absolute_paths_below_the_root(tmp_path, root, relative, through, given):
    start = Path(given) if relative else tmp_path / given
    assert resolve(start, *(str(tmp_path / through / name) for name in FILES)) == (list(FILES), {})


def test_backslashes_are_separators_unless_a_file_is_called_so(root):
    assert resolve(root, r"img\cat\000.png", r".\img\dog\001.png") == ([FILES[0], FILES[2]], {})
    (root / r"img\cat\000.png").write_bytes(DOT)
    assert resolve(root, r"img\cat\000.png")[0] == [r"img\cat\000.png"]
    assert resolve(root, r"..\..\etc\passwd", r"..\other.png")[0] == [None, None]


@pytest.mark.parametrize("start", ["C:\\data\\", "d:/mine/", "\\\\server\\share\\in\\", "/gone/away/"])
def test_absolute_paths_of_another_place_are_found_by_their_ends(root, start):
    names = [start + name.replace("/", "\\") if "\\" in start else start + name for name in FILES]
    items, told = resolve(root, *names)
    assert items == list(FILES) and set(told) == {"moved"} and "4 absolute paths of another place" in told["moved"]


def test_a_name_alone_does_not_make_a_file_the_one_that_is_meant(root):
    """One folder of the other place stands for one folder here, for all rows."""
    names = ["C:\\x\\000.png", "/gone/a/001.png", "/gone/b/001.png", "/gone/none.png"]
    items, told = resolve(root, *names)
    assert items == [None] * 4
    assert told["absent"] == tuple(f"line {line}: {name}" for line, name in enumerate(names, 2))
    moved = ["/old/img/cat/000.png", "/old/img/dog/001.png", "/other/dog/001.png", "/old/img/bird/001.png"]
    assert resolve(root, *moved)[0] == ["img/cat/000.png", "img/dog/001.png", None, None]
    assert resolve(root, "/gone/other.png", "/gone/img/dog/001.png")[0] == ["other.png", "img/dog/001.png"]


def test_a_file_that_is_gone_from_below_the_root_is_no_other_one(root):
    (root / "img" / "cat" / "001.png").unlink(missing_ok=True)
    (root / "other.png").unlink()
    items, told = resolve(root, str(root / "img" / "cat" / "001.png"), str(root / "img" / "other.png"))
    assert items == [None, None] and len(told["absent"]) == 2


def test_what_is_elsewhere_stays_outside(tmp_path, root):
    (tmp_path / "other.png").write_bytes(DOT)
    items, told = resolve(root, str(tmp_path / "other.png"), "../other.png")
    assert items == [None, None] and set(told) == {"outside"}
    items, told = resolve(root, str(tmp_path / "other.png"), follow_links=True)
    assert items == [str(tmp_path / "other.png")] and not told
    (root / "loop").symlink_to("loop")
    assert resolve(root, "loop")[0] == [None]


def test_urls_are_told_to_be_downloaded(root):
    names = [f"{scheme}://place/a.png" for scheme in ("http", "https", "s3", "gs", "hf", "HTTPS")]
    items, told = resolve(root, *names)
    assert items == [None] * 6 and list(told) == ["url"] and told["url"][0] == "line 2: http://place/a.png"
    assert resolve(root, f"file://{root}/other.png")[0] == ["other.png"]


def test_training_and_prediction_read_the_same_names(tmp_path, root):
    names = [str(root / FILES[0]), r"img\dog\000.png", "C:\\old\\dog\\001.png", "https://place/a.png"]
    (root / "t.csv").write_text("image,label\n" + "".join(f"{name},a\n" for name in names))
    os.chdir(tmp_path)
    table = read_image_source(ImageData(path="data/t.csv"))
    assert list(table.frame["item"]) == list(FILES[:3])
    entries = raw_images("data/t.csv")
    assert [entry.item for entry in entries] == [*FILES[:3], "line 5: https://place/a.png"]
    assert entries[3].error == "a URL; download the file, and give its local path"
    assert entries[2].pixels(3, 255, 1000).shape == (2, 2, 3)
    (tmp_path / "apart").mkdir()
    (tmp_path / "apart" / "t.csv").write_text("image\nimg/dog/001.png\n")
    assert "names no file" in raw_images("apart/t.csv")[0].error
    (entry,) = raw_images("apart/t.csv", root="data")
    assert not entry.error and entry.pixels(3, 255, 1000).shape == (2, 2, 3)


def test_a_table_without_any_file_is_a_matter_of_the_data(tfpipe, root):
    (root / "t.csv").write_text("image,label\nhttp://x/a.png,a\nhttp://x/b.png,b\n")
    result = tfpipe("check", root / "t.csv")
    assert result.code == 3 and "Download the files first" in result.out + result.err
    assert "There are no training samples" not in result.out + result.err
