"""What every task that learns from labelled texts has in common, whatever its network and its way to cut texts."""

import unicodedata
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from tfpipelines import datasets, evaluation, models
from tfpipelines.core.files import atomic_write

from . import targets
from .sample_task import add_explanations
from .supervised import SHOWN_MISTAKES, Supervised

if TYPE_CHECKING:
    from tfpipelines.core.config.texts import TextSource

INFERENCE_BATCH = 256
_LONGEST_NAME = 40  # characters of the name of a column


class SupervisedTexts(Supervised):
    """Reads texts, predicts from them and tells which words moved a prediction.

    What is left to say is how texts become ids, and the network.
    """

    _normal = True  # whether texts are brought into one form; runs of earlier versions have learned them as written

    @abstractmethod
    def _store_of(self, texts: list[str]) -> "datasets.TextStore":
        """Texts as the network takes them."""

    def _store_for(self, store: "datasets.TextStore", network=None) -> "datasets.TextStore":
        """The inputs of a network alone, by default those of the run's own."""
        return store

    def _take_preprocessor(self, model) -> None:
        """Restores the preprocessing from a loaded model, where there is none yet."""

    @property
    def _standardize(self) -> str:
        """What happens to texts before they are cut; `none` where that is the tokenizer's affair."""
        return "none"

    @property
    def _level(self) -> str:
        """What a text is cut into: word, char, ngram or piece."""
        return "piece"

    @property
    def _has_baselines(self) -> bool:
        return True

    # --- data
    def _read(self, findings, path: str, splitting: bool) -> "datasets.Samples":
        data, seed = self._text_data if splitting else self._known_data, self.pipeline.seed_of_splits
        data = data.model_copy(update={"path": path, **self._known_target(splitting)})
        cut: dict[str, Any] = {"standardize": self._standardize, "level": self._level, "normal": self._normal}
        how: dict[str, Any] = {"seed": seed, "splitting": splitting, "promised": self._promised}
        return datasets.read_text_samples(data, findings, **how, **cut)

    @property
    def _text_data(self) -> "TextSource":
        """The section `data`."""
        return cast("TextSource", self.pipeline.data)

    @property
    def _form(self) -> "datasets.TextForm":
        """What is done to texts in reading."""
        return datasets.TextForm(self._normal, self._text_data.replace)

    @property
    def _known_data(self) -> "TextSource":
        """The same for other tables than the run's own: with the columns of that one."""
        return datasets.with_columns(self._text_data, self.read_columns)

    def resume(self, facts: dict[str, Any]) -> None:
        super().resume(facts)
        self._normal = "text_form" in facts or "content_hash" not in facts

    def restore(self, facts: dict[str, Any]) -> Self:
        super().restore(facts)
        self._max_length = facts["max_length"]
        self._normal = "text_form" in facts
        return self

    def takes_table(self, header: list[str], line: str) -> bool:
        """As of every task; a line that is a text may hold commas, so a header must name the column of texts, and hold
        nothing but names: short ones, each another, of one word.
        """
        if not line.startswith("{") and (len({*header}) < len(header) or any(map(_is_prose, header))):
            return False
        given = self._text_data.text_column
        names = {*datasets.TEXT_COLUMNS, *([given] if isinstance(given, str) else given or ())}
        found = [name for name in header if name in names or name.lower() in names]
        return bool(found) and (len(header) > 1 or line.startswith("{"))

    def training_batches(self, first_step: int, last_step: int):
        rows, labels = self._training_rows()
        steps, targets = self._steps(first_step, last_step), self._training_targets(labels)
        return datasets.training_text_batches(self._store_for(self.samples.store), rows, targets, **steps)

    # --- results
    def _measure(self, model, path: str, findings, out: Path | None) -> dict[str, Any]:
        self._take_preprocessor(model)
        return super()._measure(model, path, findings, out)

    def predict(self, model, inputs: Any, batch_size: int, explain: bool, keep_columns: bool = False):
        data = self._known_data
        self._take_preprocessor(model)
        entries = datasets.raw_texts(inputs, data.text_column, data.follow_links, self._form, datasets.form_of(data))
        good = [number for number, entry in enumerate(entries) if not entry.error]
        texts = [entries[number].text for number in good]
        outputs = np.zeros((len(entries), self.target.outputs), np.float32)
        if good:
            outputs[good] = self._scores(models.network_of(model), texts, batch_size)
        answers = self.target.answers(outputs)
        items, errors = [entry.item for entry in entries], [entry.error for entry in entries]
        table = self.target.table(items, answers, text=[entry.text for entry in entries], errors=errors)
        if explain:
            explanations = iter(self._explain(model, texts, batch_size))
            add_explanations(table, [None if entry.error else next(explanations) for entry in entries])
        columns = datasets.input_columns([entry.origin for entry in entries], keep_columns)
        return evaluation.with_input_columns(table, columns)

    def draw_explanations(self, table, path: Path) -> None:
        rows = [row for row in table.to_dict("records") if row["explanation"] is not None]
        names = evaluation.score_columns(self.classes)
        entries = [{**row, "confidence": max(row[name] for name in names)} if names else row for row in rows]
        evaluation.write_words(path, "Which words influenced the predictions", entries)

    # --- export
    def served(self, model) -> "models.Served":
        self._take_preprocessor(model)
        return models.Served(models.ServedTexts(model, self.preprocessor, self._form), self.target.served())

    def _raw(self, samples, row: int) -> str:
        """With characters decomposed: the form that a sender may choose, and the graph must not get to see."""
        text = samples.frame.at[row, "text"]
        return unicodedata.normalize("NFD", text) if self._normal else text

    # --- details
    def _texts(self, samples) -> list[str]:
        """The text of every row up to the last one in use; the row number is the place."""
        texts = [""] * (int(samples.frame.index.max()) + 1)
        for row, text in zip(samples.frame.index, samples.frame["text"]):
            texts[row] = text
        return texts

    def _batches(self, rows: np.ndarray, labels: np.ndarray | None = None):
        targets = None if labels is None else self.target.batch_targets(labels)
        size = max(INFERENCE_BATCH, self.pipeline.train.batch_size)
        store = self._store_for(self.samples.store)
        return datasets.evaluation_text_batches(store, rows, targets, batch_size=size, share=self.share)[0]

    def _outputs(self, network, rows: np.ndarray) -> np.ndarray:
        if self.samples.store is None:
            self.samples.store = self._store_of(self._texts(self.samples))
        return _outputs(network, self._store_for(self.samples.store, network), rows, INFERENCE_BATCH)

    def _scores(self, network, texts: list[str], batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        return _outputs(network, self._store_for(self._store_of(texts), network), np.arange(len(texts)), batch_size)

    def _answers(self, model, rows: np.ndarray) -> np.ndarray:
        return self.target.answers(self._outputs(models.network_of(model), rows))

    def _explain(self, model, texts: list[str], batch_size: int = INFERENCE_BATCH) -> list[dict]:
        if not texts:
            return []
        network, target = models.network_of(model), self.target
        characters = self._level in ("char", "piece") and datasets.is_unspaced(texts)
        score = lambda some: self._scores(network, some, batch_size)
        if isinstance(target, targets.Classes):
            odds = lambda some: score(some) / target.temperature
            return evaluation.explain_texts(texts, odds, target.classes, characters, target.several)
        return evaluation.explain_numbers(texts, lambda some: target.answers(score(some)), characters)

    def _simple_features(self, train: np.ndarray, rows: np.ndarray) -> tuple[Any, Any]:
        """TF-IDF of words and of characters."""
        texts = self.samples.frame["text"]
        return evaluation.tfidf_features(list(texts.loc[train]), list(texts.loc[rows]))

    def _baselines(self, rows: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
        target, settings, seed = self.target, self.pipeline.evaluation, self.pipeline.seed
        if not isinstance(target, targets.Classes):
            return super()._baselines(rows, answers)
        frame = self.samples.frame
        known, asked = frame[frame["split"].isin(["train", "validation"])], frame.loc[rows]
        labels = datasets.encode_labels(known, self.classes)
        baseline = evaluation.text_baseline(
            known["text"], labels, list(asked["text"]), len(self.classes), seed, settings.threshold
        )
        truth = datasets.encode_labels(asked, self.classes)
        return evaluation.compared(truth, answers, target.thresholds, baseline, settings.bootstrap, seed)

    def _draw_mistakes(self, model, frame, answers: np.ndarray, folder: Path, plots: Path) -> None:
        known = {"text": list(frame["text"]), "labels": list(frame["label"])}
        table = self.target.table(frame["item"], answers, **known)
        atomic_write(folder / "mistakes.csv", evaluation.to_csv(table))
        shown = table.head(SHOWN_MISTAKES)
        names = ["item", "text", "label", "predicted", "explanation"]
        rows = zip(*(shown[name] for name in names[:4]), self._explain(model, list(shown["text"])))
        entries = [dict(zip(names, row)) for row in rows]
        if self.classes:
            entries = [{**entry, "confidence": share} for entry, share in zip(entries, answers.max(1))]
        heading = self.target.heading(len(entries), len(frame))
        title = heading[0].upper() + heading[1:] if len(frame) else "The 0 most confident of 0 mistakes"
        evaluation.write_words(plots / "mistakes.html", title, entries)
        evaluation.write_words_data(plots / "mistakes.json", title, entries)


def _is_prose(name: str) -> bool:
    """Whether the name of a column, as it seems, is rather a part of a sentence."""
    return len(name.split()) != 1 or len(name) > _LONGEST_NAME


def _outputs(network, store, rows: np.ndarray, batch_size: int) -> np.ndarray:
    batches, places = datasets.evaluation_text_batches(store, rows, None, batch_size=batch_size)
    return network.predict(batches, verbose=0)[places]
