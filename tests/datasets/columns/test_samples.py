"""From a table to its samples: in which columns commas are those of numbers."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines import datasets
from tfpipelines.core.config.tables import TableData

ROWS = 60
RANDOM = np.random.default_rng(0)
COMMAS = [f"{value:.2f}".replace(".", ",") for value in RANDOM.random(ROWS) * 100]


def read(tmp_path, columns=None, **cells):
    """A table's samples, and the findings by code."""
    fields = {name: cells.pop(name) for name in ("types", "exclude", "time_format") if name in cells}
    frame = pd.DataFrame(cells)
    table = frame.assign(target=["x", "y", "z"] * (len(frame) // 3))
    table.to_csv(tmp_path / "t.csv", index=False)
    findings = datasets.Findings()
    data = TableData(path=str(tmp_path / "t.csv"), target_column="target", **fields)
    samples = datasets.read_table_samples(data, findings, columns=columns, splitting=columns is None)
    return samples, {entry.code: entry for entry in findings.entries}


def fitted(samples, **fields):
    return datasets.Columns.fit(samples.cells, samples.kinds, np.ones(len(samples.cells), bool), **fields)


def test_categories_with_commas_are_known_at_prediction(tmp_path):
    words = ["12,5", "13,5", "14,25"] * 20
    samples, told = read(tmp_path, zip=words, x=COMMAS, types={"zip": "category"})
    columns = fitted(samples)
    assert columns.categories[0].vocabulary == ("12,5", "13,5", "14,25")
    assert told["decimal_comma"].message.endswith("in: x")
    for rows in (samples.cells, pd.DataFrame({"zip": words, "x": COMMAS}, dtype=object)):
        encoded = columns.transform(rows)
        assert encoded.codes[:3, 0].tolist() == [1, 2, 3] and not encoded.unseen
        assert encoded.numbers[0, 0] == np.float32(COMMAS[0].replace(",", "."))


def test_booleans_with_commas_are_known_at_prediction(tmp_path):
    samples, _ = read(tmp_path, a=["1,0", "0,0", "0,0"] * 20, x=COMMAS)
    columns = fitted(samples)
    assert samples.kinds["a"] == "boolean"
    assert columns.transform(pd.DataFrame({"a": ["1,0", "0,0"], "x": ["1", "2"]})).numbers[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize("word", ["NA", "-", "?", "n/a", "abc"])
def test_a_word_leaves_commas_decimal(tmp_path, word):
    cells = [word if row == 7 else cell for row, cell in enumerate(COMMAS)]
    samples, told = read(tmp_path, a=cells)
    assert samples.kinds == {"a": "number"} and "decimal_comma" in told
    numbers = fitted(samples).transform(pd.DataFrame({"a": ["0,5", word, None]}, dtype=object)).numbers[:, 0]
    assert numbers[0] == 0.5 and np.isnan(numbers[1:]).all()


def test_rows_of_another_table_are_recognized_with_commas(tmp_path):
    samples, _ = read(tmp_path, a=COMMAS)
    points, _ = read(tmp_path, columns=fitted(samples), a=[cell.replace(",", ".") for cell in COMMAS])
    again, _ = read(tmp_path, columns=fitted(samples), a=COMMAS)
    expected = samples.frame["fingerprint"].tolist()
    assert points.frame["fingerprint"].tolist() == again.frame["fingerprint"].tolist() == expected


def test_unclear_commas_are_told_of_words(tmp_path):
    samples, told = read(tmp_path, a=["1,234", "5,678", "9,012"] * 20)
    assert samples.kinds == {"a": "category"} and "unclear_comma" in told
    samples, told = read(tmp_path, a=["1,234", "5,678", "9,012"] * 20, types={"a": "category"})
    assert "unclear_comma" not in told
