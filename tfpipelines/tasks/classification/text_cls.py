"""Text classification: a network of ours, trained from the start on labelled texts."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from tfpipelines import datasets, evaluation, models, networks, training
from tfpipelines.core import config
from tfpipelines.core.config.kinds import TEXTS, TextNetworks
from tfpipelines.core.config.losses import loss_of
from tfpipelines.core.config.networks import Wide
from tfpipelines.core.config.texts import BUNDLED, TextData
from tfpipelines.core.files import atomic_write
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import counted
from tfpipelines.errors import ConfigError, DataError, NothingFitsError

from .. import targets
from ..fitting import FittedPhase, fitted_targets, row_weights
from ..supervised_texts import INFERENCE_BATCH, SupervisedTexts
from ..trainable import Combination, Phase, Trained
from .encoders import SentenceFeatures, encoder_of, encoders_of, require_encoder
from .linear import LinearFits, Rows, gram_tables, inputs_of, set_fitted
from .ngrams import VECTORS, is_linear, kinds_of, kinds_of_network
from .word_vectors import read_vectors, require_vectors, vector_width, vectors_of_words

_SHOWN_NGRAMS = 1000  # of each class, in ngrams.csv
_CHARACTER_SHARE = 0.3  # of a word n-gram's say that a character n-gram has: they overlap
_BLEND = "text-blend"
_NEVER = "\uf8ff\uf8ff"  # stands for the n-grams of a kind of which there are none: a token that no text has
_PROBED = 50  # tokens of a vocabulary that an own network is tried with
_LONGEST = {"word": 512, "ngram": 512, "char": 2048}
_FEATURES_BATCH = 4096  # vectors of a validation batch
_MOST_CHUNKS = 32  # of a text: a batch is as long as its longest text


class EncodedPhase(FittedPhase):
    """The same of a linear model of sentence features, which are there already."""

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


class _OfTraining(NamedTuple):
    """What a check leaves for training.

    Args:
        texts, rows: of all, with those that the check has left out of the samples; and which are of training.
        sequences: their tokens.
        grams: their n-grams of the wide part, one kind after the other.
    """

    texts: list[str]
    rows: np.ndarray
    sequences: "datasets.Sequences"
    grams: "list[datasets.Sequences]"


class TextClassification(SupervisedTexts):
    """The task `text-cls`."""

    schema = TextClassificationPipeline
    pipeline: TextClassificationPipeline

    def __init__(self, pipeline: config.Pipeline):
        super().__init__(pipeline)
        self._inputs: tuple[str, ...] = (models.IDS,)  # of the network
        self._of_training: _OfTraining | None = None
        self._parts: list[tuple[Any, Any]] = []  # of a blend: networks that are linear models, and their sections
        self._preprocessor_of: Any = None  # the model that `preprocessor` is of
        self._earlier: tuple[Any, models.TextPreprocessor] | None = None
        self._encoders: dict[str, SentenceFeatures] = {}  # by the names of their inputs

    @property
    def _standardize(self) -> str:
        return self.pipeline.data.standardize

    @property
    def _level(self) -> str:
        return self.pipeline.data.level

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
        mine, given = dict(self.pipeline.model), dict(model)
        heads = self.pipeline.data.vectors is None or mine.get("heads") == given.get("heads")
        encoded = encoders_of([model]).items() <= {name: one.encoder for name, one in self._encoders.items()}.items()
        kinds = set(kinds_of_network(model)) <= set(self.kinds)
        return _wide(model) in (None, self.wide) and heads and encoded and kinds

    def load(self, findings) -> Self:
        if self.pipeline.data.vectors not in (None, BUNDLED):
            require_vectors(self.pipeline.data.vectors)
        super().load(findings)
        return self

    def _prepare(self, findings) -> None:
        data, candidates = self.pipeline.data, [pipeline.model for pipeline in self.asked.candidates()]
        self.wide = next(filter(None, map(_wide, candidates)), None)  # a candidate with another one reads data again
        self.kinds, encoders = kinds_of(candidates), encoders_of(candidates)
        self._encoders = {
            name: self._encoders.get(name) or SentenceFeatures(name, encoder) for name, encoder in encoders.items()
        }
        if self.kinds or encoders:
            self._check_loss(findings)
        texts, rows = self._texts(self.samples), self.samples.rows("train")
        cutter = models.token_cutter(data.level, data.ngrams, data.standardize)
        tokens = _tokens(texts, cutter)
        vocabulary = tokens.vocabulary(rows, data.vocabulary, data.min_count)
        if not vocabulary:
            if not tokens.lengths[rows].any():
                cause = "The training texts hold nothing but punctuation, which data.standardize removes."
                raise DataError(cause, datasets.punctuation_remedy(self.samples.frame["text"].loc[rows]))
            cause = f"No token occurs {counted(data.min_count, 'time')} in the training texts."
            raise DataError(cause, "Lower data.min_count.")
        longest, sequences = int(tokens.lengths[rows].max()), tokens.sequences(vocabulary)
        del tokens
        in_chunks = data.long == "chunks"
        most = _LONGEST[data.level] // (2 if in_chunks else 1)
        max_length = min(longest, most) if data.max_length == "auto" else data.max_length
        self._chunk = max_length if in_chunks else None
        max_length *= _MOST_CHUNKS if in_chunks else 1
        parts, grams = self._wide_part(texts, rows, findings)
        for encoder in self._encoders.values():
            encoder.begin(texts, self.samples.frame["fingerprint"])
        self.preprocessor = models.TextPreprocessor(cutter, vocabulary, max_length, parts)
        known, count = sequences.known(), len(vocabulary)
        self.samples = datasets.check_tokens(
            self.samples, sequences, known, count, max_length, data.on_bad, findings, chunk=self._chunk
        )
        frame = self.samples.frame
        left = {name for names in datasets.label_names(frame[frame["split"] == "train"]) for name in names}
        lost = [] if not self.classes else [name for name in self.classes if name not in left]
        if lost:
            cause = f"All training texts of class {lost[0]!r} have unknown words only, and are skipped."
            raise DataError(cause, "Lower data.min_count.", lost[1:10])
        self.samples.facts["multi_label"] = self.target.name == "labels"
        self.vectors = None if data.vectors is None else self._word_vectors(vocabulary)
        self._of_training = _OfTraining(texts, rows, sequences, grams)

    def _wide_part(
        self, texts: list[str], rows: np.ndarray, findings
    ) -> "tuple[tuple[tuple[models.Cutter, list[str]], ...], list[datasets.Sequences]]":
        """How texts are cut for the wide part, with the vocabularies; and the n-grams of all texts."""
        data, wide = self.pipeline.data, self.wide or Wide()
        parts, grams = [], []
        cutters = models.wide_cutters(wide.words, wide.characters, data.standardize)
        for cutter in cutters:  # one at a time: there may be millions of distinct n-grams
            tokens = _tokens(texts, cutter)
            if names := tokens.vocabulary(rows, wide.size, wide.min_count):
                parts.append((cutter, names))
                grams.append(tokens.sequences(names))
            del tokens
        if len(parts) < len(cutters):
            often = counted(wide.min_count, "time")
            message = f"One kind of n-gram never occurs {often} in training: the wide part leaves it out"
            findings.add("no_ngrams", "note", message, "Lower model.wide.min_count")
        return tuple(parts), grams

    def prepare_training(self) -> None:
        """Also the n-grams of linear models: there may be millions, and they give no findings."""
        if self._of_training is None:
            return
        (texts, rows, sequences, grams), self._of_training = self._of_training, None
        data, preprocessor = self.pipeline.data, self.preprocessor
        kinds, own = {}, {}
        for kind in self.kinds:  # one at a time, too
            cutter = kind.cutter(data.standardize)
            tokens = _tokens(texts, cutter)
            names = kind.vocabulary(tokens, rows, data.vectors) or [_NEVER]
            kinds[kind.name] = cutter, names
            own[kind.name] = self._known(tokens.sequences(names))
            del tokens
        parts = preprocessor.cutter, preprocessor.vocabulary, preprocessor.max_length, preprocessor.wide
        pieces = {name: encoder.tokens for name, encoder in self._encoders.items()}
        self.preprocessor = models.TextPreprocessor(*parts, kinds, pieces=pieces)
        own |= {name: encoder.sequences for name, encoder in self._encoders.items()}
        self.samples.store = self._store(sequences, map(self._known, grams), own)
        self.ratios, self.ridge = self._log_count_ratios(), self._ridge()
        self.fits = self._linear_fits() if self.preprocessor.named else None

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
    def draws_curves(self) -> bool:  # type: ignore[override]
        return not self._fits

    def build(self, for_training: bool):
        texts = networks.Texts(
            self.preprocessor.vocabulary_size,
            self.target.outputs,
            self.vectors,
            self.ratios if self._has_parts else None,
            self.ridge if self._has_parts else None,
            fit_linear=self._fit_linear,
            chunk=self._chunk,
        )
        network = networks.build_network(
            self.pipeline.model, texts=texts, seed=self.pipeline.seed, for_training=for_training
        )
        self._inputs = self._inputs_of(network)
        return network

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
        if self._encoders and network.name == _BLEND:
            parts = [layer for layer in network.layers if layer.name.startswith("part")]
            shares = [network.get_layer(part.name.replace("part", "share")).scale for part in parts]
            return np.sum([self._outputs(part, rows) * np.float32(share) for part, share in zip(parts, shares)], 0)
        name = network.inputs[0].name
        if name not in self._encoders:
            return super()._outputs(network, rows)
        features = self.features(name, rows)[rows]
        return self.from_features(network).predict(features, batch_size=_FEATURES_BATCH, verbose=0)

    def _inputs_of(self, network) -> tuple[str, ...]:
        return self.preprocessor.of_network(network).inputs

    def artifact(self, network):
        return self.target.artifact(self.preprocessor.of_network(network), network)

    def phases(self, network, note: Callable[[str], None]) -> Iterator[Phase]:
        if not self._fits:
            yield Phase(self, network)
            return
        for encoder in self._encoders.values():
            while encoder.told:
                note(encoder.told.pop(0))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The model does not have any trainable weights")
            yield EncodedPhase(self, network) if encoder_of(self.pipeline.model) else FittedPhase(self, network)

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
            found = self.fits.combine(trained, linear, outputs, _BLEND)
        self._parts = [(one.network, one.pipeline.model) for one, fitted in zip(trained, linear) if fitted]
        return found

    def finish(self, artifact) -> list[str]:
        parts = self._parts if artifact.network.name == _BLEND else [(artifact.network, self.pipeline.model)]
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

    def compile(self, model, optimizer, **settings) -> None:
        if not self._has_parts:
            return super().compile(model, optimizer, **settings)
        metrics = [training.OfWhole(metric, self.target.outputs) for metric in self.target.metrics_of_parts()]
        model.compile(optimizer=optimizer, loss=self._loss_of_parts(), metrics=metrics, **settings)

    def objective(self, model) -> "training.Objective":
        network = models.network_of(model)
        if not network.trainable_variables:
            kind = "a blend" if network.name == _BLEND else "linear and fitted"
            cause = f"The model is {kind}: it has no weights that were trained."
            raise ConfigError(cause, "Name a network that is trained, such as model.name=bilstm.")
        self._inputs = self._inputs_of(network)
        if not self._has_parts:
            return super().objective(model)
        trained = self.build(for_training=True)  # only this one has the logits of both parts
        network = models.take_weights(trained, models.network_of(model))
        loss, told = (
            self._mean_loss(self._loss_of_parts()),
            f"{self.target.loss_words(self.pipeline)}, of the network plus of the n-grams",
        )
        return training.Objective(network, loss, self._labelled_batches, told)

    @property
    def _has_parts(self) -> bool:
        """Whether the network has a wide part, with a loss of its own."""
        return _wide(self.pipeline.model) is not None and (self.ratios is not None or self.ridge is not None)

    def _ngram_weights(self, network) -> tuple[np.ndarray, list[str]]:
        """What n-grams say: for each class, or for a higher and for a lower number; and what these are called."""
        if self.ratios is not None:
            return self.ratios * network.get_layer("ngram_weights").get_weights()[0], self.classes
        assert self.ridge is not None
        kinds = self.ridge.shape[1] // 2
        return self.ridge[:, :kinds].sum(1)[:, None] * np.array([[1.0, -1.0]]), ["higher", "lower"]

    def _loss_of_parts(self):
        return training.LossOfParts(self.target.loss(self.pipeline), self.target.outputs)

    def transfer_weights(self, layer, weights: list, earlier) -> list:
        if self._earlier is None or self._earlier[0] is not earlier:
            self._earlier = earlier, models.TextPreprocessor.of(earlier.model, self.preprocessor.max_length)
        preprocessor, before = self.preprocessor, self._earlier[1]
        named = {
            "embedding": (preprocessor.vocabulary, before.vocabulary),
            "ngram_weights": (preprocessor.ngrams, before.ngrams),
        }
        if weights and layer.name in named:
            names, earlier_names = named[layer.name]
            table = models.rows_by_name(layer.get_weights()[0], names, weights[0], earlier_names)
            return [] if table is None else [table]
        if layer.name == "ngram_embedding" and before.vocabulary != preprocessor.vocabulary:
            return []  # its rows hang on the ids of words
        return (
            layer.get_weights()
            if layer.name in ("ratios", "ridge")
            else super().transfer_weights(layer, weights, earlier)
        )

    @property
    def monitored(self) -> str:
        return "loss" if not self._has_parts else self.target.metrics_of_parts()[-1].name

    # --- results
    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        tokens = (
            name if name.isprintable() else repr(name) for name in ("[PAD]", "[UNK]", *self.preprocessor.vocabulary)
        )
        atomic_write(folder / "vocabulary.txt", "".join(f"{name}\n" for name in tokens))  # one line, whatever it holds
        if self._has_parts and artifact.network.name != _BLEND:
            says, names = self._ngram_weights(artifact.network)
            strongest = evaluation.strongest_ngrams(self.preprocessor.ngrams, says[2:], names, _SHOWN_NGRAMS)
            atomic_write(folder / "ngrams.csv", evaluation.to_csv(strongest))
        results = super().evaluate(artifact, folder, history, best_epoch)
        if told := gram_tables(artifact.network, self.preprocessor.of_network(artifact.network), whole=False):
            strongest = evaluation.ngrams_of_tables(told, self.classes or ["higher", "lower"], _SHOWN_NGRAMS)
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

    def _take_preprocessor(self, model) -> None:
        """The preprocessing of a loaded model, restored once."""
        if self._preprocessor_of is not model:
            self.preprocessor, self._preprocessor_of = models.TextPreprocessor.of(model, self._max_length), model

    def _store(self, sequences, grams: "Iterable[datasets.Sequences]", own: dict) -> "datasets.TextStore":
        """Texts as the network takes them.

        Args:
            sequences: their tokens.
            grams: known n-grams of the wide part, one kind after the other.
            own: those of further kinds, and tokens of encoders, by name.
        """
        preprocessor, few = self.preprocessor, training.compiles_every_shape(self.pipeline.train.jit_compile)
        inputs = {models.IDS: sequences.cut(preprocessor.max_length)}
        if preprocessor.wide:
            parts = [(part, len(names)) for part, (_, names) in zip(grams, preprocessor.wide)]
            inputs[models.NGRAMS] = datasets.wide_sequences(parts)
        return datasets.TextStore(inputs | own, few_shapes=few)

    def _store_of(self, texts: list[str]) -> "datasets.TextStore":
        preprocessor = self.preprocessor
        ids = lambda cutter, names: _tokens(texts, cutter).sequences(names)
        grams = (self._known(ids(*kind)) for kind in preprocessor.wide)
        own = {name: self._known(ids(*kind)) for name, kind in preprocessor.kinds.items()}
        own |= {name: datasets.Sequences.of(*layer.cut(texts)) for name, layer in preprocessor.pieces.items()}
        return self._store(ids(preprocessor.cutter, preprocessor.vocabulary), grams, own)

    def _known(self, grams: "datasets.Sequences") -> "datasets.Sequences":
        """Those n-grams that are known, of those that are read."""
        return grams.first(self.preprocessor.max_ngrams).known()

    def _store_for(self, store: "datasets.TextStore", network=None) -> "datasets.TextStore":
        return store.only(self._inputs if network is None else self._inputs_of(network))

    def _word_vectors(self, vocabulary: list[str]) -> np.ndarray:
        """What the embedding begins with, from `data.vectors`."""
        assert self.pipeline.data.vectors is not None
        vectors, found, left_out = read_vectors(self.pipeline.data.vectors, vocabulary, self.pipeline.seed)
        width, heads = vectors.shape[1], getattr(self.pipeline.model, "heads", None)
        if heads and not self.pipeline.code and (width % heads or width % 2):
            cause = f"data.vectors has {width} numbers for each word, no even multiple of model.heads={heads}."
            raise ConfigError(cause, "Set model.heads to a divisor of it, or use other vectors.")
        told = f"word vectors: {width} numbers each, for {found:,} of {counted(len(vocabulary), 'token')}"
        if left_out:
            told += f"; {counted(left_out, 'line')} of the file left out, whose words hold spaces"
        self.samples.facts["about"].append(told)
        return vectors

    def _ridge(self) -> np.ndarray | None:
        """The same of a number, see `datasets.ridge_table`."""
        if not self.preprocessor.wide or self.classes:
            return None
        rows, targets = self.samples.rows("train"), self.target.batch_targets(self._labels("train"))
        values, kinds = targets.labels[:, 0].astype(np.float64), [len(names) for _, names in self.preprocessor.wide]
        grams, ratios = self.samples.store.inputs[models.NGRAMS], self.wide is not None and self.wide.scale == "ratios"
        return datasets.ridge_table(grams, rows, values, kinds, self.pipeline.seed, ratios)

    def _log_count_ratios(self) -> np.ndarray | None:
        """What the n-grams of the wide part say of the classes in the training rows, float32 (n-grams, classes)."""
        if not self.preprocessor.wide or not self.classes:
            return None
        rows, labels = self.samples.rows("train"), self.samples.labels("train", self.classes)
        grams, count = self.samples.store.inputs[models.NGRAMS], len(self.classes)
        ratios = datasets.log_count_ratios(grams, rows, labels, count, self.preprocessor.wide_size)
        start = 2
        for cutter, names in self.preprocessor.wide:
            if cutter.split == "character":
                ratios[start : start + len(names)] *= _CHARACTER_SHARE
            start += len(names)
        return ratios


def _wide(model) -> Wide | None:
    """The wide part of a network, by its section; None without one."""
    wide = dict(model).get("wide")
    return wide if wide is not None and wide.active else None


def _tokens(texts: list[str], cutter: "models.Cutter") -> "datasets.Tokens":
    return datasets.Tokens.of(cutter.cut(texts))
