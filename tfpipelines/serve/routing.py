"""Which handler answers at which address."""

from collections.abc import Awaitable, Callable

from .http import Request, Response
from .problems import Problem

Handler = Callable[[Request], Awaitable[Response]]


class Router:
    """Addresses and their handlers. Parts of an address in braces stand for any word: `/v2/models/{name}`."""

    def __init__(self) -> None:
        self._routes: list[tuple[list[str], dict[str, Handler]]] = []

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Adds a handler; one of GET answers HEAD, too."""
        words = path.split("/")
        handlers = next((found for other, found in self._routes if other == words), None)
        if handlers is None:
            handlers = {}
            self._routes.append((words, handlers))
        handlers[method] = handler
        if method == "GET":
            handlers["HEAD"] = handler

    @property
    def addresses(self) -> dict[str, set[str]]:
        """Path -> methods."""
        return {"/".join(words): set(handlers) for words, handlers in self._routes}

    async def answer(self, request: Request) -> Response:
        """What the handler of the address says.

        Raises:
            Problem: `not_found` or `method`, if there is none; what the handler raises.
        """
        words = request.path.split("/")
        for pattern, handlers in self._routes:
            if (found := _matched(pattern, words)) is None:
                continue
            if (handler := handlers.get(request.method)) is None:
                allowed = ", ".join(sorted(handlers))
                cause = f"{request.method[:20]} is not for this address."
                raise Problem("method", cause, f"Use {allowed}.", headers={"Allow": allowed})
            request.words = found
            return await handler(request)
        raise Problem("not_found", "There is nothing at this address.", "GET /openapi.json tells what there is.")


def _matched(pattern: list[str], words: list[str]) -> dict[str, str] | None:
    """The words that stand in place of those in braces; None where it is another address."""
    if len(pattern) != len(words):
        return None
    found = {}
    for wanted, word in zip(pattern, words):
        if wanted.startswith("{") and word:
            found[wanted[1:-1]] = word
        elif wanted != word:
            return None
    return found
