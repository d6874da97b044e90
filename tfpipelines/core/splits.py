"""The splits of data."""

SPLITS = ("train", "validation", "test")
