"""`model.name=auto` in files and overrides: what its candidates may be, and what is said of those that may not."""

import pickle
from pathlib import Path

import pytest

from tfpipelines.core import config
from tfpipelines.core.config import given_fields, with_chosen
from tfpipelines.core.config.kinds import IMAGES
from tfpipelines.core.words import distinct, labels
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS

AUTO = "model.name=auto"
OWN = "def net(input_shape, classes, width: int = 4):\n    ...\n"


def load(*overrides, name="image-cls"):
    return config.load(name, list(overrides), schemas=SCHEMAS)


def test_candidates_are_names_or_mappings_and_all_fields_are_resolved():
    loaded = load(AUTO, "model.candidates=[cnn, {name: resnet, depth: 20}]")
    pipeline = loaded.pipeline
    assert pipeline.chooses and pipeline.network == "auto"
    cnn, resnet = pipeline.candidates()
    assert not cnn.chooses and cnn.network == "cnn" and resnet.model.depth == 20
    assert cnn.data == pipeline.data and cnn.search == pipeline.search
    assert load().pipeline.candidates() == (load().pipeline,)


@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_a_candidate_is_what_an_override_of_the_name_gives(name):
    candidates = load(AUTO, "model.candidates=[cnn, {name: resnet}, mlp]").pipeline.candidates()
    alone = load(f"model.name={name}").pipeline
    assert [one.model for one in candidates if one.network == name] == [alone.model]


def test_fields_of_the_file_go_to_the_candidates_that_have_them_and_are_named():
    loaded = load(AUTO, "model.candidates=[bow, {name: cnn, pooling: max}]", name="text-reg")
    bow, cnn = (one.model for one in loaded.pipeline.candidates())
    assert bow.wide == cnn.wide == load(name="text-reg").pipeline.model.wide and cnn.pooling == "max"
    assert "model.name=auto: candidates that have model.word_dropout" in loaded.notes[0]
    loaded = load(AUTO, "model.candidates=[mlp, resnet]")
    assert loaded.notes == [
        "model.name=auto: left out model.filters, model.convolutions of the file, which no candidate has"
    ]


def test_what_is_written_is_read_back(tmp_path):
    Path("mixer.py").write_text(OWN)
    pipeline = load(AUTO, "model.candidates=[cnn, 'mixer.py:net', {name: 'mixer.py:net', width: 8}]").pipeline
    assert [code.name for code, _ in pipeline.own_code] == [f"{tmp_path}/mixer.py:net"]
    Path("written.yaml").write_text(config.to_yaml(pipeline))
    again = load(name="written.yaml").pipeline
    assert again.model == pipeline.model and again.candidates()[2].model.width == 8
    assert pickle.loads(pickle.dumps(again)) == again
    assert config.as_dict(again)["model"]["candidates"][0] == {"name": "cnn", **given(again.model.candidates[0])}
    assert next(iter(config.as_dict(again)["model"]["candidates"][1])) == "name"


def given(network):
    return {key: value for key, value in network.model_dump(mode="json").items() if key != "name"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([AUTO], "model.candidates is missing: model.name=auto chooses among at least two networks"),
        ([AUTO, "model.candidates=[]"], "model.candidates: got none; give a list of at least two networks"),
        ([AUTO, "model.candidates=[cnn]"], "model.candidates: got 1; give a list of at least two networks"),
        ([AUTO, "model.candidates=cnn"], "model.candidates: got no list; give a list of at least two networks"),
        ([AUTO, "model.candidates=[cnn, cnn]"], "model.candidates: cnn is there twice with the same fields"),
        (
            [AUTO, "model.candidates=[cnn, resnte]"],
            "model.candidates.1: got 'resnte'; allowed: cnn, convnext, mlp, resnet,",
        ),
        ([AUTO, "model.candidates=[cnn, resnte]"], "of your own. Did you mean resnet?"),
        (
            [AUTO, "model.candidates=[cnn, auto]"],
            "model.candidates.1: got 'auto'; allowed: cnn, convnext, mlp, resnet,",
        ),
        ([AUTO, "model.candidates=[cnn, {depth: 8}]"], "model.candidates.1: got {'depth': '8'}; allowed: "),
        (
            [AUTO, "model.candidates=[cnn, {name: resnet, depht: 8}]"],
            "unknown key model.candidates.1.depht. Did you mean model.candidates.1.depth?",
        ),
        (
            [AUTO, "model.candidates=[cnn, {name: resnet, depth: x}]"],
            "model.candidates.1.depth: got 'x'; allowed: a whole number",
        ),
        (
            [AUTO, "model.candidates=[{name: cnn, filters: [4], convolutions: [1, 2]}, mlp]"],
            "model.candidates.0: model.convolutions has 2 numbers for the 1 stages of model.filters",
        ),
        (
            [AUTO, "model.candidates=[cnn, mlp]", "model.filters=[4]"],
            "model.filters is a field of one network, not of auto: give it to a candidate, "
            "model.candidates=[{name: cnn, filters: VALUE}, NETWORK]",
        ),
        (
            ["model.candidates=[cnn, mlp]"],
            "model.candidates goes with model.name=auto, and model.name is cnn: set the one, or leave out the other.",
        ),
        (["search.space={model.name: [cnn, auto]}"], "model.name cannot be auto: list the networks themselves"),
        ([AUTO, "model.candidates=[cnn, nowhere.py:net]"], "nowhere.py does not exist"),
    ],
)
def test_wrong_candidates_are_explained(overrides, message):
    with pytest.raises(ConfigError) as caught:
        load(*overrides)
    assert message in str(caught.value)
    assert len(caught.value.details) == 0


