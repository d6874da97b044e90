"""The model file of an anomaly detector: raw input -> score, map of distances and reconstruction."""

from pathlib import Path

import keras
import numpy as np

from ...core.config.section import Section
from ...models.image_preprocessing import resized
from ...models.model_file import Artifact, decoding_facts, save_model
from ...networks.reconstruction import distances
from .combining import BLEND


class NumbersPreprocessor:
    """Stands where images have their `ImagePreprocessor`: numbers come as they are.

    Args:
        shape: of one sample: (columns,) or (length, channels).
    """

    def __init__(self, shape: tuple[int, ...]):
        self.shape = tuple(shape)

    def input(self) -> keras.KerasTensor:
        """The symbolic input: float32 (batch, *shape)."""
        return keras.Input(self.shape, dtype="float32", name="numbers")

    def symbolic(self, numbers: keras.KerasTensor) -> keras.KerasTensor:
        """The same."""
        return numbers


class DetectorArtifact(Artifact):
    """Preprocessing, network and score as one model.

    Args:
        preprocessor: an `ImagePreprocessor` or `NumbersPreprocessor`.
        network: preprocessed inputs -> outputs as in `reconstruction`, in float32 and of plain Keras layers.
        facts: JSON values that travel in the file's metadata.
        scoring: fields of the network: `distance`, see `reconstruction.distances`, where there is no `surprise`;
            `smoothing`, where it takes images; `pooling` and `top`. A fitted detector gives its own score, see
            `normals`, and has none of them.

    Attributes:
        model: raw input -> {`score` float32 (batch,), `map` float32 (the distances: (batch, height, width) of images,
            the shape of the input of numbers), `reconstruction` (in the units of the input, where it can be told)}.
    """

    def __init__(self, preprocessor, network: keras.Model, facts: dict, scoring: Section):
        self.network, self.facts, fields = (
            network,
            facts | decoding_facts(preprocessor),
            dict(scoring),
        )  # which ones there are hangs on the network
        raw = preprocessor.input()
        outputs = network(preprocessor.symbolic(raw))
        if "contributions" in outputs:
            places = outputs["contributions"]
        elif "surprise" in outputs:
            places = outputs["surprise"]
        else:
            places = distances(outputs["target"], outputs["reconstruction"], fields["distance"])
        if len(preprocessor.shape) == 3 and network.name != BLEND:  # images; of a mean of several they have been made
            size, smoothing = tuple(preprocessor.shape[:2]), fields["smoothing"]
            places = keras.ops.mean(places, -1, keepdims=True)  # (B, H, W, 1)
            if tuple(places.shape[1:3]) != size:
                places = resized(places, size, "enlarge")
            for _ in range(2 if smoothing > 1 else 0):
                places = keras.ops.average_pool(places, min(smoothing, *size), 1, "same")
            places = places[..., 0]
        if "score" in outputs:
            score = outputs["score"]
        else:  # of a window by the mean of all channels
            by_place = keras.ops.mean(places, -1) if len(preprocessor.shape) == 2 else places
            score = pool(by_place, fields["pooling"], fields["top"])
        answer = {"score": score, "map": places}
        if "restored" in outputs:
            answer["reconstruction"] = outputs["restored"]
        self.model = keras.Model(raw, answer, name="detector")

    def save(self, path: Path) -> None:
        save_model(self.model, path, self.facts)


def pool(places, pooling: str, top: float):
    """One number of each sample from the distances of its places, (batch, ...) -> (batch,)."""
    size = int(np.prod(places.shape[1:]))
    flat = keras.ops.reshape(places, (-1, size))
    if pooling == "mean":
        return keras.ops.mean(flat, -1)
    if pooling == "max":
        return keras.ops.max(flat, -1)
    return keras.ops.mean(keras.ops.top_k(flat, max(1, round(top * size)))[0], -1)


def part_of(model: keras.Model, *names: str) -> keras.Model:
    """The part of a detector that gives some of its outputs: the one, or a dict of several."""
    outputs = {name: model.output[name] for name in names}
    return keras.Model(model.input, outputs if len(names) > 1 else outputs[names[0]])
