"""What is answered at which address."""

from .access import Access
from .batching import Told
from .body import read_body
from .guard import Guard
from .http import Request, Response, as_json, json_response
from .items import Item
from .open_inference import OpenInference
from .openapi import document
from .problems import Problem
from .routing import Router
from .service import Service


def make_app(service: Service, access: Access, secret: str = "") -> Guard:
    """The ASGI application.

    Args:
        access: what requests must show.
        secret: of the server's own proof, see `guard.PROOF`.
    """
    return Guard(make_router(service, access), access, service.counters, secret)


def make_router(service: Service, access: Access) -> Router:
    """Every address, see `openapi.document`."""
    handlers = _Handlers(service, access)
    router = Router()
    router.add("GET", "/", handlers.page)
    router.add("POST", "/v1/predict", handlers.predict)
    router.add("GET", "/v1/model", handlers.model)
    router.add("POST", "/v1/model/proof", handlers.prove)
    router.add("GET", "/healthz", handlers.live)
    router.add("GET", "/readyz", handlers.ready)
    router.add("GET", "/metrics", handlers.metrics)
    router.add("GET", "/openapi.json", handlers.openapi)
    tensors = OpenInference(service)
    router.add("GET", "/v2", tensors.server)
    router.add("GET", "/v2/health/live", handlers.live)
    router.add("GET", "/v2/health/ready", handlers.ready)
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        router.add("GET", model, tensors.model)
        router.add("GET", f"{model}/ready", tensors.model_ready)
        router.add("POST", f"{model}/infer", tensors.infer)
    return router


class _Handlers:
    """Of the routes."""

    def __init__(self, service: Service, access: Access):
        self._service, self._access = service, access

    async def page(self, request: Request) -> Response:
        """The page for people."""
        from .page import page

        html, policy = page()
        return Response(html, 200, "text/html; charset=utf-8", {"Content-Security-Policy": policy})

    async def predict(self, request: Request) -> Response:
        """Predictions for the inputs in the body."""
        service = self._service
        service.require_ready(request.proving)
        explain = wants(request, "explain")
        with service.using(request.version) as pool:
            if explain:
                service.require_explains(pool)
            body = await read_body(request, service.limits)
            kind = request.headers.get("content-type", "")
            given = (await service.reader.read(False, pool.facts, kind, body)).items
            del body
            items = [item for item in given if isinstance(item, Item)]
            connection, proving = request.connection, request.proving
            asked = iter(await service.predict(pool, items, explain, connection, proving) if items else ())
        told = [next(asked) if isinstance(item, Item) else Told(problem=item) for item in given]
        if len(told) == 1 and (problem := told[0].problem):
            raise problem
        parts = [_record(item, one) for item, one in zip(given, told)]
        return Response(b"".join([b'{"model":', pool.model, b',"predictions":[', b",".join(parts), b"]}"]))

    async def model(self, request: Request) -> Response:
        """What there is to know of the model."""
        service = self._service
        limits = vars(service.limits)
        told = {**service.known_facts(), "state": service.state, "limits": limits, "proof": service.proof}
        return json_response(told)

    async def prove(self, request: Request) -> Response:
        """Proves the model again, through the server."""
        return json_response(await self._service.prove())

    async def live(self, request: Request) -> Response:
        """Whether the server answers."""
        return json_response({"live": True})

    async def ready(self, request: Request) -> Response:
        """Whether predictions are answered."""
        ready = self._service.ready
        return json_response({"ready": ready}, 200 if ready else 503)

    async def openapi(self, request: Request) -> Response:
        """The server's description for programs."""
        service = self._service
        return json_response(document(service.known_facts(), service.limits, self._access.token is not None))

    async def metrics(self, request: Request) -> Response:
        """What is counted, for Prometheus."""
        self._service.counters.ready.set(self._service.ready)
        return Response(self._service.counters.text(), 200, "text/plain; version=0.0.4; charset=utf-8")


def wants(request: Request, name: str) -> bool:
    """Whether a parameter of the address says yes.

    Raises:
        Problem: if it says something else than yes or no.
    """
    value = request.parameter(name, "0").lower()
    if value not in ("0", "1", "true", "false"):
        raise Problem("malformed", f"The parameter {name} is neither 0 nor 1.", f"Say {name}=1, or leave it out.")
    return value in ("1", "true")


def _record(item: Item | Problem, told: Told) -> bytes:
    if told.problem is None:
        return told.records
    name = item.name if isinstance(item, Item) else item.item
    return as_json({"item": name, "error": told.problem.facts()})
