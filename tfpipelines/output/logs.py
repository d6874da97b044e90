"""A run told to `logging`: for a program that has a log of its own.

The loggers are called after the packages that do the work: tfpipelines.runner, .datasets, .training, .tuning.
"""

import logging
from typing import Any

from ..core.observer import Observer
from ..core.words import plain_text

# here and not in the package itself, since the help of commands comes without `logging`
logging.getLogger("tfpipelines").addHandler(logging.NullHandler())
RUNNER, DATASETS, TRAINING, TUNING = (
    logging.getLogger(f"tfpipelines.{name}") for name in ("runner", "datasets", "training", "tuning")
)


def wanted() -> bool:
    """Whether the program has a handler that would be given what this package logs of a run's course."""
    logger: logging.Logger | None = RUNNER
    if not RUNNER.isEnabledFor(logging.INFO):
        return False
    while logger is not None:
        told = [handler for handler in logger.handlers if not isinstance(handler, logging.NullHandler)]
        if any(handler.level <= logging.INFO for handler in told):
            return True
        logger = logger.parent if logger.propagate else None
    return False


class LogObserver(Observer):
    """Logs stages, epochs and trials at level INFO, and what warns at WARNING."""

    def started(self, folder, pipeline) -> None:
        RUNNER.info("run folder %s, pipeline %s", folder, pipeline.name)

    def environment(self, facts: dict[str, Any]) -> None:
        versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        RUNNER.info("%s; %s", facts["device"], versions)

    def data(self, facts: dict[str, Any]) -> None:
        DATASETS.info("samples: %s", _figures(facts.get("rows", {})))
        for line in facts.get("about", ()):
            DATASETS.info("%s", plain_text(line))
        for finding in facts["findings"]:
            level = logging.INFO if finding["severity"] == "note" else logging.WARNING
            DATASETS.log(level, "%s", plain_text(f"{finding['message']}. {finding['remedy']}".rstrip()))

    def model(self, facts: dict[str, Any]) -> None:
        TRAINING.info("network %s, %d parameters", facts["name"], facts["parameters"])

    def phase(self, facts: dict[str, Any]) -> None:
        TRAINING.info("phase %s, %d weights are trained", facts["name"], facts["trained"])

    def epoch(self, row: dict[str, float], epochs: int, samples: int) -> None:
        TRAINING.info("epoch %d of %d: %s", row["epoch"], epochs, _figures(row, "epoch"))

    def search(self, facts: dict[str, Any]) -> None:
        TUNING.info("%s over %s, at most %d trials", facts["algorithm"], ", ".join(facts["fields"]), facts["trials"])

    def trial(self, facts: dict[str, Any]) -> None:
        level = logging.WARNING if facts["status"] == "failed" else logging.INFO
        score, reason = facts["score"], facts["reason"]
        TUNING.log(level, "trial %d %s: %s", facts["number"], facts["status"], reason if score is None else score)

    def finals(self, facts: dict[str, Any]) -> None:
        TUNING.info("final runs with the values of trial %d, seeds %s", facts["trial"], facts["seeds"])

    def final(self, seed: int, metrics: dict[str, Any]) -> None:
        TUNING.info("final run, seed %d: %s", seed, _figures(metrics.get("test") or metrics.get("validation", {})))

    def product(self, name: str, number: int, count: int) -> None:
        RUNNER.info("product %s, %d of %d", plain_text(name), number, count)

    def products(self, folder, metrics: dict[str, Any]) -> None:
        RUNNER.info("%s is done: %s", folder, _figures(metrics.get("test") or metrics.get("validation", {})))

    def note(self, text: str) -> None:
        RUNNER.info("%s", plain_text(text))

    def warning(self, text: str) -> None:
        RUNNER.warning("%s", plain_text(text))

    def finished(self, folder, metrics: dict[str, Any]) -> None:
        RUNNER.info("%s is done: %s", folder, _figures(metrics.get("test") or metrics.get("validation", {})))

    def searched(self, folder, metrics: dict[str, Any]) -> None:
        TUNING.info("%s is done: best is trial %d", folder, metrics["search"]["trial"])


def _figures(content: dict[str, Any], *without: str) -> str:
    shown = {name: value for name, value in content.items() if name not in without}
    told = lambda value: f"{value:.6g}" if isinstance(value, float) else f"{value}"
    return ", ".join(f"{name} {told(value)}" for name, value in shown.items())
