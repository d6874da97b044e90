"""Asking the model while a client waits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from .batching import Told
from .body import Gone
from .items import Item
from .pool import Pool
from .service import Service


async def answers(
    service: Service, pool: Pool, request: Request, items: list[Item], explain: bool, proving: bool = False
) -> list[Told]:
    """What the model says of each, while the client waits.

    Args:
        pool: see `Service.using`.
        proving: see `Service.predict`.

    Raises:
        Problem: see `Service.predict`.
        Gone: if the client does not wait any more.
    """
    async with _watched(request) as gone:
        told = await service.predict(pool, items, explain, gone, proving)
    if told is None:
        raise Gone
    return told


@contextlib.asynccontextmanager
async def _watched(request: Request) -> AsyncIterator["asyncio.Task[Any]"]:
    """A task that is done once the client has gone; its body must have been read."""
    task: asyncio.Task[Any] = asyncio.ensure_future(request.receive())
    try:
        yield task
    finally:
        task.cancel()
