"""The space of a search, and what is refused before anything is made."""

import os

import pytest

from tfpipelines.core import config
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tuning import Plan
from tfpipelines.tuning.space import Space, field_values

SPACE = (
    "search.space={model.depth: {values: [14, 8], when: {model.name: resnet}}, model.name: [cnn, resnet], "
    "train.learning_rate: {min: 1e-4, max: 1e-2, scale: log}, train.batch_size: {min: 8, max: 32, step: 8}, "
    "train.clip_norm: [null, 1.0], data.augment.flip: [none, horizontal]}"
)


def plan(*overrides, pipeline="image-cls"):
    return Plan.of(pipeline, overrides, SCHEMAS)


def space(*overrides):
    return Space(plan(*overrides).pipeline.search.space)


def test_values_survive_encoding_and_inactive_ones_are_left_out():
    searched = space(SPACE)
    cnn = {
        "model.name": "cnn",
        "train.learning_rate": 1e-3,
        "train.batch_size": 16,
        "train.clip_norm": None,
        "data.augment.flip": "none",
    }
    assert searched.decode(searched.encode(cnn)) == cnn
    resnet = {**cnn, "model.name": "resnet", "model.depth": 14}
    assert searched.decode(searched.encode(resnet)) == resnet
    assert searched.encode({**cnn, "train.batch_size": 12}) is None  # between two steps
    assert searched.encode({**cnn, "train.learning_rate": 1.0}) is None
    assert list(searched.dimensions).index("model.name") < list(searched.dimensions).index("model.depth")


def test_values_that_are_left_out_take_the_fields_that_hang_on_them_along():
    dimensions = space(
        "search.space={train.batch_size: [8, 16, 32], train.clip_norm: {values: [null, 1.0], when: "
        "{train.batch_size: 32}}, train.ema: {values: [0.9, 0.99], when: {train.batch_size: [8, 32]}}}"
    ).dimensions
    left = Space(dimensions, {"train.batch_size": [32]})
    assert left.choices("train.batch_size") == [8, 16] and list(left.dimensions) == ["train.batch_size", "train.ema"]
    assert left.dimensions["train.ema"].when == {"train.batch_size": [8]} and left.hyperparameters()
    assert Space(dimensions).choices("train.batch_size") == [8, 16, 32]
    assert not Plan.of("image-cls", ["train.epochs=1"], SCHEMAS).given
    for asked in ("search.space.train.batch_size=[8,16]", "search.space={train.batch_size: [8, 16]}"):
        assert plan(asked).given


def test_keras_tuner_draws_what_the_fields_take():
    searched = space(SPACE)
    hyperparameters = searched.hyperparameters()
    for seed in range(30):
        drawn = {}
        for parameter in hyperparameters.space:
            hyperparameters.values = drawn
            if hyperparameters.is_active(parameter):
                drawn[parameter.name] = parameter.random_sample(seed)
        values = searched.decode(drawn)
        assert ("model.depth" in values) == (values["model.name"] == "resnet")
        assert values["train.batch_size"] in (8, 16, 24, 32) and values["train.clip_norm"] in (None, 1.0)
        pipeline = config.with_values(plan(SPACE).content, values, SCHEMAS, "a trial")
        assert field_values(pipeline, values) == values


@pytest.mark.parametrize(
    ("dimension", "values"),
    [
        ("{min: 0.0, max: 0.3, step: 0.1}", [0.0, 0.1, 0.2, 0.3]),
        ("{min: 0.1, max: 0.7, step: 0.2}", [0.1, 0.3, 0.5, 0.7]),
        ("{min: 0.0, max: 0.35, step: 0.1}", [0.0, 0.1, 0.2, 0.3]),  # the upper end is no step
        ("{min: 0.2, max: 0.6, step: 0.4}", [0.2, 0.6]),
    ],
)
def test_a_grid_of_floats_has_its_upper_end_and_knows_its_values(dimension, values):
    searched = space(f"search.space={{model.dropout: {dimension}}}")
    (parameter,) = searched.hyperparameters().space
    drawn = [searched.decode({"model.dropout": value})["model.dropout"] for value in parameter.values]
    assert drawn == values
    assert {
        searched.decode({"model.dropout": parameter.random_sample(seed)})["model.dropout"] for seed in range(60)
    } == {*values}
    assert all(searched.encode({"model.dropout": value}) for value in values)
    assert searched.encode({"model.dropout": values[0] + 0.05}) is None


def test_a_grid_on_a_logarithmic_scale_knows_its_values():
    searched = space("search.space={train.learning_rate: {min: 1e-4, max: 1e-1, scale: log, step: 10}}")
    (parameter,) = searched.hyperparameters().space
    drawn = [searched.decode({"train.learning_rate": value})["train.learning_rate"] for value in parameter.values]
    assert drawn == [1e-4, 1e-3, 1e-2, 1e-1]
    assert all(searched.encode({"train.learning_rate": value}) for value in drawn)
    assert searched.encode({"train.learning_rate": 3e-3}) is None


def test_choices_of_numbers_are_in_order_and_places_follow_the_scale():
    searched = space(SPACE)
    assert searched.choices("model.depth") == [8, 14]
    assert [searched.place("train.learning_rate", value) for value in (1e-4, 1e-3, 1e-2)] == pytest.approx([0, 0.5, 1])
    assert [searched.place("model.name", value) for value in ("cnn", "resnet")] == [0, 1]


