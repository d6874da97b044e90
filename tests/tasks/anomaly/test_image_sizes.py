"""How large detectors see images, and images in tiles from data to verdict."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core import config
from tfpipelines.errors import ConfigError
from tfpipelines.exporting.formats import exporters
from tfpipelines.tasks import SCHEMAS, new_task
from tfpipelines.tasks.anomaly.base import Detection
from tfpipelines.tasks.base import checked

from ...eager import eagerly

FEW = {"train.batch_size": 8, "evaluation.bootstrap": 0, "evaluation.baselines": False}
RATE = {"evaluation.false_alarm_rate": 0.2}


def write(root, size, counts=(("good", 30), ("dot", 6))):
    """Images of noise, some with a dark square of 16 pixels at three quarters of their width and height."""
    r = np.random.default_rng(0)
    for label, count in counts:
        (root / label).mkdir(parents=True)
        for number in range(count):
            image = r.normal(128, 12, size[::-1]).T
            if label != "good":
                y, x = (side * 3 // 4 for side in size)
                image[y : y + 16, x : x + 16] = 0
            Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(root / label / f"{number:02}.png")
    return root


def task_of(path, backbone, facts=None, **fields):
    named = {"model.name": "memory", "model.backbone": str(backbone)} if backbone else {"model.name": "conv"}
    words = {"data.path": str(path), **named, **FEW, **RATE, **fields}
    task = new_task(
        config.load("anomaly", [f"{key}={value}" for key, value in words.items()], schemas=SCHEMAS).pipeline
    )
    task.resume(facts or {})
    return checked(task)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return write(tmp_path_factory.mktemp("large") / "set", (300, 560), (("good", 24), ("dot", 2)))


def test_images_are_seen_up_to_256_pixels_through_a_backbone(large, tiny_backbone):
    task = task_of(large, tiny_backbone)
    facts = task.describe(tfpipelines.datasets.Findings())
    assert task.preprocessor.size == (256, 256) and facts["largest_side"] == 256 and "tiles" not in facts
    assert task_of(large, None).preprocessor.size == (128, 128)
    earlier = {"size": [128, 128], "channels": 1, "normal": ["good"], "rows": {"calibration": {}}}
    assert task_of(large, tiny_backbone, earlier).preprocessor.size == (128, 128)


@pytest.mark.parametrize(
    ("tiles", "size", "counts"),
    [("2", (296, 512), (2, 2)), ("[1,3]", (256, 560), (1, 3)), ("auto", (256, 512), (1, 2)), ("1", (256, 256), (1, 1))],
)
def test_larger_images_are_seen_in_tiles(tiles, size, counts, large, tiny_backbone):
    task = task_of(large, tiny_backbone, **{"data.tiles": tiles})
    assert task.preprocessor.size == size and task._counts == counts
    cut = task._load_backbone().tiles
    assert cut is None if counts == (1, 1) else cut.counts == counts and cut.size == size
    told = task.describe(tfpipelines.datasets.Findings())
    assert told.get("tiles", [1, 1]) == list(counts)
    assert any(line.startswith(f"tiles: {counts[0]} x {counts[1]} of ") for line in told["about"]) == (cut is not None)


def backbone_of(side, path):
    inputs = x = keras.Input((side, side, 3))
    for number in range(3):
        x = keras.layers.Conv2D(4, 3, 2, "same", activation="relu", name=f"conv{number}")(x)
    keras.Model(inputs, x, name="fixed").save(path)
    return path


def test_a_backbone_whose_size_is_no_multiple_of_places_sees_no_tiles(large, tmp_path):
    with pytest.raises(ConfigError, match="takes images of 99 x 99 pixels, and tiles need multiples of 8") as caught:
        task_of(large, backbone_of(99, tmp_path / "fixed.keras"), **{"data.tiles": 2})
    assert "data.tiles=none" in caught.value.remedy


def test_a_backbone_of_one_size_sees_tiles_of_it(large, tmp_path):
    backbone_of(96, tmp_path / "fixed.keras")
    assert task_of(large, tmp_path / "fixed.keras").preprocessor.size == (96, 96)
    task = task_of(large, tmp_path / "fixed.keras", **{"data.tiles": "[2,3]"})
    assert task.preprocessor.size == (168, 256) and task._load_backbone().tiles.tile == (96, 96)
    network = task.build(for_training=False)
    assert network.input.shape[1:] == (168, 256, 3) and network.output["contributions"].shape[1:] == (21, 32, 1)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"data.tiles": 0}, "data.tiles"),
        ({"data.tiles": 3, "data.size": 96}, "tiles of images of 96 x 96 pixels would have 40 x 40"),
        ({"data.tiles": 2, "data.size": 300}, "300 x 300 pixels cannot be cut into tiles of whole places"),
        ({"data.tiles": 2, "model.name": "conv"}, "conv looks at images as a whole"),
    ],
)
def test_tiles_that_do_not_fit_are_refused(fields, cause, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=cause):
        tfpipelines.run("anomaly", {"model.name": "memory", **fields}, observer=Observer())
    assert not (tmp_path / "runs").exists()


def test_images_too_small_for_their_tiles_are_refused(tiny_backbone, tmp_path):
    path = write(tmp_path / "small", (80, 80), (("good", 20),))
    with pytest.raises(ConfigError, match="tiles of images of 80 x 80 pixels would have 48 x 48"):
        task_of(path, tiny_backbone, **{"data.tiles": 2})


@pytest.fixture(scope="module")
def tiled(tmp_path_factory, tiny_backbone):
    """A run on images of 160 x 128 pixels in tiles of 96 x 72."""
    home = tmp_path_factory.mktemp("tiled")
    path = write(home / "set", (160, 128), (("good", 60), ("dot", 8)))
    fields = {"data.path": str(path), "data.size": [160, 128], "data.tiles": 2, "model.name": "memory"}
    fields |= {"model.backbone": str(tiny_backbone), "model.places": 200, "model.pooling": "max"}
    with eagerly():
        return tfpipelines.run("anomaly", {**fields, **FEW, **RATE}, out=home, observer=Observer())


@pytest.mark.slow
@pytest.mark.eager
def test_one_map_of_tiles_tells_where_a_defect_is(tiled, tmp_path):
    assert tiled.metrics["test"]["roc_auc"] > 0.95
    assert json.loads((tiled.folder / "data.json").read_text())["tiles"] == [2, 2]
    run = tfpipelines.load(tiled.folder)
    answer = run.model.predict(np.zeros((1, 160, 128, 3), np.uint8), verbose=0)
    assert answer["map"].shape == (1, 160, 128)
    path = write(tmp_path / "twice", (320, 256), (("dot", 1),)) / "dot" / "00.png"
    Image.open(path).resize((256, 320)).save(path)
    written = pd.read_csv(run.folder / "predictions.csv").set_index("item")["score"]
    source = run.folder.parent / "set"
    items = [item for item in written.index if item.startswith("dot")][:2]
    told = run.predict([source / item for item in items], explain=True)
    np.testing.assert_allclose(told["score"], written[items], rtol=1e-4)
    regions = told["explanation"][0]["regions"]
    left, top, right, bottom = regions[0]["box"]
    assert told["verdict"][0] == "anomaly" and left - 8 <= 104 <= right and top - 8 <= 128 <= bottom


@pytest.mark.slow
@pytest.mark.parametrize("format", exporters())
def test_exports_of_tiles_say_the_same(format, tiled, tmp_path):
    proof = tfpipelines.export(tiled, format, samples=8, out=tmp_path / "out").manifest["proof"]
    assert proof["largest_difference"] < 1e-3 and proof["flips"] == 0


def test_what_takes_minutes_is_told_before(large, tiny_backbone, monkeypatch):
    monkeypatch.setattr("tfpipelines.tasks.anomaly.image_sizes._LONG", 1)
    task, findings = task_of(large, None, **{"model.name": "memory", "data.tiles": 2}), tfpipelines.datasets.Findings()
    assert task.source.kind == "bundled"
    task._tell_cost(3, findings)
    (told,) = findings.as_list()
    assert "images of 296 x 512 pixels in 2 x 2 tiles pass through the backbone for 3 networks" in told["message"]
    assert told["code"] == "cost" and told["severity"] == "note" and "data.size" in told["remedy"]


def test_a_report_of_missed_defects_names_what_would_show_more(large, tiny_backbone, monkeypatch):
    def found_little(task, *given):
        task._covered = 0.004
        return {"test": {"roc_auc": 0.5}, "about": []}

    monkeypatch.setattr(Detection, "_evaluate_rows", found_little)
    about = task_of(large, tiny_backbone)._evaluate_rows(*[None] * 5)["about"]
    assert len(about) == 1 and about[0].endswith("the images have 560; try data.size=auto data.tiles=2")
    tiled = task_of(large, tiny_backbone, **{"data.tiles": 2})._evaluate_rows(*[None] * 5)["about"]
    assert "data.tiles" not in tiled[0]
