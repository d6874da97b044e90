"""Text classification: a network of ours, trained from the start on labelled texts."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfpipelines import config, datasets, evaluation, models, training
from tfpipelines.config.text_networks import BiLSTM, TextNetworks
from tfpipelines.config.texts import TextData
from tfpipelines.errors import ConfigError, DataError, counted
from tfpipelines.runs import RunFolder, atomic_write

from .classification import SHOWN_MISTAKES, Classification

_SHOWN_NGRAMS = 1000  # of each class, in ngrams.csv
_INFERENCE_BATCH = 256
_CHARACTER_SHARE = 0.3  # of a word n-gram's say that a character n-gram has: they overlap
_LONGEST = {"word": 512, "ngram": 512, "char": 2048}


class TextClassification(Classification):
    """The task `text-cls`."""

    class Pipeline(config.Pipeline):
        """A text-cls pipeline."""

        default_network = "bilstm"

        task: Literal["text-cls"] = "text-cls"
        data: TextData
        model: TextNetworks = BiLSTM()

    source_fields = ("layout", "text_column", "label_column", "split_column", "follow_links", "multi_label")
    reading_fields = (*(name for name in source_fields if name != "multi_label"), "on_bad")
    place_fields = ("layout",)
    explains = True

    def __init__(self, pipeline: config.Pipeline):
        super().__init__(pipeline)
        self._front_of = self._earlier = None

    # --- data
    def _read(self, findings, path: str, splitting: bool) -> "datasets.Samples":
        fields = self._data(*self.source_fields, "on_bad", "standardize", "level", *(self.split_fields if splitting else ()))
        if not splitting:
            fields["multi_label"] = self._several_labels
        return datasets.read_text_samples(findings, path=path, seed=self.pipeline.seed, splitting=splitting, **fields)

    def load(self, findings) -> None:
        if self.pipeline.data.vectors is not None:
            datasets.require_vectors(self.pipeline.data.vectors)
        super().load(findings)

    def _prepare(self, findings) -> None:
        data, wide = self.pipeline.data, self.pipeline.model.wide
        texts, rows = self._texts(self.samples), self.samples.rows("train")
        cutter = models.token_cutter(data.level, data.ngrams, data.standardize)
        wide_cutters = models.wide_cutters(wide.words, wide.characters, data.standardize)
        tokens, *grams = _tokens(texts, (cutter, *wide_cutters))
        vocabulary = tokens.vocabulary(rows, data.vocabulary, data.min_count)
        if not vocabulary:
            raise DataError(f"No token occurs {counted(data.min_count, 'time')} in the training texts.", "Lower data.min_count.")
        longest = int(tokens.lengths[rows].max())
        max_length = min(longest, _LONGEST[data.level]) if data.max_length == "auto" else data.max_length
        parts = [(kind, part, part.vocabulary(rows, wide.size, wide.min_count)) for kind, part in zip(wide_cutters, grams)]
        if not all(names for _, _, names in parts):
            findings.add("no_ngrams", "note", f"No n-gram of a kind occurs {counted(wide.min_count, 'time')} in training: the wide part goes without", "Lower model.wide.min_count")
        parts = [part for part in parts if part[2]]
        grams = [part for _, part, _ in parts]
        self.front = models.TextFront(cutter, vocabulary, max_length, tuple((kind, names) for kind, _, names in parts))
        sequences = tokens.sequences(vocabulary)
        self.samples = datasets.check_tokens(self.samples, sequences, sequences.known(), len(vocabulary), max_length, data.on_bad, findings)
        frame = self.samples.frame
        left = {name for names in datasets.label_names(frame[frame["split"] == "train"]) for name in names}
        lost = [name for name in self.classes if name not in left]
        if lost:
            raise DataError(f"All training texts of class {lost[0]!r} are of unknown words alone, and skipped.", "Lower data.min_count.", lost[1:10])
        self.samples.facts["multi_label"] = self.multi_label
        self.samples.store = self._store(tokens, *grams)
        self.vectors = None if data.vectors is None else self._word_vectors(vocabulary)
        self.ratios = self._log_count_ratios()

    def recall(self, facts: dict[str, Any]) -> None:
        super().recall(facts)
        self._max_length, self._several_labels = facts["max_length"], facts["multi_label"]

    def training_batches(self, first_step: int, last_step: int):
        rows, labels = self._training_rows()
        return datasets.training_text_batches(
            self.samples.store,
            rows,
            self._training_targets(labels),
            batch_size=self.pipeline.train.batch_size,
            seed=self.pipeline.seed,
            first_step=first_step,
            last_step=last_step,
        )

    # --- model
    def build(self, fused: bool):
        network = dict(self.pipeline.model)
        builder, wide = models.TEXT_NETWORKS[network.pop("name")], network.pop("wide")
        part = {"wide": self.ratios, "wide_initial": wide.initial, "wide_dropout": wide.dropout, "deep_weight": wide.deep_weight, "parts": fused}
        return builder(self.front.vocabulary_size, len(self.classes), **network, **part, vectors=self.vectors, seed=self.pipeline.seed, fused=fused)

    def compile(self, core, optimizer, **settings) -> None:
        if self.ratios is None:
            super().compile(core, optimizer, **settings)
            return
        loss, metrics = self._loss(), [training.OfWhole(metric, len(self.classes)) for metric in (self._accuracy(), self._log_loss())]
        core.compile(optimizer=optimizer, loss=training.LossOfParts(loss, len(self.classes)), metrics=metrics, **settings)

    def carry_over(self, layer, weights: list, earlier) -> list:
        if self._earlier is None or self._earlier[0] is not earlier:
            self._earlier = earlier, models.TextFront.of(earlier.model, self.front.max_length)
        before = self._earlier[1]
        named = {"embedding": (self.front.vocabulary, before.vocabulary), "ngram_weights": (self.front.ngrams, before.ngrams)}
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
        atomic_write(folder / "vocabulary.txt", "".join(f"{_visible(name)}\n" for name in ["[PAD]", "[UNK]", *self.front.vocabulary]))
        if self.ratios is not None:
            weights = artifact.core.get_layer("ngram_weights").get_weights()[0]
            atomic_write(folder / "ngrams.csv", evaluation.to_csv(evaluation.strongest_ngrams(self.front.ngrams, (self.ratios * weights)[2:], self.classes, _SHOWN_NGRAMS)))
        return super().evaluate(artifact, folder, history, best_epoch)

    def evaluate_new(self, model, temperature: float, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        self._take_front(model)
        return super().evaluate_new(model, temperature, path, split, out)

    def predict(self, model, inputs: Any, batch_size: int, temperature: float, explain: bool):
        data = self.pipeline.data
        self._take_front(model)
        entries = datasets.raw_texts(inputs, data.standardize, data.text_column, data.follow_links)
        good = [number for number, entry in enumerate(entries) if not entry.error]
        texts = [entries[number].text for number in good]
        probabilities = np.zeros((len(entries), len(self.classes)))
        if good:
            probabilities[good] = self._answer(self._scores(models.core_of(model), texts, batch_size), temperature)
        table = evaluation.prediction_table(
            [entry.item for entry in entries], probabilities, self.classes, errors=[entry.error for entry in entries],
            text=[entry.text for entry in entries], multi_label=self._several_labels,
        )  # fmt: skip
        if explain:
            explanations = iter(self._explain(model, temperature, texts, batch_size))
            places = set(good)
            table.insert(len(table.columns) - ("error" in table), "explanation", [next(explanations) if number in places else None for number in range(len(entries))])
        return table

    def draw_explanations(self, table, path: Path) -> None:
        rows = [row for row in table.to_dict("records") if row["explanation"] is not None]
        names = evaluation.score_columns(self.classes)
        entries = [{**row, "confidence": max(row[name] for name in names)} for row in rows]
        evaluation.write_words(path, "Which words moved the predictions", entries)

    # --- details
    def _take_front(self, model) -> None:
        """The front inside of a loaded model, made once."""
        if self._front_of is not model:
            self.front, self._front_of = models.TextFront.of(model, self._max_length), model

    @property
    def multi_label(self) -> bool:
        return getattr(self, "_several_labels", False) or super().multi_label

    def _texts(self, samples) -> list[str]:
        """The text of every row up to the last one in use; the row number is the place."""
        texts = [""] * (int(samples.frame.index.max()) + 1)
        for row, text in zip(samples.frame.index, samples.frame["text"]):
            texts[row] = text
        return texts

    def _store(self, tokens, *grams) -> "datasets.TextStore":
        """Texts as the front would give them to the network.

        Args:
            tokens, grams: of the texts, as the front's cutters give them.
        """
        front = self.front
        inputs = (tokens.sequences(front.vocabulary).cut(front.max_length),)
        if front.wide:
            inputs += (datasets.wide_sequences([(part, names) for part, (_, names) in zip(grams, front.wide)], front.max_ngrams),)
        return datasets.TextStore(inputs, few_shapes=training.compiles_every_shape(self.pipeline.train.jit_compile))

    def _store_of(self, texts: list[str]) -> "datasets.TextStore":
        return self._store(*_tokens(texts, (self.front.cutter, *(cutter for cutter, _ in self.front.wide))))

    def _word_vectors(self, vocabulary: list[str]) -> np.ndarray:
        """What the embedding begins with, from `data.vectors`."""
        vectors, found = datasets.read_vectors(self.pipeline.data.vectors, vocabulary, self.pipeline.seed)
        width, heads = vectors.shape[1], getattr(self.pipeline.model, "heads", None)
        if heads and (width % heads or width % 2):
            raise ConfigError(f"data.vectors has {width} numbers for each word, no even multiple of model.heads={heads}.", "Set model.heads to a divisor of it, or use other vectors.")
        self.samples.facts["about"].append(f"word vectors: {width} numbers each, for {found:,} of {counted(len(vocabulary), 'token')}")
        return vectors

    def _log_count_ratios(self) -> np.ndarray | None:
        """What the n-grams of the wide part say of the classes in the training rows, float32 (n-grams, classes)."""
        if not self.front.wide:
            return None
        rows, labels = self.samples.rows("train"), self.samples.labels("train", self.classes)
        ratios = datasets.log_count_ratios(self.samples.store.inputs[1], rows, labels, len(self.classes), self.front.wide_size)
        start = 2
        for cutter, names in self.front.wide:
            if cutter.split == "character":
                ratios[start : start + len(names)] *= _CHARACTER_SHARE
            start += len(names)
        return ratios

    def _batches(self, samples, rows: np.ndarray, labels: np.ndarray | None = None):
        targets = None if labels is None else datasets.Targets(labels, len(self.classes))
        return datasets.evaluation_text_batches(samples.store, rows, targets, batch_size=max(_INFERENCE_BATCH, self.pipeline.train.batch_size))[0]

    def _logits(self, core, samples, rows: np.ndarray) -> np.ndarray:
        if samples.store is None:
            samples.store = self._store_of(self._texts(samples))
        return _logits(core, samples.store, rows, _INFERENCE_BATCH)

    def _scores(self, core, texts: list[str], batch_size: int = _INFERENCE_BATCH) -> np.ndarray:
        return _logits(core, self._store_of(texts), np.arange(len(texts)), batch_size)

    def _answer(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        return evaluation.probabilities(logits, temperature, self.multi_label)

    def _probabilities(self, model, temperature: float, samples, rows: np.ndarray) -> np.ndarray:
        return self._answer(self._logits(models.core_of(model), samples, rows), temperature)

    def _explain(self, model, temperature: float, texts: list[str], batch_size: int = _INFERENCE_BATCH) -> list[dict[str, Any]]:
        if not texts:
            return []
        core = models.core_of(model)
        characters = self.pipeline.data.level == "char" and datasets.is_unspaced(texts)
        return evaluation.explain_texts(texts, lambda some: self._scores(core, some, batch_size) / temperature, self.classes, characters, self.multi_label)

    def _draw_mistakes(self, model, temperature: float, folder: Path, plots: Path, samples, rows: np.ndarray, probabilities: np.ndarray, mistakes: np.ndarray) -> None:
        frame = samples.frame.loc[rows[mistakes]]
        table = evaluation.prediction_table(frame["item"], probabilities[mistakes], self.classes, list(frame["label"]), text=list(frame["text"]), multi_label=self.multi_label)
        atomic_write(folder / "mistakes.csv", evaluation.to_csv(table))
        shown = table.head(SHOWN_MISTAKES)
        explanations = self._explain(model, temperature, list(shown["text"]))
        entries = [
            {"item": row["item"], "text": row["text"], "label": row["label"], "predicted": row["predicted"], "confidence": share, "explanation": explanation}
            for row, share, explanation in zip(shown.to_dict("records"), probabilities[mistakes].max(1), explanations)
        ]
        evaluation.write_words(plots / "mistakes.html", f"The {len(entries)} most confident of {len(mistakes)} mistakes", entries)


def _tokens(texts: list[str], cutters) -> list["datasets.Tokens"]:
    return [datasets.Tokens.of(cutter.cut(texts)) for cutter in cutters]


def _logits(core, store, rows: np.ndarray, batch_size: int) -> np.ndarray:
    batches, places = datasets.evaluation_text_batches(store, rows, None, batch_size=batch_size)
    return core.predict(batches, verbose=0)[places]


def _visible(name: str) -> str:
    """A token in one line, whatever it holds."""
    return name if name.isprintable() else repr(name)
