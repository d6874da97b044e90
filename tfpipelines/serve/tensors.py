"""Tensors of the Open Inference Protocol: from those of a request to items, and from records to those of a response.

What goes in are raw samples, as everywhere here, not the tensors of the exported graph.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .items import Item
from .limits import Limits
from .parsing import Parser
from .problems import Problem

_WHOLE = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_NUMBERS = _WHOLE | {f"FP{bits}" for bits in (16, 32, 64)}
DATATYPES = sorted(_NUMBERS | {"BOOL", "BYTES"})  # that the columns of rows may have

Tensors = dict[str, "Tensor"]


class Spec(NamedTuple):
    """A tensor that the model takes or gives.

    Args:
        name: of it.
        datatype: of the protocol.
        shape: -1 for a size that may be any.
        datatypes: others that are taken in its place.
        optional: whether it may be left out.
    """

    name: str
    datatype: str
    shape: tuple[int, ...] = (-1,)
    datatypes: Sequence[str] = ()
    optional: bool = False

    def facts(self) -> dict[str, Any]:
        """As the metadata of a model have it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


class Tensor(NamedTuple):
    """A tensor of a request: its shape and its values, row by row."""

    shape: tuple[int, ...]
    datatype: str
    values: list[Any]


def input_specs(facts: Mapping[str, Any]) -> list[Spec]:
    """What a model takes.

    Args:
        facts: of it, see `engine.Engine`.
    """
    takes = facts["takes"]
    if takes == "image":
        return [Spec("image", "UINT8", (-1, -1, -1, -1), ["BYTES"])]
    if takes == "text":
        return [Spec("text", "BYTES")]
    if takes == "draw":
        classes = [Spec("class", "BYTES", optional=True)] if facts["classes"] else []
        return [Spec("seed", "INT64", (-1,), sorted(_WHOLE)), *classes]
    return [Spec(name, "BYTES", (-1,), DATATYPES) for name in facts["columns"]]


def output_specs(facts: Mapping[str, Any]) -> list[Spec]:
    """What a model gives."""
    kind = facts["kind"]
    if kind == "classifier":
        return [Spec("predicted", "BYTES"), Spec("probabilities", "FP64", (-1, len(facts["classes"])))]
    if kind == "detector":
        return [Spec("score", "FP64"), Spec("p_value", "FP64"), Spec("verdict", "BYTES")]
    if kind == "generator":
        return [Spec("image", "BYTES"), *([Spec("class", "BYTES")] if facts["classes"] else [])]
    return [Spec(name, "FP64") for name in ("predicted", *(("low", "high") if facts.get("interval") else ()))]


def read_tensors(document: Any, specs: Sequence[Spec]) -> Tensors:
    """The tensors of a request.

    Args:
        document: JSON.
        specs: those that the model takes.

    Raises:
        Problem: if one is missing, unknown or malformed.
    """
    given = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        cause = 'The document has no list "inputs" of tensors.'
        raise Problem("malformed", cause, "GET /v2/models/NAME tells which there are.")
    known, found = {spec.name: spec for spec in specs}, Tensors()
    for one in given:
        name = one.get("name")
        if not isinstance(name, str) or name not in known:
            cause = f"There is no input {_shown(name)}."
            raise Problem("malformed", cause, f"Send {', '.join(list(known)[:20])}.")
        if name in found:
            raise Problem("malformed", f"The inputs have {_shown(name)} twice.", "Send each once.")
        found[name] = _tensor(one, known[name])
    if missing := [name for name, spec in known.items() if name not in found and not spec.optional]:
        raise Problem("malformed", f"The input {missing[0]} is missing.", f"Send {', '.join(list(known)[:20])}.")
    return found


def items_of(tensors: Tensors, facts: Mapping[str, Any], limits: Limits) -> list[Item]:
    """The samples in the tensors of a request.

    Raises:
        Problem: if they are of different lengths, or too many.
    """
    takes, first = facts["takes"], next(iter(tensors.values()))
    count = first.shape[0]
    for name, tensor in tensors.items():
        if tensor.shape[0] != count or tensor.shape[1:] not in ((), (1,)) and takes != "image":
            cause = f"The input {name} has the shape {list(tensor.shape)}, and {[count]} is wanted."
            raise Problem("malformed", cause, "Send the same number of values for all.")
    if count > limits.items and takes != "series":
        raise Problem("too_large", f"The request has {count} inputs, and {limits.items} are the most.", "Send fewer.")
    if takes == "image" and first.datatype == "UINT8":
        return _pictures(first)
    columns = {name: tensor.values for name, tensor in tensors.items()}
    rows = [dict(zip(columns, cells)) for cells in zip(*columns.values())]
    values = [rows] if takes == "series" else rows if takes in ("row", "draw") else first.values
    return Parser(takes, limits).of_values(values)


