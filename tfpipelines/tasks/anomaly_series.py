"""Anomaly detection in time series, window by window."""

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from tfpipelines import datasets, evaluation, models
from tfpipelines.config.anomaly import AnomalyPipeline, AnomalySeriesData
from tfpipelines.config.kinds import SERIES_AUTOENCODERS, SeriesAutoencoders

from .detection import Detection


class SeriesAnomaliesPipeline(AnomalyPipeline):
    """An anomaly-series pipeline."""

    default_network = "conv1d"
    takes, gives = (
        "windows of a time series, float32 (batch, points, channels), in the units of the training series",
        "a score for each, higher the less it is like normal windows, and the distance of each point",
    )
    hub_tags = ("anomaly-detection", "time-series")

    task: Literal["anomaly-series"] = "anomaly-series"
    data: AnomalySeriesData
    model: SeriesAutoencoders = SERIES_AUTOENCODERS.default(default_network)


class SeriesAnomalies(Detection):
    """The task `anomaly-series`."""

    schema = SeriesAnomaliesPipeline
    columns: list[str]
    unit = "window"
    source_fields = ("time_column", "series_column", "label_column", "split_column", "on_bad")

    # --- data
    def _read(self, findings, path: str, splitting: bool) -> "datasets.WindowSamples":
        known = {} if splitting else {"columns": tuple(self.columns)}
        data = self.pipeline.data.model_copy(update={"path": path, **known})
        samples = datasets.read_series(data, findings, splitting=splitting, usual=() if splitting else self._normal)
        self.columns = samples.columns
        self.front = models.NumbersFront(samples.store.shape)
        return samples

    def recall(self, facts: dict[str, Any]) -> Self:
        super().recall(facts)
        self.columns = list(facts["columns"])
        self.front = models.NumbersFront((facts["window"], len(self.columns)))
        return self

    # --- model
    def build(self, fused: bool):
        core = self._network(fused)
        models.set_statistics(core, *self._statistics)
        return core

    @property
    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Center and spread of each channel over the training windows."""
        windows = self.samples.store.windows(self.samples.rows("train"))
        return datasets.column_statistics(windows.reshape(-1, windows.shape[-1]), self.pipeline.data.scaling)

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool):
        items, errors, scores, explanations = [], [], [np.zeros(0)], []
        part = self._part(model, *(("score", "map", "reconstruction") if explain else ("score", "map")))
        found = datasets.raw_series(
            inputs, self.front.shape[0], self.columns, **self._data("time_column", "series_column", "label_column")
        )
        for name, points, error in found:
            if error:
                items, errors, explanations = [*items, name], [*errors, error], [*explanations, None]
                scores.append(np.zeros(1))
            if points is None:
                continue
            store = datasets.WindowStore(
                points.values.astype(np.float32),
                np.array(datasets.windows_of(points.segments, self.front.shape[0]), np.int64),
                self.front.shape[0],
            )
            windows = store.windows(np.arange(len(store.starts)))
            answer = part.predict(windows, batch_size=batch_size, verbose=0)
            scores.append(answer["score"])
            items += [
                f"{f'{name}: ' if len(found) > 1 and points.path else ''}{points.times[start]} to "
                f"{points.times[start + store.length - 1]}"
                for start in store.starts
            ]
            errors += [""] * len(store.starts)
            if explain:
                explanations += [
                    self._explain(points, start, windows[row], answer["map"][row], answer["reconstruction"][row])
                    for row, start in enumerate(store.starts)
                ]
        return self._table(items, np.concatenate(scores), errors, explanations if explain else None)

    def _explain(
        self, points, start: int, window: np.ndarray, distances: np.ndarray, expected: np.ndarray
    ) -> dict[str, Any]:
        """The guilty channels, with what they are and were expected to be at the point that is farthest off."""
        worst = int(distances.mean(-1).argmax())
        return {
            "columns": evaluation.guilty_columns(self.columns, distances.sum(0), window[worst], expected[worst]),
            "at": str(points.times[start + worst]),
        }

    def _more(
        self, model, threshold, samples, rows: np.ndarray, scores: np.ndarray, plots: Path | None
    ) -> dict[str, float]:
        points, frame, window = samples.test, samples.frame.loc[rows], self.front.shape[0]
        by_window, alarms, guilty, seen = np.full(len(points.values), np.nan), *np.zeros((3, len(points.values)), bool)
        alarmed = threshold.alarms(scores)
        for start, score, alarm in zip(frame["start"], scores, alarmed):
            by_window[start : start + window] = np.fmax(by_window[start : start + window], score)
            alarms[start : start + window] |= alarm
            seen[start : start + window] = True
        odd = rows[alarmed]
        for start, distances in zip(
            frame["start"][alarmed], self._maps(model, samples, odd).mean(-1) if len(odd) else ()
        ):
            guilty[start : start + window] |= (
                distances > threshold.threshold
            )  # some are, as the score is no more than the largest
        figures = (
            evaluation.series_metrics(points.anomalous[seen], guilty[seen], alarms[seen])
            if points.anomalous is not None
            else {}
        )
        if plots is not None:
            told = f"the test series with the score of each window: {int(alarmed.sum())} of {len(rows)} give an alarm"
            evaluation.plot_series(
                plots / "series.png", points, slice(0, None), by_window, threshold.threshold, alarms, told
            )
            if len(rows):
                middle = int(np.nanargmax(by_window)) + window // 2
                near = slice(max(0, middle - 8 * window), middle + 8 * window)
                evaluation.plot_series(
                    plots / "highest.png",
                    points,
                    near,
                    by_window,
                    threshold.threshold,
                    alarms,
                    "around the highest score",
                )
        return figures

    # --- export
    def _served_input(self, model) -> "models.ServedInput":
        return models.ServedNumbers(model, self.columns)

    def _raw(self, samples, row: int) -> np.ndarray:
        return samples.store.windows(np.array([row]))[0]

    # --- details
    def _numbers(self, samples, rows: np.ndarray) -> np.ndarray:
        mean, deviation = self._statistics
        return ((samples.store.windows(rows) - mean) / np.where(deviation > 0, deviation, 1.0)).reshape(len(rows), -1)

    _features = _numbers
