"""Candidates look at one set of features of the frozen backbone, and are tried once."""

from importlib import import_module

import keras
import numpy as np
import pytest

from tfpipelines.core import config
from tfpipelines.tasks import SCHEMAS, new_task
from tfpipelines.tasks.anomaly import KnownFeatures
from tfpipelines.tasks.base import checked

from ..cases import SMALL_ANOMALY

IMAGES = np.random.default_rng(0).normal(size=(6, 4, 4, 2)).astype(np.float32)


@pytest.fixture
def extractor():
    """Images (4, 4, 2) -> twice as much."""
    inputs = keras.Input((4, 4, 2))
    return keras.Model(inputs, 2 * inputs)


@pytest.mark.eager
def test_features_are_computed_once_while_there_is_room(extractor):
    asked = []

    def get(known, told, name, count=6):
        return known.get(extractor, told, name, count, lambda: asked.append((told, name)) or IMAGES[:count])

    known = KnownFeatures(most=2 * IMAGES.nbytes)
    np.testing.assert_array_equal(get(known, "a", "train"), 2 * IMAGES)
    assert get(known, "a", "train") is get(known, "a", "train") and len(asked) == 1
    get(known, "a", "tried"), get(known, "b", "train")  # the latter takes the place of the first
    get(known, "a", "train")
    assert asked == [("a", "train"), ("a", "tried"), ("b", "train"), ("a", "train")]
    assert get(KnownFeatures(most=IMAGES.nbytes - 1), "a", "train") is None and len(asked) == 4
    known.clear()
    get(known, "b", "train")
    assert len(asked) == 5


def settings(name, backbone):
    words = [f"model.name={name}", f"model.backbone={backbone}", *SMALL_ANOMALY[1:], "data.size=32"]
    words += ["model.places=20"] if name == "memory" else ["model.channels=8"] if name == "padim" else ["model.units=8"]
    return config.load("anomaly", words, schemas=SCHEMAS).pipeline


@pytest.mark.eager
def test_candidates_share_features_and_are_tried_once(tiny_backbone, monkeypatch):
    monkeypatch.setattr(import_module("tfpipelines.tasks.anomaly.made_images"), "_LEAST", 5)
    monkeypatch.setattr(import_module("tfpipelines.tasks.anomaly.made_images"), "_OF_EACH_KIND", 5)
    task = checked(new_task(settings("padim", tiny_backbone)))
    asked, batches = [], task._batches
    monkeypatch.setattr(task, "_batches", lambda rows: asked.append(len(rows)) or batches(rows))
    rows = len(task.samples.rows("train")) + len(task.samples.rows("validation"))
    figures, predicted = {}, []
    predict = keras.Model.predict
    counted = lambda model, *given, **more: predicted.append(model) or predict(model, *given, **more)
    monkeypatch.setattr(keras.Model, "predict", counted)
    for name in ("padim", "feature"):
        assert task.reuse_data(settings(name, tiny_backbone))
        network = task.build(for_training=True)
        (phase,) = task.phases(network, lambda text: None)
        assert tuple(phase.model.inputs[0].shape[1:]) == (4, 4, 40)  # features, not images
        artifact = task.artifact(task.build(for_training=False))
        artifact.set_weights(network.get_weights())
        figures[name] = task.validation_figures(artifact)
        before = len(predicted)
        assert task.validation_figures(artifact) == figures[name] and len(predicted) == before
    assert asked == [rows]  # once for both
    task._features_of_all.clear()
    task._features_of_all.most = 0  # as if they were too many
    task._scored.clear()
    again = task.validation_figures(artifact)
    assert again["pseudo_roc_auc"] == pytest.approx(figures["feature"]["pseudo_roc_auc"], abs=1e-3)
    (phase,) = task.phases(network, lambda text: None)
    assert tuple(phase.model.inputs[0].shape[1:]) == (32, 32, 3)
