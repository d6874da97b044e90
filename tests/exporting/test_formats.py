"""Every task in every format answers as its run does, in the format's own runtime, on 500 samples that were held
out.
"""

import json
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.exporting import call_of
from tfpipelines.exporting.formats import exporters
from tfpipelines.tasks import TASKS

from ..conftest import TINY, some
from ..eager import eagerly
from ..tasks.cases import (
    FEATURE,
    SMALL_ANOMALY,
    SMALL_FINETUNE,
    SMALL_GAN,
    SMALL_ROWS,
    SMALL_TABLE,
    SMALL_TEXT,
    SMALL_WINDOWS,
)

SAMPLES = 500
LIMIT = "data.limit=2000"  # leaves more than 500 to be held out
# task -> pipeline, overrides beside those that make it small
CASES = {
    "image-cls": ("image-cls", [*TINY, LIMIT, "train.batch_size=256", "data.augment={}"]),
    "text-cls": ("text-cls", [*SMALL_TEXT, LIMIT]),
    "finetune": (
        "backbone",
        [*SMALL_FINETUNE, LIMIT, "data.path=sample:digits", "data.size=32", "data.folds=null", "train.batch_size=64"],
    ),
    "finetune-text": ("text-backbone", [*SMALL_FINETUNE, LIMIT, "train.batch_size=64"]),
    "anomaly": (
        "anomaly",
        [*FEATURE, *SMALL_ANOMALY, LIMIT, "data.path=sample:digits", "data.normal=0", "data.size=32", "model.units=16"],
    ),
    "anomaly-table": ("anomaly-table", [*SMALL_ROWS, LIMIT]),
    "anomaly-series": (
        "anomaly-series",
        [*SMALL_WINDOWS, LIMIT, "data.window=8", "train.batch_size=128"],
    ),
    "dcgan": ("dcgan", SMALL_GAN),
    "tabular": ("tabular", SMALL_TABLE),
}
# task -> formats of the quick suite. Texts are exported in test_refusals.py, tables in
# ../tasks/tabular, what generates in
# ../test_earlier_versions.py.
QUICK = {"image-cls": tuple(exporters()), "anomaly-series": ("onnx",)}


def write_rows(path, digits):
    """A table of 2,000 digits, each as 49 means of 4 x 4 pixels; a zero is normal."""
    means = digits["x"][:2000].reshape(-1, 7, 4, 7, 4).mean((2, 4)).reshape(-1, 49)
    table = pd.DataFrame(means, columns=[f"mean{number}" for number in range(49)])
    table.assign(label=np.where(digits["y"][:2000] == 0, "normal", "other")).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def trained(request, tmp_path_factory, digits):
    """Gives the run of a task, made once."""
    runs = {}

    def train(name):
        if name in runs:
            return runs[name]
        pipeline, overrides = CASES[name]
        folder = tmp_path_factory.mktemp(name)
        tiny = {"finetune": "tiny_backbone", "finetune-text": "tiny_bert", "anomaly": "tiny_backbone"}.get(name)
        if tiny:
            overrides = [*overrides, f"model.backbone={request.getfixturevalue(tiny)}"]
        if name == "dcgan":
            overrides = [*overrides, f"evaluation.features={request.getfixturevalue('tiny_classifier')}"]
        if name == "anomaly-table":
            overrides = [*overrides, f"data.path={write_rows(folder / 'rows.csv', digits)}"]
        with eagerly() if name in QUICK else nullcontext():
            runs[name] = tfpipelines.run(pipeline, overrides, out=folder, observer=Observer())
        return runs[name]

    return train


@pytest.fixture
def run(request, trained):
    """The run of the task that a test names."""
    return trained(request.param)


def test_every_task_has_a_case():
    assert set(CASES) == set(TASKS)


