"""A detector of images that is chosen without anomalies, or is the mean of several."""

import json

import numpy as np
import pytest

import tfpipelines
from tfpipelines import Observer, metrics

from ..cases import FILES, SMALL_ANOMALY, answers, brick_files


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
