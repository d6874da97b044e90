"""`model.name=auto`: which network a run chooses, what it leaves, and that a resumed run chooses the same."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer, tuning
from tfpipelines.choosing import best_of
from tfpipelines.core import config
from tfpipelines.errors import ConfigError, DataError, DivergedError, Interrupted, MemoryExhaustedError
from tfpipelines.reporting import report
from tfpipelines.reporting.compare import compare
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tasks.classification.image_cls import ImageClassification
from tfpipelines.tasks.trainable import Combination
from tfpipelines.training import process

from .conftest import draw_nothing, some

FEW = {
    "data.path": "pictures.npz", "data.augment": {}, "train.epochs": 3, "train.batch_size": 16, "train.ema": None,
    "train.warmup_epochs": 0, "train.schedule": "constant", "train.learning_rate": 0.01, "train.steps_per_execution": 1,
    "evaluation.bootstrap": 20,
}  # fmt: skip
NARROW, WIDE = ({"name": "mlp", "units": [units], "normalization": "none"} for units in (1, 16))
OWN = {"name": "own.py:net", "width": 3}
CODE = """import keras


def net(input_shape, classes, width: int = 4):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Flatten()(inputs)))
"""


def auto(*candidates, **more):
    return FEW | {"model.name": "auto", "model.candidates": list(candidates)} | more


def write_inputs():
    """Pictures of two classes, and a network of the user's own."""
    rng, y = np.random.default_rng(0), np.arange(120) % 2
    shape = 40.0 * (rng.random((8, 8)) > 0.5)
    x = np.clip(rng.normal(100, 30, (120, 8, 8)) + y[:, None, None] * shape, 0, 255).astype(np.uint8)
    split = np.repeat(["train", "validation", "test"], (64, 24, 32))
    np.savez("pictures.npz", x=x, y=y, split=split)
    Path("own.py").write_text(CODE)


@pytest.fixture
def inputs():
    write_inputs()


class Fails(Observer):
    """Ends the training of some candidates, by their places, with an error."""

    def __init__(self, *places, error=DivergedError):
        self.places, self.error, self.at, self.notes = places, error, -1, []

    def note(self, text):
        self.notes.append(text)
        if text.startswith("Candidate "):
            self.at = int(text.split()[1]) - 1

    def step(self, epoch, done, total):
        if self.at in self.places:
            raise self.error("It has failed.", "Do something.")


class SignalAt(Fails):
    """Sends this process a signal at a note that begins so, or at a step of a candidate."""

    def __init__(self, words="never", place=-1, epoch=0, done=0):
        super().__init__(2)
        self.words, self.where = words, (place, epoch, done)

    def note(self, text):
        super().note(text)
        if text.startswith(self.words):
            os.kill(os.getpid(), signal.SIGTERM)

    def step(self, epoch, done, total):
        super().step(epoch, done, total)
        if (self.at, epoch, done) == self.where:
            os.kill(os.getpid(), signal.SIGTERM)


def blended(factor):
    """A combination as a task may have it: the mean of the logits, here times a factor."""

    def combine(task, trained):
        import keras

        inputs = keras.Input(trained[0].network.input.shape[1:])
        mean = keras.layers.Average()([one.network(inputs) for one in trained])
        model = keras.Model(inputs, keras.layers.Rescaling(factor)(mean), name="blend")
        return Combination(model, {one.pipeline.model.units[0]: 0.5 for one in trained})

    return combine


# --- the choice itself
@pytest.mark.parametrize(
    ("scores", "direction", "place"),
    [
        ([0.5, 0.7, 0.6], "max", 1),
        ([0.5, 0.7, 0.6], "min", 0),
        ([0.7, 0.7], "max", 0),
        ([0.7, 0.7], "min", 0),
        ([None, 0.1, None], "max", 1),
        ([None, 3.0, 2.0], "min", 2),
    ],
)
def test_best_score_the_earlier_one_of_equals(scores, direction, place):
    assert best_of(scores, direction) == place


