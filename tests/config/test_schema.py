"""The schema and the builders say the same."""

import inspect
from typing import Annotated, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from tfpipelines import config, datasets, models, training
from tfpipelines.config.anomaly import AnomalyEvaluation, least_normals
from tfpipelines.config.autoencoders import (
    Conv1DSeries,
    ConvImages,
    DenseImages,
    DenseRows,
    DenseSeries,
    Features,
    GRUSeries,
    LSTMSeries,
    Scored,
    VariationalImages,
    VariationalRows,
)
from tfpipelines.config.finetune import FinetunedImages, FinetunedTexts
from tfpipelines.config.gan import DCGAN, DenseGAN
from tfpipelines.config.images import Augment
from tfpipelines.config.networks import CNN, MLP, ResNet
from tfpipelines.config.text_networks import GRU, LSTM, RNN, BagOfWords, BiLSTM, TextCNN, Transformer
from tfpipelines.config.train import Train
from tfpipelines.models.detector import DetectorArtifact
from tfpipelines.models.finetuned import finetuned_images, finetuned_texts, head_logits
from tfpipelines.models.text_layers import text_network
from tfpipelines.tasks import SCHEMAS

IMAGE, TEXT = [MLP, CNN, ResNet], [RNN, LSTM, GRU, BiLSTM, TextCNN, Transformer, BagOfWords]


