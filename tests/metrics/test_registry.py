"""One entry a metric: nobody else says what it is, and what nobody knows is shown all the same."""

import ast
import subprocess
import sys

import numpy as np
import pytest

from tfpipelines import ConfigError
from tfpipelines.core import config
from tfpipelines.metrics import METRICS, by_epoch, classifier_metrics, direction_of, main_figure, metric
from tfpipelines.metrics.registry import ONE, SEVERAL
from tfpipelines.tasks import SCHEMAS

from ..conftest import ROOT


def test_directions_of_figures_are_known():
    known = {
        "accuracy": "max",
        "f1_micro": "max",
        "per_region_overlap": "max",
        "pixel_roc_auc": "max",
        "matthews": "max",
        "log_loss": "min",
        "kid": "min",
        "false_alarm_rate": "min",
        "alarm_rate": None,
        "nearest": None,
        "their_own_auc": "max",  # by its end
        "their_own_mae": "min",
        "their_own": None,
        "lossy": None,
    }
    assert {name: direction_of(name) for name in known} == known


def test_a_search_takes_the_direction_of_the_registry():
    for entry in METRICS:
        objective = [f"search.objective=val_{entry.name}"]
        if entry.better is None:
            with pytest.raises(ConfigError, match="to be high or low"):
                config.load("image-cls", objective, schemas=SCHEMAS)
        else:
            loaded = config.load("image-cls", objective, schemas=SCHEMAS)
            assert loaded.pipeline.search.objective.direction == entry.better, entry.name


def test_entries_are_whole():
    assert len({(entry.name, entry.kind) for entry in METRICS}) == len(METRICS)
    for entry in METRICS:
        assert entry.what or not entry.kind, f"{entry.name} says nothing of what it is"
        assert len({other.better for other in METRICS if other.name == entry.name}) == 1, entry.name
        assert all(callable(entry.function(module)) for module in entry.by)
    assert metric("precision", "generator") != metric("precision", "detector") == metric("precision", "classifier")
    assert metric("brilliance") is None


@pytest.mark.parametrize(("module", "shape"), [(ONE, (40,)), (SEVERAL, (40, 7))])
def test_every_entry_with_a_function_is_a_figure_of_classifiers(module, shape):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 7 if len(shape) == 1 else 2, shape)
    classification = classifier_metrics(labels, generator.dirichlet(np.ones(7), 40).astype(np.float32))
    assert list(classification) == [entry.name for entry in METRICS if module in entry.by]
    for name, value in classification.items():
        assert metric(name).range[0] <= value <= metric(name).range[1]


def test_a_metric_that_is_added_is_in_every_figure(monkeypatch):
    """One entry and a function of its name."""
    from tfpipelines.metrics import Metric, classification, classifier_intervals, registry, single_label

    entry = Metric("errors", "classifier", "min", "share of samples told wrong", "answers", (ONE,))
    monkeypatch.setattr(single_label, "errors", lambda drawn: 1 - single_label.accuracy(drawn), raising=False)
    monkeypatch.setattr(registry, "BUILT_IN", (*METRICS, entry))
    classification._functions.cache_clear()
    try:
        labels, probabilities = np.array([0, 1, 1, 1] * 4), np.eye(2)[[0, 1, 1, 0] * 4]
        assert classifier_metrics(labels, probabilities)["errors"] == 0.25
        assert "errors" in classifier_intervals(labels, probabilities, 5, 0)
    finally:
        classification._functions.cache_clear()


def test_main_figures_and_those_of_epochs():
    assert main_figure(["false_alarm_rate", "roc_auc"]) == "roc_auc"
    assert main_figure(["brilliance", "log_loss"]) == "brilliance" and main_figure([]) == ""
    assert by_epoch(["epoch", "accuracy", "loss", "val_accuracy", "val_loss", "seconds"]) == ["loss", "accuracy"]
    assert by_epoch(["loss", "log_loss", "accuracy"]) == ["log_loss", "accuracy"]
    gan = ["epoch", "val_diversity", "val_kid", "val_precision", "generator_loss", "discriminator_loss"]
    assert by_epoch(gan) == ["discriminator_loss", "generator_loss", "kid", "diversity"]


def test_the_registry_is_light():
    heavy = ("tensorflow", "keras", "pandas", "pydantic", "numpy", "sklearn", "scipy")
    code = (
        f"import sys; from tfpipelines.metrics import METRICS; print([name for name in {heavy} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


def test_nobody_else_says_which_way_is_better():
    """No other dict or list of the package tells directions, captions or the like by name of metric."""
    names, found = {entry.name for entry in METRICS}, []
    for path in sorted(ROOT.glob("tfpipelines/**/*.py")):
        if path.name == "registry.py" and path.parent.name == "metrics":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            told = []
            if isinstance(node, ast.Dict):
                texts = {"max", "min", "higher is better", "lower is better"}
                told = [
                    key
                    for key, value in zip(node.keys, node.values)
                    for part in ast.walk(value)
                    if isinstance(part, ast.Constant) and (part.value in texts or isinstance(part.value, bool))
                ]
            elif isinstance(node, (ast.Tuple, ast.List, ast.Set)) and len(node.elts) > 4:
                told = node.elts
            known = [key.value for key in told if isinstance(key, ast.Constant) and key.value in names]
            if len(known) > (0 if isinstance(node, ast.Dict) else 3):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {known}")
    assert not found
