"""Users' own networks: their code is run here, if it is trusted, and what it gives is looked at.

What a function is given and what it has to give stands in the README, under "A network of your own".
"""

import importlib
import linecache
import random
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from ..core.config import Code, current_text
from ..core.config.modules import located
from ..core.config.signature import NetworkSection, Origin, functions_of
from ..core.trust import untrusted
from ..errors import ArtifactError, ConfigError, TfpipelinesError
from ..models import allow_modules
from .autoencoder_blocks import with_levels
from .chunks import chunked
from .fused_batch_norm import use_fused
from .layers import scaled_input
from .reconstruction import reconstructor
from .table_layers import Inputs
from .vector_autoencoders import begin, end

_UNNAMED = re.compile(r"(functional|sequential)(_\d+)?")  # what Keras calls a model that has no name
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
Taken = tuple[tuple[int | None, ...], str]  # shape and dtype of an input
_LONGEST = 300  # characters of an error that are told


def build_own(settings: NetworkSection, **given: Any) -> keras.Model:
    """The model of an own network, with what stands around it where it reconstructs.

    Args:
        settings: made from its signature.
        given: see `build_network`.

    Raises:
        ArtifactError: if its code is not trusted.
        ConfigError: with file and line, if the code fails or gives something else than it has to.
    """
    folder, shape = settings.origin.kind.folder, given.get("input_shape", (None,))
    takes: list[Taken] = [(shape, "int32" if folder == "texts" else "float32")]
    if folder == "tables":
        table = given.pop("table")
        columns = Inputs(table)
        takes = [(tuple(part.shape[1:]), part.dtype) for part in columns.parts]
        given |= {"classes": table.outputs, "cardinalities": table.cardinalities}
        given["numbers"] = takes[0][0][0] if table.width else 0
    if folder == "texts":
        texts = given.pop("texts")
        given |= {"classes": texts.classes, "vocabulary": texts.vocabulary}
        given["vectors"] = texts.vectors
    fields = {name: getattr(settings, name) for name in settings.own}
    passed = {name: given[name] for name in settings.asked if name in given}
    with errors_of_code(settings), _repeatable(given["seed"]):
        function = function_of(settings.origin)
        made = function(**passed, **dict.fromkeys(settings.whole, settings), **fields)
        body = _checked(settings, made, takes, given.get("classes"))
    for_training: bool = given["for_training"]
    if for_training:
        use_fused(body)
    loss: str = getattr(settings, "loss", "")
    name = settings.origin.function
    if folder == "texts" and texts.chunk:
        return chunked(body, texts.chunk)
    if folder == "tables":
        return columns.model(body(_alone(columns.parts)))
    if folder == "image_autoencoders":
        inputs, target = scaled_input(shape)
        return reconstructor(inputs, with_levels(target, body(target)), name, loss, for_training)
    if folder in ("row_autoencoders", "series_autoencoders"):
        inputs, target, _, level = begin(shape, 0.0, None, "series" in folder and dict(settings)["centered"])
        return reconstructor(inputs, end(target, body(target), level), name, loss, for_training)
    return body


def function_of(origin: Origin) -> Callable[..., Any]:
    """The function, its code having been run.

    Raises:
        ArtifactError: if it is not trusted.
    """
    code = Code(origin.name, origin.path, origin.text)
    if not origin.trusted:
        raise untrusted(code)
    module = _module_of(code)
    top = code.module.partition(".")[0]
    of_package = (name for name in sys.modules if name.startswith(f"{top}.")) if top else ()
    allow_modules({module.__name__, *of_package})
    return getattr(module, code.function)


