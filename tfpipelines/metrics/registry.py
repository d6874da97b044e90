"""The metrics, each of them one entry: what it is, which way is better, what it is made from.

Tables, pages, searches and comparisons ask here. Nothing heavy is loaded: functions are named and imported when they
are needed. A new metric of a classifier is an entry of `BUILT_IN` and a function of its name; packages bring entries
with their function, see `plugins`.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

from ..core.plugins import Plugin, is_free, leave_out, members
from ..errors import ConfigError


class Kind(StrEnum):
    """What is made of a sample; runs of one kind have metrics in common."""

    CLASSIFIER = "classifier"
    DETECTOR = "detector"
    GENERATOR = "generator"
    REGRESSOR = "regressor"


CLASSIFIER, DETECTOR, GENERATOR, REGRESSOR = Kind
ONE, SEVERAL, NUMBER = "single_label", "multi_label", "number"  # targets of a sample: modules of this package
_TARGETS = {CLASSIFIER: {ONE, SEVERAL}, REGRESSOR: {NUMBER}}  # of the kinds that packages can bring metrics of

Direction = Literal["max", "min"]


@dataclass(frozen=True)
class Metric:
    """A metric of runs.

    Args:
        name: in metrics.json and history.csv; after `val_` it is what a search can look for.
        kind: of the runs that have it; "" for a name that other packages give to metrics, known by its end alone.
        better: whether higher (max) or lower (min) is better; None for neither.
        what: what it is, in a phrase.
        of: computed from answers, values (of probabilities, distances, features), their order, or bins of them.
        by: modules of this package with a function of its name, which computes it from resampled rows: their `Drawn`.
        range: (minimum, maximum).
        hub: its name on the Hugging Face Hub, and how it is written there.
        main: whether it represents a run of its kind, in lists and plots.
        each_epoch: whether it is measured after each epoch, and so printed and drawn.
        by_class: whether it is made of figures of each class, so that it says nothing of classes that no row has.
        biased: whether few rows make it too large or too small.
        by_product: whether the table over several products shows it.
        compute: the function itself, for a metric of another package; it returns a number, or None for rows that have
            none.
    """

    name: str
    kind: str
    better: Direction | None
    what: str
    of: Literal["answers", "values", "order", "bins"] = "values"
    by: tuple[str, ...] = ()
    range: tuple[float, float] = (0.0, 1.0)
    hub: tuple[str, str] | None = None
    main: bool = False
    each_epoch: bool = False
    by_class: bool = False
    biased: bool = False
    by_product: bool = False
    compute: Callable[[Any], float | None] | None = None

    @property
    def loose(self) -> bool:
        """Whether it may jump where numbers are rounded, since it hangs on their order or their bins."""
        return self.of in ("order", "bins")

    def function(self, module: str) -> Callable[[Any], float | None]:
        """That makes it of the `Drawn` of a module, which is one of `by`."""
        if self.compute is not None:
            return self.compute
        return getattr(importlib.import_module(f"{__package__}.{module}"), self.name)


_ANY = (float("-inf"), float("inf"))
_POSITIVE = (0.0, float("inf"))
_ENDS: tuple[tuple[str, Direction], ...] = (("auc", "max"), ("error", "min"), ("mae", "min"), ("mse", "min"))

BUILT_IN = (  # those of classifiers in the order in which they are shown
    Metric("loss", CLASSIFIER, "min", "objective of training, penalties included", range=_ANY, each_epoch=True),
    Metric("accuracy", CLASSIFIER, "max",
           "share of samples predicted correctly; with several labels, those with every label correct",
           "answers", (ONE, SEVERAL), hub=("accuracy", "Accuracy"), main=True, each_epoch=True),
    Metric("hamming_loss", CLASSIFIER, "min", "share of decisions, one for each label of a sample, that are wrong",
           "answers", (SEVERAL,)),
    Metric("balanced_accuracy", CLASSIFIER, "max", "mean recall of the classes, unweighted",
           "answers", (ONE, SEVERAL), by_class=True),
    Metric("f1_micro", CLASSIFIER, "max", "harmonic mean of precision and recall over all decisions together",
           "answers", (SEVERAL,), hub=("f1", "F1 (micro)")),
    Metric("f1_macro", CLASSIFIER, "max", "harmonic mean of precision and recall, averaged over classes",
           "answers", (ONE, SEVERAL), hub=("f1", "F1 (macro)"), by_class=True, biased=True),
    Metric("top_5", CLASSIFIER, "max", "share of samples whose class is among the five most probable", "order", (ONE,)),
    Metric("log_loss", CLASSIFIER, "min", "mean negative log probability of the true class",
           "values", (ONE, SEVERAL), range=_POSITIVE, each_epoch=True),
    Metric("average_precision", CLASSIFIER, "max", "area under the precision-recall curve", "order", (SEVERAL,)),
    Metric("ece", CLASSIFIER, "min",
           "expected calibration error: mean gap between confidence and accuracy (Naeini et al. 2015)",
           "bins", (ONE, SEVERAL)),
    Metric("matthews", CLASSIFIER, "max",
           "Matthews correlation of true and predicted classes, 0 for guessing (Matthews 1975; Gorodkin 2004)",
           "answers", (ONE,), range=(-1.0, 1.0), hub=("matthews_correlation", "Matthews correlation"),
           by_class=True, biased=True),
    Metric("f1", DETECTOR, "max", "harmonic mean of precision and recall", "answers", hub=("f1", "F1")),
    Metric("roc_auc", DETECTOR, "max", "probability that an anomaly scores higher than a normal sample",
           "order", hub=("roc_auc", "ROC AUC"), main=True, by_product=True),
    Metric("average_precision", DETECTOR, "max", "area under the precision-recall curve", "order", biased=True),
    Metric("precision", DETECTOR, "max", "share of the samples predicted as a class that belong to it",
           "answers", hub=("precision", "Precision")),
    Metric("recall", DETECTOR, "max", "share of the samples of a class that are predicted as it",
           "answers", hub=("recall", "Recall")),
    Metric("false_alarm_rate", DETECTOR, "min", "share of normal samples that give an alarm", "answers",
           by_product=True),
    Metric("alarm_rate", DETECTOR, None, "share of unlabelled samples that give an alarm", "answers"),
    Metric("pseudo_roc_auc", DETECTOR, "max",
           "mean roc_auc of normal validation samples against kinds of synthetic anomalies made of them, or known ones",
           "order"),
    Metric("pixel_roc_auc", DETECTOR, "max", "roc_auc over pixels", "order", by_product=True),
    Metric("per_region_overlap", DETECTOR, "max",
           "share of each anomalous region found, averaged over false-positive rates up to 0.3 (Bergmann et al. 2020)",
           "order", by_product=True),
    Metric("point_f1", DETECTOR, "max", "f1 by point of the series", "answers"),
    Metric("event_f1", DETECTOR, "max", "f1 by event: neighbouring points count as one", "answers"),
    Metric("event_precision", DETECTOR, "max", "share of alarms that touch an anomaly", "answers"),
    Metric("event_recall", DETECTOR, "max", "share of anomalies that an alarm touches", "answers"),
    Metric("discriminator_loss", GENERATOR, "min", "loss of the discriminator", range=_ANY, each_epoch=True),
    Metric("generator_loss", GENERATOR, "min", "loss of the generator", range=_ANY, each_epoch=True),
    Metric("kid", GENERATOR, "min", "kernel distance to real images (Bińkowski et al. 2018)",
           range=_ANY, main=True, each_epoch=True),
    Metric("fid", GENERATOR, "min", "Fréchet distance to real images (Heusel et al. 2017)", range=_POSITIVE),
    Metric("precision", GENERATOR, "max",
           "share of generated images that lie among the real ones (Kynkäänniemi et al. 2019)"),
    Metric("recall", GENERATOR, "max",
           "share of real images that lie among the generated ones (Kynkäänniemi et al. 2019)"),
    Metric("diversity", GENERATOR, "max", "spread relative to that of real images (about 1)",
           range=_POSITIVE, each_epoch=True),
    Metric("nearest", GENERATOR, None, "median distance to the nearest training image, 1 being usual", range=_POSITIVE),
    Metric("copies", GENERATOR, "min", "share of images that lie suspiciously near to a training image"),
    Metric("rmse", REGRESSOR, "min", "root of the mean squared error, in the unit of the target",
           "values", (NUMBER,), range=_POSITIVE, main=True, each_epoch=True),
    Metric("mae", REGRESSOR, "min", "mean absolute error, in the unit of the target",
           "values", (NUMBER,), range=_POSITIVE, hub=("mae", "MAE")),
    Metric("median_error", REGRESSOR, "min", "median absolute error, in the unit of the target",
           "values", (NUMBER,), range=_POSITIVE),
    Metric("r2", REGRESSOR, "max",
           "coefficient of determination: 1 less the squared error relative to that of the mean of the test values",
           "values", (NUMBER,), range=(float("-inf"), 1.0), hub=("r_squared", "R²")),
    Metric("spearman", REGRESSOR, "max", "Spearman's rank correlation of true and predicted values",
           "order", (NUMBER,), range=(-1.0, 1.0), hub=("spearmanr", "Spearman correlation")),
    Metric("coverage", REGRESSOR, None, "share of true values inside their prediction interval",
           "answers", (NUMBER,)),
    Metric("width", REGRESSOR, None, "mean width of the prediction intervals, in the unit of the target",
           "values", (NUMBER,), range=_POSITIVE),
    *(Metric(name, "", better, "") for name, better in _ENDS),
)  # fmt: skip
EACH_EPOCH = sorted(  # losses first
    (entry for entry in BUILT_IN if entry.each_epoch),
    key=lambda entry: (entry.kind == GENERATOR, entry.better != "min"),
)


if TYPE_CHECKING:
    METRICS: tuple[Metric, ...]  # all of them, the built-in ones first
else:

    def __getattr__(name: str) -> Any:
        if name != "METRICS":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return (*BUILT_IN, *(entry for _, entry in added()))


@cache
def added() -> tuple[tuple[Plugin, Metric], ...]:
    """The metrics that packages bring: who does, and the entry. An entry point names one, or a tuple of some."""
    found: list[tuple[Plugin, Metric]] = []
    for plugin, brought in members("metrics", _fault).items():
        for entry in brought if isinstance(brought, tuple) else (brought,):
            if is_free(plugin, entry.name, {other.name for other in (*BUILT_IN, *(other for _, other in found))}):
                found.append((plugin, replace(entry, compute=partial(_computed, plugin, entry.compute))))
    return tuple(found)


def _fault(brought: Any) -> str:
    for entry in brought if isinstance(brought, tuple) else (brought,):
        if not isinstance(entry, Metric):
            return f"is no {Metric.__module__}.Metric, nor a tuple of such"
        targets = _TARGETS.get(Kind(entry.kind)) if entry.kind in {*Kind} else None
        if targets is None or entry.each_epoch or not callable(entry.compute):
            cause = "must bring metrics of classifiers or regressors, each with a function compute"
            return f"{cause}: {entry.name} is not one"
        if not entry.by or not {*entry.by} <= targets:
            wanted = f"({ONE!r},), ({SEVERAL!r},) or both" if entry.kind == CLASSIFIER else f"({NUMBER!r},)"
            return f"must say what {entry.name} is computed from: by={wanted}"
    return ""


def _computed(plugin: Plugin, compute: Callable[[Any], float | None], drawn: Any) -> float | None:
    """A package's metric; none where its function fails, which must not cost a run that is trained already."""
    try:
        value = compute(drawn)
        return None if value is None else float(value)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        leave_out(plugin, ConfigError(f"computing it fails: {reason}.", plugin.remedy))
        return None


