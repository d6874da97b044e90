"""The schema and the builders say the same."""

import inspect

import pytest

from tfpipelines import datasets, models, training
from tfpipelines.config.images import Augment
from tfpipelines.config.networks import CNN, MLP, ResNet
from tfpipelines.config.train import Train
from tfpipelines.tasks import SCHEMAS


@pytest.mark.parametrize("section", [MLP, CNN, ResNet])
def test_networks_have_the_builders_arguments_and_defaults(section):
    name = section.model_fields["name"].default
    signature = inspect.signature(models.IMAGE_NETWORKS[name]).parameters
    plain = {key: parameter.default for key, parameter in signature.items() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD}
    assert {key: value for key, value in plain.items() if key not in ("input_shape", "classes")} == {key: field.default for key, field in section.model_fields.items() if key != "name"}


def test_optimizer_has_the_schemas_defaults():
    signature = inspect.signature(training.build_optimizer).parameters
    shared = {key: parameter.default for key, parameter in signature.items() if key in Train.model_fields and parameter.default is not parameter.empty}
    assert len(shared) >= 10
    assert shared == {key: Train.model_fields[key].default for key in shared}


def test_augmentation_has_the_schemas_defaults():
    assert {key: field.default for key, field in Augment.model_fields.items()} == {key: parameter.default for key, parameter in inspect.signature(datasets.Augmentation).parameters.items()}


def test_json_schema_describes_every_field():
    schema = SCHEMAS["image-cls"].model_json_schema()
    assert set(schema["properties"]) == {"name", "seed", "task", "data", "model", "train", "evaluation", "search"}
    assert schema["$defs"]["Train"]["properties"]["learning_rate"]["exclusiveMinimum"] == 0
    assert set(schema["properties"]["model"]["discriminator"]["mapping"]) == set(models.IMAGE_NETWORKS)
