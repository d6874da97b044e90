"""Metrics, plots and tables of predictions."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "calibration": ("fit_temperature", "probabilities"),
        "classification": ("account", "classifier_metrics", "write_account"),
        "folds": ("summarize_folds",),
        "heat": ("Pictures", "plot_heat", "write_heat"),
        "metrics": ("classification_metrics",),
        "multi_label": ("multi_label_metrics",),
        "plots": ("plot_curves", "plot_mistakes"),
        "predictions": ("prediction_table", "score_columns", "to_csv"),
        "words": ("explain_texts", "strongest", "strongest_ngrams", "write_words"),
    },
)
