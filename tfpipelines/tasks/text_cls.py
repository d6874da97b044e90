"""Text classification: a network of ours, trained from the start on labelled texts."""

from typing import Any, Literal, Self

import numpy as np

from tfpipelines import config, datasets, evaluation, models, networks, training
from tfpipelines.config.kinds import TEXTS, TextNetworks
from tfpipelines.config.texts import TextData
from tfpipelines.errors import ConfigError, DataError, counted
from tfpipelines.runs import RunFolder, atomic_write

from .texts import TextClassifier

_SHOWN_NGRAMS = 1000  # of each class, in ngrams.csv
_CHARACTER_SHARE = 0.3  # of a word n-gram's say that a character n-gram has: they overlap
_LONGEST = {"word": 512, "ngram": 512, "char": 2048}


class TextClassificationPipeline(config.Pipeline):
    """A text-cls pipeline."""

    default_network = "bilstm"
    objective = "val_accuracy"
    takes, gives = "texts, as they are", "a probability for each class"
    hub_task = "text-classification"

    task: Literal["text-cls"] = "text-cls"
    data: TextData
    model: TextNetworks = TEXTS.default(default_network)


class TextClassification(TextClassifier):
    """The task `text-cls`."""

    schema = TextClassificationPipeline
    loading_fields = ("wide", "heads")

    def __init__(self, pipeline: config.Pipeline):
        super().__init__(pipeline)
        self._front_of = self._earlier = None

    @property
    def _standardize(self) -> str:
        return self.pipeline.data.standardize

    @property
    def _level(self) -> str:
        return self.pipeline.data.level

    # --- data
    def load(self, findings) -> Self:
        if self.pipeline.data.vectors is not None:
            datasets.require_vectors(self.pipeline.data.vectors)
        super().load(findings)
        return self

    def _prepare(self, findings) -> None:
        data, wide = self.pipeline.data, self.pipeline.model.wide
        texts, rows = self._texts(self.samples), self.samples.rows("train")
        cutter = models.token_cutter(data.level, data.ngrams, data.standardize)
        wide_cutters = models.wide_cutters(wide.words, wide.characters, data.standardize)
        tokens, *grams = _tokens(texts, (cutter, *wide_cutters))
        vocabulary = tokens.vocabulary(rows, data.vocabulary, data.min_count)
        if not vocabulary:
            raise DataError(
                f"No token occurs {counted(data.min_count, 'time')} in the training texts.", "Lower data.min_count."
            )
        longest = int(tokens.lengths[rows].max())
        max_length = min(longest, _LONGEST[data.level]) if data.max_length == "auto" else data.max_length
        parts = [
            (kind, part, part.vocabulary(rows, wide.size, wide.min_count)) for kind, part in zip(wide_cutters, grams)
        ]
        if not all(names for _, _, names in parts):
            findings.add(
                "no_ngrams",
                "note",
                f"No n-gram of a kind occurs {counted(wide.min_count, 'time')} in training: the wide part goes without",
                "Lower model.wide.min_count",
            )
        parts = [part for part in parts if part[2]]
        grams = [part for _, part, _ in parts]
        self.front = models.TextFront(cutter, vocabulary, max_length, tuple((kind, names) for kind, _, names in parts))
        sequences = tokens.sequences(vocabulary)
        self.samples = datasets.check_tokens(
            self.samples, sequences, sequences.known(), len(vocabulary), max_length, data.on_bad, findings
        )
        frame = self.samples.frame
        left = {name for names in datasets.label_names(frame[frame["split"] == "train"]) for name in names}
        lost = [name for name in self.classes if name not in left]
        if lost:
            raise DataError(
                f"All training texts of class {lost[0]!r} are of unknown words alone, and skipped.",
                "Lower data.min_count.",
                lost[1:10],
            )
        self.samples.facts["multi_label"] = self.multi_label
        self.samples.store = self._store(tokens, *grams)
        self.vectors = None if data.vectors is None else self._word_vectors(vocabulary)
        self.ratios = self._log_count_ratios()

    # --- model
    def build(self, fused: bool):
        texts = models.Texts(self.front.vocabulary_size, len(self.classes), self.vectors, self.ratios)
        return networks.build_network(self.pipeline.model, texts=texts, seed=self.pipeline.seed, fused=fused)

    def compile(self, model, optimizer, **settings) -> None:
        if self.ratios is None:
            super().compile(model, optimizer, **settings)
            return
        metrics = [training.OfWhole(metric, len(self.classes)) for metric in (self._accuracy(), self._log_loss())]
        model.compile(optimizer=optimizer, loss=self._loss_of_parts(), metrics=metrics, **settings)

    def objective(self, model) -> "training.Objective":
        if self.ratios is None:
            return super().objective(model)
        network = models.take_weights(self.build(fused=True), models.core_of(model))  # only this one tells the parts
        return training.Objective(
            network,
            self._mean_loss(self._loss_of_parts()),
            self._labelled_batches,
            f"{self._loss_name}, of the network plus of the n-grams",
        )

    def _loss_of_parts(self):
        return training.LossOfParts(self._loss(), len(self.classes))

    def carry_over(self, layer, weights: list, earlier) -> list:
        if self._earlier is None or self._earlier[0] is not earlier:
            self._earlier = earlier, models.TextFront.of(earlier.model, self.front.max_length)
        before = self._earlier[1]
        named = {
            "embedding": (self.front.vocabulary, before.vocabulary),
            "ngram_weights": (self.front.ngrams, before.ngrams),
        }
        if weights and layer.name in named:
            names, earlier_names = named[layer.name]
            table = models.rows_by_name(layer.get_weights()[0], names, weights[0], earlier_names)
            return [] if table is None else [table]
        if layer.name == "ngram_embedding" and before.vocabulary != self.front.vocabulary:
            return []  # its rows hang on the ids of words
        return layer.get_weights() if layer.name == "ratios" else super().carry_over(layer, weights, earlier)

    @property
    def monitored(self) -> str:
        return "loss" if self.ratios is None else "log_loss"

    def artifact(self, core):
        return models.ClassifierArtifact(self.front, core, self.classes, self.multi_label)

    # --- results
    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        atomic_write(
            folder / "vocabulary.txt",
            "".join(f"{_visible(name)}\n" for name in ["[PAD]", "[UNK]", *self.front.vocabulary]),
        )
        if self.ratios is not None:
            weights = artifact.core.get_layer("ngram_weights").get_weights()[0]
            atomic_write(
                folder / "ngrams.csv",
                evaluation.to_csv(
                    evaluation.strongest_ngrams(
                        self.front.ngrams, (self.ratios * weights)[2:], self.classes, _SHOWN_NGRAMS
                    )
                ),
            )
        return super().evaluate(artifact, folder, history, best_epoch)

    # --- details
    def _take_front(self, model) -> None:
        """The front inside of a loaded model, made once."""
        if self._front_of is not model:
            self.front, self._front_of = models.TextFront.of(model, self._max_length), model

    def _store(self, tokens, *grams) -> "datasets.TextStore":
        """Texts as the front would give them to the network.

        Args:
            tokens, grams: of the texts, as the front's cutters give them.
        """
        front = self.front
        inputs = (tokens.sequences(front.vocabulary).cut(front.max_length),)
        if front.wide:
            inputs += (
                datasets.wide_sequences(
                    [(part, names) for part, (_, names) in zip(grams, front.wide)], front.max_ngrams
                ),
            )
        return datasets.TextStore(inputs, few_shapes=training.compiles_every_shape(self.pipeline.train.jit_compile))

    def _store_of(self, texts: list[str]) -> "datasets.TextStore":
        return self._store(*_tokens(texts, (self.front.cutter, *(cutter for cutter, _ in self.front.wide))))

    def _word_vectors(self, vocabulary: list[str]) -> np.ndarray:
        """What the embedding begins with, from `data.vectors`."""
        vectors, found = datasets.read_vectors(self.pipeline.data.vectors, vocabulary, self.pipeline.seed)
        width, heads = vectors.shape[1], getattr(self.pipeline.model, "heads", None)
        if heads and (width % heads or width % 2):
            raise ConfigError(
                f"data.vectors has {width} numbers for each word, no even multiple of model.heads={heads}.",
                "Set model.heads to a divisor of it, or use other vectors.",
            )
        self.samples.facts["about"].append(
            f"word vectors: {width} numbers each, for {found:,} of {counted(len(vocabulary), 'token')}"
        )
        return vectors

    def _log_count_ratios(self) -> np.ndarray | None:
        """What the n-grams of the wide part say of the classes in the training rows, float32 (n-grams, classes)."""
        if not self.front.wide:
            return None
        rows, labels = self.samples.rows("train"), self.samples.labels("train", self.classes)
        ratios = datasets.log_count_ratios(
            self.samples.store.inputs[1], rows, labels, len(self.classes), self.front.wide_size
        )
        start = 2
        for cutter, names in self.front.wide:
            if cutter.split == "character":
                ratios[start : start + len(names)] *= _CHARACTER_SHARE
            start += len(names)
        return ratios


def _tokens(texts: list[str], cutters) -> list["datasets.Tokens"]:
    return [datasets.Tokens.of(cutter.cut(texts)) for cutter in cutters]


def _visible(name: str) -> str:
    """A token in one line, whatever it holds."""
    return name if name.isprintable() else repr(name)
