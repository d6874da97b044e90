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

import tfpipelines
from tfpipelines import Observer, metrics
from tfpipelines.core import config
from tfpipelines.errors import Interrupted
from tfpipelines.tasks import SCHEMAS, TASKS

from .. import golden
from ..conftest import ROOT, some
from .cases import CASES, EVERY_FITTED, SMALL_GAN, answers, case_with, check_what_is_left

# pipeline -> what makes its header's command small, besides what is the same for all
SMALL = {
    **dict.fromkeys(("anomaly", "anomaly-digits", "anomaly-series", "anomaly-table"), ["evaluation.baselines=false"]),
    "backbone": ["data.size=64", "data.folds=null", "train.head_epochs=1", "train.batch_size=8", "model.unfreeze=2"],
    "text-backbone": ["train.head_epochs=1"],
    **dict.fromkeys(("dcgan", "dcgan-emoji"), SMALL_GAN),
}


EVERY = sorted(CASES | EVERY_FITTED)
# The others are slow ones where a test is of the code that they share.
# anomaly, anomaly-table, anomaly-series, text-cls, dcgan leave the same in their own tests
FINISHED = ("image-cls",)
# Resumed: image-cls in tests/training/test_resume.py; finetune, dcgan in their tests; text-cls, anomaly-table in
# tests/networks/test_own.py. Repeated by its pipeline: the best trial in tests/tuning/test_search.py.
RESUMED = ()
LEFT_AS_FOUND = ("image-cls",)
ON_JAX = ("image-cls", "pca")  # a classifier and a detector
HEADERS = ("image-cls",)  # of pipelines


def case_of(name, request):
    """Pipeline, overrides and the function to raw input of a task."""
    return case_with(name, request.getfixturevalue)


def same_answers(run, other, raw):
    if raw is None:
        return np.array_equal(run.generate(16)[0], other.generate(16)[0])
    return (run.folder / "predictions.csv").read_text() == (other.folder / "predictions.csv").read_text()


def check_alike(run, found, written, places=1e-5):
    """That answers are those of `answers`, but for rounding.

    The windows of a regular signal have scores that differ by rounding alone, so that the p-value of a detector may
    differ by as many ranks as there are calibration scores next to the score.
    """
    if run.pipeline.task == "anomaly-series":
        scores = metrics.Threshold.read(run.folder).scores
        near = (np.abs(scores - written[:, :1]) < 1e-5).sum(1)
        assert (np.abs(found[:, 1] - written[:, 1]) <= near / (len(scores) + 1) + 1e-5).all()
        found, written = found[:, :1], written[:, :1]
    np.testing.assert_allclose(found.astype(float), written.astype(float), rtol=1e-5, atol=places)


def test_every_task_has_a_case():
    assert set(CASES) == set(TASKS)


@pytest.mark.parametrize("name", some(EVERY, FINISHED))
def test_one_epoch_leaves_everything_and_a_reloaded_model_says_the_same(name, finished):
    run, raw = finished(name), (CASES | EVERY_FITTED)[name][2]
    check_what_is_left(run)
    assert len(list((run.folder / "checkpoints").glob("*.npz"))) == 1
    written, predicted = answers(tfpipelines.load(run.folder), raw)
    check_alike(run, predicted, written)


@pytest.mark.parametrize("name", some(sorted(CASES), set(FINISHED) & {*CASES}))
def test_its_bits_are_the_recorded_ones(name, finished):
    run = finished(name)
    key = golden.key_of(run.folder)
    recorded = golden.recorded(key).get(name)
    if recorded is None:
        pytest.skip(f"no bits of {name} are recorded for: {key}")
    assert golden.bits_of(tfpipelines.load(run.folder)) == recorded, "if meant: python benchmarks/golden.py --record"


@pytest.mark.parametrize("name", some(EVERY, RESUMED))
def test_its_pipeline_repeats_it_and_interrupted_and_resumed_equals_whole(name, request):
    pipeline, overrides, raw = case_of(name, request)
    overrides = [*overrides, "train.epochs=2", "train.steps_per_execution=1"]

    class Stop(Observer):
        def step(self, epoch, done, total):
            if (epoch, done) == (1 if name in EVERY_FITTED else 2, 2):
                os.kill(os.getpid(), signal.SIGTERM)

    whole = tfpipelines.run(pipeline, overrides, observer=Observer())
    with pytest.raises(Interrupted):
        tfpipelines.run(str(whole.folder / "pipeline.yaml"), observer=Stop(), name="stopped")
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    assert all(
        np.array_equal(a, b) for a, b in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True)
    )
    assert same_answers(whole, resumed, raw)


@pytest.mark.eager
@pytest.mark.parametrize("name", some(sorted(CASES), LEFT_AS_FOUND))
def test_the_process_is_left_as_it_was_found(name, request):
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

    pipeline, overrides, _ = case_of(name, request)
    before = settings()
    keras.utils.set_random_seed(5)
    expected = draws()
    keras.utils.set_random_seed(5)
    tfpipelines.run(pipeline, [*overrides, "train.precision=mixed_bfloat16"], observer=Observer())
    assert settings() == before
    assert draws() == expected


