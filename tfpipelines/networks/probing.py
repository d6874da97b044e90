"""A user's own network is tried on made-up samples before any data are read."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ..core.config.signature import NetworkSection
from ..errors import ConfigError
from ..models import own_layers
from .own import errors_of_code, place_of
from .table_layers import Table


def probe(settings: Any, shapes: Sequence[tuple[int | None, ...]], texts: Any, build: Callable[..., Any]) -> None:
    """Builds an own network for samples of each shape, predicts for two batches and trains for one step. Built-in
    networks are passed over.

    Args:
        settings: the section `model` of a pipeline.
        shapes: of samples.
        texts: function of a number of classes to what text networks are given; None for others.
        build: `building.build_network`.

    Raises:
        ArtifactError: if its code is not trusted.
        ConfigError: with file and line of what is wrong with it.
    """
    if not isinstance(settings, NetworkSection) or not settings.origin.kind.own:
        return
    rng = np.random.default_rng(0)
    one = settings.origin.kind.folder not in ("images", "image_autoencoders") or len({*shapes}) == 1
    hint = "" if one else "; to try only one shape, set data.size and data.channels"
    for classes, shape in enumerate(shapes, 2):
        given: dict[str, Any] = {"input_shape": shape, "seed": 0, "for_training": True}
        if settings.origin.kind.folder == "images":
            given["classes"] = classes
        elif settings.origin.kind.folder == "tables":
            given["table"] = _table(rng, int(shape[0] or 0), classes)
        elif texts is not None:
            given["texts"] = texts(classes)
        with errors_of_code(settings, any_error=True):
            try:
                _try(settings, build(settings, **given), shape, classes, rng)
            except ConfigError as error:
                if "its model" not in error.cause and "Error: " not in error.cause:
                    raise
                error.details = (*error.details, f"tried with samples of shape {shape}{hint}")
                raise


def _try(settings: NetworkSection, model: keras.Model, shape: Sequence[int | None], classes: int, rng: Any) -> None:
    _require_saveable(settings, model)
    folder = settings.origin.kind.folder
    if folder == "texts":
        x = rng.integers(1, 20, (3, 9)).astype(np.int32)
        x[1, 5:] = 0
    elif folder in ("images", "image_autoencoders"):
        x = rng.integers(0, 256, (3, *shape)).astype(np.float32)
    else:
        x = rng.normal(size=(3, *shape)).astype(np.float32)
    if folder == "tables":
        x = _inputs_of(rng, model)
    classifies = folder in ("images", "texts", "tables")
    loss = keras.losses.CategoricalCrossentropy(from_logits=True) if classifies else None
    model.compile("sgd", loss, run_eagerly=True)
    for size in (3, 2):
        answer = model.predict_on_batch([part[:size] for part in x] if isinstance(x, list) else x[:size])
        answer = np.asarray(answer["reconstruction"] if isinstance(answer, dict) else answer)
        wanted = (size, *((classes,) if classifies else shape))
        if answer.shape != wanted:
            _refuse(settings, f"for a batch of {size} its output has the shape {answer.shape}, not {wanted}")
        if not np.isfinite(answer).all():
            _refuse(settings, "its output is not finite with its first weights")
        if classifies and (answer >= 0).all() and np.allclose(answer.sum(1), 1, atol=1e-4):
            cause = "its output is probabilities, but it must give logits"
            _refuse(settings, cause, "Leave out the softmax of the last layer.")
    targets = [np.eye(classes, dtype=np.float32)[np.arange(3) % classes]] if classifies else []
    value = model.train_on_batch(x, *targets)
    if not np.isfinite(np.asarray(value)).all():
        _refuse(settings, f"its loss is {float(np.ravel(value)[0])} at the first step")


def _table(rng: Any, columns: int, outputs: int) -> Table:
    """A table of so many columns of numbers, one of which has gaps, and of two categories."""
    numbers = rng.normal(size=(20, columns)).astype(np.float32)
    numbers[::3, 0] = np.nan
    no_fit: Any = None
    return Table(numbers, (columns, 2), outputs, no_fit, no_fit)


def _inputs_of(rng: Any, model: keras.Model) -> list[np.ndarray]:
    """Rows of that table."""
    numbers, codes = (tensor.shape[1] for tensor in model.inputs)
    numbers = rng.normal(size=(3, numbers)).astype(np.float32)
    numbers[1, 0] = np.nan
    return [numbers, rng.integers(0, 3, (3, codes)).astype(np.int32)]


def _require_saveable(settings: NetworkSection, model: keras.Model) -> None:
    """Refuses a model that could not be loaded back from its file."""
    lambdas = [layer.name for layer in model._flatten_layers() if isinstance(layer, keras.layers.Lambda)]
    if lambdas:
        cause = f"its layer {lambdas[0]} is a Lambda, which cannot be loaded back without trusting the file"
        _refuse(settings, cause, "Use functions of keras.ops on its input, or write a class derived from keras.Layer.")
    modules = {type(layer).__module__ for layer in model._flatten_layers()}
    try:
        with keras.saving.custom_object_scope(own_layers(modules)):
            type(model).from_config(model.get_config())
    except Exception as error:
        reason = str(error).rpartition("Exception encountered: ")[2].partition("\n\n")[0]
        reason = " ".join(reason.split()).replace("tfpipelines_network_", "")[:400].rstrip(".")
        cause = f"its model cannot be rebuilt from its configuration: {reason}"
        _refuse(settings, cause, "Give each class of your own a get_config that returns what its __init__ takes.")


def _refuse(settings: NetworkSection, cause: str, remedy: str = "Fix the network's code.") -> None:
    raise ConfigError(f"{place_of(settings)}: {cause}.", remedy)
