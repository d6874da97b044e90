"""Masks of every kind of file are read; those that cannot be used are found before training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfpipelines.datasets import Findings
from tfpipelines.errors import DataError
from tfpipelines.tasks.anomaly import read_normal_images
from tfpipelines.tasks.anomaly.config import AnomalyImageData
from tfpipelines.tasks.anomaly.masks import read_mask

ODD = np.zeros((12, 8), bool)
ODD[2:7, 1:4] = True


def palette(low, high) -> Image.Image:
    image = Image.fromarray(ODD.astype(np.uint8), "L")
    image = image.convert("P")
    image.putpalette([*low, *high, *[0] * 12])
    return image


def coloured(colour, alpha=None) -> Image.Image:
    levels = np.zeros((*ODD.shape, 3), np.uint8)
    levels[ODD] = colour
    image = Image.fromarray(levels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return image


KINDS = {
    "1 bit": (Image.fromarray(ODD), "png"),
    "0 and 1": (Image.fromarray(ODD.astype(np.uint8)), "png"),
    "0 and 255": (Image.fromarray(ODD.astype(np.uint8) * 255), "bmp"),
    "16 bits of 0 and 1": (Image.fromarray(ODD.astype(np.uint16)), "png"),
    "16 bits of 0 and 65535": (Image.fromarray(ODD.astype(np.uint16) * 65535), "tif"),
    "32 bits": (Image.fromarray(ODD.astype(np.int32)), "tif"),
    "floats": (Image.fromarray(ODD.astype(np.float32)), "tiff"),
    "palette": (palette((0, 0, 0), (128, 0, 0)), "png"),
    "dark blue": (coloured((0, 0, 1)), "png"),
    "transparent elsewhere": (coloured((9, 9, 9), ODD * 255), "png"),
    "transparency alone": (coloured((0, 0, 0), ODD * 255), "png"),
    "white under transparency": (coloured((255, 255, 255), ODD * 1), "png"),
    "grey and transparency": (Image.merge("LA", [Image.fromarray(ODD.astype(np.uint8))] * 2), "png"),
    "JPEG": (Image.fromarray(ODD.repeat(4, 0).repeat(4, 1).astype(np.uint8) * 255), "jpg"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_everything_above_0_is_odd(tmp_path, kind):
    image, ending = KINDS[kind]
    image.save(tmp_path / f"m.{ending}")
    mask = read_mask(tmp_path / f"m.{ending}", 10**6)
    odd = mask.odd[2::4, 2::4] if ending == "jpg" else mask.odd
    assert np.array_equal(odd, ODD) and len(mask.levels) == 1


def test_several_levels_all_count(tmp_path):
    levels = ODD * np.arange(96, dtype=np.uint8).reshape(12, 8)
    Image.fromarray(levels).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png", 10**6)
    assert np.array_equal(mask.odd, ODD) and len(mask.levels) == 15


@pytest.fixture
def parts(tmp_path) -> Path:
    """Images as MVTec has them: 6 normal ones, and 3 with a stain and a mask each."""
    rng = np.random.default_rng(0)
    places = [f"train/good/{number}" for number in range(6)] + [f"test/stain/{number}" for number in range(3)]
    for place in (*places, "test/good/0"):
        path = tmp_path / "set" / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (12, 8), dtype=np.uint8)).save(path)
    (tmp_path / "set" / "ground_truth" / "stain").mkdir(parents=True)
    for number in range(3):
        Image.fromarray(ODD).save(tmp_path / "set" / "ground_truth" / "stain" / f"{number}_mask.png")
    return tmp_path / "set"


def read(path, **fields):
    findings = Findings()
    frame = read_normal_images(AnomalyImageData(path=str(path), **fields), findings).frame
    return frame, {finding.code: finding for finding in findings.entries}


@pytest.mark.parametrize("fault", ["truncated", "no image", "other shape", "unreadable"])
def test_a_mask_that_cannot_be_used_is_found_before_training(parts, fault):
    mask = parts / "ground_truth" / "stain" / "1_mask.png"
    told = {"truncated": "truncated", "no image": "not an image but text", "other shape": "9 x 9, the image 12 x 8"}
    if fault == "truncated":
        mask.write_bytes(mask.read_bytes()[:-30])
    elif fault == "no image":
        mask.write_text("none")
    elif fault == "unreadable":
        mask.unlink()
        mask.mkdir()
        (mask / "inner.png").write_bytes(b"")
        frame, found = read(parts)
        assert found["no_mask"].items == ("test/stain/1.png",) and found["stray_mask"].items
        return
    else:
        Image.new("L", (9, 9), 1).save(mask)
    frame, found = read(parts)
    assert found["bad_mask"].severity == "error" and found["bad_mask"].message == "1 of 3 masks cannot be used"
    (item,) = found["bad_mask"].items
    assert item.startswith("ground_truth/stain/1_mask.png: ") and told[fault] in item.lower()
    frame, found = read(parts, on_bad="skip")
    assert found["bad_mask"].severity == "warning" and frame["mask"].notna().sum() == 2
    assert (frame["truth"] != "").sum() == 2


def test_what_else_is_said_of_masks(parts):
    folder = parts / "ground_truth" / "stain"
    Image.fromarray(ODD.repeat(2, 0).repeat(2, 1)).save(folder / "0_mask.png")  # of the same shape
    Image.fromarray(ODD * 0.0).save(folder / "1_mask.png", "TIFF")
    Image.fromarray((ODD * [[1, 1, 2, 2, 1, 1, 1, 1]]).astype(np.uint8)).save(folder / "2_mask.png")
    Image.fromarray(ODD).save(folder / "7_mask.png")
    (folder / "notes.txt").write_text("")
    frame, found = read(parts)
    assert frame["mask"].notna().sum() == 3
    assert {code: finding.severity for code, finding in found.items()} == {
        "stray_mask": "warning", "mask_size": "warning", "empty_mask": "warning", "mask_levels": "note",
    }  # fmt: skip
    assert found["stray_mask"].items == ("stain/7_mask.png",)
    assert found["mask_size"].items == ("ground_truth/stain/0_mask.png: 24 x 16, the image 12 x 8",)
    assert found["empty_mask"].items == ("ground_truth/stain/1_mask.png",)
    assert found["mask_levels"].items == ("ground_truth/stain/2_mask.png: 1, 2",)


def test_good_masks_are_passed_in_silence(parts):
    (parts / "ground_truth" / "good").mkdir()
    Image.fromarray(ODD & False).save(parts / "ground_truth" / "good" / "0_mask.png")
    frame, found = read(parts)
    assert frame["mask"].notna().sum() == 3 and not found


@pytest.mark.parametrize("names", [("bottle", "cable"), ("bottle",)])
def test_the_root_of_several_data_sets_names_them(parts, names):
    root = parts.parent / "all"
    root.mkdir()
    for name in names:
        (root / name).symlink_to(parts, target_is_directory=True)
    with pytest.raises(DataError, match="with a folder for training") as caught:
        read(root, follow_links=True)
    assert str(root / "bottle") in caught.value.remedy and all(f"{name}/" in caught.value.cause for name in names)
    assert len(read(root, follow_links=True, layout="flat")[0]) == 13  # as it is asked for


def test_classes_with_split_folders_in_them_are_classes(tmp_path):
    for place in ("good/train/1", "good/test/2", "bad/test/3"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / f"{place}.png")
    assert sorted(read(tmp_path)[0]["label"]) == ["bad", "good", "good"]
