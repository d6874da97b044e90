"""What there is to tell of a run folder.

`reading.read_facts` reads it, once; what is missing or damaged is empty here.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.config import Pipeline, short_name, with_chosen
from ..core.splits import SPLITS
from ..core.words import listed, value
from ..metrics import main_figure
from ..tasks.abilities import Kind
from . import values
from .failures import Failures


@dataclass(frozen=True)
class InnerRun:
    """A run inside of a run: a fold, or a final run of a search.

    Args:
        path: relative to the folder.
        state: of status.json.
        figures: {split: {metric: value}}.
        chosen: its network, where it has chosen one.
    """

    path: str
    state: str
    figures: dict[str, dict[str, float]]
    chosen: str = ""


@dataclass(frozen=True)
class Data:
    """What data.json tells.

    Args:
        path, content_hash: "" where they are not known.
        counts: {split: {class: samples}}.
        values: of numbers, {split: {`rows`, `mean`, `std`, `min`, `median`, `max`}}.
        rows: {split: samples}.
        classes, about: in their order.
        findings: {`severity`, `message`, `remedy`, `items`, `count`} of each.
        source: further entries worth a line, {name: value}.
    """

    path: str = ""
    content_hash: str = ""
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    rows: dict[str, float] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    source: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metrics:
    """What metrics.json tells of a run or of all folds together; of a search the validation and test metrics are means
    over seeds.

    Args:
        splits: {train, validation or test: {metric: value}}.
        spread: {split: {metric: {`mean`, `std`, `min`, `max`}}} over folds or seeds.
        baseline_differences: {baseline: {`difference`, `low`, `high`}}, its accuracy less the model's.
        best_epoch: from 1; 0 where it is not known, or the model is a combination of candidates.
        candidates: what metrics.json says of each, where the network was chosen.
        importance: {`column`, `importance`, `deviation`} of each column of a table.
        importance_unit: what the importance is measured in, in words; "" where it is not known.
        slices: {`column`, `value`, `rows`, and metrics} of the test rows with one value of a category.
        test_interval: of the share of false alarms that a detector's threshold lets expect.
        interval: what is known of a regressor's prediction intervals.
        expected_coverage: of the share of test values inside them that they let expect.
        groups: of a detector whose groups have thresholds of their own, see `metrics.by_group`.
        products: `product`, `state`, `network`, `reason`, `test` and `seconds` of each, where there are several.
    """

    splits: dict[str, dict[str, float]] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    per_class: dict[str, dict[str, float]] = field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    baseline_differences: dict[str, dict[str, float]] = field(default_factory=dict)
    spread: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    about: list[str] = field(default_factory=list)
    threshold: dict[str, Any] = field(default_factory=dict)
    threshold_now: float | None = None
    test_interval: tuple[float, float] | None = None
    interval: dict[str, Any] = field(default_factory=dict)
    expected_coverage: tuple[float, float] | None = None
    temperature: float | None = None
    samples: float | None = None
    best_epoch: int = 0
    network: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    candidates: list[dict[str, Any]] = field(default_factory=list)
    importance: list[dict[str, Any]] = field(default_factory=list)
    importance_unit: str = ""
    slices: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)

    @property
    def chosen(self) -> str:
        """The name of the candidate that was chosen; "" where none was."""
        return values.text(self._chosen.get("name"))

    @property
    def blend(self) -> str:
        """What the model is a combination of, in words, where one of candidates was chosen; else ""."""
        if not self._chosen or values.number(self._chosen.get("epochs")):  # a combination has none of its own
            return ""
        parts = values.mapping(self._chosen.get("fields"))
        return listed([f"{name} ({value(share)})" for name, share in parts.items()]) or "trained candidates"

    @property
    def _chosen(self) -> dict[str, Any]:
        return next((entry for entry in self.candidates if entry.get("chosen") is True), {})


@dataclass(frozen=True)
class Search:
    """What a search has found.

    Args:
        summary: of metrics.json; {} before the end.
        best: metrics of the best trial.
        rows: of leaderboard.csv.
        seeds: of the final runs.
        failed_seeds: {seed: reason}.
    """

    summary: dict[str, Any] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)
    failed_seeds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """A run folder.

    Args:
        folder: where it is.
        shown: the same as commands take it.
        kind: run, folds, search or products.
        schema: the `config.Pipeline` class of its task; None for a task that is not known.
        made: what such a task makes of samples; None for a task that is not known.
        pipeline, source: the resolved pipeline, and the text of its file.
        status, environment: the content of status.json and environment.json.
        history: rows of history.csv; what is no number is text. Of a combination of candidates there are none.
        pictures: files below plots/.
        pages: names of other files there that are for reading.
        words: `title` and `entries` of plots/mistakes.json.
        inner_runs: folds or final runs.
        exports: {folder: content of its manifest.json} of what `tfpipe export` has made; `outdated` is added, whether
            of an earlier model.
        outdated: names of pictures that are of an earlier model.
        has_model: whether there is a model.keras.
        damaged: names of files that cannot be read.
    """

    folder: Path
    shown: str
    kind: str
    schema: type[Pipeline] | None
    made: Kind | None
    pipeline: dict[str, Any]
    source: str
    status: dict[str, Any]
    environment: dict[str, Any]
    data: Data
    metrics: Metrics
    search: Search
    history: list[dict[str, Any]]
    failures: Failures
    pictures: list[Path]
    pages: list[str]
    words: dict[str, Any]
    inner_runs: list[InnerRun]
    exports: dict[str, dict[str, Any]]
    outdated: list[str]
    has_model: bool
    damaged: list[str]

    @property
    def name(self) -> str:
        return values.text(self.pipeline.get("name")) or values.text(self.status.get("pipeline")) or self.folder.name

    @property
    def task(self) -> str:
        return values.text(self.pipeline.get("task")) or values.text(self.status.get("task"))

    @property
    def state(self) -> str:
        return values.text(self.status.get("state")) or "unknown"

    @property
    def network(self) -> str:
        named = self.metrics.chosen or short_name(values.text(self.section("model").get("name")))
        return named or values.text(self.metrics.network.get("name"))

    @property
    def main_figure(self) -> tuple[str, str]:
        """(split, metric) that stands for all: of the test, else of the validation split; empty without any."""
        for split in reversed(SPLITS):
            if self.metrics.splits.get(split):
                return split, main_figure(self.metrics.splits[split])
        return "", ""

    @property
    def model(self) -> dict[str, Any]:
        """The section of the network, of the one that was chosen where there were several."""
        return values.mapping(with_chosen(self.pipeline, self.metrics.candidates).get("model"))

    def section(self, name: str) -> dict[str, Any]:
        """A section of the pipeline, such as train."""
        return values.mapping(self.pipeline.get(name))
