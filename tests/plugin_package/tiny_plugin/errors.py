"""A figure of classifiers, and one whose function fails."""

from tfpipelines.metrics.registry import Metric


def share(drawn):
    return 1 - drawn.hits.sum() / len(drawn.rows)


def fail(drawn):
    raise ZeroDivisionError("there is nothing to divide by")


ERRORS = Metric(
    "errors", "classifier", "min", "share of samples told wrong", "answers", ("single_label",), compute=share
)
FAILS = Metric("fails", "classifier", "min", "nothing", "answers", ("single_label",), compute=fail)
