"""What anomaly detection in numbers has in common, be they rows of a table or windows of a series."""

import glob
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from tfpipelines import datasets, evaluation, metrics, models, networks
from tfpipelines.core.config.kinds import Kind
from tfpipelines.core.files import atomic_write
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import brief, counted
from tfpipelines.errors import DataError
from tfpipelines.tasks import anomaly

from .choice import ChosenDetection

LEFT_OUT = "left_out.csv"  # training rows that were left out, the oddest first
_USUAL_LENGTH = 32  # of windows, where it is to be told by data that are not read yet


class NumberDetection(ChosenDetection):
    """Takes columns of numbers to the network as they are.

    Attributes:
        columns: their names.
        names: of the columns of the table.
        lengths: facts of a run that are the sizes of a sample before its columns.
        _family: the networks of the task.
        _trimmers: those of them that tell which training rows are left out: quick ones, of which one sees rows that
            are combined oddly, and one those far from all others.
    """

    columns: list[str]
    lengths: ClassVar[tuple[str, ...]] = ()
    _family: ClassVar[Kind]
    _trimmers: ClassVar[tuple[str, ...]]
    _known: "tuple[Any, networks.Normals] | None" = None  # samples, and what detectors are fitted to
    _found: "tuple[Any, anomaly.Trimmed] | None" = None  # samples, and which of their training rows are left out

    @abstractmethod
    def _list(self, data, findings, splitting: bool, usual: tuple[str, ...]) -> Any:
        """Reads a source: samples that know their columns."""

    @abstractmethod
    def _values(self, samples, rows: np.ndarray) -> np.ndarray:
        """Some rows of samples, float32 (rows, ..., columns)."""

    # --- data
    @property
    def names(self) -> list[str]:
        return self.columns

    def _columns_of(self, samples) -> list[str]:
        """Those of samples."""
        return samples.columns

    def _read(self, findings, path: str, splitting: bool) -> "datasets.Samples":
        data = self._as_split(self.pipeline.data.model_copy(update={"path": path}))
        samples = self._list(data, findings, splitting, self._usual(splitting))
        self.columns, self.preprocessor = self._columns_of(samples), anomaly.NumbersPreprocessor(samples.store.shape)
        return samples

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self.columns = self._columns_in(facts)
        self.preprocessor = anomaly.NumbersPreprocessor((*(facts[name] for name in self.lengths), len(self.columns)))
        return self

    def _columns_in(self, facts: dict[str, Any]) -> list[str]:
        """Those of a finished run."""
        return list(facts["columns"])

    def takes_table(self, header: list[str], line: str) -> bool:
        if {name.strip() for name in header} & set(self.names):
            return True
        if line.startswith("sample:") or glob.has_magic(line) or Path(line).expanduser().exists():
            return False
        names = ",".join(self.names[:10]) + (",..." if len(self.names) > 10 else "")
        message = f"stdin begins with {brief(line, 80)}, which is neither an existing file nor a line of column names."
        raise DataError(message, f"Give rows below a line of the columns, such as {names}, JSON lines, or paths.")

    def preflight(self) -> list[str]:
        given = (getattr(self.pipeline.data, name) for name in self.lengths)
        lengths = tuple(_USUAL_LENGTH if length == "auto" else length for length in given)
        networks.probe(self.pipeline.model, [(*lengths, 3), (*lengths, 8)])
        return []

    # --- model
    def build(self, for_training: bool):
        if self._fits:
            with self.timed("fitting"):
                return self._network(for_training, normals=self._normals)
        network = self._network(for_training)
        networks.set_statistics(network, *self._statistics)
        return network

    @property
    def _normals(self) -> "networks.Normals":
        """What fitted detectors are fitted to; the same object, with what has been fitted, for the same samples."""
        if self._known is None or self._known[0] is not self.samples:
            values = self._values(self.samples, self._learned)
            self._known = self.samples, self._as_normals(values)
        return self._known[1]

    def _as_normals(self, values: np.ndarray) -> "networks.Normals":
        """Training rows as detectors are fitted to them."""
        scaled = self.pipeline.data.scaling != "none"  # type: ignore[union-attr]  # a field of both tasks of numbers
        deviations = None if scaled else values.reshape(-1, values.shape[-1]).std(0, dtype=np.float64)
        return networks.Normals(values, *self._statistics_of(values), deviations=deviations)

    @property
    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Center and spread of each column over the training rows."""
        return self._statistics_of(self._values(self.samples, self._learned))

    def _statistics_of(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Center and spread of each column over some training rows, (rows, ..., columns)."""
        scaling = self.pipeline.data.scaling  # type: ignore[union-attr]  # a field of both tasks of numbers
        return anomaly.column_statistics(values.reshape(-1, values.shape[-1]), scaling)

    def _told(self, model, values: np.ndarray, batch_size: int, explain: bool) -> dict[str, np.ndarray]:
        """What a model says of some inputs."""
        part = self._part(model, "score", "map", *(["reconstruction"] if explain else []))
        if len(values) <= batch_size:  # `predict` takes longer to begin than to answer, for each of many short series
            return part.predict_on_batch(values)
        return part.predict(values, batch_size=batch_size, verbose=0)

    def _trace(self, tell: Callable[[np.ndarray], Any]) -> None:
        """Has the model traced for any number of samples, so that no row that comes waits for it."""
        for count in (1, 2):
            tell(np.zeros((count, *self.preprocessor.shape), np.float32))

    # --- training rows that are left out
    @property
    def _learned(self) -> np.ndarray:
        rows = self.samples.rows("train")
        return rows if self._trimmed is None else rows[~self._trimmed.left_out]

    @property
    def _trimmed(self) -> "anomaly.Trimmed | None":
        """Which training rows are left out, found once for the same samples; None: none of them."""
        share, count = self.pipeline.train.contamination, len(self.samples.rows("train"))
        if not anomaly.left_out(count, share):
            return None
        if self._found is None or self._found[0] is not self.samples:
            with self.timed("trimming"):
                every = [partial(self._scores_by, section()) for section in map(self._family.section, self._trimmers)]
                told = anomaly.trim(count, share, every, self.pipeline.seed, in_turn=bool(self.lengths))
            self._found = self.samples, told
        return self._found[1]

    def _scores_by(self, section, fitted: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Scores of some training rows by a network that is fitted to others.

        Args:
            section: of the network.
            fitted, asked: int64, numbers among the training rows.
        """
        rows = self.samples.rows("train")
        values = self._values(self.samples, rows[fitted])
        given = {"input_shape": self.preprocessor.shape, "seed": self.pipeline.seed, "for_training": False}
        network = networks.build_network(section, normals=self._as_normals(values), **given)
        # Called as it is: a network that answers a few times is not worth tracing.
        blocks = np.array_split(rows[asked], -(-len(asked) // self._inference_batch))
        told = [np.asarray(network(self._values(self.samples, block))["score"]) for block in blocks]
        return metrics.finite(np.concatenate(told))

    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        results = super().evaluate(artifact, folder, history, best_epoch)
        if self._trimmed is not None:
            rows, told = self.samples.rows("train"), self._trimmed
            out = np.flatnonzero(told.left_out)
            out = out[np.argsort(-told.odds[out], kind="stable")]
            table = self.samples.frame.loc[rows[out], ["item"]].assign(odds=told.odds[out])
            atomic_write(folder / LEFT_OUT, evaluation.to_csv(table))
            share = f"train.contamination={self.pipeline.train.contamination:g}"
            some = f"{len(out)} of {counted(len(rows), f'training {self.unit}')}"
            results["about"].append(f"{some} were left out of training ({share}), the oddest ones: see {LEFT_OUT}")
            held_out = f"held-out {self.unit}s are not trimmed: with anomalies among them the threshold is too high, so"
            results["about"].append(f"{held_out} that fewer {self.unit}s give an alarm than allowed")
        return results

    # --- a choice among candidates
    def _usual_distance(self, network, settings, model) -> float:
        """The mean contribution of a column in normal samples; many may be 0."""
        some = self._untouched[: metrics.MOST_MAPS]
        maps = self._part(model, "map").predict(some, batch_size=self._inference_batch, verbose=0)
        return float(np.maximum(maps, 0.0).mean())

    def _contained(self, artifact) -> str:
        if not (kept := networks.rows_within(artifact.network)):
            return ""
        told = f"the model contains {counted(kept, f'training {self.unit}')}"
        return f"{told}: whoever has its file, or an export of it, has them"

    # --- export
    def _served_input(self, model) -> "models.ServedInput":
        return models.ServedNumbers(model, self.columns, step=self._step_in_words)

    @property
    def _step_in_words(self) -> str:
        """How far apart the points of a sample are, "" where that is not known."""
        return ""

    def _raw(self, samples, row: int) -> np.ndarray:
        return self._values(samples, np.array([row]))[0]

    # --- details
    def _numbers(self, rows: np.ndarray) -> np.ndarray:
        mean, deviation = self._statistics
        scaled = (self._values(self.samples, rows) - mean) / np.where(deviation > 0, deviation, 1.0)
        return scaled.reshape(len(rows), -1)

    _features = _numbers
