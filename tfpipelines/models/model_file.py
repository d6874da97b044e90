"""The model file: raw input -> answers, in layers of Keras' own, as one .keras file."""

import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from .image_preprocessing import ImagePreprocessor
from .number_scale import NumberScale
from .text_preprocessing import TextPreprocessor


class Artifact(ABC):
    """A model file in the making.

    Attributes:
        network: what is trained, in float32 and of plain Keras layers.
        model: raw input -> the task's output; it holds the network, or that part of it which is used.
        beside: {name: function that writes it} of files that only further training needs.
    """

    network: keras.Model
    model: keras.Model
    beside: Mapping[str, Callable[[Path], None]] = {}

    def set_weights(self, values: list[np.ndarray]) -> None:
        """Assigns the network's weights, in the order of `network.weights`."""
        for variable, value in zip(self.network.weights, values, strict=True):
            variable.assign(value)

    @abstractmethod
    def save(self, path: Path) -> None:
        """Writes a .keras file without optimizer; its metadata.json says what is known of it under `tfpipelines`."""


class ClassifierArtifact(Artifact):
    """Preprocessing, network and softmax as one model; with several labels a row, sigmoid.

    Args:
        preprocessor: an `ImagePreprocessor` or `TextPreprocessor`.
        network: preprocessed inputs -> logits, in float32 and of plain Keras layers.
        classes: names of the classes, in the order of the logits; they travel in the file's metadata.
        multi_label: whether each class is told by itself.

    Attributes:
        model: raw input -> float32 probabilities (batch, classes).
        thresholds: with several labels, the probability from which on each is predicted; None: 0.5.
    """

    def __init__(
        self,
        preprocessor: ImagePreprocessor | TextPreprocessor,
        network: keras.Model,
        classes: list[str],
        multi_label: bool = False,
    ):
        self.network = network
        raw = preprocessor.input()
        x = network(preprocessor.symbolic(raw))
        self._temperature = keras.layers.Rescaling(1.0, name=layer_name(preprocessor, "temperature"), dtype="float32")
        kind, name = "sigmoid" if multi_label else "softmax", layer_name(preprocessor, "probabilities")
        answer = keras.layers.Activation(kind, name=name, dtype="float32")
        self.model = keras.Model(raw, answer(self._temperature(x)), name="classifier")
        self.classes, self.multi_label = list(classes), multi_label
        self.thresholds: list[float] | None = None
        self._decoding = decoding_facts(preprocessor)

    @property
    def temperature(self) -> float:
        """Logits are divided by it before the softmax."""
        return 1.0 / self._temperature.scale

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._temperature.scale = 1.0 / float(value)
        self.model.predict_function = None  # the old value is part of the traced function

    def save(self, path: Path) -> None:
        facts = {"classes": self.classes, "temperature": self.temperature, "multi_label": self.multi_label}
        if self.thresholds is not None:
            facts["thresholds"] = self.thresholds
        save_model(self.model, path, facts | self._decoding)


class RegressorArtifact(Artifact):
    """Preprocessing, network and the way back to the target's unit as one model.

    Args:
        preprocessor: see `ClassifierArtifact`.
        network: preprocessed inputs -> (batch, 1) in the unit of `scale`, in float32 and of plain Keras layers.
        scale: of the targets; it travels in the file's metadata.

    Attributes:
        model: raw input -> float32 values (batch, 1) in the target's unit.
        interval: what is known of prediction intervals, JSON values for the file's metadata; None without.
    """

    def __init__(self, preprocessor: Any, network: keras.Model, scale: NumberScale):
        self.network, self.scale = network, scale
        raw = preprocessor.input()
        rescale = keras.layers.Rescaling(
            scale.spread,
            scale.center,
            name=layer_name(preprocessor, "log_value" if scale.log else "value"),
            dtype="float32",
        )
        x = rescale(network(preprocessor.symbolic(raw)))
        if scale.log:
            x = keras.layers.Activation("exponential", name=layer_name(preprocessor, "value"), dtype="float32")(x)
        self.model = keras.Model(raw, x, name="regressor")
        self.interval: dict[str, Any] | None = None
        self._decoding = decoding_facts(preprocessor)

    def save(self, path: Path) -> None:
        facts = {"target": "number", "scale": self.scale.facts(), "interval": self.interval}
        save_model(self.model, path, facts | self._decoding)


def layer_name(preprocessor: Any, name: str) -> str:
    """The name of a layer behind the network; where inputs are called as columns are, it has a prefix that none has."""
    return f"{getattr(preprocessor, 'prefix', '')}{name}"


def decoding_facts(preprocessor) -> dict:
    """What a model file says of how its input is to be decoded, where that is not as usual."""
    levels = getattr(preprocessor, "range", None)
    return {} if levels is None else {"range": list(levels)}


def save_model(model: keras.Model, path: Path, facts: dict) -> None:
    """Writes a .keras file whose metadata.json holds `facts` under `tfpipelines`."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    metadata = {**json.loads(members["metadata.json"]), "tfpipelines": facts}
    with zipfile.ZipFile(path, "w") as archive:  # a fourth member would make Keras unpack the file to disk at each load
        for name, content in (members | {"metadata.json": json.dumps(metadata)}).items():
            archive.writestr(name, content)