@pytest.mark.parametrize("section", IMAGE + TEXT)
def test_networks_have_the_builders_arguments_and_defaults(section):
    name = section.model_fields["name"].default
    builders = [models.IMAGE_NETWORKS[name]] if section in IMAGE else [models.TEXT_NETWORKS[name], text_network]
    signatures = [parameter for builder in builders for parameter in inspect.signature(builder).parameters.items()]
    plain = {
        key: parameter.default for key, parameter in signatures if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    # `wide` is a section of its own, which the task turns into the builder's keyword arguments
    fields = {key: field.default for key, field in section.model_fields.items() if key not in ("name", "wide")}
    assert {
        key: value
        for key, value in plain.items()
        if key not in ("input_shape", "vocabulary", "classes", "name", "body")
    } == fields


@pytest.mark.parametrize(
    ("section", "builder"), [(FinetunedImages, finetuned_images), (FinetunedTexts, finetuned_texts)]
)
def test_fine_tuned_networks_have_the_builders_arguments_and_defaults(section, builder):
    parameters = [*inspect.signature(builder).parameters.items(), *inspect.signature(head_logits).parameters.items()]
    plain = {
        key: parameter.default
        for key, parameter in parameters
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is not parameter.empty
    }
    of_the_backbone = ("backbone", "weights", "freeze", "unfreeze", "scaling")
    assert plain == {key: field.default for key, field in section.model_fields.items() if key not in of_the_backbone}


AUTOENCODERS = {
    **dict.fromkeys((DenseImages, ConvImages, VariationalImages), models.IMAGE_AUTOENCODERS),
    **dict.fromkeys((DenseRows, VariationalRows), models.ROW_AUTOENCODERS),
    **dict.fromkeys((DenseSeries, Conv1DSeries, LSTMSeries, GRUSeries), models.SERIES_AUTOENCODERS),
    Features: {"feature": models.feature_autoencoder},
}
DENSE_OF_WINDOWS = {
    "units": (64,),
    "normalization": "none",
}  # where the builder serves rows and windows, the schema of windows has defaults of its own


@pytest.mark.parametrize("section", AUTOENCODERS)
def test_autoencoders_have_the_builders_arguments_and_defaults(section):
    scoring = {"distance", "pooling", "top", "smoothing"}
    fields = {
        key: field.default
        for key, field in section.model_fields.items()
        if key not in {"name", "backbone", "weights", *scoring}
    }
    plain = {
        key: parameter.default
        for key, parameter in inspect.signature(
            AUTOENCODERS[section][section.model_fields["name"].default]
        ).parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is not parameter.empty
    }
    if section is DenseSeries:
        plain |= DENSE_OF_WINDOWS
    if section is DenseRows:
        assert plain.pop("centered") is False  # of windows alone
    assert plain == fields
    assert scoring >= set(section.model_fields) & set(inspect.signature(DetectorArtifact).parameters)


@pytest.mark.parametrize("section", [DCGAN, DenseGAN])
def test_gans_have_the_builders_arguments_and_defaults(section):
    parameters = inspect.signature(models.GANS[section.model_fields["name"].default]).parameters.items()
    plain = {
        key: parameter.default
        for key, parameter in parameters
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and key not in ("image_shape", "classes")
    }
    of_the_task = ("name", "conditional", "clusters")
    assert plain == {key: field.default for key, field in section.model_fields.items() if key not in of_the_task}


@pytest.mark.parametrize("network", ["dcgan", "gan"])
def test_every_choice_of_generation_can_be_written_on_the_command_line(network):
    schema = SCHEMAS["dcgan"]
    section = {"dcgan": DCGAN, "gan": DenseGAN}[network]
    found = [
        pair
        for part in ("data", "train", "evaluation")
        for pair in fields(schema.model_fields[part].annotation, f"{part}.")
    ] + list(fields(section, "model."))
    assert (
        ("train.loss", "hinge") in found
        and ("train.diff_augment", "cutout") in found
        and ("model.initializer", "normal") in found
    )
    for key, value in found:
        loaded = config.load("dcgan", [f"model.name={network}", f"{key}={value}"], schemas=SCHEMAS).pipeline
        for part in key.split("."):
            loaded = getattr(loaded, part)
        assert loaded == ((value,) if key == "train.diff_augment" else value), key


def test_scoring_has_the_artifacts_defaults():
    signature = inspect.signature(DetectorArtifact).parameters
    assert {name: signature[name].default for name in ("pooling", "top")} == {
        name: Scored.model_fields[name].default for name in ("pooling", "top")
    }


@pytest.mark.parametrize(
    ("rate", "least"), [(0.01, 99), (0.05, 19), (0.1, 9), (0.3, 3), (0.5, 1), (0.015, 66), (1 / 3, 2)]
)
def test_normal_samples_that_a_rate_needs(rate, least):
    assert least_normals(rate) == AnomalyEvaluation(false_alarm_rate=rate).least == least


def test_wide_part_has_the_builders_defaults():
    signature, fields = inspect.signature(text_network).parameters, BiLSTM.model_fields["wide"].annotation.model_fields
    assert {name: signature[f"wide_{name}"].default for name in ("initial", "dropout")} == {
        name: fields[name].default for name in ("initial", "dropout")
    }
    assert signature["deep_weight"].default == fields["deep_weight"].default


def test_optimizer_has_the_schemas_defaults():
    signature = inspect.signature(training.build_optimizer).parameters
    shared = {
        key: parameter.default
        for key, parameter in signature.items()
        if key in Train.model_fields and parameter.default is not parameter.empty
    }
    assert len(shared) >= 10
    assert shared == {key: Train.model_fields[key].default for key in shared}


def test_augmentation_has_the_schemas_defaults():
    assert {key: field.default for key, field in Augment.model_fields.items()} == {
        key: parameter.default for key, parameter in inspect.signature(datasets.Augmentation).parameters.items()
    }


def test_json_schema_describes_every_field():
    schema = SCHEMAS["image-cls"].model_json_schema()
    assert set(schema["properties"]) == {
        "name",
        "seed",
        "split_seed",
        "task",
        "data",
        "model",
        "train",
        "evaluation",
        "search",
    }
    assert schema["$defs"]["Train"]["properties"]["learning_rate"]["exclusiveMinimum"] == 0
    assert set(schema["properties"]["model"]["discriminator"]["mapping"]) == set(models.IMAGE_NETWORKS)
    assert set(SCHEMAS["text-cls"].model_json_schema()["properties"]["model"]["discriminator"]["mapping"]) == set(
        models.TEXT_NETWORKS
    )


def choices(annotation):
    """Every value of every Literal in a type."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    for part in get_args(annotation):
        if get_origin(annotation) is not Literal:
            yield from choices(part)


def fields(section, path=""):
    """(key, value) of every field and sub-field of a section that has choices."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner, f"{path}{name}.")
        else:
            yield from (
                (f"{path}{name}", value)
                for value in choices(Annotated[(inner, *field.metadata)] if field.metadata else inner)
            )


@pytest.mark.parametrize("section", IMAGE + TEXT)
def test_every_choice_can_be_written_on_the_command_line(section):
    name = section.model_fields["name"].default
    task = "image-cls" if section in IMAGE else "text-cls"
    schema = SCHEMAS[task]
    found = [
        pair
        for part in ("data", "train", "evaluation")
        for pair in fields(schema.model_fields[part].annotation, f"{part}.")
    ] + list(fields(section, "model."))
    assert len(found) > 50
    for key, value in found:
        pipeline = config.load(
            task, [f"model.name={name}", f"{key}={value}", "train.warmup_epochs=0"], schemas=SCHEMAS
        ).pipeline
        for part in key.split("."):
            pipeline = getattr(pipeline, part)
        assert pipeline == value, key


@pytest.mark.parametrize("task", ["finetune", "finetune-text"])
def test_every_choice_of_fine_tuning_can_be_written_on_the_command_line(task):
    schema = SCHEMAS[task]
    pipeline = {"finetune": "backbone", "finetune-text": "text-backbone"}[task]
    found = [
        pair
        for part in ("data", "model", "train", "evaluation")
        for pair in fields(schema.model_fields[part].annotation, f"{part}.")
    ]
    assert ("model.freeze", "all") in found and ("train.keep", "last") in found
    for key, value in found:
        loaded = config.load(pipeline, [f"{key}={value}", "train.warmup_epochs=0"], schemas=SCHEMAS).pipeline
        for part in key.split("."):
            loaded = getattr(loaded, part)
        assert loaded == value, key
