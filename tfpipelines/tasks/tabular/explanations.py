"""What the columns of a table do to the answers of a model: in one row, and in all."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpipelines import datasets, evaluation

from .. import targets
from .outputs import loss_of, outputs_of

if TYPE_CHECKING:
    import pandas as pd

Part = tuple[np.ndarray, np.ndarray]  # numbers float32 (rows, columns), codes int32 (rows, categories)


@dataclass(frozen=True)
class Explainer:
    """What the columns do to answers.

    Args:
        columns: of the table.
        target: of the run.
        usual: one row, see `usual_row`.
    """

    columns: "datasets.Columns"
    target: "targets.Target"
    usual: Part

    def explain(self, network, rows: Part, cells: "pd.DataFrame", answers: np.ndarray) -> list[dict[str, Any]]:
        """What each column of a row adds to its answer: to the log-odds of the predicted class, or to the number.

        Args:
            cells: of the rows, as they are shown.
            answers: to them, see `Target`.

        Returns:
            {`effects`: see `evaluation.explain_rows`, and of classes `class`} of each row.
        """
        if not len(answers):
            return []
        chosen = self.target.chosen(answers)

        def score(some: Part) -> np.ndarray:
            outputs = outputs_of(network, datasets.TableStore(*some), np.arange(len(answers)), self.target.outputs)
            if isinstance(self.target, targets.Classes):
                return _log_odds(outputs / self.target.temperature, chosen, self.target.several)
            return self.target.answers(outputs)

        places = self._places
        words = [
            ["" if cell is None else str(cell) for cell in row] for row in zip(*(cells[name] for name, *_ in places))
        ]
        found = evaluation.explain_rows(rows, self.usual, places, words, score)
        if isinstance(self.target, targets.Classes):
            found = [{"class": self.target.classes[number], **entry} for number, entry in zip(chosen, found)]
        return found

    def write(self, path: Path, title: str, rows: list[dict[str, Any]]) -> None:
        """A page of explained rows.

        Args:
            rows: of a table of predictions, with the column `explanation`.
        """
        names = evaluation.score_columns(self.target.classes)
        share = lambda row: f" ({max(row[name] for name in names):.2f})" if names else ""
        guess = lambda row: row["predicted"] if names else f"{row['predicted']:.6g}"
        truth = lambda row: f", is {row['label']}" if "label" in row else ""
        told = [{**row, "told": f"predicted {guess(row)}{share(row)}{truth(row)}"} for row in rows]
        unit = "log-odds of the predicted class" if self.target.classes else "predicted number"
        usual = "its usual value, the median or most frequent one of the training rows"
        note = f"The effect of a column is the {unit} less that with {usual}, all other columns as they are."
        evaluation.write_effects(path, title, note, told)

    def importance(self, network, rows: Part, labels: np.ndarray, loss, seed: int) -> list[dict[str, Any]]:
        """The permutation importance of each column, see `evaluation.permutation_importance`.

        Args:
            labels: of the rows, as `datasets.encode_labels` gives them.
            loss: of Keras.
        """

        def measure(some: Part, chosen: np.ndarray) -> float:
            outputs = outputs_of(network, datasets.TableStore(*some), np.arange(len(chosen)), self.target.outputs)
            return loss_of(loss, self.target.batch_targets(labels[chosen]), outputs)

        return evaluation.permutation_importance(rows, self._places, measure, seed)

    @property
    def _places(self) -> list[tuple[str, list[int], list[int]]]:
        """(column of the table, its columns of numbers, its columns of codes)."""
        places, numbers, codes = [], 0, 0
        for column in self.columns.columns:
            count, coded = len(column.features), int(column.kind == "category")
            places.append((column.name, list(range(numbers, numbers + count)), list(range(codes, codes + coded))))
            numbers, codes = numbers + count, codes + coded
        return places


def usual_row(store, train: np.ndarray) -> Part:
    """One row: medians of numbers, most frequent codes.

    Args:
        store: `datasets.TableStore` of the rows.
        train: numbers of the training rows.
    """
    middle = datasets.medians(store.numbers[train])
    codes = [np.bincount(column).argmax() for column in store.codes[train].T]
    return middle[None], np.array(codes, np.int32)[None].reshape(1, -1)


def _log_odds(logits: np.ndarray, chosen: np.ndarray, several: bool) -> np.ndarray:
    """Of one class of each row."""
    rows = np.arange(len(logits))
    own = logits[rows, chosen].astype(np.float64)
    if several:
        return own
    others = logits.astype(np.float64).copy()
    others[rows, chosen] = -np.inf
    return own - np.logaddexp.reduce(others, axis=1)
