"""The result of a run: its metrics, its model, and the model's predictions for new data."""

import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .core import config
from .core.files import file_hash
from .core.manifest import renew
from .core.outputs import output_folder, write_output
from .core.run_files import REMEDY, damaged, found_json, read_json, read_table, shown
from .core.run_folder import PRODUCTS, THRESHOLD, THRESHOLD_BEFORE, RunFolder, last_finished
from .core.trust import asking
from .core.urls import as_text
from .errors import ArtifactError, ConfigError
from .tasks import SCHEMAS, new_task, task_class
from .tasks.abilities import Ability, ByPoint, Explains, Follows, Generates, Recalibrates
from .tasks.base import Answering
from .tasks.following import Follower

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from .models import LoadedArtifact

_SIGNATURE_LOST = {
    "code": "signature", "severity": "warning", "items": [], "count": 0,
    "message": "The run is signed, and the signature does not hold for another threshold",
    "remedy": "Sign it again: tfpipe sign",
}  # fmt: skip
Overrides = dict[str, Any] | list[str] | tuple[str, ...]  # of fields: {"a.b": value}, or ["a.b=value"]


class Result:
    """A folder and what is in it.

    Args:
        folder: of a run or a search.
    """

    def __init__(self, folder: RunFolder):
        self._folder = folder

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._folder)!r}, {found_json(self.folder / 'status.json').get('state')})"

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder.path

    @property
    def status(self) -> dict[str, Any]:
        """The content of status.json."""
        return self._folder.status

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json; {} before all is done.

        Raises:
            ArtifactError: if it is damaged.
        """
        return read_json(self.folder / "metrics.json")


class Run(Result):
    """A run folder and what came out of it.

    Args:
        folder: of the run.
        trust: run the code of the network that the folder holds, if the model needs it, and remember the trust.
    """

    def __init__(self, folder: RunFolder, trust: bool = False):
        super().__init__(folder)
        self._trust = trust

    @cached_property
    def pipeline(self) -> config.Pipeline:
        """The resolved pipeline; where `model.name=auto`, with the network that the run has chosen."""
        ask = asking(everything=True) if self._trust else None
        return self._with_chosen(config.load(self._file, schemas=SCHEMAS, ask=ask, built=True).pipeline)

    @property
    def _file(self) -> str:
        return str(self.folder / "pipeline.yaml")

    def _with_chosen(self, pipeline: config.Pipeline) -> config.Pipeline:
        candidates, number = pipeline.candidates(), self.status.get("chosen", 0)
        if not 0 <= number < len(candidates):
            damaged(self.folder / "status.json", f"there is no candidate {number}")
        return candidates[number]

    @cached_property
    def _artifact(self) -> "LoadedArtifact":
        from .models import CodeNeeded, load_artifact

        path = self.folder / "model.keras"
        if not path.is_file():
            self._lacks_model()
        try:
            return load_artifact(verified_model(self._folder))
        except CodeNeeded:
            if self.pipeline.code is None:
                raise
            from .networks.own import errors_of_code, function_of

            with errors_of_code(self.pipeline.model):
                function_of(self.pipeline.model.origin)  # which makes its layers known
            return load_artifact(path)

    def _lacks_model(self) -> None:
        """Raises ConfigError where there is a reason for it."""
        folder, status = self._folder, self.status
        if status.get("kind") == PRODUCTS:
            named = ", ".join(map(str, folder.finished_products()[:5]))
            cause = f"{folder} is of several products and has a model for each."
            raise ConfigError(cause, f"Name one of them: {named}." if named else f"Go on with: tfpipe resume {folder}")
        if (folder / "fold-0").is_dir():
            cause = f"{folder} is a cross-validation and has a model for each fold."
            raise ConfigError(cause, f"Name one of them, such as {folder}/fold-0.")
        if "candidate" in status:
            cause = f"{folder} has no model: the weights of candidates are not kept."
            raise ConfigError(cause, f"Name the run that they were trained for: {shown(folder.path.parents[1])}.")
        if "part_of" in status:
            cause = f"{folder} has no model: only the best trials of a search (search.keep_trials) keep theirs."
            raise ConfigError(cause, f"Name one of {Path(status['part_of']) / 'final'}.")
        if status.get("state") != "done":
            reason = f": {status['reason']}" if "reason" in status else ""
            cause = f"{folder} has no model yet; the run is {status.get('state')}{reason}"
            other = last_finished(folder)
            such = f", such as {shown(other)}, the last one beside it that is done" if other else ""
            raise ConfigError(cause, f"Name a run that has finished an epoch{such}.")

    @property
    def model(self) -> "keras.Model":
        """Raw input -> the task's output. Loaded when first asked for.

        Raises:
            ArtifactError: if the file is missing, damaged or not to be trusted.
        """
        return self._artifact.model

    def _can(self, ability: Ability) -> bool:
        return ability in task_class(self.pipeline.task).abilities

    @cached_property
    def _task(self) -> Answering:
        return self._task_with(())

    def own_task(self, overrides: Overrides = ()) -> Answering:
        """The run's task as it has learned, to read the run's own data.

        Args:
            overrides: of `data.path`, `data.test_path` and other fields that say where they are and how to read them.

        Raises:
            ConfigError: for an override of anything else.
        """
        return self._task_with(overrides, ("path", "test_path"), own=True)

    def _task_with(self, overrides: Overrides, more: tuple[str, ...] = (), own: bool = False) -> Answering:
        facts, data = read_json(self.folder / "data.json"), type(self.pipeline.data)
        changes, fields = config.parse_overrides(overrides), data.model_fields
        reading = config.fields_that(data, config.Role.READING)
        allowed = [f"data.{name}" for name in (*more, *reading) if name in fields]
        foreign = [key for key in changes if key not in allowed]
        if foreign:
            cause = f"{foreign[0]} cannot be changed once a model is trained."
            raise ConfigError(cause, f"Fields that can be: {', '.join(allowed)}.")
        if not own:
            anew = config.fields_that(data, config.Role.ANEW)
            changes = {f"data.{name}": fields[name].default for name in anew} | changes
        task = new_task(self._with_chosen(config.load(self._file, changes, schemas=SCHEMAS, built=True).pipeline))
        known = {**facts, **self._artifact.facts, "trained_on": self._trained_on(), "folder": self.folder}
        try:
            return task.restore(known)
        except KeyError as error:
            damaged(self.folder / "data.json", f"it has no entry {error}", error)

    def _trained_on(self) -> frozenset[str]:
        """Fingerprints of the training samples."""
        path = self.folder / "splits.csv"
        if not path.exists():
            return frozenset()
        table = read_table(path, ("split", "fingerprint"), usecols=lambda name: name in ("split", "fingerprint"))
        return frozenset(table["fingerprint"][table["split"] == "train"])

    def takes_table(self, header: list[str], line: str, overrides: Overrides = ()) -> bool:
        """Whether text with such a first line, or such columns, is a table of inputs, rather than one input a line.

        Raises:
            DataError: if it is neither.
        """
        task = self._task_with(overrides) if overrides else self._task
        return task.takes_table(header, line)

    def errors_of_layers(self) -> AbstractContextManager[None]:
        """Inside, what a layer of the model raises is an ArtifactError that names the model file or the user's code."""
        from .models.layer_errors import errors_of_layers

        code = config.short_name(self.pipeline.network or "") if self.pipeline.code else ""
        return errors_of_layers(self.folder / "model.keras", code)

    def predict(
        self,
        inputs: Any,
        batch_size: int = 128,
        explain: bool = False,
        overrides: Overrides = (),
        *,
        keep_columns: bool = False,
        points: bool = False,
    ) -> "pd.DataFrame":
        """Predicts for raw input.

        Args:
            inputs: for images: a path, folder, glob pattern, table, DataFrame, .npz file, array (n, height, width[,
                channels]), an image file's bytes, or a list or Series of such. For texts: a text, a `pathlib.Path`
                (file, folder, table, glob pattern), a DataFrame, or a list, Series or array of such. For rows: a table,
                DataFrame or array (n, columns); for time series: a table, DataFrame or array (points, channels), which
                is cut into windows; or a list of such. None, NaN and NA among images and texts get an error.
            batch_size: inputs that go through the model at once.
            explain: add a column `explanation`: what influenced each prediction.
            overrides: of fields of `data` that tell how to read, as for `evaluate`.
            keep_columns: add all columns of tables and DataFrames among the inputs; without, those of texts and rows
                give the one that identifies them: `id`, `key`, `uuid`, `guid` or `..._id`, if its values are distinct.
            points: of a time series a row for each point, judged by the window that ends with it, instead of one for
                each window.

        Returns:
            DataFrame: `item`, `text` where inputs are texts, `predicted` and one score per class; of a detector `item`,
            `score`, `p_value` and `verdict` (anomaly or normal), of points also `distance` (of the point itself; the
            score of an autoencoder is the largest, the mean or the mean of the largest ones in the window, by
            `model.pooling`, that of a fitted detector their mean; of several combined, a multiple of the usual one);
            `error` if some input could not be read. Columns of the inputs are behind `item`, those whose name is taken
            with `input_` in front. Points that end no window, as the first ones, have no score.

        Raises:
            ConfigError: if the run has no model, or its task cannot explain, keep columns (time series), or has no
                points.
            ArtifactError: if its model is damaged or not to be trusted.
            DataError: if the inputs are of no known kind.
        """
        from .training import memory_errors

        if batch_size < 1:
            raise ConfigError(f"batch_size: got {batch_size}; allowed: a whole number from 1.")
        if explain and not self._can(Ability.EXPLAINS):
            raise ConfigError(f"{self.pipeline.task} cannot explain its predictions.", "Leave --explain out.")
        if points and not self._can(Ability.BY_POINT):
            cause = f"{self.pipeline.task} takes no time series, whose points have scores."
            raise ConfigError(cause, "Leave --points out.")
        if points and (explain or keep_columns):
            option = "--explain" if explain else "--keep-columns"
            raise ConfigError(f"{option} does not go with --points.", "Leave one of them out.")
        with self.errors_of_layers(), memory_errors():
            task = self._task_with(overrides) if overrides else self._task
            if points:
                return cast(ByPoint, task).predict_points(self.model, inputs, batch_size)
            return task.predict(self.model, inputs, batch_size, explain, keep_columns)

    def follower(
        self, overrides: Overrides = (), *, keep_columns: bool = False, header: Sequence[str] | None = None
    ) -> Follower:
        """Predicts for rows of a table, or points of time series, as they come. It remembers the last points of a
        window of each series, and no row of a table.

        Args:
            overrides: of fields of `data` that tell how to read, as for `evaluate`.
            header: the columns that rows have; None: those of the first row.
            keep_columns: as for `predict`; without, rows give the first column whose name says that it identifies them.

        Returns:
            An object whose `answer([{column: cell, ...}, ...])` gives a DataFrame as `predict` does, of series with
            `points=True`, always with a column `error`. Each row is read by itself.

        Raises:
            ConfigError, ArtifactError: as `predict`; also if the task takes no rows.
        """
        if not self._can(Ability.FOLLOWS):
            cause = f"{self.pipeline.task} takes no rows that come one by one."
            raise ConfigError(cause, "Name files, or give one in each line of stdin without --follow.")
        task = self._task_with(overrides) if overrides else self._task
        return cast(Follows, task).follower(self.model, keep_columns, header=header)

    def watch(
        self, data: Any, alpha: float = 0.01, seed: int = 0, overrides: Overrides = (), *, every: int = 1
    ) -> dict[str, Any]:
        """Tests whether new data are still like those that a detector's threshold was fitted to, by the order in which
        they come: a conformal test martingale over the scores, which may be looked at any time (see
        `metrics.ShiftTest`). Time series are cut into windows that do not overlap.

        Args:
            data: raw input as for `predict`; of rows and series also a folder of tables, which are taken by their
                names. Or an iterator of lists, as they come: of rows {column: cell}, of images of paths or arrays,
                which is asked for no more once the data have shifted.
            alpha: largest probability of a false alarm, however long the data are.
            seed: of the random numbers that break ties among scores.
            overrides: of fields of `data` that tell how to read, as for `evaluate`.
            every: only each so many-th sample is tested, where neighbouring ones depend on each other.

        Returns:
            `shifted`; `since` (`number`, from 0, and `item` of the first shifted sample, an estimate), `found` (of the
            sample at which the test ended) and `direction` (scores are higher, lower or more spread), None unless it
            is shifted; `evidence` (the most that the martingale has been; a shift from 1 / alpha on); `samples`,
            `unread`, `alarms`, `expected_alarms` (95% interval), `calibration` (scores), `correlation` (of neighbouring
            scores), `alpha`, `unit`, `sentence`, `caution` (where scores are correlated, else ""), `errors`.

        Raises:
            ConfigError: if the run is no detector, alpha is not between 0 and 1, or every below 1.
            ArtifactError: as `predict`.
            DataError: if nothing could be read.
        """
        from .training import memory_errors
        from .watching import watch

        if not self._can(Ability.RECALIBRATES):
            cause = f"{self.pipeline.task} has no calibration scores to compare with."
            raise ConfigError(cause, "Name a run of an anomaly pipeline.")
        if not 0 < alpha < 1:
            raise ConfigError(f"alpha: got {alpha:g}; allowed: above 0 and below 1.")
        if every < 1:
            raise ConfigError(f"every: got {every}; allowed: a whole number from 1.")
        with self.errors_of_layers(), memory_errors():
            task = self._task_with(overrides) if overrides else self._task
            return watch(cast(Recalibrates, task), self.model, data, alpha, seed, every, self._can(Ability.FOLLOWS))

    def generate(
        self, count: int = 64, seed: int = 0, label: str | None = None, truncation: float | None = None
    ) -> "tuple[np.ndarray, list[str] | None]":
        """Draws images by a generator.

        Args:
            count: images; the first ones are the same for every count.
            seed: of the noise, and of the classes where there are some.
            label: the class of all of them; None: as frequent as in training.
            truncation: noise lies within +-truncation: below about 1, images are less diverse, often better; None:
                no limit.

        Returns:
            uint8 (count, height, width, channels), and the class of each, a list of str, or None for a generator
            without classes.

        Raises:
            ConfigError: if the run is not of a generator, or has no model or no such class; or for a count below 1 or a
                truncation not above 0.
            ArtifactError: as `predict`.
        """
        self._require_generator()
        for name, value, least in (("count", count, 1), ("seed", seed, 0)):
            if value < least:
                raise ConfigError(f"{name}: got {value}; allowed: a whole number from {least}.")
        if truncation is not None and not truncation > 0:
            raise ConfigError(f"truncation: got {truncation:g}; allowed: above 0.")
        from .training import memory_errors

        with self.errors_of_layers(), memory_errors():
            return cast(Generates, self._task).generate(self.model, count, seed, label, truncation)

    def save_generated(self, folder: str | Path, images: "np.ndarray", labels: list[str] | None) -> None:
        """Writes what `generate` gave as PNG files 00000.png, ..., and samples.csv, which names them and their classes.

        Args:
            folder: made if missing.

        Raises:
            ConfigError: if the folder holds anything.
            ResourceError: if it cannot be written.
        """
        from .evaluation import write_samples

        with output_folder(Path(folder), empty=True) as made:
            write_samples(made, images, labels)

    def _require_generator(self) -> None:
        if not self._can(Ability.GENERATES):
            remedy = "Name a run of a dcgan pipeline; of this one: tfpipe predict RUN FILE..."
            raise ConfigError(f"{self.pipeline.task} generates nothing.", remedy)

    def recalibrate(
        self, path: str | Path, false_alarm_rate: float | None = None, overrides: Overrides = ()
    ) -> dict[str, Any]:
        """Fits an anomaly detector's threshold to new normal data, and saves it next to the model, which is unchanged.

        Args:
            path: normal data in any form that the pipeline reads; samples with another label are left out.
            false_alarm_rate: share of normal samples that are to give an alarm; None: as before.
            overrides: of fields of `data` that tell how to read, as for `evaluate`.

        Returns:
            `threshold` (its facts), `before` (those of the one it replaces, {} where there was none), `sentence`,
            `findings`.

        Raises:
            ConfigError: if the run is no detector, or the rate is not above 0 and at most 0.5.
            ArtifactError: as `predict`.
            DataError: if the data cannot be used, or are too few for the rate.
            RunInUseError: if another process works on the run.
        """
        from .training import memory_errors

        if not self._can(Ability.RECALIBRATES):
            cause = f"{self.pipeline.task} has no threshold to calibrate."
            raise ConfigError(cause, "Name a run of an anomaly pipeline.")
        if false_alarm_rate is not None and not 0 < false_alarm_rate <= 0.5:
            raise ConfigError(f"The false-alarm rate: got {false_alarm_rate:g}; allowed: above 0, at most 0.5.")
        with self._folder.locked(), self.errors_of_layers(), memory_errors():
            task = cast(Recalibrates, self._task_with(overrides))
            try:
                before = task.threshold.facts()
            except ArtifactError:  # missing or damaged: this makes it anew
                evaluation: Any = self.pipeline.evaluation
                before, false_alarm_rate = {}, false_alarm_rate or evaluation.false_alarm_rate
            threshold = task.recalibrate(self.model, str(path), false_alarm_rate, self.folder)
            findings = list(threshold.findings)
            if renew(self.folder, (THRESHOLD, THRESHOLD_BEFORE)):
                findings.append(_SIGNATURE_LOST)
        vars(self).pop("_task", None)
        sentences = [one for one in (threshold.sentence(), threshold.group_sentence()) if one]
        told = {"sentence": "\n".join(sentences), "findings": findings}
        return {"threshold": threshold.facts(), "before": before, **told}

    def draw_explanations(self, table: "pd.DataFrame", path: str | Path) -> None:
        """Writes what `predict(..., explain=True)` gave as a self-contained HTML page.

        Raises:
            ResourceError: if it cannot be written.
        """
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            cast(Explains, self._task).draw_explanations(table, page)
            write_output(path, page.read_bytes())

    def evaluate(
        self, path: str | Path, split: str | None = None, out: str | Path | None = None, overrides: Overrides = ()
    ) -> dict[str, Any]:
        """Measures the model on other labelled data, given in any form that the pipeline reads.

        Args:
            split: which part, where the data have splits: `train`, `validation`, `test` or `all`; default: test, else
                all.
            out: a folder, made if missing, for metrics.json, predictions.csv and plots.
            overrides: of fields of `data` that tell how to read, such as `data.on_bad=skip` or
                `data.label_column=kind`.

        Returns:
            `test` (metrics), `intervals`, `per_class`, `samples`, `split`.

        Raises:
            ConfigError, ArtifactError: as `predict`; also for an override that would change the model's input.
            DataError: if the data cannot be used, or hold classes that the model does not know.
            ResourceError: if `out` cannot be written.
        """
        folder = None if out is None else Path(out)
        if not isinstance(path, (str, Path)):
            cause = f"The data to measure on are of type {type(path).__name__}."
            raise ConfigError(cause, "Give the path of a file or folder.")
        if folder is not None and (folder / "status.json").exists():
            cause = f"{folder} is a run folder, whose metrics are not overwritten."
            raise ConfigError(cause, "Name another folder with --out.")
        from .training import memory_errors

        made = nullcontext() if folder is None else output_folder(folder)
        with self.errors_of_layers(), memory_errors(), made:
            return self._task_with(overrides).evaluate_new(self.model, as_text(path), split, folder)


def open_run(path: str | Path, trust: bool = False) -> Run:
    """A run, for what needs one model.

    Args:
        trust: as in `Run`.

    Raises:
        ConfigError: if the folder is no run folder, or that of a search, which has several.
    """
    folder = RunFolder.open(path)
    if folder.status.get("kind") == "search":
        cause = f"{path} is a search, with the models of several runs in it."
        raise ConfigError(cause, f"Name one of them, such as {path}/final/seed-0.")
    return Run(folder, trust)


def verified_model(folder: RunFolder) -> Path:
    """The folder's model file.

    Raises:
        ArtifactError: if it is not the one that the run has written.
    """
    path, recorded = folder / "model.keras", folder.status.get("model_sha256")
    if recorded and path.is_file() and file_hash(path) not in recorded:
        cause = f"{path} is not the file that the run has written: its hash differs."
        raise ArtifactError(cause, REMEDY)
    return path
