"""The Open Inference Protocol, version 2 (KServe, Triton, Seldon), over HTTP with tensors in JSON."""

import json
from typing import Any

from .. import __version__
from .body import read_body
from .http import Request, Response, json_response
from .items import Item
from .problems import Problem
from .service import Service
from .tensors import input_specs, output_specs, response_tensors


class OpenInference:
    """Handlers of the addresses below /v2.

    Args:
        service: that answers.
    """

    def __init__(self, service: Service):
        self._service = service

    async def server(self, request: Request) -> Response:
        """What the server is."""
        return json_response({"name": "tfpipelines", "version": __version__, "extensions": []})

    async def model(self, request: Request) -> Response:
        """Name, versions and tensors of the model."""
        facts = self._known(request)
        return json_response({
            "name": facts["name"], "versions": [facts["version"]], "platform": f"tfpipelines_{facts['runtime']}",
            "inputs": [spec.facts() for spec in input_specs(facts)],
            "outputs": [spec.facts() for spec in output_specs(facts)],
        })  # fmt: skip

    async def model_ready(self, request: Request) -> Response:
        """Whether the model answers."""
        self._require_name(request)
        if self._service.pool.facts:
            self._known(request)
        ready = self._service.ready
        return json_response({"name": self._service.source.name, "ready": ready}, 200 if ready else 503)

    async def infer(self, request: Request) -> Response:
        """Predictions."""
        service = self._service
        self._require_name(request)
        service.require_ready()
        if "inference-header-content-length" in request.headers:
            raise Problem("unsupported", "Binary tensors are not taken.", "Send the data as JSON.")
        with service.using() as pool:
            facts = self._known(request)
            body = await read_body(request, service.limits)
            asked = await service.reader.read(True, facts, "application/json", body)
            del body
            items = [item for item in asked.items if isinstance(item, Item)]
            told = await service.predict(pool, items, False, request.connection)
        for number, one in enumerate(told):
            if problem := one.problem:
                where = f" (input {number} of {len(told)})" if len(told) > 1 else ""
                raise Problem(problem.code, f"{problem.cause}{where}", problem.remedy, problem.item, problem.headers)
        records = json.loads(b"[" + b",".join(one.records for one in told) + b"]")
        response = {"model_name": facts["name"], "model_version": facts["version"]}
        if asked.given is not None:
            response["id"] = asked.given
        specs = {spec.name: spec for spec in output_specs(facts)}
        outputs = response_tensors(records, [specs[name] for name in asked.outputs])
        return json_response({**response, "outputs": outputs})

    # --- details
    def _known(self, request: Request) -> dict[str, Any]:
        """The facts of the model that the address names.

        Raises:
            Problem: `not_found` if it names another, `not_ready` while it is loaded.
        """
        self._require_name(request)
        facts = self._service.known_facts()
        version = request.words.get("version", facts["version"])
        if version != facts["version"]:
            remedy = f"The version that is served: {facts['version']}."
            raise Problem("not_found", "This version is not served.", remedy)
        return facts

    def _require_name(self, request: Request) -> None:
        if request.words["name"] != self._service.source.name:
            remedy = f"The model that is served: {self._service.source.name}."
            raise Problem("not_found", "There is no such model.", remedy)
