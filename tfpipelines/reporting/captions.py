"""What the pictures of a run show, by name. Pictures that are not named here are shown all the same."""

from ..tasks.abilities import Kind

RESULTS, FAILURES, TRAINING, MORE = "results", "failures", "training", "more"  # where a picture stands

_CURVES = (
    "Loss, accuracy and learning rate by epoch. The dotted line marks the epoch whose weights are the model; a "
    "growing gap between training and validation is a sign of overfitting."
)
_CURVES_OF_NUMBERS = (
    "Loss, root of the mean squared error (RMSE) and learning rate by epoch. The dotted line marks the epoch whose "
    "weights are the model; a growing gap between training and validation is a sign of overfitting."
)
_LARGEST_ERRORS = (
    "The largest errors of the test split, the largest first: true and predicted value, and the file or row."
)
_ADVERSARIAL = (
    "Losses and mean logits of both networks, distance to real images, precision, recall and diversity by "
    "epoch. Dashed lines are what real images reach; the dotted line marks the kept epoch."
)

_SHOWN = {  # where a picture stands: {file name without its ending: what is seen}, in the order of the page
    RESULTS: {
        "confusion_matrix": "Confusion matrix of the test split: rows are true classes, columns predicted ones. "
        "Entries off the diagonal are mistakes.",
        "per_label": "Precision, recall and f1 of each label in the test split, the worst f1 at the bottom.",
        "reliability": "Reliability: accuracy by confidence, over a histogram of confidence. Bars below the diagonal "
        "mean that the model is overconfident.",
        "predicted_vs_true": "Predicted against true values of the test split; points on the dashed line are predicted "
        "exactly. In the band are values that lie inside their prediction interval. Many rows are counted by hexagons.",
        "residuals": "Residuals against predictions, and their histogram: true less predicted, or, of positive values "
        "of several orders of magnitude, true divided by predicted. A slope or a funnel shows what the model misses.",
        "scores": "Histogram of scores of normal and anomalous samples, with the threshold. The less the groups "
        "overlap, the better the model separates them.",
        "curves_roc_pr": "ROC curve and precision-recall curve of the model and of the baselines. Closer to "
        "the upper left, or upper right, corner is better.",
        "samples": "Images that the generator draws; with classes, a row for each.",
        "interpolation": "Images interpolated between two noise vectors: smooth changes suggest no memorization.",
        "best_so_far": "The search objective by trial, and for the better half by epochs spent; the line is "
        "the best so far.",
        "parallel_coordinates": "A line for each trial through its values; the better a trial, the brighter its line; "
        "the best is red.",
        "slices": "The search objective against each field alone; crosses at the edge: trials that failed or are far "
        "worse.",
        "importance_of_columns": "Permutation importance of the columns in the test split: how much worse the answers "
        "become if the values of one column are permuted among the rows (Breiman 2001), mean and deviation of three. "
        "Columns that say the same share their importance.",
        "importance": "Permutation importance of each field: by how much a random forest's error grows. The title "
        "shows how well the forest predicts unseen trials.",
    },
    FAILURES: {
        "mistakes": "The most confident mistakes of the test split, most confident first: the predicted class of each, "
        "its probability, and the file or row. Wrong labels are often among them.",
        "grad_cam": "The most confident mistakes with the regions that support the predicted class and the true "
        "one (Grad-CAM, Selvaraju et al. 2017): the brighter, the more.",
        "heat": "Pictures with a map of how far each place is from normal, next to the mask and the reconstruction "
        "if there are any; wrong verdicts come first.",
        "columns": "How much more each column adds to the scores of alarms than to those of normal rows.",
        "series": "The test series with the score of each window; alarms and known anomalies are shaded.",
        "highest": "The test series around its highest score.",
        "nearest": "Generated images above their nearest training images: near-identical pairs would be copies.",
    },
    TRAINING: {
        "loss_surface": "The loss around the trained weights along two random directions, each filter as long as the "
        "trained one (Li et al. 2018). It is one slice of a space of many dimensions.",
        "curves": _CURVES,
        "progress": "Images generated from the same noise after successive epochs.",
    },
}
CAPTIONS = {name: (place, text) for place, shown in _SHOWN.items() for name, text in shown.items()}


_OF_KINDS = {  # what is seen in pictures of the same name of other kinds of runs
    (Kind.GENERATOR, "curves"): _ADVERSARIAL, (Kind.REGRESSOR, "curves"): _CURVES_OF_NUMBERS,
    (Kind.REGRESSOR, "mistakes"): _LARGEST_ERRORS,
}  # fmt: skip


def caption(name: str, kind: Kind | None) -> tuple[str, str]:
    """Where a picture stands, and what is seen; ("more", "") for one that is not known.

    Args:
        name: of the file, without its ending.
        kind: of the run; None where it is not known.
    """
    place, text = CAPTIONS.get(name, (MORE, ""))
    return place, text if kind is None else _OF_KINDS.get((kind, name), text)
