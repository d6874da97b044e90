"""Optimizers and losses by name: which fields go with which, and what a file of another one leaves behind."""

import inspect

import pytest

from tfpipelines.core import config
from tfpipelines.core.config.losses import FIELDS, LOSSES
from tfpipelines.core.config.optimizers import OPTIMIZERS
from tfpipelines.core.config.train import Train, Training
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tasks.finetuning.config import FinetuneTrain
from tfpipelines.tasks.generation.config import AdversarialTrain


def load(*overrides, name="image-cls"):
    return config.load(str(name), list(overrides), schemas=SCHEMAS)


def refused(*overrides, name="image-cls"):
    with pytest.raises(ConfigError) as caught:
        load(*overrides, name=name)
    assert caught.value.exit_code == 2
    return f"{caught.value.cause} {caught.value.remedy}"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_entries_name_what_keras_and_the_schema_have(name):
    import keras

    from tfpipelines.training import own_optimizers

    entry = OPTIMIZERS[name]
    kind = getattr(own_optimizers, entry.kind, None) or getattr(keras.optimizers, entry.kind)
    arguments = inspect.signature(kind.__init__).parameters
    assert {*entry.takes.values()} <= arguments.keys() and {*entry.takes, *entry.usual} <= Training.model_fields.keys()
    for field, argument in entry.takes.items():  # what the schema says is what Keras does, but where the entry differs
        default = arguments[argument].default
        own = field in entry.usual or (name, field) in {
            ("sgd", "momentum"),
            ("sgd", "nesterov"),
            ("rmsprop", "momentum"),
        }
        assert own or default is inspect.Parameter.empty or default == Training.model_fields[field].default, field
    assert set(entry.positive) <= entry.takes.keys() and entry.source


def test_every_field_of_a_loss_is_one_of_the_schema():
    assert {name.removeprefix("train.") for name in FIELDS} == {"loss", *(f for e in LOSSES.values() for f in e.takes)}
    assert {f for entry in LOSSES.values() for f in (*entry.takes, *entry.several)} <= Train.model_fields.keys()
    texts = Train.model_fields["loss"].description
    assert all(name in texts for name in LOSSES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data.target=class", "train.loss=mae"], "train.loss=mae goes with numbers, and data.target is class"),
        (["data.target=labels", "train.loss=mse"], "train.loss=mse goes with numbers, and data.target is labels"),
        (["data.target=number", "train.loss=focal"], "Take one of these: auto, mse, mae, huber, quantile."),
        (
            ["data.target=number", "data.oversample=true"],
            "data.oversample goes with classes, and data.target is number",
        ),
        (["data.target=number", "data.class_weights=balanced"], "data.class_weights goes with classes"),
        (["data.target=class", "data.target_scale=log"], "data.target_scale is for numbers, and data.target is class"),
        (
            ["data.target=class", "train.loss=focal", "train.focal_alpha=0.3"],
            "train.focal_alpha goes with several labels a row, and data.target is class",
        ),
    ],
)
def test_what_does_not_go_with_a_named_target_is_refused_before_data_are_read(words, said):
    assert said in refused(*words)
    assert load(*words[1:]).pipeline.data.target == "auto"  # of which the data tell


def test_defaults_go_with_the_optimizer():
    assert Training() == Training(optimizer="adamw") and Training(optimizer="sgd").learning_rate == 1e-3
    lion = Training(optimizer="lion")
    assert (lion.learning_rate, lion.beta_2, lion.beta_1) == (3e-4, 0.99, 0.9)
    assert Training(optimizer="lion", learning_rate=1e-4, beta_2=0.9).beta_2 == 0.9
    assert Training(optimizer="muon").momentum == 0.95 and Training(optimizer="adadelta").learning_rate == 1.0
    free = Training(optimizer="schedule_free_adamw")
    assert (free.schedule, free.ema, free.learning_rate) == ("constant", None, 2.5e-3)
    assert FinetuneTrain(optimizer="lion").head_learning_rate == 9e-4
    assert AdversarialTrain(optimizer="adamax").learning_rate == 1e-3
    assert AdversarialTrain(optimizer="lion").discriminator_learning_rate is None


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resolved_file_resolves_to_the_same(name, tmp_path):
    pipeline = load(f"train.optimizer={name}").pipeline
    (tmp_path / "again.yaml").write_text(config.to_yaml(pipeline))
    again = load(name=tmp_path / "again.yaml")
    assert again.pipeline == pipeline and not again.notes
    back = load("train.optimizer=adamw", name=tmp_path / "again.yaml").pipeline.train
    assert (back.beta_2, back.momentum, back.epsilon) == (0.999, 0.9, 1e-7)


