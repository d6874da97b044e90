"""The splits of data."""

SPLITS = ("train", "validation", "calibration", "test")
