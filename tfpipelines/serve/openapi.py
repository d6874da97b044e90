"""The description of the server for programs, OpenAPI 3.1: exactly what the model that is served takes, and says."""

from collections.abc import Iterable
from typing import Any

from .. import __version__
from .access import OPEN
from .guard import is_protocol
from .limits import Limits
from .parsing import EXAMPLES
from .problems import STATUS
from .tensors import input_specs, output_specs

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_STRINGS: Schema = {"type": "array", "items": _STRING}
_CELL: Schema = {"type": ["string", "number", "boolean", "null"]}
_BINARY: Schema = {"type": "string", "format": "binary"}
_BASE64: Schema = {
    "type": "string", "contentEncoding": "base64", "pattern": "^(data:[^,]*,)?[A-Za-z0-9+/]*={0,2}$",
    "description": "The content of an image file in base64, or a data URL of it.",
}  # fmt: skip
_TEXT = {"schema": _STRING}
_EVERY = ("malformed", "forbidden", "bug")  # problems of all requests
_MEANINGS = {
    "malformed": "The body, a parameter or the header Host is malformed.",
    "unauthorized": "The token is missing or wrong.",
    "forbidden": "The request comes from the page of another site.",
    "not_found": "There is no such model or version.",
    "slow": "The body has not come in time.",
    "too_large": "The body, a text, the number of inputs or the pixels of all images is beyond its limit.",
    "unsupported": "The model takes another content type, or the body is compressed.",
    "unreadable": "The only input cannot be read.",
    "busy": "Too many inputs wait.",
    "bug": "A bug; its traceback is in the server's log.",
    "not_ready": "The model is being loaded or proven, or the server is being stopped.",
    "too_long": "There was no answer in time.",
}
PREDICTING = ("slow", "too_large", "unsupported", "unreadable", "busy", "not_ready", "too_long")


