"""Classification and regression from the columns of a table."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from tfpipelines import datasets, evaluation, models, networks
from tfpipelines.core import config
from tfpipelines.core.config.kinds import TABLES, TableNetworks
from tfpipelines.core.config.tables import TableData
from tfpipelines.core.files import atomic_write
from tfpipelines.errors import NothingFitsError

from ..abilities import Ability
from ..blending import blend
from ..fitting import FittedPhase, fitted_phases, fitted_targets, row_weights
from ..following import By, RowFollower
from ..sample_task import add_explanations
from ..supervised import SHOWN_MISTAKES, Supervised
from ..trainable import Combination, Phase, Trained
from .explanations import Explainer, Part, usual_row
from .fitted import (
    BOOSTING,
    foreign_loss,
    has_solver,
    is_fitted,
    loss_of_trees,
)
from .outputs import INFERENCE_BATCH, loss_of, outputs_of
from .slices import slice_metrics
from .starting import rows_by_value

_OF_COLUMNS = {"linear": ("logits",), "mlp": ("dense1", "waves", "mix")}  # layers of a network that read the columns
_MOST_VALUES = 20  # of a category, that baselines know
_MOST_EXPLAINED = 500  # mistakes whose columns are told in a file


class TabularPipeline(config.Pipeline):
    """A tabular pipeline."""

    default_network = "auto"
    default_candidates = ("boosting", "mlp", "linear")
    takes, gives = (
        "the columns of a table, one input for each number, category and part of a date (model.inputs names them)",
        "a probability for each class, or a number",
    )
    hub_task, hub_tags = "tabular-classification", ("tabular",)
    call = 'model({"age": tf.constant([[39.0]]), "city": tf.constant([["Rome"]])})  # tensorflow as tf'

    task: Literal["tabular"] = "tabular"
    data: TableData  # type: ignore[assignment]  # a section of its own
    model: TableNetworks = TABLES.default(default_network, default_candidates)


class Tabular(Supervised):
    """The task `tabular`.

    Attributes:
        columns: how the columns of the table are encoded; known once splits are checked, and of a finished run.
    """

    schema = TabularPipeline
    pipeline: TabularPipeline
    unit = "row"
    abilities = Supervised.abilities | {Ability.FOLLOWS, Ability.DIVIDES}
    loading_fields = ()
    samples: "datasets.TableSamples"
    columns: "datasets.Columns"

    def __init__(self, pipeline: config.Pipeline):
        super().__init__(pipeline)
        self._usual: Part | None = None
        self._known_fits: dict[str, Any] = {}

    def preflight(self) -> list[str]:
        networks.probe(self.pipeline.model, [(3,), (5,)])
        return []

    # --- data
    def _read(self, findings, path: str, splitting: bool) -> "datasets.TableSamples":
        data = self.pipeline.data.model_copy(update={"path": path, **self._known_target(splitting)})
        if not splitting and data.target_column is None and "label" in self.read_columns:
            named = self.read_columns["label"]
            data = data.model_copy(update={"target_column": tuple(named) if isinstance(named, list) else named})
        how: dict[str, Any] = {"seed": self.pipeline.seed_of_splits, "promised": self._promised}
        known = None if splitting else self.columns
        samples = datasets.read_table_samples(data, findings, splitting=splitting, columns=known, **how)
        if known is not None:
            self._encode(samples, known, "these rows", findings)
        return samples

    def _prepare(self, findings) -> None:
        data, samples = self.pipeline.data, self.samples
        train = samples.rows("train")
        mask = np.zeros(len(samples.cells), bool)
        mask[train] = True
        fields = {"min_count": data.min_count, "most": data.categories}
        self.columns = datasets.Columns.fit(samples.cells, samples.kinds, mask, **fields)
        self.preprocessor = models.TablePreprocessor(self.columns)
        encoded = self._encode(samples, self.columns, "validation, calibration and test rows", findings, mask)
        self._usual = usual_row(samples.store, train)
        labels = samples.labels("train", self.classes)
        datasets.look_for_leaks(encoded, self.columns, labels, train, findings, self.classes)
        datasets.look_for_copies(encoded, self.columns, train, findings)
        samples.facts["multi_label"] = self.target.name == "labels"
        samples.facts["columns"], samples.facts["encoder"] = self.columns.names, self.columns.facts()
        numbers = [None if value != value else value for value in self._usual[0][0].tolist()]
        samples.facts["usual"] = {"numbers": numbers, "codes": self._usual[1][0].tolist()}
        samples.facts["about"] = [self.columns.about()]
        if BOOSTING in {pipeline.network for pipeline in self.asked.candidates()} and (
            message := foreign_loss(self.pipeline, self.target.name)
        ):
            findings.add("loss_of_trees", "warning", message)
        self._known_fits = {}

    def _encode(self, samples, columns, what: str, findings, train: np.ndarray | None = None):
        """Gives samples their store; values that training lacks are told."""
        encoded = columns.transform(samples.cells, findings)
        samples.store = datasets.TableStore(encoded.numbers, encoded.codes)
        datasets.tell_unseen(encoded, what, findings, train)
        return encoded

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self.columns = datasets.Columns.of_facts(facts["encoder"])
        self.preprocessor = models.TablePreprocessor(self.columns)
        usual = facts["usual"]
        numbers = np.array([[np.nan if value is None else value for value in usual["numbers"]]], np.float32)
        self._usual = numbers, np.array([usual["codes"]], np.int32).reshape(1, -1)
        return self

    def takes_table(self, header: list[str], line: str) -> bool:
        return bool({name.strip() for name in header} & set(self.columns.names))

    def training_batches(self, first_step: int, last_step: int):
        rows, labels = self._training_rows()
        steps, wanted = self._steps(first_step, last_step), self._training_targets(labels)
        return datasets.training_table_batches(self.samples.store, rows, wanted, **steps)

    # --- model
    @property
    def _fits(self) -> bool:
        return is_fitted(self.pipeline, self.target.name)

    @property
    def learns(self) -> bool:
        return not self._fits

    @property
    def epochs(self) -> int:
        return 1 if self._fits else super().epochs

    def build(self, for_training: bool):
        numbers = self.samples.store.numbers[self.samples.rows("train")]
        table = networks.Table(
            numbers, tuple(self.columns.cardinalities), self.target.outputs, self._fit_trees, self._fit_linear
        )
        seed = self.pipeline.seed
        return networks.build_network(self.pipeline.model, table=table, seed=seed, for_training=for_training)

    def phases(self, network, note: Callable[[str], None]) -> Iterator[Phase]:
        yield from fitted_phases(FittedPhase(self, network)) if self._fits else super().phases(network, note)

    def start_from(self, network, files: dict[str, Path]) -> list[str]:
        if self._fits:
            cause = f"--from: {self.pipeline.network} is fitted anew, so there is nothing to start from."
            raise NothingFitsError(cause, "Leave --from out, or set model.name=mlp.")
        return super().start_from(network, files)

    def transfer_weights(self, layer, weights: list, earlier) -> list:
        """Embeddings by the names of columns and values; what reads several columns only where they are the same."""
        numbers, vocabularies = models.columns_of(earlier.model)
        mine = dict(zip(self.preprocessor.category_names, self.columns.categories))
        own = self.pipeline.model.origin.kind.own
        if not own and (embedding := re.fullmatch(r"embedding(\d+)", layer.name)):
            name = list(mine)[int(embedding[1])]
            layers = {one.name: one for one in models.network_of(earlier.model).layers}
            place = list(vocabularies).index(name) if name in vocabularies else None
            if (source := layers.get(f"embedding{place}")) is None:
                return []
            table = rows_by_value(
                layer.get_weights()[0], mine[name].vocabulary, source.get_weights()[0], vocabularies[name]
            )
            return [] if table is None else [table]
        same = numbers == self.preprocessor.number_names and list(vocabularies) == list(mine)
        reads = layer.name in _OF_COLUMNS.get(str(self.pipeline.network), ())
        if (reads or own) and not same:
            return []
        return super().transfer_weights(layer, weights, earlier)

    def combine(self, trained: list[Trained]) -> Combination | None:
        rows = self.samples.rows("validation")
        outputs = [self._outputs(one.network, rows) for one in trained]
        loss = self.target.loss(self.pipeline)
        wanted = self.target.batch_targets(self._labels("validation"))
        return blend(trained, outputs, lambda mixed: loss_of(loss, wanted, mixed))

    def validation_figures(self, artifact) -> dict[str, float]:
        figures = super().validation_figures(artifact)
        if not figures:
            return {}
        outputs = self._outputs(artifact.network, self.samples.rows("validation"))
        wanted = self.target.batch_targets(self._labels("validation"))
        return figures | {"loss": loss_of(self.target.loss(self.pipeline), wanted, outputs)}

    def _fit_trees(self, settings):
        """The trees of a boosting network, fitted once for the settings of each candidate."""
        settings = loss_of_trees(settings, self.pipeline, self.target.name)
        key = repr(settings)
        if key not in self._known_fits:
            with self.timed("trees"):
                self._known_fits[key] = self._fitted(settings)
        return self._known_fits[key]

    def _fitted(self, settings):
        rows, labels = self._training_rows()
        given, held = self._fitted_to(rows, labels), self._held_rows()
        validation = None if held is None else networks.Rows(*held)
        how: dict[str, Any] = {"outputs": self.target.outputs, "seed": self.pipeline.seed, "validation": validation}
        numbers, codes, wanted, weights = given
        return networks.fit_trees(numbers, codes, self.columns.cardinalities, wanted, weights, settings=settings, **how)

    def _fit_linear(self, columns: "networks.ScaledColumns", weight_decay: float | None):
        """The linear model that is fitted to the training rows; None where no solver has the loss."""
        if not has_solver(self.pipeline, self.target.name):
            return None

        def design(given) -> "networks.Design":
            numbers, codes, wanted, weights = given
            numbers = columns(np.zeros((len(wanted), 0)) if numbers is None else numbers)
            codes = np.zeros((len(wanted), 0), np.int32) if codes is None else codes
            return networks.Design(numbers, codes, wanted, weights)

        key = repr(self.pipeline.model)
        if key not in self._known_fits:
            rows, labels = self._training_rows()
            held = self._held_rows()
            with self.timed("linear"):
                self._known_fits[key] = networks.fit_linear(
                    design(self._fitted_to(rows, labels)), tuple(self.columns.cardinalities),
                    outputs=self.target.outputs, weight_decay=weight_decay,
                    validation=None if held is None else design(held),
                )  # fmt: skip
        return self._known_fits[key]

    def _held_rows(self):
        """The validation rows as `_fitted_to` gives them; None without."""
        held = self.samples.rows("validation")
        return self._fitted_to(held, self._labels("validation")) if len(held) else None

    def _fitted_to(self, rows: np.ndarray, labels: np.ndarray):
        """(numbers or None, codes or None, targets, weights or None) of rows, for networks that are fitted."""
        store, train = self.samples.store, self._training_rows()[1]
        numbers = store.numbers[rows] if store.numbers.shape[1] else None
        codes = store.codes[rows] if store.codes.shape[1] else None
        weights = row_weights(self.target, train, labels, self.pipeline)
        return numbers, codes, fitted_targets(self.target, labels), weights

    # --- results
    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        items, cells, errors, origins = datasets.raw_table_rows(
            inputs, self.columns, self.read_columns, form=datasets.form_of(self.pipeline.data)
        )
        unused = cells.attrs["unused"]
        encoded = self.columns.transform(cells)
        store, network = datasets.TableStore(encoded.numbers, encoded.codes), models.network_of(model)
        answers = self.target.answers(outputs_of(network, store, np.arange(len(items)), self.target.outputs))
        table = self.target.table(items, answers, errors=errors)
        if explain:
            told = self._explainer.explain(network, (encoded.numbers, encoded.codes), cells, answers)
            add_explanations(table, [None if error else entry for error, entry in zip(errors, told)])
        findings = datasets.Findings()
        datasets.tell_unseen(encoded, "these rows", findings)
        table.attrs["notes"] = [*([unused] if unused else []), *(entry.message for entry in findings.entries)]
        return evaluation.with_input_columns(table, datasets.input_columns(origins, keep_columns))

    def follower(self, model, keep_columns: bool, header=None, by: By = "point"):
        network = models.network_of(model)

        def tell(items, encoded, errors: list[str]):
            store = datasets.TableStore(encoded.numbers, encoded.codes)
            outputs = outputs_of(network, store, np.arange(len(items)), self.target.outputs)
            return self.target.table(items, self.target.answers(outputs), errors=errors)

        return RowFollower(self.columns, tell, keep_columns, header)

    def draw_explanations(self, table, path: Path) -> None:
        rows = [row for row in table.to_dict("records") if row["explanation"] is not None]
        self._explainer.write(path, "What the columns do to the predictions", rows)

    def evaluate(self, artifact, folder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        results = super().evaluate(artifact, folder, history, best_epoch)
        rows = self.samples.rows("test")
        if len(rows):
            loss, labels = self.target.loss(self.pipeline), self._labels("test")
            measure, seed = self._explainer.importance, self.pipeline.seed
            with self.timed("importance"):
                results["importance"] = measure(artifact.network, self._part(rows), labels, loss, seed)
            unit = results["importance_unit"] = f"increase of the test {self.target.loss_words(self.pipeline)}"
            evaluation.plot_importance(folder / "plots" / "importance_of_columns.png", results["importance"], unit)
        return results

    def _more(self, rows: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
        slices = slice_metrics(self.samples, self.columns, self.target, rows, answers)
        return {"slices": slices} if slices else {}

    # --- export
    def served(self, model) -> "models.Served":
        return models.Served(models.ServedTable(model, self.preprocessor), self.target.served())

    def _raw(self, samples, row: int) -> "models.TableRow":
        cleaned = self.columns.cleaned(samples.cells.iloc[[row]])
        words = [str(cleaned[name][0]) for name in self.preprocessor.of_categories]
        cells = samples.cells.iloc[row][self.columns.names].to_dict()
        return models.TableRow(samples.store.numbers[row], samples.store.codes[row], words, cells)

    # --- details
    def _batches(self, rows: np.ndarray, labels: np.ndarray | None = None):
        wanted = None if labels is None else self.target.batch_targets(labels)
        how: dict[str, Any] = {"batch_size": INFERENCE_BATCH, "share": self.share}
        return datasets.evaluation_table_batches(self.samples.store, rows, wanted, **how)

    def _outputs(self, network, rows: np.ndarray) -> np.ndarray:
        return outputs_of(network, self.samples.store, rows, self.target.outputs)

    def _answers(self, model, rows: np.ndarray) -> np.ndarray:
        return self.target.answers(self._outputs(models.network_of(model), rows))

    def _simple_features(self, train: np.ndarray, rows: np.ndarray):
        """Numbers, and one column for each of the most frequent values of a category."""
        store = self.samples.store
        counts = [np.bincount(codes, minlength=1)[1:] for codes in store.codes[train].T]
        frequent = [1 + np.argsort(-count, kind="stable")[:_MOST_VALUES] for count in counts]

        def features(some: np.ndarray) -> np.ndarray:
            parts = [store.numbers[some]]
            parts += [codes[:, None] == values for codes, values in zip(store.codes[some].T, frequent)]
            return np.concatenate([np.asarray(part, np.float32) for part in parts], 1)

        return features(train), features(rows)

    def _part(self, rows: np.ndarray) -> Part:
        return self.samples.store.numbers[rows], self.samples.store.codes[rows]

    @property
    def _explainer(self) -> Explainer:
        assert self._usual is not None
        return Explainer(self.columns, self.target, self._usual)

    def _draw_mistakes(self, model, frame, answers: np.ndarray, folder: Path, plots: Path) -> None:
        count = len(frame)
        frame, answers = frame.iloc[:_MOST_EXPLAINED], answers[:_MOST_EXPLAINED]
        rows = frame.index.to_numpy(np.int64)
        cells = self.samples.cells.iloc[rows]
        table = self.target.table(frame["item"], answers, labels=list(frame["label"]))
        told = self._explainer.explain(models.network_of(model), self._part(rows), cells, answers)
        add_explanations(table, told)
        atomic_write(folder / "mistakes.csv", evaluation.to_csv(table))
        shown = table.head(SHOWN_MISTAKES)
        heading = self.target.heading(len(shown), count)
        self._explainer.write(
            plots / "mistakes.html",
            heading[0].upper() + heading[1:],
            [dict(zip(map(str, shown), row)) for row in shown.itertuples(index=False)],
        )
