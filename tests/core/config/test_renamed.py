"""Fields and values by their earlier names: read, said, and refused where both are given."""

import pytest
import yaml

from tfpipelines.core import config
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tuning.plan import Plan, unchanged_state
from tfpipelines.tuning.state import Proposal, Trial


def load(name, overrides=()):
    return config.load(str(name), overrides, schemas=SCHEMAS)


def written(tmp_path, **content):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("name", "override", "section", "field", "value", "note"),
    [
        ("text-cls", "model.dense=[8]", "model", "head_units", (8,), "model.dense is called model.head_units now"),
        ("backbone", "model.units=8", "model", "head_units", (8,), "model.units is called model.head_units now"),
        ("backbone", "model.pooling=average", "model", "pooling", "mean", "model.pooling=average is called mean now"),
        ("image-cls", "model.pooling=average", "model", "pooling", "mean", "model.pooling=average is called mean now"),
        ("image-cls", "search.keep=5", "search", "keep_trials", 5, "search.keep is called search.keep_trials now"),
    ],
)
def test_an_override(name, override, section, field, value, note):
    more = {"image-cls": ["model.name=cnn"], "text-cls": ["model.name=bilstm"]}.get(name, [])
    loaded = load(name, [*more, override])
    assert getattr(getattr(loaded.pipeline, section), field) == value and note in loaded.notes
    key = override.partition("=")[0]
    given = {"model.name": more[0].partition("=")[2]} if more else {}
    given[key] = yaml.safe_load(override.partition("=")[2])
    assert load(name, given).pipeline == loaded.pipeline


def test_a_file(tmp_path):
    path = written(
        tmp_path,
        task="text-cls",
        data={"path": "sample:reviews"},
        model={"name": "gru", "units": [4], "dense": [8]},
        search={"keep": 2},
    )
    loaded = load(path)
    assert (loaded.pipeline.model.units, loaded.pipeline.model.head_units) == ((4,), (8,))
    assert loaded.pipeline.search.keep_trials == 2 and len(loaded.notes) == 2
    assert load(path, ["model.head_units=[16]"]).pipeline.model.head_units == (16,)
    assert load(path, ["model.dense=[16]"]).pipeline.model.head_units == (16,)


@pytest.mark.parametrize(
    "overrides", [["model.dense=[8]", "model.head_units=[8]"], {"model": {"dense": [8], "head_units": [8]}}]
)
def test_both_names_are_refused(overrides):
    with pytest.raises(ConfigError, match="model.dense is the earlier name of model.head_units, and both are given"):
        load("text-cls", overrides)


def test_fields_of_that_name_elsewhere_stay():
    assert load("image-cls", ["model.name=mlp", "model.units=[8]"]).pipeline.model.units == (8,)
    assert load("text-cls", ["model.name=lstm", "model.units=[8]"]).pipeline.model.units == (8,)
    assert not load("text-cls", ["model.name=lstm", "model.units=[8]"]).notes


OWN = """
import keras
from typing import Literal

def own(input_shape, classes, dense: int = 8, pooling: Literal["average", "max"] = "average", *, seed=None):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Flatten()(inputs)))
"""


def test_networks_of_the_users_own_keep_their_names(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    loaded = load("image-cls", ["model.name=own.py:own", "model.dense=4", "model.pooling=average"])
    assert (loaded.pipeline.model.dense, loaded.pipeline.model.pooling) == (4, "average")


SPACES = [
    {"search.space": {"model.pooling": ["average", "max"], "model.units": [[4], [8]]}},
    {"search.space": {"model.pooling": {"values": ["average", "max"]}, "model.units": {"values": [[4], [8]]}}},
    {"search.space.model.pooling": ["average", "max"], "search.space.model.units": [[4], [8]]},
]


@pytest.mark.parametrize("space", SPACES)
def test_a_space(space):
    plan = Plan.of("backbone", space, SCHEMAS)
    dimensions = plan.pipeline.search.space
    assert dimensions["model.pooling"].values == ("mean", "max")
    assert dimensions["model.head_units"].values == ([4], [8]) or dimensions["model.head_units"].values == ((4,), (8,))
    assert "model.units" not in dimensions and "model.units" not in plan.content["search"]["space"]


def test_conditions_of_a_space():
    space = {
        "model.pooling": ["average", "max"],
        "model.units": {"values": [[], [4]], "when": {"model.pooling": "average"}},
    }
    found = Plan.of("backbone", {"search.space": space}, SCHEMAS).pipeline.search.space
    assert found["model.head_units"].when in ({"model.pooling": "mean"}, {"model.pooling": ["mean"]})


def test_a_field_that_is_given_by_its_earlier_name_is_not_searched(tmp_path):
    space = {"model.units": [[4], [8]], "train.learning_rate": [0.1, 0.2]}
    path = written(tmp_path, task="finetune", data={"path": "sample:emoji"}, search={"space": space})
    plan = Plan.of(str(path), {"model.units": [8]}, SCHEMAS)
    assert plan.pipeline.model.head_units == (8,) and list(plan.pipeline.search.space) == ["train.learning_rate"]


def test_a_search_goes_on_whose_fields_have_other_names_now(tmp_path):
    space = {"model.head_units": [[4], [8]], "model.pooling": ["mean", "max"]}  # their order stays
    plan = Plan.of("backbone", {"search.space": space}, SCHEMAS)
    state, values = plan.state(1), {"model.pooling": "mean", "model.head_units": [8]}
    state.trials = [Trial(1, values, Proposal("a", {"model.pooling": 0, "model.head_units": 1}))]
    state.save(tmp_path)
    text = (tmp_path / "search.json").read_text()
    for new, old in (("head_units", "units"), ("keep_trials", "keep"), ('"mean"', '"average"')):
        assert new in text
        text = text.replace(new, old)
    (tmp_path / "search.json").write_text(text)
    found = unchanged_state(RunFolder(tmp_path), plan.pipeline)
    assert found.trials == state.trials and list(found.content["search"]["space"]) == list(space)
