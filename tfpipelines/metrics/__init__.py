"""Metrics: the registry of all of them, and the functions that make those of classifiers."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "calibration_error": ("reliability",),
        "figures": ("classifier_intervals", "classifier_metrics", "classifier_row_figures", "percentiles"),
        "one_label": ("per_class",),
        "ranking": ("Ranking",),
        "registry": (
            "CLASSIFIER", "DETECTOR", "EACH_EPOCH", "GENERATOR", "METRICS", "Metric", "by_epoch", "direction_of",
            "main_figure", "metric",
        ),
        "several_labels": ("THRESHOLD", "as_decisions", "per_label"),
    },
)  # fmt: skip
