"""Images among items: their headers are looked at before anything is decoded."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from ..datasets.decoding import BYTES, MAX_PIXELS_BOUND, DamagedImage, read_header
from ..errors import DataError
from .items import Answer, Item, unreadable
from .limits import Limits
from .problems import Problem

_REMEDY = "Send a JPEG, PNG or WebP."
_DAMAGED = "The image is damaged, or of a kind that is not decoded here"
_SECONDS = 1.0  # of CPU, which reading the header of a file of millions of empty parts would take many times


def too_many_pixels(item: Item, limits: Limits) -> Answer | None:
    """The answer to an image whose header cannot be read, or claims too much; None where it may be decoded.

    Args:
        limits: of pixels, and of those of a side.
    """
    if item.shape:
        height, width = item.shape[:2]
    else:
        try:
            with _in_time():
                header = read_header(item.content, MAX_PIXELS_BOUND, usual=True)
        except DataError as error:
            return undecoded(item, error)
        except TimeoutError:  # at the very end
            return unreadable(item, _DAMAGED, _REMEDY)
        height, width = header.height, header.width
    if height * width > limits.pixels:
        most = f"{limits.pixels / 1e6:g} megapixels are the most"
    elif max(height, width) > limits.side:
        most = f"{limits.side} are the most of a side"
    else:
        return None
    cause = f"The image has {width} x {height} pixels, and {most}."
    return Answer(problem=Problem("unreadable", cause, "Send a smaller one.", item.name))


def too_late(item: Item) -> Answer:
    """The answer to an image that was to be decoded with others that took all the time."""
    return Answer(problem=Problem("too_long", "There was no time left for the image.", "Send fewer.", item.name))


def undecoded(item: Item, error: DataError) -> Answer:
    """The answer to an image that cannot be read; what Pillow says of it is not passed on."""
    if isinstance(error, DamagedImage):
        return unreadable(item, _DAMAGED, _REMEDY)
    return unreadable(item, error.cause.removeprefix(f"{BYTES}: "), _REMEDY)


def of_decoding(item: Item, reason: str) -> str:
    """What a client is told where a file was not decoded that `too_many_pixels` let through.

    Args:
        reason: as `tfpipe predict` gives it.
    """
    own = item.kind != "image" or item.shape or "data.range" in reason  # see `decoding`: the rest is Pillow's
    return reason if own else _DAMAGED


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    """Ends what Python code does after some seconds of CPU, in the main thread, as that of a worker is."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    before: Any = signal.signal(signal.SIGVTALRM, _end)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _end(number: int, frame: Any) -> None:
    raise TimeoutError("the header takes too long")
