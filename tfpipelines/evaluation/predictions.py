"""Tables of predictions."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.files import atomic_write, plain
from ..metrics import decisions
from .columns import strongest_columns
from .effects import strongest_effects
from .occlusion import strongest
from .score_names import score_columns

_ROWS = 20_000  # that are written at once
_MOST_REGIONS = 3  # that a cell tells of
_OWN = ("scores", "explanation", "error")  # names that have a meaning of their own even where nothing bears them


def prediction_table(
    items,
    probabilities: np.ndarray,
    classes: list[str],
    labels=None,
    errors=None,
    text=None,
    multi_label: bool = False,
    thresholds: np.ndarray | None = None,
) -> pd.DataFrame:
    """One row per sample.

    Args:
        items: what each sample is called.
        probabilities: float (n, classes).
        classes: their names.
        labels: true class names where known.
        errors: for each sample why it could not be read, or "".
        text: of each sample, where samples are texts.
        multi_label: whether any number of classes may be predicted, those from their threshold on, as `a|b`.
        thresholds: with `multi_label`, float (classes,); None: 0.5.

    Returns:
        Columns `item`, `text` and `label` (where they are given), `predicted`, and one of probabilities for each class,
        named after it, with `p_` in front where the plain name is one of the others; `error` last, if there is any, and
        then nothing is predicted for its rows.
    """
    names = score_columns(classes)
    scores = np.asarray(probabilities, np.float64).reshape(-1, len(classes))
    if multi_label:
        chosen = decisions(scores, thresholds)
        predicted = ["|".join(sorted(name for name, yes in zip(classes, row) if yes)) for row in chosen]
    else:
        predicted = [classes[number] for number in scores.argmax(1)]
    failed = np.array([bool(error) for error in errors or [""] * len(scores)], bool)
    columns = {"item": list(items)}
    columns |= {} if text is None else {"text": list(text)}
    columns |= {} if labels is None else {"label": list(labels)}
    columns["predicted"] = [None if bad else name for bad, name in zip(failed, predicted)]
    scores = np.where(failed[:, None], np.nan, scores)
    table = pd.concat([pd.DataFrame(columns, dtype=object), pd.DataFrame(scores, columns=names)], axis=1)
    return table.assign(error=list(errors)) if failed.any() else table


def with_input_columns(table: pd.DataFrame, columns: pd.DataFrame) -> pd.DataFrame:
    """Predictions with columns of the tables that they are made for.

    Args:
        table: as a task's `predict` gives it.
        columns: a row for each of its rows.

    Returns:
        The table with these columns behind `item`, each named as it was, with `input_` in front as often as the name is
        taken. `attrs["input_columns"]` lists them.
    """
    taken, names = {*table.columns, *_OWN, *(("low", "high") if is_of_numbers(table) else ())}, []
    for name in columns.columns:
        while name in taken:
            name = f"input_{name}"
        names.append(name)
        taken.add(name)
    if not names:
        return table
    first = list(table.columns).index("item") + 1
    parts = [table.iloc[:, :first], columns.set_axis(names, axis=1), table.iloc[:, first:]]
    joined = pd.concat([part.reset_index(drop=True) for part in parts], axis=1)
    joined.attrs = {**table.attrs, "input_columns": names}
    return joined


def to_csv(table: pd.DataFrame, safe: bool = False, short: bool = False, header: bool = True) -> str:
    """The table as CSV text, probabilities with seven digits, predicted numbers with twelve, explanations as their
    strongest words or places.

    Args:
        safe: whether text that a spreadsheet would take for a formula gets an apostrophe before it.
        short: whether predicted numbers have six digits, for those who read them on a terminal.
        header: whether the first line names the columns.
    """
    form: Any = {"index": False, "header": header, "lineterminator": "\n"}
    table = _with_inputs(table, cell_as_text, "")
    if "explanation" in table:
        table = table.assign(explanation=["" if not entry else _in_short(entry) for entry in table["explanation"]])
    if safe:
        table = table.rename(columns=_no_formula).map(_no_formula)
    if not is_of_numbers(table):
        return table.to_csv(float_format="%.7g", **form)
    if "label" in table:
        table = table.assign(label=[f"{value:.15g}" for value in table["label"]])
    return table.to_csv(float_format=_six_digits if short else "%.12g", **form)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Writes what `to_csv` gives, some rows at a time: millions of them would fill the memory as one text."""

    def write(temporary: Path) -> None:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            for start in range(0, max(len(table), 1), _ROWS):
                file.write(to_csv(table.iloc[start : start + _ROWS], header=not start))

    atomic_write(path, write)


