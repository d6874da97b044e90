"""Which metrics stand for a product among several."""

from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN = ("roc_auc", "pixel_roc_auc", "per_region_overlap", "false_alarm_rate", "alarm_rate")


def product_figures(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The test metrics that a table of products shows: of images, of pixels, of regions, and of alarms, those of which
    a product has one.

    Args:
        rows: each with `test`: {metric: value}.
    """
    there = {name for row in rows for name in row["test"]}
    return [name for name in _SHOWN if name in there]