# --- a whole run
@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """A run that nothing disturbs, of three candidates, of which the last one fails, and a bad combination: (run, what
    it said, number of rows of each evaluation).
    """
    patch, before, counted, evaluate = pytest.MonkeyPatch(), os.getcwd(), [], ImageClassification._evaluate_rows
    os.chdir(tmp_path_factory.mktemp("chosen"))
    patch.setenv("TFPIPE_CONFIG", os.getcwd())
    draw_nothing(patch.setattr)
    patch.setattr(ImageClassification, "combine", blended(-1.0))

    def evaluate_rows(task, model, rows, *places):
        counted.append(len(rows))
        return evaluate(task, model, rows, *places)

    patch.setattr(ImageClassification, "_evaluate_rows", evaluate_rows)
    try:
        write_inputs()
        observer = Fails(2)
        run = tfpipelines.run("image-cls", auto(NARROW, WIDE, OWN), observer=observer)
        patch.setattr(ImageClassification, "_evaluate_rows", evaluate)
        yield run, observer.notes, counted
    finally:
        patch.undo()
        os.chdir(before)


def test_the_best_on_the_validation_split_is_chosen_and_tested_alone(chosen):
    run, notes, counted = chosen
    narrow, wide, failed, blend = run.metrics["candidates"]
    best = max((narrow, wide), key=lambda entry: entry["validation"]["accuracy"])
    assert best is wide and [entry["chosen"] for entry in run.metrics["candidates"]] == [False, True, False, False]
    assert run.metrics["network"] == {"name": "mlp", "parameters": wide["parameters"]}
    assert counted == [32]  # rows of the test split, once
    assert (
        wide["name"] == "mlp" and wide["fields"] == {"units": [16], "normalization": "none"} and wide["state"] == "done"
    )
    assert wide["epochs"] == 3 and run.metrics["best_epoch"] == wide["best_epoch"] and wide["seconds"] > 0
    assert failed["state"] == "failed" and failed["reason"] == "It has failed." and failed["validation"] == {}
    assert failed["name"] == "own.py:net" and failed["fields"] == {"width": 3}
    assert blend["name"] == "blend" and blend["fields"] == {"1": 0.5, "16": 0.5}
    assert blend["parameters"] == narrow["parameters"] + wide["parameters"]
    assert "own.py:net has failed and is left out: It has failed." in notes
    assert notes[-1].startswith("Chosen of 4 candidates: mlp (units=[16]), by the highest val_accuracy")


def test_it_leaves_the_history_of_all_and_the_weights_of_the_chosen_one_alone(chosen):
    run, *_ = chosen
    folders = sorted(path.name for path in (run.folder / "candidates").iterdir())
    assert folders == ["0-mlp", "1-mlp", "2-net"]
    weights = [path.name for end in ("npz", "keras") for path in run.folder.rglob(f"*.{end}")]
    assert weights == ["model.keras"]
    own, top = (pd.read_csv(path / "history.csv") for path in (run.folder / "candidates" / "1-mlp", run.folder))
    assert len(own) == 3 and own.equals(top)
    states = [json.loads((run.folder / "candidates" / name / "status.json").read_text())["state"] for name in folders]
    assert states == ["done", "done", "failed"]
    assert not (run.folder / "candidates" / "1-mlp" / "predictions.csv").exists()


def test_it_is_verified_with_its_candidates(chosen, tmp_path):
    copy = shutil.copytree(chosen[0].folder, tmp_path / "copy")
    assert tfpipelines.verify(copy).ok
    with open(copy / "candidates" / "0-mlp" / "history.csv", "a") as file:
        file.write("9,9\n")
    assert [problem.file for problem in tfpipelines.verify(copy).problems] == ["candidates/0-mlp/history.csv"]


def test_it_predicts_by_the_chosen_network(chosen):
    run = tfpipelines.load(chosen[0].folder)
    assert run.pipeline.network == "mlp" and run.pipeline.model.units == (16,) and not run.pipeline.chooses
    written = pd.read_csv(run.folder / "predictions.csv")
    with np.load(run.folder.parents[1] / "pictures.npz") as archive:
        images = archive["x"][written["item"].to_numpy()]
    assert list(run.predict(images)["predicted"].astype(str)) == list(written["predicted"].astype(str))
    assert run.own_task().pipeline.model.units == (16,)


