"""Metrics, plots and tables of predictions."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "baselines": ("Forest", "Neighbours", "Reconstruction", "some_rows"),
        "calibration": ("fit_temperature", "probabilities"),
        "classification": ("account", "classifier_metrics", "write_account"),
        "conformal": ("BEFORE", "Threshold", "usual_distances"),
        "detection": (
            "ANOMALY", "MOST_MAPS", "NORMAL", "by_label", "detection_intervals", "detection_metrics",
            "detection_row_figures", "detection_table", "finite", "kinds_of", "place_metrics", "ranking_metrics",
            "series_metrics",
        ),
        "detection_plots": ("heat_of", "plot_columns", "plot_maps", "plot_ranking", "plot_scores", "plot_series"),
        "columns": ("guilty_columns", "write_columns"),
        "folds": ("summarize_folds",),
        "generation": (
            "COLLAPSE", "Held", "Judge", "copies", "diversity", "generation_metrics", "kernel_interval", "nearest",
            "small_pixels", "usual_distance",
        ),
        "generation_plots": (
            "plot_interpolation", "plot_neighbours", "plot_progress", "plot_samples", "sheet", "write_animation",
            "write_picture", "write_samples",
        ),
        "heat": ("Pictures", "plot_heat", "write_heat"),
        "plots": ("as_picture", "plot_curves", "plot_mistakes"),
        "predictions": ("prediction_table", "to_csv"),
        "score_names": ("score_columns",),
        "word_pages": ("write_words", "write_words_data"),
        "words": ("explain_texts", "strongest", "strongest_ngrams"),
    },
)  # fmt: skip
