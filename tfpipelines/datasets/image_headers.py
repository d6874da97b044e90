"""What the headers of a table's images tell before any is decoded."""

import numpy as np

from ..core.config.images import LevelRange
from ..errors import DataError
from .decoding import BYTES, Header, printable, read_header
from .findings import Findings
from .image_arrays import to_uint8
from .source.base import SampleTable


def scan_headers(
    table: SampleTable, max_pixels: int, levels: LevelRange | None = None
) -> tuple[list[Header | None], dict[int, str]]:
    """The header of every file, or the reason why it has none, by row."""
    paths = table.paths()

    def one(row: int) -> Header | str:
        try:
            content = paths[row] or table.content(row)
            if isinstance(content, np.ndarray):
                _, height, width, depth = to_uint8(content[None], "the image", Findings(), levels).shape
                deep = content.dtype not in (np.uint8, bool)
                return Header(height, width, depth == 1, "array", "other", deep)
            return read_header(content, max_pixels)
        except (DataError, OSError) as error:
            return reason_of(error, table, row)

    results = [one(row) for row in range(len(table.frame))]  # a pool of threads was slower
    bad = {row: result for row, result in enumerate(results) if isinstance(result, str)}
    return [result if isinstance(result, Header) else None for result in results], bad


def reason_of(error: DataError | OSError, table: SampleTable, row: int) -> str:
    """What is wrong with an image, without its name."""
    if not isinstance(error, DataError):
        return error.strerror or str(error)
    path = table.path(row)
    return error.cause.removeprefix(f"{printable(path)}: " if path else f"{BYTES}: ")


def common_size(headers: list[Header], largest: int = 128) -> tuple[int, int]:
    """The size `auto` stands for: (height, width) as it is, where all images share one and no side is over `largest`;
    else a square of the median shorter side, a multiple of 8, at most `largest`."""
    sizes = {(header.height, header.width) for header in headers}
    if len(sizes) == 1 and max(next(iter(sizes))) <= largest:
        return next(iter(sizes))
    side = int(np.median([min(header.height, header.width) for header in headers]))
    side = max(8, min(side, largest) // 8 * 8)
    return side, side