@pytest.mark.parametrize("name", some(EVERY, ()))
def test_a_search_over_its_own_space_leaves_a_model_that_can_be_used(name, request):
    pipeline, overrides, raw = case_of(name, request)
    if name == "anomaly-table":  # whose space has fields of the candidates alone
        overrides = [*overrides, "search.space.train.learning_rate={min: 1e-3, max: 1e-2, scale: log}"]
    search = tfpipelines.tune(
        pipeline,
        [*overrides, "search.trials=2", "search.algorithm=random", "search.keep_trials=1", "search.final_seeds=[0]"],
        observer=Observer(),
    )
    board, run = search.leaderboard, search.runs[0]
    assert len(board) == 2 and set(board["status"]) == {"completed"} and run.metrics["test"]
    written, predicted = answers(run, raw)
    check_alike(run, predicted, written)
    trial = tfpipelines.load(search.folder / "trials" / f"{board['trial'][0]:04d}")
    if raw is None:
        assert len(trial.generate(4)[0]) == 4
    else:
        items = pd.read_csv(run.folder / "predictions.csv", dtype={"item": str})["item"]
        assert len(trial.predict(raw(items))) == len(items)


ON_JAX_CODE = """
import json, sys
from tests.conftest import draw_nothing
from tfpipelines.cli import cli
draw_nothing()
for line in sys.stdin:
    try:
        cli.main(["run", *json.loads(line), "--json"], prog_name="tfpipe")
    except SystemExit as end:
        print(json.dumps({"code": end.code or 0}), flush=True)
"""


@pytest.fixture(scope="module")
def run_on_jax(tmp_path_factory):
    """Runs pipelines in one process that computes with jax: run_on_jax(pipeline, *overrides) -> what it prints."""
    pytest.importorskip("jax")
    folder = tmp_path_factory.mktemp("jax")
    own = {"TFPIPE_CACHE": str(folder / "cache"), "TFPIPE_CONFIG": str(folder / "config")}
    soon_compiled = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
    environment = {**os.environ, **own, **soon_compiled, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"}
    with (
        open(folder / "errors", "w+") as errors,
        subprocess.Popen(
            [sys.executable, "-c", ON_JAX_CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            env=environment,
        ) as process,
    ):

        def run(*words):
            process.stdin.write(json.dumps(words) + "\n")
            process.stdin.flush()
            lines = []
            while not lines or not lines[-1].startswith('{"code"'):
                lines.append(process.stdout.readline())
                assert lines[-1], (folder / "errors").read_text()  # else it has ended
            assert json.loads(lines.pop()) == {"code": 0}, (folder / "errors").read_text()
            return json.loads("".join(lines))

        yield run
        process.stdin.close()


@pytest.mark.parametrize("name", some(EVERY, ON_JAX))
def test_jax_runs_the_same_pipeline(name, request, run_on_jax):
    pipeline, overrides, raw = case_of(name, request)
    if "text" in pipeline:
        overrides = [*overrides, "data.max_length=16"]  # every other length would be compiled anew
    run = tfpipelines.load(run_on_jax(pipeline, *overrides)["run"])
    assert json.loads((run.folder / "environment.json").read_text())["versions"]["backend"] == "jax"
    written, predicted = answers(run, raw)  # the latter here, on this process' backend
    check_alike(run, predicted, written, 1e-5 if raw else 1)  # images are whole levels


def commands_of(name):
    """The commands in the header of a pipeline, as lists of words."""
    header = [line[1:].strip() for line in config.find_pipeline(name).read_text().splitlines() if line.startswith("#")]
    return [shlex.split(line) for line in header if line.startswith("tfpipe ")]


@pytest.mark.parametrize("name", config.pipeline_names())
def test_command_in_the_header_of_every_pipeline_is_valid(name):
    assert commands_of(name), "the header must name the command that the pipeline is for"
    for words in commands_of(name):
        words = [word for word in words[2:] if "=" in word or not word.startswith("-")]
        assert words[0] == name and config.load(*words[:1], words[1:], schemas=SCHEMAS).pipeline.name == name


@pytest.mark.eager
@pytest.mark.parametrize("name", some(config.pipeline_names(), HEADERS))
def test_command_in_the_header_of_every_pipeline_runs(name, tfpipe, request):
    more = list(SMALL.get(name, ()))
    if name == "text-backbone":  # its own backbone is fetched by the slow test alone
        more.append(f"model.backbone={request.getfixturevalue('tiny_bert')}")
    if "gan" in name:
        more.append(f"evaluation.features={request.getfixturevalue('tiny_classifier')}")
    for words in commands_of(name):
        result = tfpipe(
            *words[1:],
            "train.epochs=1",
            "data.limit=64",
            "train.warmup_epochs=0",
            *(["evaluation.bootstrap=20"] if "gan" not in name else []),
            *more,
        )
        assert result.code == 0, result.err
