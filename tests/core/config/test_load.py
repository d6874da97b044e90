"""Pipeline files, overrides, precedence, messages."""

import time

import pytest

from tfpipelines.core import config
from tfpipelines.core.config.optimizers import OPTIMIZERS
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import SCHEMAS


def load(name="image-cls", overrides=()):
    return config.load(name, overrides, schemas=SCHEMAS)


def write(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    return "mine.yaml"


@pytest.mark.parametrize("name", config.pipeline_names())
def test_every_pipeline_validates_and_survives_a_round_trip(name, tmp_path):
    pipeline = load(name).pipeline
    again = load(write(tmp_path, config.to_yaml(pipeline))).pipeline
    assert config.as_dict(again) == config.as_dict(pipeline)
    assert config.description(config.find_pipeline(name))


def test_precedence_schema_file_override(tmp_path):
    name = write(tmp_path, "task: image-cls\ndata: {path: somewhere}\ntrain: {epochs: 7, batch_size: 8}\n")
    pipeline = load(name, ["train.batch_size=9"]).pipeline
    assert (pipeline.train.optimizer, pipeline.train.epochs, pipeline.train.batch_size) == ("adamw", 7, 9)
    assert pipeline.name == "mine"


def test_values_take_the_type_of_their_field(tmp_path):
    name = write(
        tmp_path,
        "task: image-cls\ndata: {path: no, label_column: no, class_weights: {no: 2, yes: 1}}\ntrain: "
        "{learning_rate: 1e-3, deterministic: no}\n",
    )
    pipeline = load(
        name, {"train.clip_norm": "1e-2", "data.size": [32, 48], "data.folds": "5", "train.early_stopping": None}
    ).pipeline
    assert pipeline.data.path == pipeline.data.label_column == "no"
    assert pipeline.data.class_weights == {"no": 2.0, "yes": 1.0}
    assert (pipeline.train.learning_rate, pipeline.train.deterministic, pipeline.train.clip_norm) == (1e-3, False, 1e-2)
    assert (pipeline.data.size, pipeline.data.folds) == ((32, 48), 5)
    assert load(overrides=["data.folds=fold"]).pipeline.data.folds == "fold"
    assert load(overrides=["data.folds=null"]).pipeline.data.folds is None


def test_another_network_drops_the_files_foreign_fields_and_says_which():
    loaded = load(overrides=["model.name=resnet", "model.depth=8"])
    assert loaded.pipeline.model.depth == 8
    assert loaded.notes == [
        "model.name=resnet: left out model.filters, model.convolutions of the file, which resnet does not have"
    ]
    with pytest.raises(ConfigError, match="unknown key model.filters"):
        load(overrides=["model.name=resnet", "model.filters=[8]"])


def test_values_of_a_mapping_are_told():
    with pytest.raises(ConfigError) as caught:
        load("tabular", ["data.types={year: categorie}"])
    words = "key: value pairs, each value one of number, boolean, category, date, text"
    assert f"data.types.year: got 'categorie'; allowed: {words}." in caught.value.cause


def test_pipelines_are_frozen():
    with pytest.raises(Exception, match="frozen"):
        load().pipeline.train.epochs = 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.learning_rat=1"], "unknown key train.learning_rat. Did you mean train.learning_rate?"),
        (["learning_rate=1"], "unknown key learning_rate. Did you mean train.learning_rate?"),
        (["trian.epochs=1"], "unknown key trian. Did you mean train?"),
        (["data.augment.flop=both"], "unknown key data.augment.flop. Did you mean data.augment.flip?"),
        (["train.lr=1"], "unknown key train.lr. Did you mean train.learning_rate?"),
        (["train.bs=8"], "unknown key train.bs. Did you mean train.batch_size?"),
        (["n_epochs=8"], "unknown key n_epochs. Did you mean train.epochs?"),
        (["train.wd=0"], "unknown key train.wd. Did you mean train.weight_decay?"),
        (["model.dropoutRate=0"], "unknown key model.dropoutRate. Did you mean model.dropout?"),
        (["train.patience=3"], "unknown key train.patience. Did you mean train.early_stopping?"),
        (["train.zzz=3"], "unknown key train.zzz. Allowed here: epochs, batch_size"),
        (["model.name=xx"], "model.name: got 'xx'; allowed: cnn, convnext, mlp, resnet, auto, or FILE.py:FUNCTION"),
        (["data.augment=null"], "data.augment: got None; allowed: key: value pairs of flip, crop, translate"),
        (
            ["search.space={train.lr: [1]}"],
            "train.lr is no field that can be searched. Did you mean train.learning_rate",
        ),
        (["train.epochs=many"], "train.epochs: got 'many'; allowed: a whole number from 1."),
        (["train.epochs=0"], "train.epochs: got '0'; allowed: a whole number from 1."),
        (["train.batch_size=-4"], "train.batch_size: got '-4'; allowed: a whole number from 1."),
        (["train.learning_rate=-1"], "train.learning_rate: got '-1'; allowed: a number above 0."),
        (["train.learning_rate=nan"], "train.learning_rate: got 'nan'; allowed: a number above 0."),
        (
            ["train.optimizer=adamww"],
            f"train.optimizer: got 'adamww'; allowed: {', '.join(OPTIMIZERS)}. Did you mean adamw?",
        ),
        (
            ["model.name=cnnn"],
            "model.name: got 'cnnn'; allowed: cnn, convnext, mlp, resnet, auto, or FILE.py:FUNCTION of your own. "
            "Did you mean cnn?",
        ),
        (["model.name=resnet", "model.depth=9"], "model.depth: got 9; it must be 6n + 2"),
        (["model.filters=[4,x]"], "model.filters.1: got 'x'; allowed: a whole number from 1 or a list of"),
        (["data.size=huge"], "data.size: got 'huge'; allowed: auto or a whole number from 4 or a list of values."),
        (["data.validation=1"], "data.validation: got '1'; allowed: auto or a number from 0 below 1."),
        (["model.filters=[4]"], "model.convolutions has 3 numbers for the 1 stages of model.filters"),
        (["train.clip_norm=1", "train.clip_value=1"], "exclude each other"),
        (["train.schedule=plateau"], "warmup_epochs goes with"),
        (["task=image-class"], "task: got 'image-class'; allowed: image-cls"),
        (["epochs"], "'epochs' is not an override"),
        (["data.augment={flip: [}"], "not valid YAML"),
        (
            ["search.space={train.learning_rat: [1]}"],
            "train.learning_rat is no field that can be searched. Did you mean train.learning_rate?",
        ),
        (["search.space={data.path: [a, b]}"], "data.path is no field that can be searched"),
        (["search.space={train.epochs: [1, 2]}", "search.algorithm=hyperband"], "hyperband sets train.epochs"),
        (["search.space={model.depth: [8, 9]}"], "model.depth cannot be"),
        (["search.space={train.momentum: {min: 0.9, max: 0.1}}"], "min below max"),
    ],
)
def test_wrong_overrides_are_explained(overrides, message):
    with pytest.raises(ConfigError) as caught:
        load(overrides=overrides)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_errors_are_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        load(overrides=["train.epochs=x", "data.cache=ram", "model.dropout=2"])
    assert all(key in str(caught.value) for key in ("train.epochs", "data.cache", "model.dropout"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: image-cls\ndata:\n  path: a\n  path: b\n", "'path' appears twice: in lines 3 and 4"),
        ("task: image-cls\n\tdata: x\n", "line 2, column 1"),
        ("- a\n- b\n", "holds no pipeline"),
        ("data: {path: a}\n", "task is missing"),
        ("task: image-cls\n", "data is missing"),
        ("task: image-cls\ndata: {}\n", "data.path is missing"),
        ("task: image-cls\ndata: {path: !!python/object/apply:os.system [ls]}\n", "not valid YAML"),
    ],
)
def test_wrong_files_are_explained(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert message in str(caught.value)


def test_unknown_pipelines_are_named():
    with pytest.raises(ConfigError, match="Did you mean image-cls"):
        load("image-csl")
    with pytest.raises(ConfigError, match="There is no pipeline file"):
        load("absent.yaml")


def test_search_values_take_the_type_of_their_field():
    space = load(
        overrides=[
            "search.space={model.filters: [[8, 16], [32]], train.batch_size: {min: 8, max: 64, scale: "
            "log}, model.depth: {values: [8], when: {model.name: resnet}}, model.name: [cnn, resnet]}"
        ]
    ).pipeline.search.space
    assert space["model.filters"].values == ((8, 16), (32,))
    assert (space["train.batch_size"].min, space["train.batch_size"].max) == (8, 64)
    assert space["model.depth"].when == {"model.name": ["resnet"]}


def test_difference_names_leaves():
    before, after = (
        config.as_dict(load().pipeline),
        config.as_dict(load(overrides=["train.epochs=3", "data.augment.flip=both"]).pipeline),
    )
    assert config.difference(before, after) == ["data.augment.flip: none -> both", "train.epochs: 26 -> 3"]


def test_bundled_word_vectors_are_a_word_and_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundled").touch()
    resolved = lambda value: config.with_absolute_paths(load("text-cls", [f"data.vectors={value}"]).pipeline)
    assert resolved("bundled").data.vectors == "bundled"
    (tmp_path / "again.yaml").write_text(config.to_yaml(resolved("bundled")))
    again = config.with_absolute_paths(load("again.yaml").pipeline)
    assert again == resolved("bundled").model_copy(update={"name": again.name})
    assert resolved("./bundled").data.vectors == str(tmp_path / "bundled")
    assert load("text-cls", ["data.vectors=bundled", "data.level=ngram"]).pipeline.data.level == "ngram"
    with pytest.raises(ConfigError, match="tokens are characters; set data.level=word"):
        load("text-cls", ["data.vectors=bundled", "data.level=char"])


def test_paths_become_absolute(tmp_path):
    assert config.with_absolute_paths(load(overrides=["data.path=photos"]).pipeline).data.path == str(
        tmp_path / "photos"
    )
    assert config.with_absolute_paths(load().pipeline).data.path == "sample:digits"


def test_a_fold_column_of_the_sample_is_left_out_for_other_data():
    loaded = config.load("backbone", ["data.path=photos"], schemas=SCHEMAS)
    assert loaded.pipeline.data.folds is None and loaded.notes == [
        "data.path: left out data.folds=fold of the file, a column of sample:emoji"
    ]
    assert (
        config.load("backbone", ["data.path=photos", "data.folds=group"], schemas=SCHEMAS).pipeline.data.folds
        == "group"
    )
    assert config.load("backbone", ["data.path=sample:emoji"], schemas=SCHEMAS).pipeline.data.folds == "fold"


def test_another_backbone_has_other_layers():
    loaded = config.load("anomaly-digits", ["model.backbone=ResNet50"], schemas=SCHEMAS)
    assert loaded.pipeline.model.layers == "auto" and "left out model.layers" in loaded.notes[0]
    assert config.load(
        "anomaly-digits", ["model.backbone=ResNet50", "model.layers=[conv2_block3_out]"], schemas=SCHEMAS
    ).pipeline.model.layers == ("conv2_block3_out",)
    assert (
        config.load("anomaly-digits", ["model.backbone=efficientnet-lite0"], schemas=SCHEMAS).pipeline.model.layers[0]
        == "block4_add"
    )


def test_other_data_do_not_share_what_is_of_the_samples(tmp_path):
    loaded = config.load("anomaly-series", ["data.path=log.csv", "data.time_column=when"], schemas=SCHEMAS)
    assert (
        loaded.pipeline.data.test_path is None
        and loaded.pipeline.data.time_column == "when"
        and "data.test_path" in loaded.notes[0]
    )
    assert config.load("anomaly-digits", ["data.path=photos"], schemas=SCHEMAS).pipeline.data.normal is None
    assert config.load(
        "anomaly-digits", ["data.path=photos", "data.normal=cat"], schemas=SCHEMAS
    ).pipeline.data.normal == ("cat",)


def test_differing_names_leaves_of_many():
    contents = [{"a": 1, "b": {"c": 1, "d": 2}}, {"a": 1, "b": {"c": 3, "d": 2}}, {"a": 1, "b": {"d": 2}, "e": None}]
    assert config.differing(contents, missing="") == [("b.c", [1, 3, ""]), ("e", ["", "", None])]


# --- files that are to hang or to flood
MANY = "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefghijk", "bcdefghijkl")
)
MERGED = "\n".join(
    f"{name}: &{name}\n  <<: [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a: &a [x]\n{MANY}\n", "too many values"),
        (f"task: image-cls\ndata: {{path: sample:digits}}\na: &a {{k1: 1, k2: 2}}\n{MERGED}\n", "unknown key"),
        ("task: " + "[" * 100_000, "nested too deeply"),
        ("task: image-cls\ndata: {path: sample:digits, limit: " + "9" * 100_000 + "}", "data.limit: got"),
        ("task: image-cls\ndata: {path: sample:digits, " + "x" * 1000 + ": 1}", "unknown key"),
        ("task: " + "x" * 100_000, "task: got"),
        (
            "task: image-cls\ndata: {path: sample:digits}\nsearch: {space: {model.dropout: [" + "9" * 9_999 + "]}}",
            "dropout",
        ),
    ],
)
def test_files_that_multiply_or_go_deep_are_refused_at_once(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)
    began = time.perf_counter()
    with pytest.raises(ConfigError, match=words) as caught:
        load(str(tmp_path / "mine.yaml"))
    assert time.perf_counter() - began < 5 and len(str(caught.value)) < 20_000


def test_a_mapping_may_be_merged_into_another_one(tmp_path):
    text = "task: image-cls\ndata: {path: sample:digits}\ntrain:\n  epochs: 3\n  <<: {batch_size: 32, epochs: 9}\n"
    (tmp_path / "mine.yaml").write_text(text)
    train = load(str(tmp_path / "mine.yaml")).pipeline.train
    assert (train.epochs, train.batch_size) == (3, 32)  # the mapping's own keys win
    (tmp_path / "mine.yaml").write_text(text + "  epochs: 4\n")
    with pytest.raises(ConfigError, match="'epochs' appears twice: in lines 4 and 6"):
        load(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize("section", ["data", "model", "train", "search", "evaluation"])
def test_a_section_that_is_a_number_is_refused(tmp_path, section):
    with pytest.raises(ConfigError, match=rf"{section}: got '5'; allowed: "):
        load(write(tmp_path, f"task: tabular\n{section}: 5\n"))