@pytest.mark.parametrize(
    ("run", "format"),
    [
        pytest.param(task, format, marks=() if format in QUICK.get(task, ()) else pytest.mark.slow)
        for task in sorted(CASES)
        for format in exporters()
    ],
    indirect=["run"],
)
def test_answers_are_those_of_the_run(run, format, capsys):
    folder, manifest = tfpipelines.export(run, format, samples=SAMPLES)
    proof = manifest["proof"]
    held_out = 104 if run.pipeline.task == "tabular" else SAMPLES
    assert proof["samples"] == held_out and proof["largest_difference"] <= 1e-4 and proof["tolerance"] == 1e-4
    assert max(proof.get("largest_difference_of_others", {"none": 0.0}).values()) <= 1e-4
    assert proof.get("in_batches", 0) >= (
        100 if format == "saved_model" or format == "onnx" and "text" not in run.pipeline.task else 0
    )
    assert proof.get("flips", 0) == 0 and proof.get("ties", 0) <= 1  # a detector's threshold is the score of one sample
    assert (folder.parent, folder.name) == (run.folder / "export" / format, "1")
    assert json.loads((folder / "manifest.json").read_text()) == json.loads(json.dumps(manifest))
    assert set(manifest["files"]) == {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {
        "manifest.json"
    }
    assert manifest["file"] in manifest["files"] and proof["milliseconds_per_sample"] > 0 and proof["bytes"] > 1000
    assert tfpipelines.verify(folder).ok
    capsys.readouterr()
    exec("\n".join(call_of(folder, manifest)), {})  # what the command shows
    said = capsys.readouterr().out
    assert said.startswith(("{", "[array("))


@pytest.mark.parametrize("run", some(["anomaly-series", "anomaly-table"], ["anomaly-series"]), indirect=True)
def test_a_threshold_that_has_moved_is_the_one_exported(run, tmp_path):
    path = run.folder / "threshold.json"
    before = json.loads(path.read_text())
    path.write_text(json.dumps({**before, "threshold": before["scores"][len(before["scores"]) // 2]}))
    try:
        folder, manifest = tfpipelines.export(tfpipelines.load(run.folder), out=tmp_path / "moved", samples=100)
    finally:
        path.write_text(json.dumps(before))
    assert (
        manifest["threshold"] == before["scores"][len(before["scores"]) // 2] != before["threshold"]
        and manifest["proof"]["flips"] == 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("run", sorted(CASES.keys() - {"tabular"}), indirect=True)  # whose scales need more digits
def test_half_sized_numbers_in_every_task(run):
    proof = tfpipelines.export(run, "litert", "float16", samples=100).manifest["proof"]
    assert 0 < proof["largest_difference"] < 0.02 and abs(proof.get("accuracy_loss", 0.0)) <= 0.01


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A run whose weights are most of its exported file, and the proof of that file."""
    words = [*TINY, "data.limit=800", "data.augment={}", "model.filters=[16,32,64]", "train.batch_size=64"]
    with eagerly():
        run = tfpipelines.run("image-cls", words, out=tmp_path_factory.mktemp("wide"), observer=Observer())
    return run, tfpipelines.export(run, "litert", samples=8).manifest["proof"]


@pytest.mark.parametrize("quantize", some(["float16", "int8"], ()))
def test_smaller_numbers_state_what_they_cost(quantize, wide):
    run, full = wide
    folder, manifest = tfpipelines.export(run, "litert", quantize, samples=200)
    proof = manifest["proof"]
    assert (
        manifest["quantize"] == quantize
        and folder.parent.name == f"litert-{quantize}"
        and proof["bytes"] < {"float16": 0.6, "int8": 0.4}[quantize] * full["bytes"]
    )
    assert 0 < proof["largest_difference"] < 0.5 and proof["labelled"] == 200
    low, high = proof["accuracy_loss_interval"]
    assert low <= proof["accuracy_loss"] <= high and proof["accuracy_loss"] == pytest.approx(
        proof["accuracy_before"] - proof["accuracy"]
    )


@pytest.mark.slow
def test_local_response_normalization_goes_into_every_format():
    run = tfpipelines.run(
        "image-cls", [*TINY, "data.limit=200", "model.normalization=local_response"], observer=Observer()
    )
    for format in exporters():
        proof = tfpipelines.export(run, format, samples=20).manifest["proof"]
        assert proof["largest_difference"] <= 1e-4 and proof["samples"] == 20
