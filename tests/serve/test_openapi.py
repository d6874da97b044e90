"""The description says what the server takes: no more, and no less."""

import base64
import json

import pytest

pytest.importorskip("prometheus_client", reason="serving needs prometheus_client: pip install 'tfpipelines[serve]'")

from tfpipelines.serve.access import OPEN, Access
from tfpipelines.serve.app import make_router
from tfpipelines.serve.items import KINDS, Item
from tfpipelines.serve.limits import Limits
from tfpipelines.serve.openapi import bodies, document
from tfpipelines.serve.parsing import Parser
from tfpipelines.serve.problems import Problem
from tfpipelines.serve.service import Service
from tfpipelines.serve.sources import Source

LIMITS = Limits(items=3, text=50)
BODIES = {
    "application/json": b"", "text/plain": b"some text", "text/csv": b"x,y\n1,2\n", "image/png": b"any",
    "text/tab-separated-values": b"x\ty\n1\t2\n", "application/octet-stream": b"any", "": b"any",
    "multipart/form-data; boundary=edge":
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx,y\n1,2\n\r\n--edge--',
}  # fmt: skip


def facts(takes: str, classes=("a", "b")) -> dict:
    kind = {"draw": "generator", "series": "detector", "row": "regressor"}.get(takes, "classifier")
    known = {"name": "m", "version": "1", "task": "t", "kind": kind, "takes": takes, "classes": list(classes)}
    return {**known, "columns": ["x", "y"] if takes in ("row", "series") else [], "explains": takes != "draw"}


@pytest.mark.parametrize("takes", KINDS)
def test_content_types_are_those_that_are_taken(takes):
    told = bodies(facts(takes), LIMITS)
    for kind, body in BODIES.items():
        name = "image/*" if kind.startswith("image/") else kind.partition(";")[0]
        body = body or json.dumps(told[kind]["example"]).encode()
        try:
            assert Parser(takes, LIMITS).items(kind, body) and name in told, kind
        except Problem as problem:
            assert problem.code == "unsupported" and name not in told, kind


INPUTS = {
    "image": [base64.b64encode(b"abcd").decode(), "data:image/png;base64,AAAA", {"image": "AAAA"}],
    "text": ["x", "", {"text": "x"}],
    "row": [{"x": 1, "y": None}, {"x": "1", "y": True, "z": 1.5}],
    "series": [[{"x": 1, "y": 2}], {"rows": [{"x": 1, "y": 2}]}],
    "draw": [{}, {"seed": 0}, {"seed": 2**31 - 1, "class": "b"}, {"class": None}],
}
WRONG = {
    "image": ["%", "AAA A", {"picture": "AAAA"}, 3, None],
    "text": [3, {"words": "x"}, ["x"], "é" * 51],
    "row": [[1, 2], {"x": [1], "y": 2}, "x"],
    "series": [[], {"x": 1, "y": 2}, [3], [{"x": {}, "y": 2}]],
    "draw": [{"seed": -1}, {"seed": 2**31}, {"seed": "1"}, {"class": 3}, {"seeds": 1}, []],
}


@pytest.mark.parametrize("takes", KINDS)
def test_inputs_are_those_that_are_taken(takes):
    told = document(facts(takes), LIMITS, False)
    schema = told["components"]["schemas"]["Input"]
    parser = Parser(takes, LIMITS)
    asked = lambda value: parser.items("application/json", json.dumps({"inputs": [value]}).encode())
    for value in INPUTS[takes]:
        assert fits(value, schema), value
        assert isinstance(asked(value)[0], Item), value
    for value in WRONG[takes]:
        assert not fits(value, schema), value
        assert isinstance(asked(value)[0], Problem), value
    example = told["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert fits(example["inputs"][0], schema)


@pytest.mark.parametrize("token", [None, b"0123456789abcdef"])
def test_every_address_is_described(token):
    service = Service(Source(None, "m", "1", None), LIMITS, 1, print)
    access = Access(token)
    told = document(facts("image"), LIMITS, token is not None)
    served = {path: methods - {"HEAD"} for path, methods in make_router(service, access).addresses.items()}
    assert served == {path: {method.upper() for method in methods} for path, methods in told["paths"].items()}
    for path, methods in told["paths"].items():
        for operation in methods.values():
            assert {"200", "400", "403", "500"} <= set(operation["responses"])
            assert ("401" in operation["responses"]) == (token is not None and path not in OPEN)
    named = set(told["components"]["schemas"]), set(told["components"]["responses"])
    for kind, names in zip(("schemas", "responses"), named):
        assert {reference.rpartition("/")[2] for reference in references(told) if f"/{kind}/" in reference} <= names


def references(value) -> list[str]:
    if isinstance(value, dict):
        return [value["$ref"]] if "$ref" in value else [one for part in value.values() for one in references(part)]
    return [one for part in value for one in references(part)] if isinstance(value, list) else []


def fits(value, schema: dict) -> bool:
    """Whether a value is of a schema, as far as the words go that are used here."""
    import re

    if "anyOf" in schema:
        return any(fits(value, one) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    types = {"string": str, "number": (int, float), "integer": int, "boolean": bool, "null": type(None)}
    types |= {"object": dict, "array": list}
    names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(isinstance(value, types[name]) for name in names):
        return False
    if isinstance(value, str):
        return len(value) <= schema.get("maxLength", 1e9) and bool(re.search(schema.get("pattern", ""), value))
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        return set(schema.get("required", ())) <= set(value) and all(
            fits(one, known[name]) if name in known else more is True or (more and fits(one, more))
            for name, one in value.items()
        )
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(fits(one, schema["items"]) for one in value)
    return value is None or schema.get("minimum", value) <= value <= schema.get("maximum", value)