def _six_digits(number: Any) -> str:
    """Six significant digits; of larger numbers all before the point."""
    return f"{number:.0f}" if 999_999.5 <= abs(number) < 1e15 else f"{number:.6g}"


def is_of_numbers(table: pd.DataFrame) -> bool:
    """Whether numbers are predicted, not classes."""
    return "predicted" in table and pd.api.types.is_float_dtype(table["predicted"])


def _with_inputs(table: pd.DataFrame, convert: Callable[[Any], Any], missing: Any) -> pd.DataFrame:
    """The table with the cells of its input columns converted, those that hold nothing to `missing`."""
    table = table.copy(deep=False)
    for name in table.attrs.get("input_columns", ()):
        cells = [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell for cell in table[name]]
        cells = [missing if pd.api.types.is_scalar(cell) and pd.isna(cell) else convert(cell) for cell in cells]
        table[name] = pd.Series(cells, index=table.index, dtype=object)
    return table


def cell_as_text(cell: Any) -> str:
    """A cell of an input as it is; as JSON if it holds several values."""
    several = isinstance(cell, (list, tuple, dict, np.ndarray))
    return json.dumps(plain(cell), ensure_ascii=False) if several else str(cell)


def _no_formula(value):
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _in_short(explanation: dict) -> str:
    if "words" in explanation:
        return strongest(explanation)
    if "effects" in explanation:
        return strongest_effects(explanation["effects"])
    if "columns" in explanation:
        return strongest_columns(explanation["columns"])
    return _of_regions(explanation["regions"]) if explanation.get("regions") else _brightest(explanation["heat"])


def _of_regions(regions: list[dict[str, Any]]) -> str:
    """Where odd regions of an image are, the oddest first."""
    shown = [
        "left {:.6g}, top {:.6g}, right {:.6g}, bottom {:.6g}, area {:.6g}".format(*region["box"], region["area"])
        for region in regions[:_MOST_REGIONS]
    ]
    more = [f"{len(regions) - _MOST_REGIONS} more"] if len(regions) > _MOST_REGIONS else []
    return "; ".join([*shown, *more])


def _brightest(heat: list[list[float]]) -> str:
    """Where in the picture a heat map is highest."""
    values = np.array(heat)
    if not values.any():
        return "nowhere"
    row, column = np.unravel_index(values.argmax(), values.shape)
    return f"row {row + 1} of {values.shape[0]}, column {column + 1} of {values.shape[1]}"


def to_records(table: pd.DataFrame) -> list[dict]:
    """The table as one dict per row: `item`, `predicted`, `scores` {class: probability}, and `text`, `label`,
    `explanation` or `error` where they are known, and columns of the inputs; of a regressor `low` and `high` in place
    of `scores`; of a detector what its table has.
    """
    table, kept = _with_inputs(table, plain, None), table.attrs.get("input_columns", [])
    own = [name for name in table.columns if name not in kept]
    if "verdict" in own:
        return _detector_records(table)
    if is_of_numbers(table):
        return _number_records(table)
    told = ["item", *kept, *(name for name in ("text", "label", "predicted", "explanation") if name in own)]
    scores = table.drop(columns=[*told, "error"], errors="ignore")
    records = []
    for number, row in enumerate(table[told].to_dict("records")):
        error = table["error"].iat[number] if "error" in table else ""
        values = {name: round(value, 7) for name, value in zip(scores.columns, scores.iloc[number].tolist())}
        records.append({**row, "scores": None, "error": error} if error else {**row, "scores": values})
    return records


def _number_records(table: pd.DataFrame) -> list[dict]:
    rounded = lambda value: None if np.isnan(value) else float(f"{value:.12g}")
    records = []
    for row in table.to_dict("records"):
        told = {str(name): value for name, value in row.items() if name != "error" or value}
        records.append(told | {name: rounded(row[name]) for name in ("predicted", "low", "high") if name in row})
    return records


def _detector_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table as one dict per row."""
    plain = lambda value: None if isinstance(value, float) and math.isnan(value) else value
    rows = ((row, bool(row.get("error"))) for row in table.to_dict("records"))
    return [{str(name): plain(row[name]) for name in row if name != "error" or failed} for row, failed in rows]
