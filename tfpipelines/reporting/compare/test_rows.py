"""The test rows of a run, with what it said of each: predictions.csv, compared with splits.csv and metrics.json."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ... import datasets, evaluation, metrics
from ...core.run_files import read_json, read_table
from ...core.words import counted
from ...errors import ArtifactError
from ...tasks import has_several_labels
from ...tasks.abilities import Kind
from .run_records import RunRecord

_RESTORE = "Restore it from a copy, or train again."
_UNKNOWN = "unlabelled"  # the label in splits.csv of samples of which nothing is known


@dataclass(frozen=True)
class Answers:
    """What a run said of its test rows.

    Args:
        right: whether each is right, bool (n,); where nothing is known of a row, False.
        known: of which rows it is known whether they are right, bool (n,): none of a regressor's.
        strata: row numbers that are resampled together.
        figures: function of row numbers to metrics.
    """

    right: np.ndarray
    known: np.ndarray
    strata: list[np.ndarray]
    figures: Callable[[np.ndarray], dict[str, float]]


@dataclass(frozen=True)
class Rows:
    """The test split of a run.

    Args:
        frame: `item`, `fingerprint`, `label` and `truth` (all that is known of what is right, as text) of each row.
        columns: {name: array (n, ...)} of what the task's metrics are made from.
        kind: of the run.
    """

    frame: pd.DataFrame
    columns: dict[str, np.ndarray]
    kind: Kind

    def take(self, order: np.ndarray) -> "Rows":
        """The rows in another order."""
        columns = {name: values[order] for name, values in self.columns.items()}
        return replace(self, frame=self.frame.iloc[order].reset_index(drop=True), columns=columns)

    @property
    def answers(self) -> Answers:
        """For the tests; a generator has none."""
        if self.kind is Kind.CLASSIFIER:
            truth, probabilities = self.columns["truth"], self.columns["probabilities"]
            thresholds = self.columns.get("thresholds")
            decided = probabilities.argmax(1) if truth.ndim == 1 else metrics.decisions(probabilities, thresholds)
            right = decided == truth if truth.ndim == 1 else (decided == (truth > 0.5)).all(1)
            measure = metrics.classifier_row_figures(truth, probabilities, thresholds)
            return Answers(right, np.ones(len(truth), bool), [np.arange(len(truth))], measure)
        if self.kind is Kind.REGRESSOR:
            truth, none = self.columns["truth"], np.zeros(len(self.frame), bool)
            ends = self.columns.get("low"), self.columns.get("high")
            measure = metrics.regressor_row_figures(truth, self.columns["predicted"], *ends)
            return Answers(none, none, [np.arange(len(truth))], measure)
        anomalous, known, alarms = (self.columns[name] for name in ("anomalous", "known", "alarms"))
        strata = [np.flatnonzero(known)[rows] for rows in metrics.kinds_of(anomalous[known])]
        unknown = np.flatnonzero(~known)
        measure = metrics.detection_row_figures(anomalous, alarms, self.columns["scores"])

        def figures(rows: np.ndarray) -> dict[str, float]:
            told, untold = rows[known[rows]], rows[~known[rows]]
            values = measure(told) if len(told) else {}
            return {**values, "alarm_rate": float(alarms[untold].mean())} if len(untold) else values

        return Answers((alarms == anomalous) & known, known, [*strata, *([unknown] if len(unknown) else [])], figures)


def read_rows(record: RunRecord) -> Rows:
    """The test rows of a run; those of a cross-validation are pooled over its folds.

    Raises:
        ArtifactError: if predictions.csv or splits.csv is missing, damaged or not what metrics.json was made from.
    """
    parts = []
    for number, folder in enumerate(record.test_folders):
        frame = _test_part(folder, record)
        if record.kind is Kind.GENERATOR:
            parts.append(Rows(frame, {}, record.kind))
            continue
        table = read_table(folder / "predictions.csv", ("item",))
        if record.kind is Kind.REGRESSOR and "label" in table:
            table["label"] = _as_numbers(table["label"])
        table = _in_order(table, frame, folder)
        parts.append(Rows(frame, _columns(table, frame, folder, record), record.kind))
        figures = record.metrics["folds"][number]["test"] if record.crossed else record.metrics["test"]
        _require_same_figures(parts[-1], figures, folder)
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    return Rows(pd.concat([part.frame for part in parts], ignore_index=True), columns, record.kind)


def _columns(table: pd.DataFrame, frame: pd.DataFrame, folder: Path, record: RunRecord) -> dict[str, np.ndarray]:
    if record.kind is Kind.DETECTOR:
        return _detected(table, frame, folder)
    return (_told if record.kind is Kind.REGRESSOR else _classified)(table, frame, folder, record)


def classes_of(record: RunRecord) -> list[str]:
    """The class names of a classifier, those of all folds."""
    return list(dict.fromkeys(name for folder in record.test_folders for name in _names(folder, "classes")))


def _test_part(folder: Path, record: RunRecord) -> pd.DataFrame:
    splits = read_table(folder / "splits.csv", ("item", "label", "split", "fingerprint"))
    frame = splits[splits["split"] == "test"].reset_index(drop=True)
    truth = frame["truth"] if "truth" in frame else pd.Series("", frame.index)
    if record.kind is Kind.REGRESSOR:
        frame = frame.assign(label=_as_numbers(frame["label"]))
    if record.kind is Kind.DETECTOR:
        truth = truth + np.where(frame["label"].isin(_names(folder, "normal")), " normal", "")
    return frame[["item", "label", "fingerprint"]].assign(truth=frame["label"] + " " + truth)


def _as_numbers(labels: pd.Series) -> pd.Series:
    """Labels that are numbers, each written in one way."""
    values = [datasets.number_of(label) for label in labels]
    return pd.Series([f"{value:.15g}" for value in values], labels.index, dtype=object)


def _names(folder: Path, key: str) -> list[str]:
    return list(read_json(folder / "data.json").get(key, []))


def _classified(table: pd.DataFrame, frame: pd.DataFrame, folder: Path, record: RunRecord) -> dict[str, np.ndarray]:
    classes, own = classes_of(record), _names(folder, "classes")
    scores: np.ndarray = np.zeros((len(table), len(classes)), np.float32)
    scores[:, [classes.index(name) for name in own]] = _numbers(table, evaluation.score_columns(own), folder)
    if ((scores < 0) | (scores > 1)).any():
        raise _damaged(folder, "holds probabilities that are not between 0 and 1")
    several = has_several_labels(record.data)
    if not several and not frame["label"].isin(classes).all():
        cause = f"{folder / 'splits.csv'} names classes that {folder / 'data.json'} does not."
        raise ArtifactError(cause, "Restore them from a copy, or train again.")
    truth = datasets.encode_labels(frame.assign(stratum="") if several else frame, classes)
    predicted = list(table.get("predicted", []))
    if not several:
        return {"truth": truth, "probabilities": _as_chosen(scores, predicted, classes, folder)}
    given = read_json(folder / "metrics.json").get("thresholds", {})
    line = np.array([float(given.get(name, metrics.THRESHOLD)) for name in classes], np.float32)
    probabilities = _as_decided(scores, predicted, classes, line, folder)
    return {"truth": truth, "probabilities": probabilities, "thresholds": np.tile(line, (len(scores), 1))}


def _as_chosen(scores: np.ndarray, predicted: list[str], classes: list[str], folder: Path) -> np.ndarray:
    """The probabilities, those that rounding has made equal to the predicted class' kept below it."""
    numbers = {name: number for number, name in enumerate(classes)}
    chosen, rows = np.array([numbers.get(name, -1) for name in predicted], int), np.arange(len(scores))
    if len(chosen) != len(scores) or (chosen < 0).any() or (scores[rows, chosen] < scores.max(1) - 1e-6).any():
        raise _damaged(folder, "predicts classes that are not the most probable ones")
    behind = np.nextafter(scores[rows, chosen], np.float32(0))
    others = np.minimum(scores, behind[:, None])
    others[rows, chosen] = scores[rows, chosen]
    return np.where((scores.argmax(1) == chosen)[:, None], scores, others)


