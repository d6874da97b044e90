"""What every task promises, and that every packaged pipeline keeps it (DESIGN: one contract test over TASKS)."""

import json
import os
import random
import shlex
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import Observer, config, metrics
from tfpipelines.errors import Interrupted
from tfpipelines.tasks import TASKS

from ..conftest import ROOT, TINY

FILES = {
    "pipeline.yaml",
    "environment.json",
    "data.json",
    "splits.csv",
    "status.json",
    "history.csv",
    "model.keras",
    "metrics.json",
    "report.html",
    "README.md",
}


def digit_images(items):
    with np.load(ROOT / "data" / "digits" / "digits.npz") as archive:
        return archive["x"][[int(item) for item in items]]


def review_texts(items):
    table = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")
    return table["text"].iloc[[int(item) for item in items]].tolist()


def emoji_files(items):
    return [ROOT / "data" / "emoji" / item for item in items]


def brick_files(items):
    return [ROOT / "data" / "bricks" / item for item in items]


def cell_rows(items):
    return pd.read_csv(ROOT / "data" / "cells" / "cells.csv").iloc[[int(item) for item in items]]


def pressure_windows(items):
    values = pd.read_csv(ROOT / "data" / "pressure" / "pressure_test.csv")["value"].to_numpy()
    first_and_last = [item.split(" to ") for item in items]
    return [values[int(first) : int(last) + 1] for first, last in first_and_last]


# task -> (pipeline, overrides that make it small, items of predictions.csv -> raw input; None for what generates
# instead)
SMALL_TEXT = [
    "model.units=8",
    "model.embedding=8",
    "train.epochs=1",
    "train.batch_size=16",
    "train.warmup_epochs=0",
    "evaluation.bootstrap=50",
    "data.limit=64",
]
SMALL_FINETUNE = [
    "train.head_epochs=1",
    "train.epochs=1",
    "train.batch_size=8",
    "train.warmup_epochs=0",
    "model.unfreeze=2",
    "evaluation.bootstrap=50",
    "data.limit=48",
]
SMALL_ANOMALY = [
    "evaluation.baselines=false",
    "model.latent=4",
    "train.epochs=1",
    "train.batch_size=16",
    "evaluation.bootstrap=50",
    "data.limit=64",
]
SMALL_GAN = [
    "model.generator_filters=4",
    "model.discriminator_filters=4",
    "train.epochs=1",
    "train.steps_per_epoch=4",
    "train.batch_size=16",
    "evaluation.samples=32",
    "evaluation.epoch_samples=32",
    "data.limit=64",
]
CASES = {
    "image-cls": ("image-cls", [*TINY, "data.limit=64"], digit_images),
    "text-cls": ("text-cls", SMALL_TEXT, review_texts),
    "finetune": ("backbone", [*SMALL_FINETUNE, "data.size=64", "data.folds=null"], emoji_files),
    "finetune-text": ("text-backbone", SMALL_FINETUNE, review_texts),
    "anomaly": ("anomaly", [*SMALL_ANOMALY, "data.size=64", "model.units=16"], brick_files),
    "anomaly-table": ("anomaly-table", [*SMALL_ANOMALY, "model.units=16"], cell_rows),
    "anomaly-series": ("anomaly-series", [*SMALL_ANOMALY, "data.on_leak=warn"], pressure_windows),
    "dcgan": ("dcgan", SMALL_GAN, None),
}
# pipeline -> what makes its header's command small, besides what is the same for all
SMALL = {
    **dict.fromkeys(("anomaly", "anomaly-digits", "anomaly-series", "anomaly-table"), ["evaluation.baselines=false"]),
    "backbone": ["data.size=64", "data.folds=null", "train.head_epochs=1", "train.batch_size=8", "model.unfreeze=2"],
    "text-backbone": ["train.head_epochs=1"],
    **dict.fromkeys(("dcgan", "dcgan-emoji"), SMALL_GAN),
}


