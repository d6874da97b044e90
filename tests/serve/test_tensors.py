"""The tensors of the Open Inference Protocol, for every kind of model."""

import json

import pytest

from tfpipelines.serve.limits import Limits
from tfpipelines.serve.problems import Problem
from tfpipelines.serve.tensors import input_specs, items_of, output_specs, read_tensors, response_tensors

LIMITS = Limits(items=3)


def items(facts: dict, *tensors: dict) -> list:
    return items_of(read_tensors({"inputs": list(tensors)}, input_specs(facts)), facts, LIMITS)


def tensor(name: str, datatype: str, *data, shape=None) -> dict:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": list(data)}


def test_rows_are_a_tensor_for_each_column():
    facts = {"takes": "row", "columns": ["age", "city"], "kind": "regressor", "interval": True, "classes": []}
    found = items(facts, tensor("age", "FP32", 41, 2.5), tensor("city", "BYTES", "Ulm", None, shape=[2, 1]))
    assert [json.loads(item.content) for item in found] == [{"age": 41, "city": "Ulm"}, {"age": 2.5, "city": None}]
    for wrong in (tensor("city", "BYTES", "Ulm"), tensor("city", "BYTES", 1, 2), tensor("city", "INT64", "1", "2")):
        with pytest.raises(Problem):
            items(facts, tensor("age", "FP32", 41, 2.5), wrong)
    with pytest.raises(Problem, match="missing"):
        items(facts, tensor("age", "FP32", 41, 2.5))
    with pytest.raises(Problem, match="are the most"):
        items(facts, tensor("age", "FP32", *range(4)), tensor("city", "BOOL", *[True] * 4))
    records = [{"item": "0", "predicted": 1.5, "low": 1.0, "high": 2.0}, {"predicted": 2.5, "low": None, "high": 3.0}]
    specs = output_specs(facts)
    assert [spec.name for spec in specs] == ["predicted", "low", "high"]
    assert response_tensors(records, specs[:1])[0]["data"] == [1.5, 2.5]
    with pytest.raises(Problem, match="finite"):
        response_tensors(records, specs)


def test_a_series_is_one_item_with_an_answer_for_each_point():
    facts = {"takes": "series", "columns": ["x"], "kind": "detector", "classes": []}
    (item,) = items(facts, tensor("x", "FP64", 1, 2, 3, 4, 5))
    assert json.loads(item.content) == [{"x": number} for number in (1, 2, 3, 4, 5)]
    records = [{"score": 0.5, "p_value": 0.1, "verdict": "normal"}] * 5
    told = response_tensors(records, output_specs(facts))
    assert [(one["name"], one["shape"]) for one in told] == [("score", [5]), ("p_value", [5]), ("verdict", [5])]


def test_texts_and_generators():
    texts = {"takes": "text", "columns": [], "kind": "classifier", "classes": ["a", "b"]}
    assert [item.content for item in items(texts, tensor("text", "BYTES", "é", "b"))] == ["é".encode(), b"b"]
    with pytest.raises(Problem, match="longer"):
        items(texts, tensor("text", "BYTES", "a" * 100_001))
    draws = {"takes": "draw", "columns": [], "kind": "generator", "classes": ["cat"]}
    (item,) = items(draws, tensor("seed", "INT64", 3))
    assert json.loads(item.content) == {"seed": 3}
    (item,) = items(draws, tensor("seed", "UINT8", 3), tensor("class", "BYTES", "cat"))
    assert json.loads(item.content) == {"seed": 3, "class": "cat"}
    for seed in (-1, 2**31):
        with pytest.raises(Problem):
            items(draws, tensor("seed", "INT64", seed))