def document(facts: dict[str, Any], limits: Limits, token: bool) -> dict[str, Any]:
    """The description of one server, JSON values.

    Args:
        facts: of the model, see `engine.Engine`.
        limits: of requests.
        token: whether requests must carry one.
    """
    parameters = [_flag("explain", "Add to each record what moved it.")] if facts["explains"] else []
    predict = {
        "summary": "Predictions, in the order of the inputs",
        "parameters": parameters,
        "requestBody": {"required": True, "content": bodies(facts, limits)},
        "responses": {"200": answer("The records of `tfpipe predict --json`.", _ref("Predictions"))},
    }
    paths: dict[str, dict[str, Any]] = {
        "/": {"get": _get("A page for people", None, kind="text/html")},
        "/v1/predict": {"post": {**predict, "problems": PREDICTING}},
        "/v1/model": {"get": _get("What there is to know of the model", {"type": "object"}, "not_ready")},
        "/v1/model/proof": {
            "post": _get("Prove the model again, by the samples that its export keeps", _PROOF, "not_ready")
        },
        "/healthz": {"get": _get("Whether the server answers", _facts(live={"const": True}))},
        "/readyz": {"get": _or_503(_get("Whether predictions are answered", _facts(ready={"type": "boolean"})))},
        "/metrics": {"get": _get("Counters for Prometheus", None, kind="text/plain")},
        "/openapi.json": {"get": _get("This document", {"type": "object"}, "not_ready")},
    }
    paths |= _of_protocol(facts)
    for path, methods in paths.items():
        for operation in methods.values():
            _finish(operation, path, token)
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": str(facts["name"]), "version": str(facts["version"]), "description": _description(facts)},
        "paths": paths,
        "components": {"schemas": _schemas(facts, limits), "responses": _responses()},
    }
    if token:
        told["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"token": []}]
    return told


def bodies(facts: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Content type -> what a body of it holds, for `POST /v1/predict`."""
    takes = facts["takes"]
    row = dict.fromkeys(facts["columns"])
    example = {"row": row, "series": [row]}.get(takes, EXAMPLES[takes]["inputs"][0])
    inputs = {"type": "array", "minItems": 1, "maxItems": limits.items, "items": _ref("Input")}
    json_body = {"schema": _facts(inputs=inputs), "example": {"inputs": [example]}}
    files = {"schema": {"type": "object", "additionalProperties": _BINARY, "minProperties": 1}}
    table = {"schema": {"type": "string", "description": "A line of column names, then a line for each row."}}
    own: dict[str, dict[str, Any]] = {
        "image": {"image/*": {"schema": _BINARY}, "multipart/form-data": files},
        "text": {"text/plain": _TEXT, "multipart/form-data": files},
        "row": {"text/csv": table, "text/tab-separated-values": table, "multipart/form-data": files},
        "series": {"text/csv": table, "text/tab-separated-values": table, "multipart/form-data": files},
        "draw": {},
    }
    return {"application/json": json_body, **own[takes]}


# --- schemas
def _schemas(facts: dict[str, Any], limits: Limits) -> dict[str, Schema]:
    named = {name: _STRING for name in ("name", "version", "sha256")}
    failed = _facts(item=_STRING, error=_ref("Problem"))
    record = _ref("Record")
    problem = _facts(code={"enum": sorted(STATUS)}, cause=_STRING, remedy=_STRING)
    problem["properties"]["item"] = {"type": ["string", "null"], "description": "The input that it is about."}
    return {
        "Input": _input(facts, limits),
        "Record": _record(facts),
        "Predictions": _facts(
            model=_facts(**named), predictions={"type": "array", "items": {"anyOf": [record, failed]}}
        ),
        "Problem": problem,
        "Error": _facts(error=_ref("Problem")),
        **_of_tensors(facts),
    }


def _input(facts: dict[str, Any], limits: Limits) -> Schema:
    """An entry of the list `inputs`."""
    takes = facts["takes"]
    if takes == "image":
        return {"anyOf": [_BASE64, _facts(image=_BASE64)]}
    if takes == "text":
        text = {"type": "string", "maxLength": limits.text, "description": f"At most {limits.text} bytes of UTF-8."}
        return {"anyOf": [text, _facts(text=text)]}
    row: Schema = {"type": "object", "required": facts["columns"], "additionalProperties": _CELL}
    if takes == "row":
        return {**row, "description": "Every column of the model; null where there is no value."}
    if takes == "series":
        series = {"type": "array", "minItems": 1, "items": row}
        return {"anyOf": [series, _facts(rows=series)]}
    names: Schema = {"enum": [*facts["classes"], None]} if facts["classes"] else {"type": "null"}
    seed = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0}
    return {"type": "object", "properties": {"seed": seed, "class": names}, "additionalProperties": False}


def _record(facts: dict[str, Any]) -> Schema:
    """What is said of an input."""
    number, maybe = {"type": "number"}, {"type": ["number", "null"]}
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    said: dict[str | None, Schema] = {
        "classifier": _facts(predicted=_STRING, scores={"type": "object", "additionalProperties": probability}),
        "regressor": _facts(predicted=maybe),
        "detector": _facts(score=number, p_value=probability, verdict={"enum": ["normal", "anomaly"]}),
        "generator": _facts(image=_STRING),
    }
    record = said.get(facts["kind"], {"type": "object", "properties": {}, "required": []})
    return {**record, "properties": {"item": _STRING, **record["properties"]}}


def _facts(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_PROOF = _facts(samples={"type": "integer", "minimum": 0})


# --- operations
def answer(text: str, schema: Schema | None, kind: str = "application/json") -> dict[str, Any]:
    """A response.

    Args:
        text: what it is.
        schema: of its document; None: text.
    """
    return {"description": text, "content": {kind: {"schema": schema} if schema else _TEXT}}


def _get(summary: str, schema: Schema | None, *problems: str, kind: str = "application/json") -> dict[str, Any]:
    responses = {"200": answer(f"{summary}.", schema, kind)}
    return {"summary": summary, "responses": responses, "problems": problems}


def _or_503(operation: dict[str, Any]) -> dict[str, Any]:
    """One that says with another status that the server is not ready."""
    told = operation["responses"]
    return {**operation, "responses": {**told, "503": told["200"]}}


def _flag(name: str, text: str) -> dict[str, Any]:
    schema = {"enum": ["0", "1", "true", "false"], "default": "0"}
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _finish(operation: dict[str, Any], path: str, token: bool) -> None:
    """Adds what can go wrong, by status, and whether a token is needed."""
    open_to_all = path in OPEN
    codes: Iterable[str] = (*_EVERY, *operation.pop("problems"))
    shape = "v2_" if is_protocol(path) else ""
    if token and open_to_all:
        operation["security"] = []
    for code in (*codes, *(["unauthorized"] if token and not open_to_all else [])):
        operation["responses"].setdefault(str(STATUS[code]), {"$ref": f"#/components/responses/{shape}{code}"})


def _responses() -> dict[str, Any]:
    told = {code: answer(text, _ref("Error")) for code, text in _MEANINGS.items()}
    told |= {f"v2_{code}": answer(text, _ref("ProtocolError")) for code, text in _MEANINGS.items()}
    for busy in ("busy", "v2_busy"):
        told[busy]["headers"] = {"Retry-After": {"schema": _STRING, "description": "Seconds."}}
    return told


# --- the Open Inference Protocol
def _of_protocol(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Path -> method -> operation."""
    live, ready = _facts(live={"const": True}), _facts(ready={"type": "boolean"})
    paths: dict[str, dict[str, Any]] = {
        "/v2": {"get": _get("What the server is", _facts(name=_STRING, version=_STRING, extensions=_STRINGS))},
        "/v2/health/live": {"get": _get("Whether the server answers", live)},
        "/v2/health/ready": {"get": _or_503(_get("Whether predictions are answered", ready))},
    }
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        named = [_in_path("name", facts["name"])]
        if "version" in path:
            named.append(_in_path("version", facts["version"]))
        infer = {
            "summary": "Predictions, as tensors",
            "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("InferRequest")}}},
            "responses": {"200": answer("The outputs.", _ref("InferResponse"))},
            "problems": ("not_found", *PREDICTING),
        }
        ready = _facts(name=_STRING, ready={"type": "boolean"})
        metadata = _get("Versions and tensors of the model", _ref("ModelMetadata"), "not_found", "not_ready")
        paths[path] = {"get": metadata}
        paths[f"{path}/ready"] = {"get": _or_503(_get("Whether the model answers", ready, "not_found"))}
        paths[f"{path}/infer"] = {"post": infer}
        for words in ("", "/ready", "/infer"):
            for operation in paths[f"{path}{words}"].values():
                operation["parameters"] = named
    return paths


def _of_tensors(facts: dict[str, Any]) -> dict[str, Schema]:
    """Schemas of requests and responses with tensors."""
    size: Schema = {"type": "integer", "minimum": 1}
    inputs, outputs = input_specs(facts), [spec.name for spec in output_specs(facts)]
    given = [
        _facts(
            name={"const": spec.name}, datatype={"enum": sorted({spec.datatype, *spec.datatypes})},
            shape={"type": "array", "minItems": 1, "maxItems": max(2, len(spec.shape)), "items": size},
            data={"type": "array", "description": "Row by row, nested or not."},
        )
        for spec in inputs
    ]  # fmt: skip
    described = {"type": "array", "items": _facts(name=_STRING, datatype=_STRING, shape={"type": "array"})}
    told = _facts(name={"enum": outputs}, datatype=_STRING, shape={"type": "array"}, data={"type": "array"})
    request = _facts(inputs={"type": "array", "minItems": 1, "items": {"anyOf": given}})
    wanted = {"type": "array", "items": _facts(name={"enum": outputs})}
    request["properties"] |= {"id": _STRING, "outputs": wanted}
    return {
        "InferRequest": request,
        "InferResponse": _facts(model_name=_STRING, model_version=_STRING, outputs={"type": "array", "items": told}),
        "ModelMetadata": _facts(name=_STRING, versions=_STRINGS, platform=_STRING, inputs=described, outputs=described),
        "ProtocolError": _facts(error=_STRING),
    }


def _in_path(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"enum": [value]}}


def _description(facts: dict[str, Any]) -> str:
    return f"A {facts['kind'] or facts['task']} ({facts['task']}), served by tfpipelines {__version__}."
