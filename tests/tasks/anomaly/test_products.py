"""Folders of several products are told from others, and images are read where VisA has them."""

import numpy as np
import pytest

from tfpipelines.core import config
from tfpipelines.datasets import Findings
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tasks.anomaly import find_products, read_normal_images

from ...product_images import write_image, write_mvtec, write_visa


def pipeline(path, **data):
    fields = {"data.path": str(path), **{f"data.{name}": value for name, value in data.items()}}
    return config.load("anomaly", fields, schemas=SCHEMAS).pipeline


def products(path, **data):
    whole = pipeline(path, **data)
    return find_products(whole, whole.data)


def read(path, **data):
    findings = Findings()
    return read_normal_images(pipeline(path, **data).data, findings, least=2).frame, findings


def test_each_folder_with_a_folder_for_training_is_a_product(tmp_path):
    root = write_mvtec(tmp_path / "mvtec", {"bottle": 1, "cable": 1, "nut": 1}, test=0)
    (root / "papers").mkdir()
    found = products(root)
    assert list(found.pipelines) == ["bottle", "cable", "nut"] and found.asked.data.products == (
        "bottle",
        "cable",
        "nut",
    )
    assert found.pipelines["cable"].data.path == str(root / "cable")
    assert found.pipelines["cable"].data.products is None and "papers/" in found.notes[1]
    some = products(root, products=["nut", "bottle"])
    assert list(some.pipelines) == ["bottle", "nut"] and some.asked.data.products == ("bottle", "nut")
    assert list(products(root, products=["nut"]).pipelines) == ["nut"]


def test_other_folders_are_one_data_set(tmp_path):
    root = write_mvtec(tmp_path / "mvtec", {"bottle": 1, "cable": 1}, test=0)
    assert not products(root / "bottle").pipelines and not products("sample:bricks").pipelines
    assert not products(tmp_path / "nowhere").pipelines and not products(root, layout="classes").pipelines
    (root / "good" / "train").mkdir(parents=True)  # so that the folders are labels
    assert not products(root).pipelines
    (root / "good" / "train").rmdir()
    (root / "good").rename(root / "train")
    assert not products(root).pipelines
    assert not products(write_mvtec(tmp_path / "single", {"bottle": 1}, test=0)).pipelines


@pytest.mark.parametrize(
    ("data", "cause", "remedy"),
    [
        ({"products": ["botle"]}, "has no product 'botle'", "Did you mean bottle?"),
        ({"products": ["x1y2"]}, "has no product 'x1y2'", "There are: bottle, cable."),
        ({"masks": "masks"}, "has a folder of masks of its own", "mvtec/bottle"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path, data, cause, remedy):
    root = write_mvtec(tmp_path / "mvtec", {"bottle": 1, "cable": 1}, test=0)
    with pytest.raises(ConfigError, match=cause) as error:
        products(root, **data)
    assert remedy in error.value.remedy
    with pytest.raises(ConfigError, match="holds no products"):
        products(root / "bottle", products=["bottle"])


@pytest.mark.parametrize("table", ["split_csv/1cls.csv", "image_anno.csv", "candle/image_anno.csv"])
def test_images_of_visa_have_the_official_splits_and_masks(tmp_path, table):
    root = write_visa(tmp_path / "visa", ("candle", "pcb1"), table)
    assert list(products(root).pipelines) == ["candle", "pcb1"] and len(products(root).notes) == 1
    frame, findings = read(root / "candle")
    test = frame[frame["split"] == "test"]
    assert test["label"].value_counts().to_dict() == {"Normal": 4, "Anomaly": 4} and len(frame) == 34
    assert test["mask"].notna().equals(test["anomalous"]) and test["anomalous"].sum() == 4
    assert test["item"][test["label"] == "Normal"].tolist() == [f"Data/Images/Normal/{n:04}.png" for n in range(26, 30)]
    assert table.split("/")[-1] in next(one.message for one in findings.entries if one.code == "given_splits")


def test_images_of_visa_without_a_table_are_split_as_others(tmp_path):
    root = write_visa(tmp_path / "visa", ("candle", "pcb1"))
    frame, findings = read(root / "candle")
    assert set(frame["label"]) == {"Normal", "Anomaly"} and (frame["split"][frame["anomalous"]] == "test").all()
    assert frame["mask"].notna().sum() == 4 and not findings.of("warning")
    (root / "candle" / "image_anno.csv").write_text("image,label,mask\n")  # as the data set comes, without splits
    assert len(read(root / "candle")[0]) == len(frame)


def test_tables_of_splits_that_do_not_fit_are_said_so(tmp_path):
    root = write_visa(tmp_path / "visa", ("candle",), "split_csv/1cls.csv")
    table = root / "split_csv" / "1cls.csv"
    write_image(root / "candle" / "Data" / "Images" / "Normal" / "new.png", np.random.default_rng(9))
    (root / "candle" / "Data" / "Images" / "Normal" / "0003.png").unlink()
    frame, findings = read(root / "candle")
    told = {one.code: one.items for one in findings.of("warning")}
    assert (
        told
        == {
            "not_in_table": ("Data/Images/Normal/new.png",),
            "not_found": ("Data/Images/Normal/0003.png",),
        }
        and len(frame) == 33
    )
    table.write_text(table.read_text().replace("candle,test,anomaly", "candle,third,anomaly"))
    with pytest.raises(DataError, match="has the split 'third'"):
        read(root / "candle")
    table.write_bytes(b"image,split\n\xff\xfe,train\n")
    with pytest.raises(DataError, match="cannot be read"):
        read(root / "candle")