def wanted(document: Mapping[str, Any], specs: Sequence[Spec]) -> list[str]:
    """Names of the outputs that a request asks for; all where it does not say.

    Raises:
        Problem: if there is no such output.
    """
    given = document.get("outputs", [])
    names = [one.get("name") if isinstance(one, dict) else None for one in given] if isinstance(given, list) else [None]
    known = [spec.name for spec in specs]
    if not all(isinstance(name, str) and name in known for name in names):
        raise Problem("malformed", "An output is asked for that there is not.", f"Allowed: {', '.join(known)}.")
    return list(dict.fromkeys(map(str, names))) or known


def response_tensors(records: Sequence[Mapping[str, Any]], specs: Sequence[Spec]) -> list[dict[str, Any]]:
    """The outputs of a response.

    Args:
        records: of all samples.
        specs: of the outputs that are wanted.

    Raises:
        Problem: if an answer is no finite number, which JSON lacks.
    """
    told = []
    for spec in specs:
        if spec.name == "probabilities":
            data = [value for record in records for value in record["scores"].values()]
        else:
            data = [record[spec.name] for record in records]
        if spec.datatype == "FP64" and None in data:
            cause = f"The output {spec.name} is no finite number for an input."
            raise Problem("unreadable", cause, "POST /v1/predict tells of which.")
        told.append({**spec.facts(), "shape": [len(records), *spec.shape[1:]], "data": data})
    return told


# --- details
def _tensor(given: Mapping[str, Any], spec: Spec) -> Tensor:
    name, datatype = spec.name, given.get("datatype")
    shape: Any = given.get("shape")
    allowed = sorted({spec.datatype, *spec.datatypes})
    if datatype not in allowed:
        cause = f"The input {name} has the datatype {_shown(datatype)}."
        raise Problem("malformed", cause, f"Allowed: {', '.join(allowed)}.")
    whole = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    ranks = (len(spec.shape),) if len(spec.shape) > 1 and datatype == spec.datatype else (1, 2)
    if not whole or len(shape) not in ranks or not all(shape):
        cause = f"The input {name} has no such shape: {_shown(shape)}."
        raise Problem("malformed", cause, f"Send sizes above 0, such as {[2, *(8 for _ in spec.shape[1:])]}.")
    values = _flat(given.get("data"), shape)
    if values is None:
        cause = f"The data of the input {name} are no list of values of the shape {_shown(shape)}."
        raise Problem("malformed", cause, "Send them row by row, nested or not.")
    if not _are(values, datatype):
        raise Problem("malformed", f"The data of the input {name} are not all of {datatype}.", "Send other values.")
    return Tensor(tuple(shape), str(datatype), values)


def _flat(data: Any, shape: Sequence[int]) -> list[Any] | None:
    """The values row by row; None where they are of another shape."""
    if not isinstance(data, list):
        return None
    if len(data) == math.prod(shape) and not any(isinstance(value, list) for value in data):
        return data
    if len(data) != shape[0]:
        return None
    for size in shape[1:]:
        if not all(isinstance(part, list) and len(part) == size for part in data):
            return None
        data = [value for part in data for value in part]
    return data


def _are(values: list[Any], datatype: str) -> bool:
    """Whether JSON values are of a datatype; null stands for a missing cell."""
    kinds = set(map(type, values))
    if datatype == "UINT8":
        return kinds == {int} and min(values) >= 0 and max(values) <= 255
    if datatype in _WHOLE:
        return kinds <= {int}
    if datatype == "BOOL":
        return kinds <= {bool, type(None)}
    return kinds <= ({str, type(None)} if datatype == "BYTES" else {int, float, type(None)})


def _pictures(tensor: Tensor) -> list[Item]:
    """Of uint8 (n, height, width, channels)."""
    count, height, width, channels = tensor.shape
    if channels not in (1, 3):
        cause = f"The images have {channels} channels."
        raise Problem("malformed", cause, "Send 1 or 3 channels, as the last axis: [n, height, width, channels].")
    size = height * width * channels
    content = bytes(tensor.values)
    shape = (height, width, channels)
    return [Item("image", str(number), content[number * size : (number + 1) * size], shape) for number in range(count)]


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]
