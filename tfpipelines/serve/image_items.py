"""Images among items: their headers are looked at before anything is decoded."""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from ..datasets.decoding import BYTES, MAX_PIXELS_BOUND, DamagedImage, open_image
from ..errors import DataError
from .items import Answer, Item, too_late, unreadable
from .limits import Limits
from .problems import Problem

_REMEDY = "Send a JPEG, PNG or WebP."
_DAMAGED = "The image is damaged, or of a kind that is not decoded here"
_SECONDS = 1.0  # of CPU, which reading the header of a file of millions of empty parts would take many times


def looked_at(
    items: Sequence[Item], requests: Sequence[int], before: Sequence[int], limits: Limits, until: float = math.inf
) -> list[Item | Answer]:
    """Images whose headers have been read; in place of those that are not to be decoded, the answer.

    Args:
        requests: of each, the number of the request that it is of.
        before: of each request, the pixels of its images that were looked at earlier.
        limits: of pixels.
        until: see `Engine.answer`.
    """
    with _giving_up():
        found = [too_late(item) if time.monotonic() > until else _looked_at(item, limits) for item in items]
    sums = list(before)
    for one, request in zip(found, requests):
        sums[request] += one.pixels if isinstance(one, Item) else 0
    most = limits.request_pixels
    for place, (one, request) in enumerate(zip(list(found), requests)):
        if isinstance(one, Item) and sums[request] > most:
            cause = f"The images of the request have {_mega(sums[request])} together, and {_mega(most)} are the most."
            problem = Problem("too_large", cause, "Send fewer at a time.")
            found[place] = Answer(problem=problem, of_request=True)
    return found


def looked_at_one(item: Item, limits: Limits) -> Item | Answer:
    """An image whose header has been read; or the answer where it cannot be, or claims too much."""
    with _giving_up():
        return _looked_at(item, limits)


def _looked_at(item: Item, limits: Limits) -> Item | Answer:
    opened = None
    if item.shape:
        height, width = item.shape[:2]
    else:
        try:
            try:
                _end_after(_SECONDS)
                opened = open_image(item.content, MAX_PIXELS_BOUND, usual=True)
            finally:
                _end_after(0)
        except DataError as error:
            return undecoded(item, error)
        except TimeoutError:  # at the very end
            return unreadable(item, _DAMAGED, _REMEDY)
        width, height = opened.size
    if height * width > limits.pixels:
        most = f"{_mega(limits.pixels)} are the most"
    elif max(height, width) > limits.side:
        most = f"{limits.side} are the most of a side"
    else:
        return Item(item.kind, item.name, item.content, item.shape, height * width, opened)
    cause = f"The image has {width} x {height} pixels, and {most}."
    return Answer(problem=Problem("unreadable", cause, "Send a smaller one.", item.name))


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:g} megapixels"


def undecoded(item: Item, error: DataError) -> Answer:
    """The answer to an image that cannot be read; what Pillow says of it is not passed on."""
    if isinstance(error, DamagedImage):
        return unreadable(item, _DAMAGED, _REMEDY)
    return unreadable(item, error.cause.removeprefix(f"{BYTES}: "), _REMEDY)


def of_decoding(item: Item, reason: str) -> str:
    """What a client is told where a file was not decoded that `looked_at` let through.

    Args:
        reason: as `tfpipe predict` gives it.
    """
    own = item.kind != "image" or item.shape or "data.range" in reason  # see `decoding`: the rest is Pillow's
    return reason if own else _DAMAGED


@contextlib.contextmanager
def _giving_up() -> Iterator[None]:
    """Within it `_end_after` ends what takes too long; in the main thread, as that of a worker is."""
    if not _can_end():
        yield
        return
    before: Any = signal.signal(signal.SIGVTALRM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


def _end_after(seconds: float) -> None:
    """Ends what Python code does after so many seconds of CPU; 0: nothing any more."""
    if _can_end():
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def _can_end() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def _end(number: int, frame: Any) -> None:
    raise TimeoutError("the header takes too long")