def _called(name: str) -> list[Metric]:
    """The entries of a name; packages are asked for one that is not built in."""
    return [entry for entry in BUILT_IN if entry.name == name] or [entry for _, entry in added() if entry.name == name]


def metric(name: str, kind: str = "") -> Metric | None:
    """The entry of a metric; None for one that is not known, which is shown all the same.

    Args:
        kind: of the run that it is of, where several kinds mean different things by the name.
    """
    found = _called(name)
    return next((entry for entry in found if entry.kind == kind), found[0] if found else None)


def direction_of(name: str) -> Direction | None:
    """Whether a metric is to be high (max) or low (min), by its name or the end of it; None where that is not known."""
    ends = _called(name) or [entry for entry in BUILT_IN if name.endswith(f"_{entry.name}")]
    return max(ends, key=lambda entry: len(entry.name)).better if ends else None


def main_figure(names: Iterable[str]) -> str:
    """The one that stands for all, else the first; "" of none."""
    names = list(names)
    return next((name for name in names if (entry := metric(name)) and entry.main), names[0] if names else "")


def product_figures(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The test metrics that a table of products shows, those of which a product has one.

    Args:
        rows: each with `test`: {metric: value}.
    """
    there = {name for row in rows for name in row["test"]}
    return [entry.name for entry in BUILT_IN if entry.by_product and entry.name in there]


def by_epoch(columns: Iterable[str]) -> list[str]:
    """The metrics among the columns of history.csv, without `val_` and each once, losses first.

    Where the loss is a sum of parts, that of the whole says more and is the only one.
    """
    there = {name.removeprefix("val_") for name in columns}
    return [entry.name for entry in EACH_EPOCH if entry.name in there - {"loss" if "log_loss" in there else ""}]
