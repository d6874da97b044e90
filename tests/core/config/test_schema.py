"""What the schema takes can be given, and is described."""

from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from tfpipelines.core import config
from tfpipelines.core.config.kinds import GANS, IMAGES, TEXTS
from tfpipelines.tasks import SCHEMAS
from tfpipelines.tasks.anomaly.config import AnomalyEvaluation, least_normals


def written(schema, network, key, value):
    """What a section makes of a choice as the command line gives it, as text; a whole load of each takes too long."""
    part, *names = key.split(".")
    section = network if part == "model" else schema.model_fields[part].annotation
    content: Any = str(value)
    for name in reversed(names):
        content = {name: content}
    given = {"data": {"path": "sample:digits"}, "train": {"warmup_epochs": 0}}.get(part, {})
    taken = section.model_validate({**given, **content})
    for name in names:
        taken = getattr(taken, name)
    return taken


@pytest.mark.parametrize("network", GANS.names)
def test_every_choice_of_generation_can_be_written_on_the_command_line(network):
    schema = SCHEMAS["dcgan"]
    section = GANS.section(network)
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
        taken = written(schema, section, key, value)
        assert taken == ((value,) if key == "train.diff_augment" else value), key


@pytest.mark.parametrize(
    ("rate", "least"), [(0.01, 99), (0.05, 19), (0.1, 9), (0.3, 3), (0.5, 1), (0.015, 66), (1 / 3, 2)]
)
def test_normal_samples_that_a_rate_needs(rate, least):
    assert least_normals(rate) == AnomalyEvaluation(false_alarm_rate=rate).least == least


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
    assert set(schema["properties"]["model"]["discriminator"]["mapping"]) == {*IMAGES.names, "auto"}
    of_texts = SCHEMAS["text-cls"].model_json_schema()["properties"]["model"]["discriminator"]["mapping"]
    assert set(of_texts) == {*TEXTS.names, "auto"}


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


@pytest.mark.parametrize(
    ("task", "name"), [("image-cls", name) for name in IMAGES.names] + [("text-cls", name) for name in TEXTS.names]
)
def test_every_choice_can_be_written_on_the_command_line(task, name):
    schema, section = SCHEMAS[task], (IMAGES if task == "image-cls" else TEXTS).section(name)
    found = [
        pair
        for part in ("data", "train", "evaluation")
        for pair in fields(schema.model_fields[part].annotation, f"{part}.")
    ] + list(fields(section, "model."))
    assert len(found) > 50
    for key, value in found:
        assert written(schema, section, key, value) in (value, (value,)), key
    key, value = found[-1]
    loaded = config.load(task, [f"model.name={name}", f"{key}={value}"], schemas=SCHEMAS).pipeline
    assert getattr(loaded.model, key.removeprefix("model.")) == value


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
        assert written(schema, schema.model_fields["model"].annotation, key, value) in (value, (value,)), key
    assert config.load(pipeline, ["model.freeze=all"], schemas=SCHEMAS).pipeline.model.freeze == "all"
