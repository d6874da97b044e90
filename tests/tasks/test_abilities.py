"""What tasks declare is what they can do, and is known without TensorFlow."""

import subprocess
import sys

import pytest

from tfpipelines import catalogue
from tfpipelines.tasks import SCHEMAS, TASKS, kind_of, task_class
from tfpipelines.tasks.abilities import (
    Ability,
    ByPoint,
    Explains,
    Follows,
    Generates,
    Kind,
    OneLoss,
    Recalibrates,
)

from ..conftest import ROOT

PROTOCOLS = {
    Ability.EXPLAINS: Explains,
    Ability.GENERATES: Generates,
    Ability.RECALIBRATES: Recalibrates,
    Ability.FOLLOWS: Follows,
    Ability.BY_POINT: ByPoint,
    Ability.ONE_LOSS: OneLoss,
}


def methods(protocol):
    return [name for name, value in vars(protocol).items() if callable(value) and not name.startswith("_")]


@pytest.mark.parametrize("name", TASKS)
def test_abilities_and_methods_agree(name):
    task = task_class(name)
    for ability, protocol in PROTOCOLS.items():
        assert methods(protocol)
        for method in methods(protocol):
            assert (getattr(task, method, None) is not None) == (ability in task.abilities), (ability, method)


@pytest.mark.parametrize("name", TASKS)
def test_kinds_and_pipelines_agree(name):
    task = task_class(name)
    assert task.kind in Kind and SCHEMAS[name] is task.schema
    assert task.weight_files[0] == "model.keras"
    assert task.schema.hub_task.endswith("classification") == (task.kind is Kind.CLASSIFIER)
    assert ("generation" in task.schema.hub_task) == (task.kind is Kind.GENERATOR)


def test_every_kind_and_ability_is_of_some_task():
    tasks = [task_class(name) for name in TASKS]
    assert {task.kind for task in tasks} | {kind_of("tabular", {"target": "number"})} == set(Kind)
    assert set().union(*(task.abilities for task in tasks)) == set(Ability)


def test_pipelines_that_fine_tune():
    found = {
        entry["name"]
        for entry in catalogue.list_pipelines()
        if Ability.FINETUNES in task_class(entry["task"]).abilities
    }
    assert found == {"backbone", "text-backbone"}


def test_pipelines_are_found_by_pickle():
    import pickle

    from tfpipelines.core import config

    pipeline = config.load("image-cls", schemas=SCHEMAS).pipeline
    assert pickle.loads(pickle.dumps(pipeline)) == pipeline


def test_declarations_are_known_without_tensorflow():
    code = """
import sys
from tfpipelines.exporting.formats import exporters
from tfpipelines.tasks import TASKS, task_class
for name in TASKS:
    assert task_class(name).kind and task_class(name).schema
assert list(exporters())[0] == "saved_model"
print([name for name in ("tensorflow", "keras", "keras_tuner", "pandas") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"