def _as_decided(
    scores: np.ndarray, predicted: list[str], classes: list[str], line: np.ndarray, folder: Path
) -> np.ndarray:
    """The probabilities, each on the side of its label's threshold, float32 (classes,), that the prediction says."""
    yes = np.array([[name in set(text.split("|")) for name in classes] for text in predicted], bool)
    yes = yes.reshape(len(predicted), len(classes))
    told = scores >= line
    if yes.shape != scores.shape or (np.abs(scores - line)[yes != told] > 1e-6).any():
        raise _damaged(folder, "predicts labels that contradict their probabilities")
    return np.where(yes == told, scores, np.where(yes, line, np.nextafter(line, np.float32(0))))


def _detected(table: pd.DataFrame, frame: pd.DataFrame, folder: Path) -> dict[str, np.ndarray]:
    scores = _numbers(table, ["score"], folder)[:, 0]
    if "verdict" not in table or not table["verdict"].isin([metrics.ANOMALY, metrics.NORMAL]).all():
        raise _damaged(folder, f"has verdicts other than {metrics.ANOMALY} and {metrics.NORMAL}")
    known = (frame["label"] != _UNKNOWN).to_numpy(bool)
    anomalous = known & ~frame["label"].isin(_names(folder, "normal")).to_numpy(bool)
    alarms = (table["verdict"] == metrics.ANOMALY).to_numpy(bool)
    return {"anomalous": anomalous, "known": known, "scores": scores, "alarms": alarms}