def test_report_card_and_terminal_show_the_candidates(chosen, capsys):
    run, *_ = chosen
    page = report(run).page.read_text()
    assert "mlp (units=[16]) was chosen: it has the highest accuracy of 4 candidates" in page and "units=[16]" in page
    assert "own.py:net was left out: It has failed." in page
    card = (run.folder / "README.md").read_text().replace("\\", "")
    assert "**network:** mlp" in card and "mlp, mlp, own.py:net, blend" in card
    from tfpipelines.output.printing import print_candidates

    print_candidates(run.metrics["candidates"])
    assert "units=[16]" in (told := capsys.readouterr().out) and "failed: It has failed." in told


def test_pipeline_yaml_repeats_the_choice(chosen, tfpipe):
    shown = tfpipe("show", chosen[0].folder / "pipeline.yaml")
    assert shown.code == 0 and "name: auto" in shown.out and "units: [16]" in shown.out


def test_a_candidate_is_no_run_of_its_own(chosen):
    place = chosen[0].folder / "candidates" / "0-mlp"
    with pytest.raises(ConfigError, match="the weights of candidates are not kept"):
        tfpipelines.load(place).predict(np.zeros((1, 8, 8), np.uint8))
    with pytest.raises(ConfigError, match="one candidate of a run"):
        tfpipelines.resume(place, observer=Observer())


# --- interrupted and resumed, bit for bit
def left(run):
    """All that must be equal: weights, history and metrics but for their times, predictions, data."""

    def timeless(entry):
        return {key: value for key, value in entry.items() if key not in ("seconds", "time")}

    history = pd.read_csv(run.folder / "history.csv").drop(columns="seconds").to_csv()
    metrics = timeless(run.metrics) | {"candidates": list(map(timeless, run.metrics["candidates"]))}
    texts = [(run.folder / name).read_text() for name in ("predictions.csv", "splits.csv")]
    data = json.loads((run.folder / "data.json").read_text()) | {"path": "", "read_seconds": 0}
    return [array.tobytes() for array in run.model.get_weights()], history, metrics, texts, data


def check_resumed(whole, place):
    resumed = tfpipelines.resume(place, observer=Fails(2), trust=True)
    assert left(resumed) == left(whole)
    assert not list(resumed.folder.rglob("*.npz")) and tfpipelines.verify(resumed.folder).ok


def test_interrupted_within_and_after_candidates(chosen, inputs):
    overrides = auto(NARROW, WIDE, OWN)
    with pytest.raises(Interrupted):
        tfpipelines.run("image-cls", overrides, observer=SignalAt(place=1, epoch=2, done=3))
    place = Path("runs/latest").resolve()
    assert (place / "candidates" / "0-mlp" / "result.json").is_file()
    assert list((place / "candidates" / "1-mlp" / "checkpoints").glob("*.npz"))
    observer = SignalAt("Chosen of")
    with pytest.raises(Interrupted):
        tfpipelines.resume(place, observer=observer)
    assert not [note for note in observer.notes if note.startswith("Candidate 1")]  # which had ended
    check_resumed(chosen[0], place)


@pytest.mark.slow
def test_interrupted_in_the_first_candidate_and_between_candidates(chosen, inputs):
    overrides = auto(NARROW, WIDE, OWN)
    with pytest.raises(Interrupted):
        tfpipelines.run("image-cls", overrides, observer=SignalAt(place=0, epoch=1, done=2))
    place = Path("runs/latest").resolve()
    for observer in (SignalAt("mlp (units=[1]): "), SignalAt("Candidate 2"), SignalAt("Candidate 3")):
        with pytest.raises(Interrupted):
            tfpipelines.resume(place, observer=observer)
    check_resumed(chosen[0], place)


@pytest.mark.parametrize("moment", ["before the weights are deleted", "amid", "when all is done but to say so"])
def test_killed_when_all_is_measured(chosen, inputs, moment):
    place = shutil.copytree(chosen[0].folder, Path("runs") / chosen[0].folder.name).resolve()
    text = chosen[0].folder.joinpath("pipeline.yaml").read_text().replace(str(chosen[0].folder.parents[1]), os.getcwd())
    (place / "pipeline.yaml").write_text(text)
    environment = json.loads(
        (place / "environment.json").read_text().replace(str(chosen[0].folder.parents[1]), os.getcwd())
    )
    (place / "environment.json").write_text(json.dumps(environment))
    status = json.loads((place / "status.json").read_text()) | {"state": "running"}
    (place / "status.json").write_text(json.dumps(status))
    for number in {"before the weights are deleted": (0, 1), "amid": (1,)}.get(moment, ()):
        (weights := place / "candidates" / f"{number}-mlp" / "weights").mkdir()
        (weights / "step-000000003.npz").write_bytes(b"")
    check_resumed(chosen[0], place)