def _module_of(code: Code) -> ModuleType:
    if code.module:
        return _imported(code)
    name = f"tfpipelines_network_{code.sha256[:16]}"  # by its text, so that saved layers find it again
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = code.path
    linecache.cache[code.path] = (len(code.text), None, code.text.splitlines(True), code.path)
    sys.modules[name] = module
    try:
        exec(compile(code.text, code.path, "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _imported(code: Code) -> ModuleType:
    """The module, which has to be the one whose text is trusted."""
    path = located(code.module)
    same = current_text(code) == code.text
    module = importlib.import_module(code.module) if same else None
    if module is None or not Path(module.__file__ or "").samefile(path):
        cause = f"{path} is not the code that you trusted for the network {code.name}: it differs from {code.path}."
        raise ArtifactError(cause, "Install the version that the run was made with, or begin a new run.")
    return module


@contextmanager
def _repeatable(seed: int | None) -> Iterator[None]:
    """Layers without a seed of their own draw it from Python's random numbers, which begin with `seed` inside."""
    before, of_numpy = random.getstate(), np.random.get_state()
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(of_numpy)


@contextmanager
def errors_of_code(settings: Any, any_error: bool = False) -> Iterator[None]:
    """An error that comes from the code of an own network is a ConfigError with the file and line of that code.

    Args:
        settings: the section `model` of a pipeline, of whatever network.
        any_error: whether errors of other code are the network's, too.
    """
    origin: Origin | None = getattr(settings, "origin", None)
    if origin is None or not origin.kind.own:
        yield
        return
    try:
        yield
    except TfpipelinesError as error:
        if not getattr(error, "at_once", False):
            raise
        cause = f"{place_of(settings)}: {error.cause.removeprefix('Training diverged: ')}"
        raise ConfigError(
            cause, "Scale its input, look for a logarithm or root of what may be 0, or lower train.learning_rate."
        ) from error
    except (Exception, SystemExit) as error:
        place = _place_of(error, origin)
        if place is None and not any_error:
            raise
        place = place or place_of(settings)
        if isinstance(error, ModuleNotFoundError):
            remedy = "A file may import only installed packages; for code in several files: PACKAGE.MODULE:FUNCTION."
            raise ConfigError(f"{place}: there is no module {error.name}.", remedy) from error
        raise ConfigError(f"{place}: {_words(error)}", "Fix the network's code.") from error


def place_of(settings: NetworkSection) -> str:
    """Where the function of an own network begins, as FILE:LINE: FUNCTION."""
    origin = settings.origin
    line = functions_of(origin.path, origin.text, origin.function)[origin.function].lineno
    return f"{origin.path}:{line}: {origin.function}"


def _place_of(error: BaseException, origin: Origin) -> str | None:
    """File and line of the code that raised an error; None if it was not the user's."""
    if isinstance(error, SyntaxError) and error.filename == origin.path:
        return f"{origin.path}:{error.lineno}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == origin.path]
    if own:
        return f"{origin.path}:{own[-1].lineno}: {own[-1].name}"
    told = re.findall(rf'File "{re.escape(origin.path)}", line (\d+), in (\w+)', str(error))  # of traced functions
    return f"{origin.path}:{told[-1][0]}: {told[-1][1]}" if told else None


def _words(error: BaseException) -> str:
    lines = [line.strip() for line in _ESCAPES.sub("", str(error)).splitlines()]
    text = " ".join(line for line in lines if line)[:_LONGEST].rstrip(".")
    return f"{type(error).__name__}: {text}." if text else f"{type(error).__name__}."


def _alone(parts: list) -> Any:
    """The only one, or all."""
    return parts if len(parts) > 1 else parts[0]


def _checked(settings: NetworkSection, made: Any, takes: list[Taken], classes: int | None) -> keras.Model:
    """What the function has given, if it is a model of the right inputs and output, with the functional API."""
    place = place_of(settings)

    def refuse(cause: str, remedy: str) -> None:
        raise ConfigError(f"{place}: {cause}.", remedy)

    if not isinstance(made, keras.Model):
        what = "nothing" if made is None else f"a {type(made).__name__}"
        refuse(f"it returns {what}, no keras.Model", "End with: return keras.Model(inputs, outputs)")
    if not getattr(made, "inputs", None):  # a class of its own, or a Sequential that has not been told of its input
        made = _around(made, takes)
    for what, tensors, count in (("input", made.inputs, len(takes)), ("output", made.outputs, 1)):
        if len(tensors) != count:
            wanted = "one" if count == 1 else "two, numbers and codes"
            refuse(f"its model has {len(tensors)} {what}s, not {wanted}", f"Give keras.Model {wanted} {what}.")
    if fixed := [tensor.shape[0] for tensor in (*made.inputs, *made.outputs) if tensor.shape[0] is not None]:
        refuse(f"its batch size is fixed at {fixed[0]}", "Leave the batch size out: keras.Input(input_shape).")
    if type(made).__module__.startswith("keras."):  # functional or sequential, its tensors in lists or not
        name = settings.origin.function if _UNNAMED.fullmatch(made.name) else made.name
        made = keras.Model(_alone(made.inputs), made.outputs[0], name=name)
    return _checked_ends(refuse, made, takes, classes)


def _around(made: keras.Model, takes: list[Taken]) -> keras.Model:
    """A model of the functional API around one that is a class of its own, or does not know its input yet."""
    inputs = _alone([keras.Input(shape, dtype=kind) for shape, kind in takes])
    outputs = made(inputs)
    if isinstance(made, keras.Sequential):
        return made  # which knows it now
    return keras.Model(inputs, outputs, name=f"{made.name}_network")


def _checked_ends(
    refuse: Callable[[str, str], None], made: keras.Model, takes: list[Taken], classes: int | None
) -> keras.Model:
    shape = takes[0][0]
    wanted, gives = shape if classes is None else (classes,), made.outputs[0].shape[1:]
    fits = lambda known, asked: (
        len(known) == len(asked)
        and all(one is None or other is None or one == other for one, other in zip(known, asked))
    )
    for tensor, (given, _) in zip(made.inputs, takes):
        if not fits(taken := tensor.shape[1:], given):
            remedy = "Use the input_shape that it is given."
            if len(takes) > 1:
                remedy = (
                    "Give keras.Model [numbers, codes], with the sizes that it is given: numbers, len(cardinalities)."
                )
            refuse(f"its model takes {_told(taken)}, and a sample is {_told(given)}", remedy)
    if not fits(gives, wanted):
        what = (
            f"({classes},), a logit for each of the {classes} classes it is asked for"
            if classes is not None
            else f"a reconstruction, {_told(shape)}"
        )
        remedy = "Use the `classes` that it is given." if classes is not None else "Let the last layer give that shape."
        refuse(f"its model gives {_told(gives)}, not {what}", remedy)
    if not made.trainable_variables:
        refuse("its model has no trainable weights", "Add a layer that learns.")
    return made


def _told(shape: tuple[int | None, ...]) -> str:
    return (
        "(" + ", ".join("any" if size is None else str(size) for size in shape) + ("," if len(shape) == 1 else "") + ")"
    )