def _told(table: pd.DataFrame, frame: pd.DataFrame, folder: Path, record: RunRecord) -> dict[str, np.ndarray]:
    """True and predicted numbers, and the ends of prediction intervals where the run has any."""
    ends = [name for name in ("low", "high") if record.metrics.get("interval")]
    found = dict(zip(("predicted", *ends), _numbers(table, ["predicted", *ends], folder).T))
    if ends and (found["low"] > found["high"]).any():
        raise _damaged(folder, "has prediction intervals that end before they begin")
    truth = frame["label"].to_numpy(np.float64)
    if not np.isfinite(truth).all():
        cause = f"{folder / 'splits.csv'} is damaged or has been edited: it has labels that are no numbers."
        raise ArtifactError(cause, _RESTORE)
    return {"truth": truth, **found}


def _in_order(table: pd.DataFrame, frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The predictions in the order of the test split."""
    if len(table) != len(frame):
        raise _damaged(folder, f"has {counted(len(table), 'row')}, and the test split of splits.csv {len(frame)}")
    columns = ("item", "label") if "label" in table else ("item",)
    places = {key: place for place, key in enumerate(keys_of(table, columns))}
    wanted = keys_of(frame, columns)
    lost = [key[0] for key in wanted if key not in places]
    if lost:
        raise _damaged(folder, f"does not have {counted(len(lost), 'row')} of the test split", lost)
    return table.iloc[[places[key] for key in wanted]].reset_index(drop=True)


def keys_of(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[tuple]:
    """A key of each row: the columns, and how many rows before it have the same."""
    seen: Counter = Counter()
    keys = []
    for row in zip(*(frame[name] for name in columns)):
        keys.append((*row, seen[row]))
        seen[row] += 1
    return keys


def _require_same_figures(rows: Rows, recorded: dict[str, float], folder: Path) -> None:
    """Refuses a predictions.csv that does not give the metrics of metrics.json, but for what its digits leave open."""
    answers, count = rows.answers, len(rows.frame)
    found = answers.figures(np.arange(count))
    for name, value in found.items():
        entry = metrics.metric(name, rows.kind)
        loose = entry is not None and (entry.loose or (rows.kind is Kind.REGRESSOR and entry.of == "answers"))
        room = 2 / count if loose else 1e-5
        if rows.kind is Kind.REGRESSOR and not loose:
            room *= max(abs(value), float(np.abs(rows.columns["truth"]).max()) * 1e-4)
        if isinstance(recorded.get(name), (int, float)) and not abs(value - recorded[name]) <= room:
            raise _damaged(folder, f"gives {name} {value:.6g}, and {folder / 'metrics.json'} says {recorded[name]:.6g}")


def _numbers(table: pd.DataFrame, columns: list[str], folder: Path) -> np.ndarray:
    missing = [name for name in columns if name not in table]
    if missing:
        raise _damaged(folder, f"has no column {missing[0]!r}")
    try:
        values = table[columns].to_numpy(np.float64)
    except ValueError as error:
        raise _damaged(folder, f"holds something that is no number: {error}") from None
    if not np.isfinite(values).all():
        raise _damaged(folder, "holds numbers that are not finite")
    return values


def _damaged(folder: Path, what: str, details: list[str] | tuple[str, ...] = ()) -> ArtifactError:
    cause = f"{folder / 'predictions.csv'} is damaged or has been edited: it {what}."
    return ArtifactError(cause, _RESTORE, details[:10])
