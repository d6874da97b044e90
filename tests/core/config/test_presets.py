"""`preset=NAME`: fields that a pipeline file keeps under a name."""

import pytest
import yaml

from tfpipelines.core import config
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tuning.plan import Plan

FILE = {
    "task": "text-cls",
    "data": {"path": "sample:reviews"},
    "model": {"name": "auto", "candidates": ["wide", "bow"]},
    "train": {"epochs": 4, "batch_size": 16, "schedule": "step", "decay_factor": 0.5},
    "presets": {
        "fast": {"model.name": "wide", "train.epochs": 2, "train.schedule": "constant"},
        "best": {"model.candidates": ["wide", "bow", "cnn"]},
    },
}


@pytest.fixture
def load(tmp_path):
    def load(*words, **changed):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(FILE | changed))
        return config.load(str(path), list(words), schemas=SCHEMAS)

    return load


def test_file_then_preset_then_overrides(load):
    assert load().pipeline == load("preset=good").pipeline and load().pipeline.train.epochs == 4
    fast = load("preset=fast").pipeline
    assert (fast.model.name, fast.train.epochs, fast.train.batch_size, fast.train.schedule) == (
        "wide",
        2,
        16,
        "constant",
    )
    assert [network.name for network in load("preset=best").pipeline.model.candidates] == ["wide", "bow", "cnn"]
    changed = load("preset=fast", "model.name=bow", "train.epochs=7").pipeline
    assert (changed.model.name, changed.train.epochs, changed.train.schedule) == ("bow", 7, "constant")
    assert load("preset=fast", "train.time=60").pipeline.train.time == 60


def test_sections_of_a_preset_may_be_nested(load):
    nested = {"fast": {"model": {"name": "wide"}, "train": {"epochs": 2}, "train.schedule": "constant"}}
    assert load("preset=fast", presets=nested).pipeline == load("preset=fast").pipeline


def test_a_search_takes_fields_of_a_preset_as_given(load):
    space = {"model.name": ["bow", "cnn"], "train.learning_rate": [1e-3, 1e-2]}
    load(search={"space": space}, presets={"fast": {"model.name": "bow"}})
    plan = Plan.of("mine.yaml", ["preset=fast"], SCHEMAS)
    assert [*plan.pipeline.search.space] == ["train.learning_rate"]
    assert any("given, so not searched: model.name" in note for note in plan.notes)


def test_a_preset_is_no_field_of_what_is_run(load):
    loaded = load("preset=fast")
    assert "preset" not in loaded.changes and not {"preset", "presets"} & {
        *loaded.content,
        *config.as_dict(loaded.pipeline),
    }
    assert "preset" not in config.to_yaml(loaded.pipeline)


@pytest.mark.parametrize(
    ("words", "changed", "told"),
    [
        (["preset=fats"], {}, "mine.yaml has no preset 'fats'. Did you mean fast?\nPresets: best, fast, good."),
        (["preset=[1]"], {}, "has no preset ['1']"),
        (["preset=fast"], {"presets": {}}, "Presets: good."),
        ([], {"presets": ["fast"]}, "presets must be a mapping of names to fields"),
        ([], {"presets": {"fast": 3}}, "presets must be a mapping of names to fields"),
        ([], {"presets": {"good": {}}}, "presets.good cannot be given"),
        ([], {"presets": {"fast": {"preset": "best"}}}, "presets.fast names a preset itself"),
        (["preset=fast"], {"presets": {"fast": {"train.epoch": 3}}}, "Did you mean train.epochs?"),
        (["preset=fast"], {"presets": {"fast": {"train.epochs": "many"}}}, "train.epochs: got 'many'"),
        (["preset=fast"], {"presets": {"fast": {"task": "tabular"}}}, "presets.fast cannot change the task"),
        (["preset=fast"], {"presets": {"fast": {"model.name": "a.py:net"}}}, "names a network of your own, a.py:net"),
    ],
)
def test_wrong_presets_are_explained(load, words, changed, told):
    with pytest.raises(ConfigError) as caught:
        load(*words, **changed)
    assert told in f"{caught.value}"


@pytest.mark.parametrize("name", config.pipeline_names())
def test_presets_of_the_package_are_valid(name):
    file = config.read_yaml(config.find_pipeline(name))
    usual = config.load(name, schemas=SCHEMAS).pipeline
    for preset in file.get("presets", {}):
        pipeline = config.load(name, [f"preset={preset}"], schemas=SCHEMAS).pipeline
        assert pipeline != usual and pipeline.data == usual.data.model_copy(
            update={key: getattr(pipeline.data, key) for key in ("size", "augment") if hasattr(usual.data, key)}
        )


def test_editors_know_presets():
    schema = config.file_schema(SCHEMAS["text-cls"])
    assert schema["properties"]["presets"]["type"] == "object"
    assert "presets" not in SCHEMAS["text-cls"].model_json_schema()["properties"]
