"""Images among items: their headers are looked at before anything is decoded."""

from ..datasets.decoding import MAX_PIXELS_BOUND, read_header
from ..errors import DataError
from .items import Answer, Item, unreadable
from .problems import Problem


def too_many_pixels(item: Item, most: int) -> Answer | None:
    """The answer to an image whose header cannot be read, or claims too much; None where it may be decoded.

    Args:
        most: pixels.
    """
    if item.shape:
        height, width = item.shape[:2]
    else:
        try:
            header = read_header(item.content, MAX_PIXELS_BOUND)
        except DataError as error:
            return unreadable(item, error.cause.removeprefix("the bytes given: "), "Send a JPEG, PNG or WebP.")
        height, width = header.height, header.width
    if height * width <= most:
        return None
    cause = f"The image has {width} x {height} pixels, and {most / 1e6:g} megapixels are the most."
    return Answer(problem=Problem("unreadable", cause, "Send a smaller one.", item.name))
