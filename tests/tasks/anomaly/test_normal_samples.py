"""What is normal, and where it goes; images of all layouts, and their masks."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfpipelines import models
from tfpipelines.datasets import Findings
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.tasks.anomaly import read_masks, read_normal_images
from tfpipelines.tasks.anomaly.config import AnomalyImageData
from tfpipelines.tasks.anomaly.normal_samples import handle_unlabelled, label_anomalies, normal_labels
from tfpipelines.tasks.anomaly.normal_splits import split_normals

from ...conftest import ROOT

BRICKS = ROOT / "data" / "bricks"


def read(path, least=1, **fields):
    findings = Findings()
    return read_normal_images(AnomalyImageData(path=str(path), **fields), findings, least=least).frame, findings


def codes(findings):
    return [finding.code for finding in findings.entries]


def test_normal_labels():
    assert normal_labels(["bad", "Good", "odd"], None) == ["Good"]
    assert normal_labels(["0", "1"], None) == ["0"]
    assert normal_labels(["3", "5", "7"], ("5", "3")) == ["5", "3"]
    assert normal_labels(["a", "b"], None, training=["b", "b"]) == ["b"]
    assert normal_labels(["a", "b", "ok"], None, usual=("a",)) == ["a"]
    with pytest.raises(ConfigError, match="'gud'.*\n?.*'good'"):
        normal_labels(["good", "bad"], ("gud",))
    with pytest.raises(DataError, match="It is unclear which label"):
        normal_labels(["a", "b"], None)


def test_unlabelled_samples():
    def marked(labels, splits=None, normal=None, **more):
        frame = pd.DataFrame({"label": labels, "split": splits or [None] * len(labels)}, dtype=object)
        return label_anomalies(frame, normal, **more)

    frame = marked([None, None, "bad"], ["train", "test", "test"])
    assert (
        frame["anomalous"].tolist() == [False, False, True]
        and frame["known"].tolist() == [True, False, True]
        and frame["label"].tolist() == ["normal", "unlabelled", "bad"]
    )
    assert not marked([None, None], trusted=False)["known"].any() and marked([None, None])["known"].all()
    assert marked(["7", "3", "0"], usual=("3",), trusted=False)["anomalous"].tolist() == [True, False, True]
    assert marked(["7", "0"], usual=("3",), trusted=False)["anomalous"].all()  # strangers to what the model knows
    assert marked(["ok", "torn"], usual=("good",), trusted=False)["anomalous"].tolist() == [False, True]
    with pytest.raises(ConfigError, match="have no labels"):
        marked([None], normal=("good",))
    assert normal_labels(["0.0", "1.0"], ("0",)) == ["0.0"]


@pytest.mark.parametrize(
    ("labels", "kept", "code"),
    [(["bad", None, None], 3, "unlabelled"), (["good", "bad", None], 2, "no_label"), ([None, None], 2, None)],
)
def test_missing_labels(labels, kept, code):
    frame, findings = (
        pd.DataFrame({"item": ["a", "b", "c"][: len(labels)], "label": labels, "split": None}, dtype=object),
        Findings(),
    )
    assert handle_unlabelled(frame, None, (), "skip", findings).sum() == kept
    assert codes(findings) == ([code] if code else [])


def table(labels, splits=None):
    frame = pd.DataFrame(
        {"item": [str(row) for row in range(len(labels))], "label": labels, "split": splits or [None] * len(labels)},
        dtype=object,
    )
    return label_anomalies(frame, ("good",)) if any(labels) else label_anomalies(frame, None)


def parts(frame, keep, **fields):
    return {name: sorted(rows["label"]) for name, rows in frame[keep].groupby("split")}


def split(frame, least=19, seed=0, **fields):
    findings = Findings()
    keep = split_normals(frame, AnomalyImageData(path="-", **fields), least, seed, findings)
    return frame[keep], findings


def test_anomalies_go_to_the_test_alone():
    frame, _ = split(table(["good"] * 200 + ["bad"] * 30))
    counts = frame.groupby("split")["label"].value_counts().to_dict()
    held_out = {("validation", "good"): 13, ("calibration", "good"): 19}
    assert counts == {("train", "good"): 128, **held_out, ("test", "good"): 40, ("test", "bad"): 30}


def test_without_labels_all_are_normal_and_the_threshold_gets_what_it_needs():
    frame, _ = split(table([None] * 60))
    assert frame["split"].value_counts().to_dict() == {"train": 37, "validation": 4, "calibration": 19}
    frame, _ = split(table([None] * 60), least=99)
    assert frame["split"].value_counts().to_dict() == {"train": 24, "validation": 6, "calibration": 30}  # at most half
    frame, _ = split(table([None] * 60), validation=0.1, calibration=0.4, test=0.25)
    assert frame["split"].value_counts().to_dict() == {"train": 15, "validation": 6, "calibration": 24, "test": 15}


def test_a_calibration_split_costs_no_training_rows_where_the_threshold_has_enough():
    frame, _ = split(table(["good"] * 400 + ["bad"] * 30))
    before, _ = split(table(["good"] * 400 + ["bad"] * 30), calibration=0)
    assert frame["split"].replace("calibration", "validation").equals(before["split"])
    sizes = frame["split"].value_counts()
    assert (sizes["calibration"], sizes["validation"]) == (39, 25)  # 2 alarms in 40 are a rate of 0.05
    frame, _ = split(table(["good"] * 60), calibration=0)
    assert frame["split"].value_counts().to_dict() == {"train": 41, "validation": 19}  # as before there was any
    frame, _ = split(table([None] * 60), calibration=0, validation=0.5, test=0.25)
    assert frame["split"].value_counts().to_dict() == {"train": 15, "validation": 30, "test": 15}


def test_calibration_is_cut_from_a_given_validation_split_that_has_enough_else_from_training():
    given = lambda held_out: table(
        ["good"] * 200, ["train"] * 160 + ["validation"] * held_out + ["test"] * (40 - held_out)
    )
    frame, _ = split(given(30))
    assert frame["split"].value_counts().to_dict() == {"train": 160, "validation": 11, "calibration": 19, "test": 10}
    frame, _ = split(given(15))
    assert frame["split"].value_counts().to_dict() == {"train": 141, "validation": 15, "calibration": 19, "test": 25}
    frame, _ = split(given(30), calibration=0.25)
    assert frame["split"].value_counts().to_dict() == {"train": 120, "validation": 30, "calibration": 40, "test": 10}
    frame = table(["good"] * 100, ["train"] * 60 + ["calibration"] * 40)
    frame, _ = split(frame)
    assert frame["split"].value_counts().to_dict() == {"train": 56, "validation": 4, "calibration": 40}


# --- groups and times
def grouped(normal, odd):
    """A frame of ten samples a group, of which some are anomalies: {group: anomalies}."""
    rows = [(f"g{group}", "good") for group in range(normal) for _ in range(10)]
    rows += [(f"o{group}", "bad" if row < count else "good") for group, count in enumerate(odd) for row in range(10)]
    frame = table([label for _, label in rows])
    return frame.assign(group=[group for group, _ in rows], given=None)


def test_groups_of_normal_samples_stay_whole_and_anomalies_bring_theirs_to_the_test():
    frame, findings = split(grouped(30, [10, 10, 3]))
    assert frame.groupby("group")["split"].nunique().max() == 1 and len(frame) == 330
    assert set(frame["group"][frame["anomalous"]]) == {"o0", "o1", "o2"} and not codes(findings)
    sizes = frame["split"].value_counts()
    assert sizes["calibration"] >= 19 and sizes["validation"] > 0 and abs(sizes["test"] - 85) <= 10
    frame, findings = split(grouped(0, [2] * 30))  # each group has anomalies: those of the test alone are measured
    assert frame.groupby("group")["split"].nunique().max() == 1
    assert set(frame["split"][frame["anomalous"]]) == {"test"} and codes(findings) == ["left_out"]
    assert "in groups of other splits than the test" in findings.entries[0].message
    with pytest.raises(DataError, match="There are 2 groups in data.group_column"):
        split(grouped(2, []))
    for seed in range(5):  # whole groups of ten, and the threshold needs 19 samples
        assert (split(grouped(12, []), seed=seed)[0]["split"] == "calibration").sum() >= 19


def test_the_test_of_normal_samples_in_time_is_the_latest_part():
    frame = table(["good"] * 200 + ["bad"] * 20).assign(given=None)
    frame["time"] = [*range(200), *range(0, 200, 10)]
    kept, findings = split(frame)
    spans = kept[~kept["anomalous"]].groupby("split")["time"].agg(["min", "max"])
    spans = spans.loc[["train", "validation", "calibration", "test"]]
    assert (spans["min"].to_numpy()[1:] > spans["max"].to_numpy()[:-1]).all()
    assert kept["time"][kept["anomalous"]].min() >= spans.loc["test", "min"] and codes(findings) == ["left_out"]
    assert "16 samples that are not normal are left out: they are before the test begins" in findings.entries[0].message


def test_given_splits_stay_and_lose_their_anomalies():
    frame, findings = split(table(["good", "bad"] * 60, ["train"] * 80 + ["test"] * 40))
    counts = frame.groupby("split")["label"].value_counts().to_dict()
    held_out = {("validation", "good"): 4, ("calibration", "good"): 19}
    assert counts == {("train", "good"): 17, **held_out, ("test", "good"): 20, ("test", "bad"): 20}
    assert codes(findings) == ["left_out"] and "40 of train" in findings.entries[0].message


def test_splits_are_seeded_and_limited():
    first, again, other = (split(table(["good"] * 100), seed=seed)[0]["split"].tolist() for seed in (0, 0, 1))
    assert first == again != other
    frame, _ = split(table(["good"] * 200 + ["bad"] * 90), limit=20)
    sizes = {"train": 20, "validation": 13, "calibration": 19, "test": 20}
    assert frame["split"].value_counts().to_dict() == sizes
    assert set(frame["label"][frame["split"] == "test"]) == {"good", "bad"}


def test_the_layout_of_mvtec():
    frame, findings = read(BRICKS, least=19)
    counts = frame.groupby(["split", "label"]).size().to_dict()
    assert counts == {
        ("train", "good"): 240,
        ("validation", "good"): 21,
        ("calibration", "good"): 39,
        ("test", "good"): 60,
        **{("test", kind): 20 for kind in ("patch", "scratch", "stain")},
    }
    assert frame["anomalous"].sum() == frame["mask"].notna().sum() == 60 and not codes(findings)
    row = frame[frame["item"] == "test/stain/004.png"].iloc[0]
    assert row["mask"].endswith("ground_truth/stain/004.png")


def copy(kind, count, target, names="{:03d}.png"):
    target.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        shutil.copy(BRICKS / kind / f"{number:03d}.png", target / names.format(number))


def test_a_folder_of_normal_pictures_only(tmp_path):
    copy("train/good", 30, tmp_path / "wall")
    frame, findings = read(tmp_path / "wall", least=5)
    assert (
        set(frame["label"]) == {"normal"}
        and not frame["anomalous"].any()
        and set(frame["split"]) == {"train", "validation", "calibration"}
        and not codes(findings)
    )
    copy("train/good", 5, tmp_path / "wall" / "north")
    frame, findings = read(tmp_path / "wall")
    assert len(frame) == 35 and codes(findings) == ["all_normal"] and "data.normal" in findings.entries[0].remedy


def test_good_and_bad_folders(tmp_path):
    copy("train/good", 30, tmp_path / "good")
    copy("test/stain", 8, tmp_path / "stained")
    copy("ground_truth/stain", 7, tmp_path / "ground_truth" / "stained", "{:03d}_mask.png")
    frame, findings = read(tmp_path)
    assert frame["anomalous"].sum() == 8 and set(frame["split"][frame["anomalous"]]) == {"test"}
    assert (
        frame["mask"].notna().sum() == 7
        and codes(findings) == ["no_mask"]
        and findings.entries[0].items == ("stained/007.png",)
    )
    copy("test/patch", 1, tmp_path)
    assert "loose" in codes(read(tmp_path)[1])
    frame, _ = read(tmp_path, normal=("stained",))
    assert frame["anomalous"].sum() == 30


def test_a_train_folder_without_labels(tmp_path):
    copy("train/good", 20, tmp_path / "train")
    copy("test/good", 4, tmp_path / "test" / "good")
    copy("test/patch", 4, tmp_path / "test" / "torn")
    frame, _ = read(tmp_path)
    assert (
        frame["anomalous"].sum() == 4
        and set(frame["label"]) == {"normal", "good", "torn"}
        and set(frame["split"]) == {"train", "validation", "calibration", "test"}
        and frame["known"].all()
    )
    copy("test/stain", 3, tmp_path / "test")
    frame, _ = read(tmp_path, normal=("good",))
    assert (
        frame["label"].value_counts()["unlabelled"] == 3
        and frame["anomalous"].sum() == 4
        and (~frame["known"]).sum() == 3
    )


def test_a_labelled_source(digits):
    frame, findings = read("sample:digits", normal=("3",), least=19)
    counts = frame.groupby(["split", "anomalous"]).size().to_dict()
    held_out = {("validation", False): 11, ("calibration", False): 39}
    assert counts == {("train", False): 350, **held_out, ("test", False): 100, ("test", True): 900}
    assert codes(findings) == ["left_out"]


def test_a_table_of_images(tmp_path):
    copy("train/good", 12, tmp_path / "files")
    rows = [f"files/{number:03d}.png,{'ok' if number % 3 else 'cracked'}" for number in range(12)]
    (tmp_path / "table.csv").write_text("image,label\n" + "\n".join(rows) + "\n")
    frame, _ = read(tmp_path / "table.csv", least=2)
    assert frame["anomalous"].sum() == 4 and frame["split"][frame["anomalous"]].eq("test").all()
    (tmp_path / "plain.csv").write_text("image\n" + "\n".join(row.split(",")[0] for row in rows) + "\n")
    frame, _ = read(tmp_path / "plain.csv", least=2)
    assert not frame["anomalous"].any()


def test_missing_places():
    with pytest.raises(ConfigError, match="data.masks"):
        read(BRICKS, masks="nowhere")
    with pytest.raises(DataError, match="does not exist"):
        read("nowhere")


def test_masks_take_the_size_of_the_images(tmp_path):
    frame = pd.DataFrame(
        {"mask": [str(tmp_path / "a.png"), None, None], "anomalous": [True, False, True], "known": True},
        index=[4, 7, 9],
    )
    mask = np.zeros((40, 20), np.uint8)
    mask[:20] = 1  # some tools write 1 for 255
    Image.fromarray(mask).save(tmp_path / "a.png")
    masks = read_masks(frame, models.ImagePreprocessor((10, 10), 1, "stretch", "nearest", False), 10**6)
    assert set(masks) == {4, 7} and masks[4][:5].all() and not masks[4][5:].any() and not masks[7].any()
    Image.fromarray(mask * 3).save(tmp_path / "a.png")  # the number of a defect
    assert read_masks(frame, models.ImagePreprocessor((10, 10), 1, "stretch", "nearest", False), 10**6)[4].sum() == 50
    Image.fromarray(mask * 0).save(tmp_path / "a.png")
    assert 4 not in read_masks(frame, models.ImagePreprocessor((10, 10), 1, "stretch", "nearest", False), 10**6)
    Image.fromarray(mask).save(tmp_path / "a.png")
    padded = read_masks(frame, models.ImagePreprocessor((10, 10), 1, "pad", "nearest", False), 10**6)[4]
    assert padded[:5, 3:7].all() and not padded[:, :2].any() and padded.sum() == 25
