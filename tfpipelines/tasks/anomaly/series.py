"""Anomaly detection in time series, window by window."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import model_validator

from tfpipelines import evaluation, metrics, models
from tfpipelines.core.config.kinds import SERIES_AUTOENCODERS, SeriesAutoencoders
from tfpipelines.errors import ConfigError
from tfpipelines.tasks import anomaly
from tfpipelines.tasks.anomaly.config import AnomalyPipeline, AnomalySeriesData

from ..abilities import Ability
from ..following import By
from .numbers import NumberDetection

if TYPE_CHECKING:
    from tfpipelines.tasks.anomaly.windows import WindowSamples

_TRIED = 1000  # windows of each sort that try a detector
_ORDER_BEFORE = "month"  # how runs of earlier versions, which do not say it, read dates that do not tell


class SeriesAnomaliesPipeline(AnomalyPipeline):
    """An anomaly-series pipeline."""

    default_network = "auto"
    # Levels and shapes count without centring, shapes alone with it: which is better depends on how levels drift.
    default_candidates = (
        "pca", {"name": "pca", "centered": True}, "forecast", "matrix_profile",
        {"name": "matrix_profile", "centered": True}, "conv1d",
    )  # fmt: skip
    takes, gives = (
        "windows of a time series, float32 (batch, points, channels), in the units of the training series",
        "a score for each, higher the less it is like normal windows, and the distance of each point",
    )
    hub_tags = ("anomaly-detection", "time-series")

    task: Literal["anomaly-series"] = "anomaly-series"
    data: AnomalySeriesData
    model: SeriesAutoencoders = SERIES_AUTOENCODERS.default(default_network, default_candidates)

    @model_validator(mode="after")
    def _threshold_by_series(self) -> "SeriesAnomaliesPipeline":
        by, series = self.evaluation.threshold_by, self.data.series_column
        if by is not None and by != series:
            raise ValueError(
                f"evaluation.threshold_by={by}: the groups of time series are the series themselves, and "
                f"data.series_column is {series}: name the same column in both"
            )
        return self


class SeriesAnomalies(NumberDetection):
    """The task `anomaly-series`."""

    schema = SeriesAnomaliesPipeline
    pipeline: SeriesAnomaliesPipeline
    unit = "window"
    abilities = NumberDetection.abilities | {Ability.FOLLOWS, Ability.BY_POINT}
    loading_fields = ()
    _family, _trimmers = SERIES_AUTOENCODERS, ("pca", "matrix_profile")
    lengths = ("window",)
    _enough = 3
    samples: "WindowSamples"
    source_fields = ("time_column", "time_format", "series_column", "label_column", "split_column", "on_bad")
    _order: str | None = None  # of day and month in the dates of the run's own data
    _step: float | None = None  # of the grid that the run's own data were put on
    _length: int | None = None  # of the windows of a finished run

    # --- data
    def _list(self, data, findings, splitting: bool, usual: tuple[str, ...]):
        if not splitting:
            data = data.model_copy(update={"columns": tuple(self.columns)})
        if self._step is not None:
            data = data.model_copy(update={"resample": self._step})
        if self._length:
            data = data.model_copy(update={"window": self._length})
        least = self.pipeline.evaluation.least
        samples = anomaly.read_series(data, findings, least=least, splitting=splitting, usual=usual, order=self._order)
        own = self.pipeline.data.path.startswith("sample:")
        centered = getattr(self.pipeline.model, "centered", False) and not self.asked.chooses
        if splitting and centered and not own:
            message = "model.centered=true subtracts the mean of each window: shifts of the level are not seen"
            findings.add("centered", "note", message, "Set model.centered=false if they are anomalies")
        return samples

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self._order = facts.get("date_order", _ORDER_BEFORE)
        self._length, self._step = facts["window"], facts.get("resample")
        return self

    def _values(self, samples, rows: np.ndarray) -> np.ndarray:
        return samples.store.windows(rows)

    # --- a choice among candidates
    @property
    def _untouched(self) -> np.ndarray:
        return self._held_out[0]

    @cached_property
    def _held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Windows of the validation split without a known anomaly, and with one, wherever they begin."""
        store = self.samples.store
        cut = lambda starts: anomaly.WindowStore(store.values, starts, store.length).windows(np.arange(len(starts)))
        normal, odd = map(cut, self.samples.held_out_windows(_TRIED))
        return normal, odd

    @property
    def _known_odd(self) -> tuple[np.ndarray, int]:
        return self._held_out[1], self.samples.held_out_events

    def _of_validation(self) -> dict[str, np.ndarray]:
        store = self.samples.store
        held_out = [store.values[first:end] for first, end in self.samples.held_out_normal]
        return anomaly.made_windows(held_out, store.length, self._spread, self.pipeline.seed)

    @property
    def _spread(self) -> np.ndarray:
        """Deviation of each channel over the training windows."""
        values = self._values(self.samples, self._learned)
        return values.reshape(-1, values.shape[-1]).std(0, dtype=np.float64)

    def check(self, findings, fold: int | None = None) -> Self:
        self.__dict__.pop("_held_out", None)
        return super().check(findings, fold)

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        if keep_columns:
            self._refuse_columns()
        return self._predict_windows(model, inputs, batch_size, explain)

    def _predict_windows(self, model, inputs: Any, batch_size: int, explain: bool, tail: bool = True):
        """See `predict`.

        Args:
            tail: whether there are windows that overlap the one before them, see `anomaly.windows_of`.
        """
        items: list[str] = []
        errors: list[str] = []
        explanations: list[dict[str, Any] | None] = []
        scores, length = [np.zeros(0)], self.preprocessor.shape[0]
        found, groups = self._raw_series(inputs), list[str | None]()
        for name, points, error in found:
            if error:
                items, errors, explanations = [*items, name], [*errors, error], [*explanations, None]
                scores.append(np.zeros(1))
                groups.append(None)
            if points is None:
                continue
            starts = np.array(anomaly.windows_of(points.segments, length, tail), np.int64)
            windows = anomaly.WindowStore(points.values.astype(np.float32), starts, length).windows(
                np.arange(len(starts))
            )
            told = self._told(model, windows, batch_size, explain)
            scores.append(told["score"])
            head = f"{name}: " if len(found) > 1 and points.path else ""
            items += [f"{head}{points.times[start]} to {points.times[start + length - 1]}" for start in starts]
            errors += [""] * len(starts)
            groups += [points.series[start] or None for start in starts]
            if explain:
                each = zip(starts, windows, told["map"], told["reconstruction"])
                explanations += [self._explain(points, *of_window) for of_window in each]
        by_series = groups if self.pipeline.evaluation.threshold_by else None
        return self._table(items, np.concatenate(scores), errors, explanations if explain else None, by_series)

    @property
    def _reading(self) -> dict[str, Any]:
        """The fields of `data` that tell how to read what is predicted."""
        read = self._data("time_column", "time_format", "series_column", "label_column")
        return read | {"resample": self._step}

    def _raw_series(self, inputs: Any):
        """See `anomaly.raw_series`."""
        return anomaly.raw_series(inputs, self.preprocessor.shape[0], self.columns, self._order, **self._reading)

    def watched(self, model, inputs: Any, batch_size: int):
        return self._predict_windows(model, inputs, batch_size, explain=False, tail=False)

    def predict_points(self, model, inputs: Any, batch_size: int):
        items: list[str] = []
        errors: list[str] = []
        scores, distances, groups = [np.zeros(0)], [np.zeros(0)], list[str | None]()
        tell = lambda windows: self._told(model, windows, batch_size, explain=False)
        found = self._raw_series(inputs)
        for name, points, error in found:
            if points is None:
                items, errors, groups = [*items, name], [*errors, error], [*groups, None]
                scores, distances = [*scores, np.zeros(1)], [*distances, np.zeros(1)]
                continue
            as_written = np.arange(len(points.times)) if points.rows is None else np.argsort(points.rows)
            told = anomaly.point_scores(points, self.preprocessor.shape[0], tell)
            scores, distances = [*scores, told[0][as_written]], [*distances, told[1][as_written]]
            head = f"{name}: " if len(found) > 1 and points.path else ""
            items += [f"{head}{points.times[place]}" for place in as_written]
            errors += anomaly.errors_of_points(points.values[as_written], self.columns)
            groups += [points.series[place] or None for place in as_written]
        told = np.concatenate(scores), np.concatenate(distances)
        by_series = groups if self.pipeline.evaluation.threshold_by else None
        return anomaly.point_table(items, *told, errors, self.threshold, by_series)

    def follower(self, model, keep_columns: bool, header=None, by: By = "point"):
        if self._step is not None:
            cause = "The run puts series on a grid (data.resample), and points that come one by one are on none."
            remedy = "Name tables, without --follow, or train on series that have been resampled."
            raise ConfigError(cause, remedy)
        if keep_columns:
            self._refuse_columns()
        tell = lambda windows: self._told(model, windows, len(windows), explain=False)
        by_series = self.pipeline.evaluation.threshold_by is not None
        table = lambda items, scores, distances, errors, groups: (
            anomaly.point_table(items, scores, distances, errors, self.threshold, groups if by_series else None)
            if by == "point"
            else self._table(items, scores, errors, None, groups if by_series else None)
        )
        how, length = AnomalySeriesData.model_construct(**self._reading), self.preprocessor.shape[0]
        self._trace(tell)
        return anomaly.SeriesFollower(self.columns, length, how, self._order, tell, table, by)

    @property
    def _step_in_words(self) -> str:
        return "" if self._step is None else f"{self._step:g} (of dates: seconds)"

    def _refuse_columns(self) -> None:
        cause = "A window of a series is several rows of its table, whose columns cannot be kept beside one score."
        raise ConfigError(cause, "Leave --keep-columns out; the item of a window names its first and last time.")

    def _explain(
        self, points, start: int, window: np.ndarray, distances: np.ndarray, expected: np.ndarray
    ) -> dict[str, Any]:
        """The channels that contribute most, with their values and the expected ones where the deviation is largest."""
        worst = int(distances.mean(-1).argmax())
        above = evaluation.top_contributing_columns(self.columns, distances.sum(0), window[worst], expected[worst])
        return {"columns": above, "at": str(points.times[start + worst])}

    def _more(self, model, threshold, rows: np.ndarray, scores: np.ndarray, plots: Path | None) -> dict[str, float]:
        points, starts, length = self.samples.test, self.samples.frame.loc[rows, "start"], self.preprocessor.shape[0]
        assert points is not None  # rows of a test are cut from them
        groups = self._groups(rows)
        count, limit, alarmed = len(points.values), threshold.threshold, threshold.alarms(scores, groups)
        limits = threshold.limits(groups, len(rows))
        by_window, alarms, above, seen = np.full(count, np.nan), *np.zeros((3, count), bool)
        for start, score, alarm in zip(starts, scores, alarmed):
            window = slice(start, start + length)
            by_window[window] = np.fmax(by_window[window], score)
            alarms[window] |= alarm
            seen[window] = True
        odd = rows[alarmed]
        blend = models.network_of(model).name == anomaly.BLEND
        maps = self._maps(model, odd).mean(-1) if len(odd) else ()
        for start, distances, own in zip(starts[alarmed], maps, limits[alarmed]):
            # Some are: the score is no more than the largest. A mean of detectors has another scale for points.
            above[start : start + length] |= distances > (distances.mean() if blend else own)
        if plots is not None:
            told = f"the test series with the score of each window: {int(alarmed.sum())} of {len(rows)} give an alarm"
            anomaly.plot_series(plots / "series.png", points, slice(0, None), by_window, limit, alarms, told)
            if len(rows):
                middle, told = int(np.nanargmax(by_window)) + length // 2, "around the highest score"
                near = slice(max(0, middle - 8 * length), middle + 8 * length)
                anomaly.plot_series(plots / "highest.png", points, near, by_window, limit, alarms, told)
        if points.anomalous is None:
            return {}
        return metrics.series_metrics(points.anomalous[seen], above[seen], alarms[seen])
