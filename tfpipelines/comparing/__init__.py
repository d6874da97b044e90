"""Runs side by side: what differs in them, and whether the difference of their figures is more than chance."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "comparison": ("compare",),
        "page": ("require_file", "write_page"),
        "tables": ("tables_of",),
    },
)
