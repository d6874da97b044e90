"""Model files loaded without trusting them: nothing in one is executed."""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import NamedTuple

import keras

from ..errors import ArtifactError
from .inspection import DAMAGED, REBUILD, SPARE, inspect_model, too_large

_allowed: set[str] = set()  # modules of own networks whose code has been run
_OWN_CODE = re.compile(  # Keras' words for what is not of Keras
    r"Could not locate (?:class|function) '([^']*)'.*Full object config: \{'module': (?:None|'builtins')", re.DOTALL
)


def allow_modules(names: set[str]) -> None:
    """From now on model files may have layers of these modules, whose code the user trusts and which has been run."""
    _allowed.update(names)


def own_layers(names: Iterable[str]) -> dict[str, type]:
    """The layers that allowed modules define, by the names that model files call them."""
    found = (kind for name in names if name in _allowed for kind in vars(sys.modules[name]).values())
    layers = (kind for kind in found if isinstance(kind, type) and issubclass(kind, keras.Layer))
    return {keras.saving.get_registered_name(kind): kind for kind in layers if kind.__module__ in _allowed}


class LoadedArtifact(NamedTuple):
    """A model file's model, and what the file says of it (`classes`, `temperature`, `multi_label`; {} if foreign)."""

    model: keras.Model
    facts: dict


def network_of(model: keras.Model) -> keras.Model:
    """The network inside an artifact's model.

    Raises:
        ArtifactError: if the model is not built like one of ours.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            return layer
    raise ArtifactError(f"The model {model.name!r} has no inner network.", "Use a model.keras that a run has written.")


def take_weights(network: keras.Model, trained: keras.Model) -> keras.Model:
    """The network with the weights of another whose layers have the same names."""
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(trained.get_layer(layer.name).get_weights())
    return network


def load_artifact(path: Path) -> LoadedArtifact:
    """Loads a model file after looking at what is in it; nothing in it is executed.

    Only a local regular file is opened. The archive may hold a configuration, metadata, weights and assets, nothing
    with a path out of it; the configuration may name layers of Keras, of KerasHub and of this package, no Python code;
    the weights may not refer to other files.

    Raises:
        ArtifactError: if the file is missing, damaged, foreign or not safe, or was written by a Keras that this one
            cannot follow (then both versions are named).
    """
    inspected = inspect_model(path, _allowed)
    version, facts = inspected.metadata.get("keras_version"), inspected.metadata.get("tfpipelines", {})
    try:
        with _weights_within(path, inspected.numbers):
            model = keras.saving.load_model(path, own_layers(inspected.modules), compile=False, safe_mode=True)
    except ArtifactError:
        raise
    except Exception as error:  # Keras raises nearly every kind for a file it cannot make sense of
        if own := _OWN_CODE.search(str(error)):
            what = "a subclassed model, layer or function whose code neither Keras nor the file has"
            message = f"{path} cannot be loaded: it asks for {own[1]}, {what}."
            raise ArtifactError(message, REBUILD) from error
        reason = " ".join(str(error).split())[:300]
        if version != keras.__version__:
            versions = f"was saved by Keras {version} and cannot be loaded by Keras {keras.__version__}"
            message = f"{path} {versions}: {reason}."
            raise ArtifactError(message, f"Install Keras {version}, or train again.") from error
        raise ArtifactError(f"{path} cannot be loaded: {reason}.", DAMAGED) from error
    if "multi_label" in facts:
        classes, width = len(facts.get("classes", ())), getattr(model.output, "shape", (None,))[-1]
        if width != classes:
            cause = f"{path} is damaged: it names {classes} classes, and its output has {width} numbers."
            raise ArtifactError(cause, DAMAGED)
    return LoadedArtifact(model, facts)


@contextmanager
def _weights_within(path: Path, numbers: int) -> Iterator[None]:
    """Refuses layers that would make more weights than a file holds, before they make them."""
    add_weight, left = keras.Layer.add_weight, 2 * numbers + SPARE

    def counted(layer, shape=None, *others, **options):
        nonlocal left
        left -= prod(shape) if isinstance(shape, (tuple, list)) else shape or 1
        if left < 0:
            raise too_large(path, 2 * numbers + SPARE - left, numbers)
        return add_weight(layer, shape, *others, **options)

    keras.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.Layer.add_weight = add_weight