QUICK = (
    "anomaly",
    "dcgan",
    "finetune",
    "image-cls",
    "text-cls",
)  # the others are slow ones where a test is of the route that they share


@pytest.fixture(params=sorted(CASES))
def case(request):
    return case_of(request.param, request)


@pytest.fixture(params=[pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in sorted(CASES)])
def case_of_few(request):
    return case_of(request.param, request)


def case_of(name, request):
    """Pipeline, overrides and the function to raw input of a task."""
    pipeline, overrides, raw = CASES[name]
    tiny = {"finetune": "tiny_backbone", "finetune-text": "tiny_bert", "anomaly": "tiny_backbone"}.get(name)
    if tiny:
        overrides = [*overrides, f"model.backbone={request.getfixturevalue(tiny)}"]
    if name == "dcgan":
        overrides = [*overrides, f"evaluation.features={request.getfixturevalue('tiny_classifier')}"]
    return pipeline, overrides, raw


def answers(run, raw):
    """What a run has written of its test samples, or drawn, and what it says of them now."""
    if raw is None:
        drawn, labels = run.generate(64, run.pipeline.seed)
        table = pd.read_csv(run.folder / "samples" / "samples.csv", dtype=str)
        assert labels is None or labels == table["label"].tolist()
        return np.stack([np.asarray(Image.open(run.folder / "samples" / name)) for name in table["image"]]).reshape(
            drawn.shape
        ), drawn
    written = pd.read_csv(run.folder / "predictions.csv", dtype={"item": str})
    predicted = run.predict(raw(written["item"]))
    scores = predicted.select_dtypes("number").columns
    assert len(scores) and len(predicted) == len(written) > 0
    return written[scores].to_numpy(), predicted[scores].to_numpy()


def same_answers(run, other, raw):
    if raw is None:
        return np.array_equal(run.generate(16)[0], other.generate(16)[0])
    return (run.folder / "predictions.csv").read_text() == (other.folder / "predictions.csv").read_text()


def test_every_task_has_a_case():
    assert set(CASES) == set(TASKS)


def test_one_epoch_leaves_everything_and_a_reloaded_model_says_the_same(case):
    pipeline, overrides, raw = case
    run = tfpipelines.run(pipeline, overrides, observer=Observer())
    assert run.status["state"] == "done"
    left = {str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file()}
    assert left >= FILES and "plots/curves.png" in left
    assert [path for path in left if path.startswith("logs/tensorboard/")] and not [
        path for path in left if ".tmp-" in path
    ]
    assert (
        len(list((run.folder / "checkpoints").glob("*.npz")))
        == len(list((run.folder / "checkpoints").glob("*.json")))
        == 1
    )
    written, predicted = answers(tfpipelines.load(run.folder), raw)
    np.testing.assert_allclose(predicted, written, rtol=1e-5, atol=1e-5)
    figures = json.loads((run.folder / "metrics.json").read_text())
    for part in ("train", "validation", "test"):
        for name, value in figures.get(part, {}).items():
            entry = metrics.metric(name, metrics.metric(metrics.main_figure(figures[part])).kind)
            assert entry is not None and entry.what and entry.range[0] <= value <= entry.range[1], name


def test_its_pipeline_repeats_it_and_interrupted_and_resumed_equals_whole(case_of_few):
    pipeline, overrides, raw = case_of_few
    overrides = [*overrides, "train.epochs=2", "train.steps_per_execution=1"]

    class Stop(Observer):
        def step(self, epoch, done, total):
            if (epoch, done) == (2, 2):
                os.kill(os.getpid(), signal.SIGTERM)

    whole = tfpipelines.run(pipeline, overrides, observer=Observer())
    with pytest.raises(Interrupted):
        tfpipelines.run(str(whole.folder / "pipeline.yaml"), observer=Stop(), name="stopped")
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    assert all(
        np.array_equal(a, b) for a, b in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True)
    )
    assert same_answers(whole, resumed, raw)