def test_another_optimizer_leaves_the_rate_of_the_file_behind():
    loaded = load("train.optimizer=lion")
    assert loaded.pipeline.train.learning_rate == 3e-4 and loaded.pipeline.train.ema == 0.99
    (note,) = loaded.notes
    assert note == "train.optimizer=lion: left out train.learning_rate of the file, which goes with adamw"
    given = load("train.optimizer=lion", "train.learning_rate=0.002")
    assert given.pipeline.train.learning_rate == 0.002 and not given.notes
    assert load("train.optimizer=sgd").pipeline.train.learning_rate == 3e-3  # as it always was
    assert load("train.optimizer=schedule_free_adamw").pipeline.train.ema is None


def test_fields_of_others_are_refused():
    words = refused("train.optimizer=lion", "train.momentum=0.5")
    assert "train.momentum: train.optimizer=lion does not take it" in words and "sgd, rmsprop, muon" in words
    assert "train.momentum: train.optimizer=adamw does not take it" in refused("train.momentum=0.5")
    assert "train.rho: train.optimizer=adamw does not take it" in refused("train.rho=0.5")
    assert "train.focal_gamma: train.loss=auto does not take it" in refused("train.focal_gamma=1")
    assert load("train.momentum=0.9", "train.rho=0.9").pipeline.train.optimizer == "adamw"
    assert load("train.loss=focal", "train.focal_gamma=1").pipeline.train.focal_gamma == 1


def test_files_of_version_0_1_may_hold_what_has_no_effect(tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text("task: image-cls\ndata: {path: sample:digits}\ntrain: {optimizer: adamw, momentum: 0.8}\n")
    assert load(name=file).pipeline.train.momentum == 0.8
    assert load("train.epochs=3", name=file).pipeline.train.momentum == 0.8
    other = load("train.optimizer=lion", name=file)
    assert other.pipeline.train.momentum == 0.9 and "left out train.momentum" in other.notes[0]
    assert load("train.optimizer=sgd", name=file).pipeline.train.momentum == 0.8
    file.write_text(file.read_text().replace("adamw", "lion"))
    assert "train.optimizer=lion does not take it" in refused(name=file)


def test_schedule_free_averages_itself():
    assert "needs no schedule" in refused("train.optimizer=schedule_free_adamw", "train.schedule=cosine")
    assert "train.ema=null" in refused("train.optimizer=schedule_free_adamw", "train.ema=0.9")
    assert "must be above 0" in refused("train.optimizer=lion", "train.beta_1=0")
    assert "train.optimizer: got 'schedule_free_adamw'" in refused("train.optimizer=schedule_free_adamw", name="dcgan")


def test_trials_take_the_fields_of_their_own_choices():
    content = load("train.epochs=2", "train.learning_rate=0.002").content
    values = {"train.optimizer": "lion", "train.momentum": 0.5, "train.loss": "focal", "train.focal_gamma": 3.0}
    train = config.with_values(content, values, SCHEMAS, "trial").train
    assert (train.optimizer, train.momentum, train.focal_gamma, train.learning_rate) == ("lion", 0.9, 3.0, 3e-4)
    train = config.with_values(content, values | {"train.optimizer": "sgd", "train.loss": "poly1"}, SCHEMAS, "t").train
    assert (train.momentum, train.focal_gamma, train.learning_rate) == (0.5, 2.0, 0.002)


def test_values_of_different_losses_are_not_compared():
    space = "search.space={train.loss: [focal, poly1]}"
    assert "val_loss is no objective" in refused(space, "search.objective=val_loss")
    for metric in ("val_accuracy", "val_log_loss"):
        assert load(space, f"search.objective={metric}").pipeline.search.space


def test_what_began_before_a_field_was_there_has_not_changed():
    pipeline = load().pipeline
    began = config.as_dict(pipeline)
    for name in ("nesterov", "loss", "focal_gamma"):
        del began["train"][name]
    assert config.changed_since(began, pipeline) == []
    began["train"]["learning_rate"] = 0.1
    assert config.changed_since(began, pipeline) == ["train.learning_rate: 0.1 -> 0.003"]
    assert config.changed_since({**began, "gone": 1}, pipeline)[-1] == "gone: 1 -> None"
