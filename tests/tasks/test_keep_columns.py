"""Columns of tables beside predictions, by finished runs of an earlier version."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import ConfigError

from ..conftest import ROOT

EARLIER = ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0"


@pytest.fixture
def finished(tmp_path):
    """Gives a copy of a finished run."""
    return lambda name: tfpipelines.load(shutil.copytree(EARLIER / name, tmp_path / name))


def test_images(finished, photos, tfpipe):
    run = finished("image-cls")
    names = ["zero/000.png", "zero/absent.png", "one/001.png"]
    frame = pd.DataFrame({"file": names, "path": names, "camera": ["a", "b", "c"], "5": [1, 2, 3]})
    frame.to_csv(photos / "t.csv", index=False)
    asked = tfpipe("predict", run.folder, photos / "t.csv", "--json")
    assert "Several columns could be the image" in asked.out  # runs of earlier versions as before
    facts = json.loads((run.folder / "data.json").read_text())
    (run.folder / "data.json").write_text(json.dumps(facts | {"read_columns": {"image": "file"}}))
    table = tfpipelines.load(run.folder).predict(photos / "t.csv", keep_columns=True)
    assert list(table.columns)[:6] == ["item", "file", "path", "camera", "input_5", "predicted"]
    assert table["camera"].tolist() == ["a", "b", "c"] and table["predicted"].isna().tolist() == [False, True, False]
    assert "file" not in tfpipelines.load(run.folder).predict(photos / "t.csv")
    result = tfpipe("predict", run.folder, photos / "t.csv", "--keep-columns", "--explain", "--out", "out.json")
    rows = json.loads((photos.parent / "out.json").read_text())
    assert result.code == 3 and [row["camera"] for row in rows] == ["a", "b", "c"]
    (run.folder / "data.json").write_text(json.dumps(facts | {"read_columns": ["file"]}))
    assert tfpipe("predict", run.folder, photos / "t.csv").code == 7


def test_a_table_that_images_are_trained_on(photos, tfpipe):
    rows = [(str(path.relative_to(photos)), path.parent.name) for path in sorted(photos.glob("*/*.png"))]
    pd.DataFrame(rows, columns=["picture", "kind"]).to_csv(photos / "t.csv", index=False)
    named = ("data.item_column=picture", "data.label_column=kind")
    facts = json.loads(tfpipe("check", photos / "t.csv", *named, "--json").out)
    assert facts["read_columns"] == {"image": "picture", "label": "kind"}
    facts = json.loads(tfpipe("check", photos / "t.csv", *named, "data.folds=3", "--json").out)
    assert facts["read_columns"] == {"image": "picture", "label": "kind"}
    (photos / "t.csv").unlink()
    assert "read_columns" not in json.loads(tfpipe("check", photos, "--json").out)


def test_rows(finished, tfpipe):
    run = finished("anomaly-table")
    frame = pd.read_csv(ROOT / "data" / "cells" / "cells.csv").head(3)
    frame = frame.assign(case_id=["x", "y", "z"], score=[1, 2, 3])
    table = run.predict(frame)
    assert list(table.columns) == ["item", "case_id", "score", "p_value", "verdict"]
    frame.to_csv("t.csv", index=False)
    rows = json.loads(tfpipe("predict", run.folder, "t.csv", "--keep-columns", "--json").out)
    assert [row["case_id"] for row in rows] == ["x", "y", "z"] and [row["input_score"] for row in rows] == list("123")
    np.testing.assert_allclose([row["score"] for row in rows], table["score"])


def test_windows_of_series_are_several_rows(finished, tfpipe):
    result = tfpipe("predict", finished("anomaly-series").folder, "t.csv", "--keep-columns")
    assert result.code == 2 and "several rows" in result.err and "Leave --keep-columns out" in result.err
    with pytest.raises(ConfigError):
        tfpipelines.load("anomaly-series").predict(pd.DataFrame(), keep_columns=True)
