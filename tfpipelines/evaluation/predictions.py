"""Tables of predictions."""

import numpy as np
import pandas as pd

_COLUMNS = ("item", "label", "predicted", "error", "fold")


def prediction_table(items, probabilities: np.ndarray, classes: list[str], labels=None, errors=None) -> pd.DataFrame:
    """One row per sample.

    Args:
        items: what each sample is called.
        probabilities: float (n, classes).
        classes: their names.
        labels: true class names where known.
        errors: for each sample why it could not be read, or "".

    Returns:
        Columns `item`, `label` (where labels are given), `predicted`, and one of probabilities for each class, named
        after it, with `p_` in front where the plain name is one of the others; `error` last, if there is any, and then
        nothing is predicted for its rows.
    """
    names = [f"p_{name}" if name in _COLUMNS else name for name in classes]
    scores = np.asarray(probabilities, np.float64).reshape(-1, len(classes))
    predicted = [classes[number] for number in scores.argmax(1)]
    failed = np.array([bool(error) for error in errors or [""] * len(scores)], bool)
    columns = {"item": list(items)} | ({} if labels is None else {"label": list(labels)})
    columns["predicted"] = [None if bad else name for bad, name in zip(failed, predicted)]
    scores = np.where(failed[:, None], np.nan, scores)
    table = pd.concat([pd.DataFrame(columns, dtype=object), pd.DataFrame(scores, columns=names)], axis=1)
    return table.assign(error=list(errors)) if failed.any() else table


def to_csv(table: pd.DataFrame) -> str:
    """The table as CSV text, probabilities with seven digits."""
    return table.to_csv(index=False, float_format="%.7g", lineterminator="\n")


def to_records(table: pd.DataFrame) -> list[dict]:
    """The table as one dict per row: `item`, `predicted`, `scores` {class: probability}, and `label` or `error` where they are known."""
    plain = [name for name in ("item", "label", "predicted") if name in table]
    scores = table.drop(columns=[*plain, "error"], errors="ignore")
    records = []
    for number, row in enumerate(table[plain].to_dict("records")):
        error = table["error"].iat[number] if "error" in table else ""
        values = {name: round(value, 7) for name, value in zip(scores.columns, scores.iloc[number].tolist())}
        records.append({**row, "scores": None, "error": error} if error else {**row, "scores": values})
    return records