@pytest.mark.slow
def test_killed_for_real(chosen, inputs, start):
    place = Path("runs/killed")
    words = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in FEW.items()]
    words += ["model.name=auto", f"model.candidates={json.dumps([NARROW, WIDE])}", "train.epochs=40"]
    undisturbed = tfpipelines.run("image-cls", words, observer=Observer())
    for checkpoint in ("candidates/0-mlp/checkpoints/step-*.json", "candidates/1-mlp/checkpoints/step-*.json"):
        command = ["resume", place] if place.exists() else ["run", "image-cls", *words, "--name", "killed"]
        process, ends = start(*command), time.monotonic() + 120
        while not list(place.glob(checkpoint)) and time.monotonic() < ends:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert left(tfpipelines.resume(place, observer=Observer())) == left(undisturbed)


@pytest.mark.slow
def test_it_is_the_network_of_a_run_without_choice(chosen, inputs):
    alone = tfpipelines.run(
        "image-cls",
        FEW | {"model.name": "mlp", "model.units": [16], "model.normalization": "none"},
        observer=Observer(),
    )
    assert (alone.folder / "predictions.csv").read_text() == (chosen[0].folder / "predictions.csv").read_text()
    assert all(map(np.array_equal, alone.model.get_weights(), chosen[0].model.get_weights()))
    compared = compare([chosen[0].folder, alone.folder])
    assert not [entry for entry in compared["differences"]["pipeline"] if entry["field"].startswith("model")]


# --- folds, starting from another run, a combination that wins
@pytest.mark.slow
@pytest.mark.eager
def test_each_fold_chooses_for_itself(inputs):
    with np.load("pictures.npz") as archive:
        np.savez("pictures.npz", x=archive["x"], y=archive["y"])
    run = tfpipelines.run("image-cls", auto(NARROW, WIDE) | {"data.folds": 2}, observer=Observer())
    for fold in range(2):
        inner = tfpipelines.load(run.folder / f"fold-{fold}")
        assert [entry["chosen"] for entry in inner.metrics["candidates"]].count(True) == 1
        assert inner.pipeline.network == "mlp" and (inner.folder / "candidates" / "1-mlp" / "history.csv").is_file()
    assert tfpipelines.verify(run.folder).ok
    assert ">network</th>" in report(run).page.read_text()


@pytest.mark.slow
@pytest.mark.eager
def test_candidates_start_from_a_run_where_a_layer_fits(chosen, inputs):
    other, observer = {"name": "cnn", "filters": [2], "convolutions": [1], "units": [3]}, Fails()
    run = tfpipelines.run("image-cls", auto(WIDE, other), start=chosen[0].folder, observer=observer)
    fresh = "No layer of the run that is started from fits this candidate: it starts anew"
    assert observer.notes.count(fresh) == 1 and run.status["state"] == "done"


@pytest.mark.slow
@pytest.mark.eager
def test_a_combination_can_win(monkeypatch, inputs):
    figures = ImageClassification.validation_figures
    best = lambda task, artifact: figures(task, artifact) | {"accuracy": float(artifact.network.name == "blend")}
    monkeypatch.setattr(ImageClassification, "validation_figures", best)
    monkeypatch.setattr(ImageClassification, "combine", blended(2.0))
    run = tfpipelines.run("image-cls", auto(NARROW, WIDE), observer=Observer())
    assert run.metrics["candidates"][-1]["chosen"] and run.metrics["network"]["name"] == "blend"
    assert len(tfpipelines.load(run.folder).predict(np.zeros((2, 8, 8), np.uint8))) == 2
    page = report(run).page.read_text()
    assert "blend was chosen" in page and "The model is a blend: 1 (0.5), 16 (0.5)" in page
    assert "best_epoch" not in run.metrics and "epoch" not in run.metrics["time"]  # of the first part, if any
    assert not (run.folder / "history.csv").exists() and not (run.folder / "plots" / "curves.png").exists()
    assert (run.folder / "candidates" / "0-mlp" / "history.csv").is_file()


