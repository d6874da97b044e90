"""A detector of images that is chosen without anomalies, or is the mean of several."""

import json

import numpy as np
import pytest

import tfpipelines
from tfpipelines import Observer, metrics
from tfpipelines.core import config
from tfpipelines.errors import DataError, Interrupted
from tfpipelines.tasks import SCHEMAS, new_task
from tfpipelines.tasks.base import checked

from ...product_images import SMALL, write_image, write_mvtec
from ..cases import FILES, SMALL_ANOMALY, answers, brick_files
from .stopping import StopAtNote


@pytest.mark.slow
@pytest.mark.eager
def test_the_best_of_several_or_their_mean_becomes_the_model(tiny_backbone, tmp_path):
    fields = f"backbone: {tiny_backbone}"
    each = [f"{{name: memory, places: 50, {fields}}}", f"{{name: padim, channels: 8, {fields}}}"]
    each.append(f"{{name: feature, units: 8, latent: 4, {fields}}}")
    words = ["model.name=auto", f"model.candidates=[{', '.join(each)}]", *SMALL_ANOMALY[1:], "data.size=32"]
    run = tfpipelines.run("anomaly", words, observer=Observer())
    left = {str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file()}
    assert left >= FILES and run.status["state"] == "done" and tfpipelines.verify(run.folder).ok
    logs = {path.split("/")[1] for path in left if path.startswith("candidates/") and "/logs/tensorboard/" in path}
    assert logs == {"0-memory", "1-padim", "2-feature"} and not [path for path in left if ".tmp-" in path]
    written, predicted = answers(tfpipelines.load(run.folder), brick_files)
    np.testing.assert_allclose(predicted, written, rtol=1e-4, atol=1e-4)
    table = run.metrics["candidates"]
    assert [entry["name"] for entry in table][:3] == ["memory", "padim", "feature"]
    best = max(table, key=lambda entry: entry["validation"]["pseudo_roc_auc"])
    assert best["chosen"] and [entry["chosen"] for entry in table].count(True) == 1
    assert any("scar, stain" in line for line in run.metrics["about"])
    kept = any("features of" in line for line in run.metrics["about"])
    assert kept == (best["name"] == "memory" or "memory" in json.dumps(best.get("fields", {})))
    limit = metrics.Threshold.read(run.folder).pixel
    assert limit is not None and limit == run.metrics["threshold"]["pixel"]


KNOWN = {name: value for name, value in SMALL.items() if not name.startswith("model.")} | {
    "model.name": "auto",
    "model.candidates": [{"name": "dense", "units": [8], "latent": 2}, {"name": "dense", "units": [8], "latent": 3}],
}


@pytest.fixture
def with_validation(tmp_path):
    """MVTec's layout with a validation split, in which there are normal images and anomalies."""

    def write(known: int):
        root = write_mvtec(tmp_path / str(known), {"nut": 24}) / "nut"
        rng = np.random.default_rng(7)
        for image in range(24):
            write_image(root / "validation" / "good" / f"{image:03}.png", rng)
        for image in range(known):
            write_image(root / "validation" / "hole" / f"{image:03}.png", rng, tmp_path / "masks" / f"{image:03}.png")
        return root

    return write


@pytest.mark.parametrize(("known", "kinds"), [(12, ["known"]), (3, ["known", "pasted"]), (0, ["pasted", "scar"])])
def test_known_anomalies_of_a_validation_split_choose_and_do_nothing_else(with_validation, known, kinds):
    fields = {**KNOWN, "data.path": str(with_validation(known))}
    task = new_task(config.load("anomaly", fields, schemas=SCHEMAS).pipeline.candidates()[0])
    task = checked(task)
    assert list(task._made)[: len(kinds)] == kinds
    frame = task.samples.frame
    assert not frame["anomalous"][frame["split"] != "test"].any() and (frame["split"] == "calibration").sum() == 19
    if known:
        images = task._made["known"]
        assert (
            images.shape == (known, 8, 8, 1)
            and images.dtype == np.uint8
            and f"the {known} anomalies" in task._chosen_by
        )
        assert (images.reshape(known, -1).max(1) > 160).all()  # the bright squares
    else:
        assert "no known anomaly" in task._chosen_by


def test_a_known_anomaly_that_cannot_be_read_is_a_bad_sample(with_validation):
    root = with_validation(12)
    (root / "validation" / "hole" / "003.png").write_bytes(b"no image")
    fields = {**SMALL, "data.path": str(root)}
    with pytest.raises(DataError, match="1 of 12 files cannot be read"):
        checked(new_task(config.load("anomaly", fields, schemas=SCHEMAS).pipeline))
    fields["data.on_bad"] = "skip"
    task = checked(new_task(config.load("anomaly", fields, schemas=SCHEMAS).pipeline))
    assert len(task._made["known"]) == 11


@pytest.mark.slow
def test_the_choice_by_known_anomalies_is_told(with_validation):
    run = tfpipelines.run("anomaly", {**KNOWN, "data.path": str(with_validation(12))}, observer=Observer())
    assert any("chosen by the 12 anomalies of the validation split" in line for line in run.metrics["about"])
    scores = [entry["validation"]["pseudo_roc_auc"] for entry in run.metrics["candidates"]]
    assert all(0 <= score <= 1 for score in scores) and run.metrics["validation"]["pseudo_roc_auc"] == max(scores)


@pytest.mark.slow
def test_a_resumed_run_chooses_the_same_by_features_that_are_computed_again(tiny_backbone):
    each = [f"{{name: memory, places: 50, backbone: {tiny_backbone}}}"]
    each.append(f"{{name: padim, channels: 8, backbone: {tiny_backbone}}}")
    words = ["model.name=auto", f"model.candidates=[{', '.join(each)}]", *SMALL_ANOMALY[1:], "data.size=32"]
    whole = tfpipelines.run("anomaly", words, observer=Observer())
    with pytest.raises(Interrupted):
        tfpipelines.run("anomaly", words, name="stopped", observer=StopAtNote("Candidate 2"))
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    chosen = [[entry["chosen"] for entry in run.metrics["candidates"]] for run in (whole, resumed)]
    assert chosen[0] == chosen[1] and whole.metrics["validation"] == resumed.metrics["validation"]
    same = zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in same)
    assert (whole.folder / "predictions.csv").read_text() == (resumed.folder / "predictions.csv").read_text()