def test_a_field_that_is_a_number_for_one_network_and_a_list_for_another_may_be_an_interval():
    space = "search.space={model.units: {min: 4, max: 128, scale: log}, model.embedding: [16, 32]}"
    changes = ["model.name=bilstm", space]
    text = Plan.of("text-cls", changes, SCHEMAS)
    searched = Space(text.pipeline.search.space)
    assert searched.dimensions["model.units"].whole and searched.choices("model.embedding") == [16, 32]
    assert config.with_values(
        text.content, {"model.units": 9, "model.embedding": 16}, SCHEMAS, "a trial"
    ).model.units == (9,)
    image = Plan.of(
        "image-cls", ["model.name=mlp", "search.space={model.units: {min: 4, max: 128, scale: log}}"], SCHEMAS
    )
    assert config.with_values(image.content, {"model.units": 9}, SCHEMAS, "a trial").model.units == (9,)


def test_a_condition_may_name_several_values():
    dimension = plan(
        "search.space={model.dropout: {min: 0, max: 0.5, when: {train.optimizer: [adam, sgd]}}, "
        "train.optimizer: [adamw, adam, sgd]}"
    ).pipeline.search.space["model.dropout"]
    assert dimension.when == {"train.optimizer": ["adam", "sgd"]}


def test_a_field_that_is_given_is_not_searched():
    resnet = plan("model.name=resnet")
    assert "model.name" not in resnet.pipeline.search.space and resnet.pipeline.search.space["model.depth"].when == {}
    mlp = plan("model.name=mlp")
    assert "model.depth" not in mlp.pipeline.search.space and "train.learning_rate" in mlp.pipeline.search.space
    assert mlp.notes[-1] == "given, so not searched: model.name; without it there is no model.depth"
    both = plan("train.learning_rate=1e-3", "search.space.train.learning_rate={min: 1e-4, max: 1e-2, scale: log}")
    assert "train.learning_rate" in both.pipeline.search.space  # asked for as well: the value is where it starts


def test_overrides_reach_into_the_space():
    changed = plan(
        "search.space.train.learning_rate.max=0.1",
        "search.space.model.dropout={min: 0, max: 0.5}",
        "search.space.model.depth=null",
    ).pipeline.search.space
    assert (
        changed["train.learning_rate"].max == 0.1
        and changed["model.dropout"].max == 0.5
        and "model.depth" not in changed
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["search.space={}"], "nothing to search"),
        (["search.space={model.depth: [8, 14]}", "model.name=cnn"], "model.depth is no field of cnn"),
        (
            ["search.space={model.depth: [8, 14], model.name: [cnn, resnet]}"],
            "model.depth is no field of cnn.\nSay which network has it, as in when: {model.name: resnet}",
        ),
        (
            [
                "search.space={model.dropout: {min: 0, max: 0.5, when: {train.learning_rate: 1}}, "
                "train.learning_rate: {min: 1e-3, max: 1, scale: log}}"
            ],
            "which has no list of values",
        ),
        (
            [
                "search.space={train.optimizer: {values: [adam], when: {train.schedule: cosine}}, "
                "train.schedule: {values: [cosine], when: {train.optimizer: adam}}}"
            ],
            "depend on each other",
        ),
        (["search.space={train.batch_size: {min: 8, max: 64, step: 0.5}}"], "takes whole numbers"),
        (["search.space={train.learning_rate: {min: 1e-3, max: 1, scale: log, step: 0.5}}"], "a factor, above 1"),
        (["search.space={train.optimizer: {min: 1, max: 2}}"], "train.optimizer cannot be 1"),
        (["search.space={seed: [0, 1]}"], "seed is no field that can be searched"),
        (["search.space={data.validation: [0.1, 0.2]}"], "data.validation is no field that can be searched"),
        (["search.objective=val_shine"], "is val_shine to be high or low?"),
        (["search.objective=accuracy"], "search.objective"),
        (["search.time=soon"], "give a number and a unit (s, min, m, h, d), such as 90 min"),
        (["search.disk=-1 GB"], "search.disk"),
        (["search.objective={metric: val_loss, direction: max}"], "val_loss is better when it is lower"),
        (["search.objective={metric: val_accuracy, direction: min}"], "val_accuracy is better when it is higher"),
        (["search.algorithm=tpe"], "allowed: random, bayesian, hyperband, grid"),
        (["search.final_seeds=[a]"], "search.final_seeds"),
    ],
)
def test_wrong_searches_are_explained_before_anything_is_made(overrides, message):
    import tfpipelines

    with pytest.raises(ConfigError) as caught:
        tfpipelines.tune("image-cls", overrides)
    assert message in str(caught.value)
    assert not os.listdir()


def test_budgets_have_units_and_objectives_a_direction():
    search = plan("search.time=1.5 h", "search.disk=2 GB", "search.objective=val_loss").pipeline.search
    assert (search.time, search.disk, search.objective.direction) == (5400, 2e9, "min")
    assert plan("search.objective={metric: val_shine, direction: max}").pipeline.search.objective.direction == "max"


@pytest.mark.parametrize("name", config.pipeline_names())
def test_every_pipeline_has_a_space_and_an_objective(name):
    pipeline = plan(pipeline=name).pipeline
    assert len(pipeline.search.space) >= 3 and pipeline.search.objective.metric in (
        "val_accuracy",
        "val_loss",
        "val_pseudo_roc_auc",
        "val_kid",
        "val_rmse",
    )
    first = Space(pipeline.search.space).encode(field_values(pipeline, pipeline.search.space))  # the first trial
    assert first is not None or pipeline.chooses