def test_the_process_is_left_as_it_was_found(case_of_few):
    import keras

    def settings():
        return (
            os.getcwd(),
            keras.config.dtype_policy().name,
            keras.config.floatx(),
            signal.getsignal(signal.SIGINT),
            signal.getsignal(signal.SIGTERM),
        )

    def draws():
        return random.random(), np.random.random(), keras.random.normal((3,)).numpy().tolist()

    pipeline, overrides, _ = case_of_few
    before = settings()
    keras.utils.set_random_seed(5)
    expected = draws()
    keras.utils.set_random_seed(5)
    tfpipelines.run(pipeline, [*overrides, "train.precision=mixed_bfloat16"], observer=Observer())
    assert settings() == before
    assert draws() == expected


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "image-cls" else pytest.mark.slow) for name in sorted(CASES)]
)
def test_a_search_over_its_own_space_leaves_a_model_that_can_be_used(name, request):
    pipeline, overrides, raw = case_of(name, request)
    search = tfpipelines.tune(
        pipeline,
        [*overrides, "search.trials=2", "search.algorithm=random", "search.keep=1", "search.final_seeds=[0]"],
        observer=Observer(),
    )
    board, run = search.leaderboard, search.runs[0]
    assert len(board) == 2 and set(board["status"]) == {"completed"} and run.metrics["test"]
    written, predicted = answers(run, raw)
    np.testing.assert_allclose(predicted, written, rtol=1e-5, atol=1e-5)
    trial = tfpipelines.load(search.folder / "trials" / f"{board['trial'][0]:04d}")
    if raw is None:
        assert len(trial.generate(4)[0]) == 4
    else:
        items = pd.read_csv(run.folder / "predictions.csv", dtype={"item": str})["item"]
        assert len(trial.predict(raw(items))) == len(items)


@pytest.fixture(scope="session")
def jax_environment(tmp_path_factory):
    """For processes that compute with jax; what one of them has compiled the others find, which halves their time."""
    cache = tmp_path_factory.getbasetemp().parent / "compiled"
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "KERAS_BACKEND": "jax",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def test_jax_runs_the_same_pipeline(case, jax_environment):
    pytest.importorskip("jax")
    pipeline, overrides, raw = case
    if "text" in pipeline:
        overrides = [*overrides, "data.max_length=16"]  # every other length would be compiled anew
    command = [sys.executable, "-m", "tfpipelines", "run", pipeline, *overrides, "--json"]
    result = subprocess.run(command, capture_output=True, text=True, env=jax_environment, check=False)
    assert result.returncode == 0, result.stderr
    run = tfpipelines.load(json.loads(result.stdout)["run"])
    assert json.loads((run.folder / "environment.json").read_text())["versions"]["backend"] == "jax"
    written, predicted = answers(run, raw)  # the latter here, on this process' backend
    np.testing.assert_allclose(
        predicted.astype(float), written.astype(float), rtol=1e-5, atol=1e-5 if raw else 1
    )  # images are whole levels


@pytest.mark.parametrize("name", config.pipeline_names())
def test_command_in_the_header_of_every_pipeline_runs(name, tfpipe, request):
    more = list(SMALL.get(name, ()))
    if name == "text-backbone":  # its own backbone is fetched by the slow test alone
        more.append(f"model.backbone={request.getfixturevalue('tiny_bert')}")
    if "gan" in name:
        more.append(f"evaluation.features={request.getfixturevalue('tiny_classifier')}")
    header = [line[1:].strip() for line in config.find_pipeline(name).read_text().splitlines() if line.startswith("#")]
    commands = [shlex.split(line) for line in header if line.startswith("tfpipe ")]
    assert commands, "the header must name the command that the pipeline is for"
    for words in commands:
        result = tfpipe(
            *words[1:],
            "train.epochs=1",
            "data.limit=64",
            "train.warmup_epochs=0",
            *(["evaluation.bootstrap=20"] if "gan" not in name else []),
            *more,
        )
        assert result.code == 0, result.err