# --- what fails
@pytest.mark.eager
@pytest.mark.parametrize("error", some([DivergedError, MemoryExhaustedError], [DivergedError]))
def test_all_candidates_fail_and_are_tried_again(error, inputs):
    with pytest.raises(error, match="All 2 candidates have failed") as caught:
        tfpipelines.run("image-cls", auto(NARROW, WIDE), observer=Fails(0, 1, error=error))
    assert caught.value.details == tuple(f"mlp (units=[{units}]): It has failed." for units in (1, 16))
    run = tfpipelines.load("runs/latest")
    assert run.status["state"] == "failed" and not list(run.folder.rglob("result.json"))


@pytest.mark.eager
def test_other_errors_end_the_run(inputs):
    with pytest.raises(DataError, match="It has failed"):
        tfpipelines.run("image-cls", auto(NARROW, WIDE), observer=Fails(0, error=DataError))
    assert not list(Path("runs/latest/candidates").glob("*/result.json"))


@pytest.mark.slow
@pytest.mark.eager
def test_an_objective_that_is_not_measured(inputs):
    objective = {"search.objective": {"metric": "val_kid", "direction": "min"}}
    with pytest.raises(ConfigError, match="val_kid is not measured here, so no network can be chosen by it"):
        tfpipelines.run("image-cls", auto(NARROW, WIDE) | objective, observer=Observer())


def test_a_choice_needs_a_validation_split(tfpipe):
    rng = np.random.default_rng(0)
    np.savez("data.npz", x=rng.integers(0, 255, (40, 8, 8), np.uint8), y=np.arange(40) % 2)
    words = ["model.name=auto", "model.candidates=[cnn, mlp]", "data.validation=0"]
    checked = tfpipe("check", "data.npz", *words)
    assert checked.code == 3 and "chooses the network on the validation split, and these data have none" in checked.out
    ran = tfpipe("run", "image-cls", *words, "data.path=data.npz")
    assert ran.code == 3 and "Set data.validation=0.15" in ran.err


def test_a_search_takes_one_network(tfpipe):
    found = tfpipe("tune", "image-cls", "model.name=auto", "model.candidates=[cnn, mlp]")
    assert found.code == 2 and "A search trains one network in each trial" in found.err
    assert not Path("runs").exists()


def test_a_search_over_networks_begins_from_a_pipeline_with_a_choice():
    words = auto(NARROW, WIDE) | {"data.path": "sample:digits"}
    Path("auto.yaml").write_text(config.to_yaml(config.load("image-cls", words, schemas=SCHEMAS).pipeline))
    space = {"model.name": ["mlp", "cnn"], "train.learning_rate": [0.1, 0.01]}
    plan = tuning.Plan.of("auto.yaml", {"search.space": space}, SCHEMAS)
    trial = config.with_values(plan.content, {"model.name": "cnn", "train.learning_rate": 0.1}, SCHEMAS, "a trial")
    assert plan.pipeline.chooses and trial.network == "cnn" and trial.train.learning_rate == 0.1


@pytest.mark.slow
@pytest.mark.eager
def test_data_are_read_again_where_a_candidate_takes_another_input():
    none = {"words": 0, "characters": []}
    words = {"data.path": "sample:reviews", "data.limit": 60, "train.epochs": 1, "evaluation.bootstrap": 20}
    plain, grams = {"name": "bow", "wide": none}, {"name": "bow", "wide": {**none, "words": 1}}
    choice = {"model.name": "auto", "model.candidates": [plain, grams]}
    run = tfpipelines.run("text-cls", words | choice | {"search.objective": "val_log_loss"}, observer=Observer())
    place = [entry["chosen"] for entry in run.metrics["candidates"]].index(True)
    assert (run.folder / "ngrams.csv").exists() == (place == 1)
    alone = words | {f"model.{name}": value for name, value in (plain, grams)[place].items()}
    alone = tfpipelines.run("text-cls", alone, observer=Observer())
    assert (alone.folder / "predictions.csv").read_text() == (run.folder / "predictions.csv").read_text()
    told = [json.loads((one.folder / "data.json").read_text()) | {"read_seconds": 0} for one in (run, alone)]
    assert told[0] == told[1]


def test_the_process_keeps_its_dtype_policy():
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        process.forget_networks()
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)
