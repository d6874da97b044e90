"""Texts as tokens of a vocabulary, which the networks of `text-cls` read, and their wide part, trained with them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from tfpipelines import datasets, evaluation, models, networks, training
from tfpipelines.core.config.networks import Wide
from tfpipelines.core.config.texts import BUNDLED
from tfpipelines.core.files import atomic_write
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import counted
from tfpipelines.errors import ConfigError, DataError

from ..supervised_texts import SupervisedTexts
from .word_vectors import read_vectors, require_vectors

if TYPE_CHECKING:
    from tfpipelines.core import config

BLEND = "text-blend"  # name of a network that is the weighted sum of several
SHOWN_NGRAMS = 1000  # of each class, in ngrams.csv
_CHARACTER_SHARE = 0.3  # of a word n-gram's say that a character n-gram has: they overlap
_LONGEST = {"word": 512, "ngram": 512, "char": 2048}
_MOST_CHUNKS = 32  # of a text: a batch is as long as its longest text


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


class TokenizedTexts(SupervisedTexts):
    """Cuts texts into tokens and n-grams, and trains networks that read them."""

    pipeline: Any

    def __init__(self, pipeline: "config.Pipeline"):
        super().__init__(pipeline)
        self._inputs: tuple[str, ...] = (models.IDS,)  # of the network
        self._of_training: _OfTraining | None = None
        self._preprocessor_of: Any = None  # the model that `preprocessor` is of
        self._earlier: tuple[Any, models.TextPreprocessor] | None = None

    @property
    def _standardize(self) -> str:
        return self.pipeline.data.standardize

    @property
    def _level(self) -> str:
        return self.pipeline.data.level

    # --- data
    def samples_serve(self, model) -> bool:
        mine, given = dict(self.pipeline.model), dict(model)
        heads = self.pipeline.data.vectors is None or mine.get("heads") == given.get("heads")
        return _wide(model) in (None, self.wide) and heads

    def load(self, findings) -> Self:
        if self.pipeline.data.vectors not in (None, BUNDLED):
            require_vectors(self.pipeline.data.vectors)
        super().load(findings)
        return self

    def _prepare(self, findings) -> None:
        data, candidates = self.pipeline.data, [pipeline.model for pipeline in self.asked.candidates()]
        self.wide = next(filter(None, map(_wide, candidates)), None)  # a candidate with another one reads data again
        texts, rows = self._texts(self.samples), self.samples.rows("train")
        cutter = models.token_cutter(data.level, data.ngrams, data.standardize)
        tokens = tokens_of(texts, cutter)
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
        self.preprocessor = models.TextPreprocessor(cutter, vocabulary, max_length, parts)
        known, count = sequences.known(), len(vocabulary)
        self.samples = datasets.check_tokens(
            self.samples, sequences, known, count, max_length, data.on_bad, findings, chunk=self._chunk
        )
        frame = self.samples.frame
        left = datasets.label_counts(frame[frame["split"] == "train"])
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
            tokens = tokens_of(texts, cutter)
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
        """Also the inputs that give no findings, of which there may be millions of ids."""
        if self._of_training is None:
            return
        (texts, rows, sequences, grams), self._of_training = self._of_training, None
        kinds, pieces, own = self._further_inputs(texts, rows)
        before = self.preprocessor
        parts = before.cutter, before.vocabulary, before.max_length, before.wide
        self.preprocessor = models.TextPreprocessor(*parts, kinds, pieces=pieces)
        self.samples.store = self._store(sequences, map(self._known, grams), own)
        self.ratios, self.ridge = self._log_count_ratios(), self._ridge()

    def _further_inputs(
        self, texts: list[str], rows: np.ndarray
    ) -> "tuple[dict[str, tuple[models.Cutter, list[str]]], dict[str, Any], dict[str, datasets.Sequences]]":
        """What networks take besides tokens and the n-grams of the wide part, by the names of inputs: how n-grams are
        cut, and which there are; layers of tokens; and the ids of all texts.

        Args:
            texts: of all rows.
            rows: numbers of the training texts.
        """
        return {}, {}, {}

    # --- model
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
        """The linear model that the network is, fitted to the training rows, see `networks.Texts`."""
        raise NotImplementedError

    def _inputs_of(self, network) -> tuple[str, ...]:
        return self.preprocessor.of_network(network).inputs

    def artifact(self, network):
        return self.target.artifact(self.preprocessor.of_network(network), network)

    def compile(self, model, optimizer, **settings) -> None:
        if not self._has_parts:
            return super().compile(model, optimizer, **settings)
        metrics = [training.OfWhole(metric, self.target.outputs) for metric in self.target.metrics_of_parts()]
        model.compile(optimizer=optimizer, loss=self._loss_of_parts(), **self._measuring(metrics), **settings)

    def objective(self, model) -> "training.Objective":
        self._inputs = self._inputs_of(models.network_of(model))
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
        if self._has_parts and artifact.network.name != BLEND:
            says, names = self._ngram_weights(artifact.network)
            strongest = evaluation.strongest_ngrams(self.preprocessor.ngrams, says[2:], names, SHOWN_NGRAMS)
            atomic_write(folder / "ngrams.csv", evaluation.to_csv(strongest))
        return super().evaluate(artifact, folder, history, best_epoch)

    # --- details
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
        ids = lambda cutter, names: tokens_of(texts, cutter).sequences(names)
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


def tokens_of(texts: list[str], cutter: "models.Cutter") -> "datasets.Tokens":
    return datasets.Tokens.of(cutter.cut(texts))