@pytest.mark.parametrize(
    ("name", "message"), [("dcgan", "got 'auto'; allowed: dcgan, gan"), ("backbone", "unknown key")]
)
def test_tasks_without_a_choice(name, message):
    with pytest.raises(ConfigError, match=message):
        load(AUTO, "model.candidates=[a, b]", name=name)


@pytest.mark.parametrize(
    ("candidates", "differ"),
    [
        ("[dense, {name: dense, units: [4]}]", ""),
        ("[dense, {name: dense, loss: l1}]", "loss"),
        ("[dense, vae]", "loss"),
        ("[vae, {name: vae, beta: 0.1}]", "beta"),
        ("[dense, knn]", "loss .of fitted detectors it is the mean score."),
    ],
)
def test_losses_that_cannot_be_compared_choose_nothing(candidates, differ):
    overrides = [AUTO, f"model.candidates={candidates}"]
    assert load(*overrides, name="anomaly-table").pipeline.search.objective.metric == "val_pseudo_roc_auc"
    overrides.append("search.objective=val_loss")
    if not differ:
        assert load(*overrides, name="anomaly-table").pipeline.search.objective.metric == "val_loss"
        return
    with pytest.raises(
        ConfigError, match=f"val_loss of the candidates cannot be compared, since they differ in {differ}:"
    ):
        load(*overrides, name="anomaly-table")


def test_a_task_may_declare_candidates():
    class Declares(SCHEMAS["image-cls"]):
        default_network = "auto"
        default_candidates = ("mlp", {"name": "resnet", "depth": 8})

    content = {"task": "image-cls", "data": {"path": "sample:digits"}}
    pipeline = config.validate(content, Declares, "here")
    assert [one.network for one in pipeline.candidates()] == ["mlp", "resnet"] and pipeline.model.candidates[
        1
    ].depth == 8
    assert config.validate(content | {"model": {"name": "cnn"}}, Declares, "here").network == "cnn"
    chosen = config.validate(content | {"model": {"candidates": ["cnn", "mlp"]}}, Declares, "here")
    assert [one.network for one in chosen.candidates()] == ["cnn", "mlp"]
    assert IMAGES.default("auto", ("mlp", "cnn")).candidates[1].name == "cnn"


def test_json_schema_takes_names_and_mappings():
    schema = SCHEMAS["image-cls"].model_json_schema()
    auto = schema["$defs"][schema["properties"]["model"]["discriminator"]["mapping"]["auto"].rsplit("/", 1)[1]]
    candidates = auto["properties"]["candidates"]
    assert candidates["minItems"] == 2 and "candidates" in auto["required"] and not candidates["searchable"]
    text, mapping = candidates["items"]["anyOf"]
    assert text == {"type": "string"} and set(mapping["discriminator"]["mapping"]) == set(IMAGES.names)


def test_fields_and_labels_tell_candidates_apart():
    pipeline = load(
        AUTO, "model.candidates=[{name: mlp, units: [4], dropout: 0.1}, {name: mlp, dropout: 0.1}]"
    ).pipeline
    fields = [given_fields(network) for network in pipeline.model.candidates]
    assert fields == [{"units": [4], "dropout": 0.1}, {"dropout": 0.1}]
    assert distinct(fields) == [{"units": [4]}, {}]
    assert labels([("mlp", fields[0]), ("cnn", {}), ("mlp", fields[1])]) == ["mlp (units=[4])", "cnn", "mlp"]
    wide = given_fields(load(name="text-reg").pipeline.model)["wide"]
    assert wide.keys() == {"words", "characters", "min_count", "scale", "deep_weight"}


def test_the_name_of_a_candidate_of_the_file_takes_its_fields():
    loaded = load("model.name=bilstm", "model.pooling=max", name="text-cls")
    (given,) = (one.model for one in load(name="text-cls").pipeline.candidates() if one.network == "bilstm")
    assert loaded.pipeline.model == given.model_copy(update={"pooling": "max"}) and not loaded.notes
    assert (
        load("model.name=lstm", name="text-cls").pipeline.model
        == type(loaded.pipeline).model_validate({"data": {"path": "a.csv"}, "model": {"name": "lstm"}}).model
    )


def test_the_chosen_network_takes_the_place_of_auto():
    pipeline = {"model": {"name": "auto", "candidates": [{"name": "a"}, {"name": "b"}]}}
    entries = [{"chosen": False}, {"chosen": True}]
    assert with_chosen(pipeline, entries) == {"model": {"name": "b"}}
    assert with_chosen(pipeline, []) == with_chosen(pipeline, [*entries[:1] * 2, *entries[1:]]) == pipeline
    assert with_chosen({"model": None}, entries) == {"model": None}
