"""Text classification: networks that are trained on labelled texts, linear models of them, and blends."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfpipelines import datasets, evaluation, models, networks, training
from tfpipelines.core import config
from tfpipelines.core.config.kinds import TEXTS, TextNetworks
from tfpipelines.core.config.losses import loss_of
from tfpipelines.core.config.texts import TextData
from tfpipelines.core.files import atomic_write
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ConfigError, NothingFitsError

from .. import targets
from ..abilities import Ability
from ..fitting import FittedPhase, fitted_phases, fitted_targets, row_weights
from ..supervised_texts import INFERENCE_BATCH
from ..trainable import Combination, Phase, Trained
from .encoders import SentenceFeatures, encoder_of, encoders_of, require_encoder
from .linear import LinearFits, Rows, gram_tables, inputs_of, set_fitted
from .ngrams import VECTORS, is_linear, kinds_of, kinds_of_network
from .tokenized_texts import BLEND, SHOWN_NGRAMS, TokenizedTexts, tokens_of
from .word_vectors import vector_width, vectors_of_words

_NEVER = "\uf8ff\uf8ff"  # stands for the n-grams of a kind of which there are none: a token that no text has
_PROBED = 50  # tokens of a vocabulary that an own network is tried with
_FEATURES_BATCH = 4096  # vectors of a validation batch


class EncodedPhase(FittedPhase):
    """The epoch of a linear model of sentence features, which are computed already."""

    task: "TextClassification"

    def __init__(self, task: "TextClassification", network):
        super().__init__(task, task.from_features(network))
        (name,) = inputs_of(task.pipeline.model)
        known = np.concatenate([task.samples.rows("train"), task.samples.rows("validation")])
        self.store = datasets.FeatureStore(task.features(name, known))

    def training_batches(self, first_step: int, last_step: int):
        rows, labels = self.task._training_rows()
        steps = self.task._steps(first_step, last_step)
        return datasets.training_batches(self.store, rows, self.task._training_targets(labels), **steps)

    def validation_batches(self):
        rows = self.task.samples.rows("validation")
        if not len(rows):
            return None
        targets = self.task.target.batch_targets(self.task._labels("validation"))
        return datasets.evaluation_batches(self.store, rows, targets, batch_size=_FEATURES_BATCH)


class TextClassificationPipeline(config.Pipeline):
    """A text-cls pipeline."""

    default_network = "auto"
    default_candidates = ("wide", {"name": "wide", "vectors": True}, "features", "bilstm")
    objective = "val_accuracy"
    takes, gives = "texts, as they are", "a probability for each class"
    use = "predict {} --text TEXT"
    call = 'model(tf.constant(["A gripping film"]))  # import tensorflow as tf'
    hub_task = "text-classification"

    task: Literal["text-cls"] = "text-cls"
    data: TextData
    model: TextNetworks = TEXTS.default(default_network, default_candidates)


class TextClassification(TokenizedTexts):
    """The task `text-cls`: networks that are trained, linear models that are fitted, and blends of both."""

    schema = TextClassificationPipeline
    abilities = TokenizedTexts.abilities | {Ability.DIVIDES}
    pipeline: TextClassificationPipeline

    def __init__(self, pipeline: config.Pipeline):
        super().__init__(pipeline)
        self._parts: list[tuple[Any, Any]] = []  # of a blend: networks that are linear models, and their sections
        self._encoders: dict[str, SentenceFeatures] = {}  # by the names of their inputs

    def preflight(self) -> list[str]:
        model, vectors = self.pipeline.model, None
        if self.pipeline.data.vectors is not None:
            if model.origin.kind.own and "vectors" not in model.asked:
                cause = f"data.vectors: {config.short_name(model.name)} does not use them."
                raise ConfigError(cause, "Give its function a parameter `vectors`, or leave data.vectors out.")
            vectors = np.zeros((_PROBED, vector_width(self.pipeline.data.vectors)), np.float32)
        networks.probe(model, [(None,), (None,)], lambda classes: networks.Texts(_PROBED, classes, vectors))
        return require_encoder(model)

    # --- data
    def samples_serve(self, model) -> bool:
        encoded = encoders_of([model]).items() <= {name: one.encoder for name, one in self._encoders.items()}.items()
        return super().samples_serve(model) and encoded and set(kinds_of_network(model)) <= set(self.kinds)

    def _prepare(self, findings) -> None:
        candidates = [pipeline.model for pipeline in self.asked.candidates()]
        self.kinds, encoders = kinds_of(candidates), encoders_of(candidates)
        self._encoders = {
            name: self._encoders.get(name) or SentenceFeatures(name, encoder) for name, encoder in encoders.items()
        }
        if self.kinds or encoders:
            self._check_loss(findings)
        for encoder in self._encoders.values():
            encoder.begin(self._texts(self.samples), self.samples.frame["fingerprint"])
        super()._prepare(findings)

    def prepare_training(self) -> None:
        """Also the n-grams of linear models."""
        if self._of_training is not None:
            super().prepare_training()
            self.fits = self._linear_fits() if self.preprocessor.named else None

    def _further_inputs(self, texts: list[str], rows: np.ndarray):
        data, kinds, own = self.pipeline.data, {}, {}
        for kind in self.kinds:  # one at a time: there may be millions of distinct n-grams
            cutter = kind.cutter(data.standardize)
            tokens = tokens_of(texts, cutter)
            names = kind.vocabulary(tokens, rows, data.vectors) or [_NEVER]
            kinds[kind.name] = cutter, names
            own[kind.name] = tokens.known(names, self.preprocessor.max_ngrams)
            del tokens
        pieces = {name: encoder.tokens for name, encoder in self._encoders.items()}
        return kinds, pieces, own | {name: encoder.sequences for name, encoder in self._encoders.items()}

    def _check_loss(self, findings) -> None:
        """Says where linear models do not lessen the loss that is asked for."""
        loss = loss_of(self.pipeline.train.loss, self.target.name)
        if self.target.name == "number" and loss != "mse":
            cause = f"train.loss: linear models of texts (wide, features) are fitted by least squares, not by {loss}."
            raise ConfigError(cause, "Name a network that is trained, such as model.name=bilstm.")
        if self.target.name != "number" and loss != "cross_entropy":
            message = f"linear models of texts are fitted to the plain cross-entropy, without train.loss={loss}"
            findings.add("loss_of_linear", "warning", message)

    def _linear_fits(self) -> LinearFits:
        """The linear models of the run, none fitted yet."""
        names = {name: len(words) for name, (_, words) in self.preprocessor.kinds.items()}
        vectors = {}
        if VECTORS in names:
            vectors[VECTORS] = vectors_of_words(self.pipeline.data.vectors, self.preprocessor.kinds[VECTORS][1])
        train, validation = self._labelled("train"), self._labelled("validation")
        assert train is not None
        known = self.samples.store, vectors, names, self._encoders
        return LinearFits(*known, train, validation, self.target.outputs, self.pipeline.seed)

    def _labelled(self, split: str) -> Rows | None:
        """The rows of a split with what linear models are fitted to; None without rows."""
        rows, labels = self.samples.rows(split), self._labels(split)
        if not len(rows):
            return None
        weights = row_weights(self.target, self._labels("train"), labels, self.pipeline)
        if split == "train" and self._labelled_data.oversample:
            repeated = np.bincount(self.target.repeated(labels), minlength=len(rows)).astype(np.float64)
            weights = repeated if weights is None else weights * (repeated if weights.ndim == 1 else repeated[:, None])
        elif self._labelled_data.oversample and weights is None:
            weights = np.ones(len(rows))
        frame = self.samples.frame.loc[rows]
        alike = frame["group"] if "group" in frame else frame["text"]  # equal texts are in one fold
        targets = fitted_targets(self.target, labels)
        return Rows(rows, np.asarray(targets), weights, alike.to_numpy(object))

    def describe(self, findings) -> dict[str, Any]:
        facts = super().describe(findings)
        if self._encoders:
            facts["encoders"] = [encoder.facts() for encoder in self._encoders.values()]
            told = "sentence encoder: {name}, {parameters:,} parameters, which reads {tokens:,} tokens once"
            facts["about"] = [*facts.get("about", ()), *(told.format(**one) for one in facts["encoders"])]
        return facts

    # --- model
    @property
    def _fits(self) -> bool:
        """Whether the network is a linear model, which is fitted and not trained."""
        return is_linear(self.pipeline.model)

    @property
    def epochs(self) -> int:
        return 1 if self._fits else super().epochs

    @property
    def learns(self) -> bool:
        return not self._fits

    def _fit_linear(self) -> "tuple[networks.LinearTexts, tuple[str, ...], dict[str, Any]]":
        """The linear model of the training rows, the kinds of its n-grams or vectors, and what makes the latter."""
        assert self.fits is not None
        self._check_loss(datasets.Findings())  # trials of a search have losses of their own
        model = self.pipeline.model
        with self.timed("linear"):
            fitted = self.fits.of_training(model)
        alike = sum(encoder_of(pipeline.model) == encoder_of(model) for pipeline in self.asked.candidates())
        inputs = inputs_of(model)
        makers = {name: one.of_network(alike == 1) for name, one in self._encoders.items() if name in inputs}
        return fitted, inputs, makers

    def features(self, name: str, rows: np.ndarray) -> np.ndarray:
        """The vectors of an encoder by row, float32 (texts, width), those of some rows at least.

        Args:
            name: of its input.
        """
        with self.timed("features"):
            return self._encoders[name].vectors(rows)

    def from_features(self, network):
        """A linear model of sentence features without the encoder."""
        (tensor,) = network.inputs
        return networks.from_vectors(network, tensor.name)

    def _outputs(self, network, rows: np.ndarray) -> np.ndarray:
        # What an encoder tells of the run's own texts is known.
        if self._encoders and network.name == BLEND:
            parts = [layer for layer in network.layers if layer.name.startswith("part")]
            shares = [network.get_layer(part.name.replace("part", "share")).scale for part in parts]
            return np.sum([self._outputs(part, rows) * np.float32(share) for part, share in zip(parts, shares)], 0)
        name = network.inputs[0].name
        if name not in self._encoders:
            return super()._outputs(network, rows)
        features = self.features(name, rows)[rows]
        return self.from_features(network).predict(features, batch_size=_FEATURES_BATCH, verbose=0)

    def phases(self, network, note: Callable[[str], None]) -> Iterator[Phase]:
        if not self._fits:
            yield Phase(self, network)
            return
        for encoder in self._encoders.values():
            while encoder.told:
                note(encoder.told.pop(0))
        yield from fitted_phases((EncodedPhase if encoder_of(self.pipeline.model) else FittedPhase)(self, network))

    def start_from(self, network, files: dict[str, Path]) -> list[str]:
        if self._fits:
            cause = f"--from: {self.pipeline.network} is fitted anew, so there is nothing to start from."
            raise NothingFitsError(cause, "Leave --from out, or set model.name=bilstm.")
        return super().start_from(network, files)

    def combine(self, trained: list[Trained]) -> Combination | None:
        if self.fits is None:
            return None
        linear = [is_linear(one.pipeline.model) for one in trained]
        rows = self.samples.rows("validation")
        with self.timed("blend"):
            outputs = {
                number: self._outputs(one.network, rows)
                for number, one in enumerate(trained)
                if not linear[number] and len(rows)
            }
            found = self.fits.combine(trained, linear, outputs, BLEND)
        self._parts = [(one.network, one.pipeline.model) for one, fitted in zip(trained, linear) if fitted]
        return found

    def finish(self, artifact) -> list[str]:
        parts = self._parts if artifact.network.name == BLEND else [(artifact.network, self.pipeline.model)]
        used = [(part, model) for part, model in parts if is_linear(model)]
        if not used or self.fits is None or self.fits.validation is None:
            return []
        for part, model in used:
            set_fitted(part, self.fits.of_both(model), model)
        return ["linear models of n-grams and vectors: fitted again to the training and validation rows in the end"]

    def validation_figures(self, artifact) -> dict[str, float]:
        figures = super().validation_figures(artifact)
        if not figures or not self.asked.chooses:
            return figures
        rows, wanted = self.samples.rows("validation"), self.target.batch_targets(self._labels("validation"))
        outputs = self._outputs(artifact.network, rows).astype(np.float32)
        loss = self.target.loss(self.pipeline)(wanted.at(np.arange(len(rows))).numpy(), outputs)
        return figures | {"loss": float(loss)}

    def objective(self, model) -> "training.Objective":
        network = models.network_of(model)
        if not network.trainable_variables:
            kind = "a blend" if network.name == BLEND else "linear and fitted"
            cause = f"The model is {kind}: it has no weights that were trained."
            raise ConfigError(cause, "Name a network that is trained, such as model.name=bilstm.")
        return super().objective(model)

    # --- results
    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        results = super().evaluate(artifact, folder, history, best_epoch)
        if told := gram_tables(artifact.network, self.preprocessor.of_network(artifact.network), whole=False):
            strongest = evaluation.ngrams_of_tables(told, self.classes or ["higher", "lower"], SHOWN_NGRAMS)
            atomic_write(folder / "ngrams.csv", evaluation.to_csv(strongest))
        return results

    # --- details
    def _explain(self, model, texts: list[str], batch_size: int = INFERENCE_BATCH) -> list[dict]:
        network, target = models.network_of(model), self.target
        tables = gram_tables(network, self.preprocessor) if texts else None
        if tables is None or (isinstance(target, targets.Number) and target.scale.log):
            return super()._explain(model, texts, batch_size)
        outputs, how = self._scores(network, texts, batch_size), dict[str, Any]()
        if isinstance(target, targets.Number):
            tables = [replace(table, share=table.share * target.scale.spread) for table in tables]
            outputs = target.answers(outputs)[:, None]
        elif isinstance(target, targets.Classes):
            how = {"temperature": target.temperature, "multi_label": target.several}
        characters = self._level == "char" and datasets.is_unspaced(texts)
        return evaluation.explain_linear_texts(texts, outputs, tables, self.classes, characters=characters, **how)
