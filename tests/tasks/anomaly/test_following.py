"""Rows and points that are answered as they come, scores of points, and the watch over new data, by finished runs of an
earlier version.
"""

import json
import shutil
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.tasks.anomaly import point_scores, point_table
from tfpipelines.tasks.anomaly.points import Points, stretches

from ...conftest import ROOT

pytestmark = pytest.mark.eager  # of few rows each
EARLIER = ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0"
CELLS = pd.read_csv(ROOT / "data" / "cells" / "cells.csv", dtype=str)
PRESSURE = pd.read_csv(ROOT / "data" / "pressure" / "pressure_test.csv", dtype=str)


def loaded(name, tmp_path_factory):
    return tfpipelines.load(shutil.copytree(EARLIER / name, tmp_path_factory.mktemp("runs") / name))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return loaded("anomaly-table", tmp_path_factory)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return loaded("anomaly-series", tmp_path_factory)


@pytest.fixture
def stdin(monkeypatch):
    """Replaces stdin by pieces of bytes, or functions that give them."""

    def replace(*pieces):
        rest = [*pieces, b""]

        def read(size):
            piece = rest.pop(0)
            return piece() if callable(piece) else piece

        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=SimpleNamespace(read1=read)))

    return replace


def csv_of(table, header=True) -> bytes:
    return table.to_csv(index=False, header=header).encode()


def same(found, expected):
    names = [name for name in found.columns if name != "error"]
    assert names == [name for name in expected.columns if name != "error"] and len(found) == len(expected)
    for name in names:
        if pd.api.types.is_float_dtype(expected[name]):
            np.testing.assert_allclose(found[name].to_numpy(float), expected[name], rtol=1e-5, atol=1e-6)
        else:
            assert found[name].fillna("").tolist() == expected[name].fillna("").tolist(), name


# --- rows
def test_rows_are_answered_when_they_come_and_as_in_a_batch(rows, tfpipe, stdin, tmp_path):
    table = CELLS.head(9).assign(case_id=[f"x{number}" for number in range(9)])
    table.loc[4, "mean_area"] = None
    table.to_csv(tmp_path / "t.csv", index=False)
    lines = csv_of(table).splitlines(keepends=True)
    out = tmp_path / "out.csv"

    def when(count, piece):
        def read():
            written = out.read_text().splitlines() if out.exists() else []
            assert len(written) == count, written  # all rows so far, before the next ones are waited for
            return piece

        return read

    stdin(lines[0], when(0, b"".join(lines[1:3])), when(3, lines[3][:20]), when(3, lines[3][20:]),
          when(4, b"".join(lines[4:])))  # fmt: skip
    result = tfpipe("predict", rows.folder, "-", "--follow", "--out", out)
    assert result.code == 3 and "1 of 9 inputs could not be read" in result.err and "no number: mean_area" in result.err
    found, expected = pd.read_csv(out, dtype={"item": str}), rows.predict(tmp_path / "t.csv")
    same(found, expected)
    assert found["error"].fillna("").tolist() == expected["error"].tolist()
    assert list(found.columns) == ["item", "case_id", "score", "p_value", "verdict", "error"]
    stdin(csv_of(table))
    result = tfpipe("predict", rows.folder, "-", "--follow", "--out", out)
    assert result.code == 2 and "exists already" in result.err


def test_bad_rows_have_errors_and_the_stream_goes_on(rows, tfpipe, stdin):
    lines = csv_of(CELLS.head(3)).splitlines(keepends=True)
    stdin(lines[0] + lines[1] + b"1,2\n" + lines[2], b'"' + lines[3])
    result = tfpipe("predict", rows.folder, "-", "--follow", "--json")
    told = [json.loads(line) for line in result.out.splitlines()]
    assert result.code == 3 and [row.get("item") for row in told] == ["0", "1", "2", "3", None]
    assert told[1]["error"].startswith("line 3: 2 fields") and "does not end" in told[3]["error"]
    assert told[1]["score"] is None and told[2]["score"] == pytest.approx(rows.predict(CELLS[1:2])["score"][0])
    assert "error" not in told[0] and told[4]["error"]["exit_code"] == 3


def test_columns_are_kept_and_other_forms_are_read(rows, tfpipe, stdin):
    table = CELLS.head(4)
    stdin(table.to_json(orient="records", lines=True).encode())
    result = tfpipe("predict", rows.folder, "-", "--follow", "--keep-columns")
    found = pd.read_csv(pd.io.common.StringIO(result.out), dtype={"item": str} | dict.fromkeys(CELLS.columns, str))
    same(found, rows.predict(table, keep_columns=True))
    assert result.code == 0


def test_an_interrupt_leaves_what_is_answered(rows, tfpipe, stdin):
    def interrupt():
        raise KeyboardInterrupt

    stdin(csv_of(CELLS.head(2)), interrupt)
    result = tfpipe("predict", rows.folder, "-", "--follow")
    assert result.code == 130 and len(result.out.splitlines()) == 3 and "Stopped by Ctrl-C" in result.err


def test_what_cannot_be_followed(rows, series, tfpipe, stdin, tmp_path):
    assert tfpipe("predict", rows.folder, "x.csv", "--follow").code == 2
    assert tfpipe("predict", rows.folder, "-", "--follow", "--explain").code == 2
    stdin(b"mean_radius,b\n1,2\n")
    result = tfpipe("predict", rows.folder, "-", "--follow")
    assert result.code == 3 and "The table lacks" in result.err and result.out == ""
    stdin(csv_of(CELLS.head(0)))
    result = tfpipe("predict", rows.folder, "-", "--follow")
    assert result.code == 3 and "holds no rows" in result.err
    stdin(f"{ROOT}\n".encode())
    assert "names columns of the model" in tfpipe("predict", rows.folder, "-", "--follow").err
    with pytest.raises(ConfigError, match="cannot be kept"):
        series.follower(keep_columns=True)
    images = tfpipelines.load(EARLIER / "anomaly")
    with pytest.raises(ConfigError, match="takes no rows"):
        images.follower()
    with pytest.raises(ConfigError, match="Leave --points out|takes no time series"):
        rows.predict(CELLS, points=True)


@pytest.mark.slow
def test_a_process_answers_each_row_within_its_time_and_stops_cleanly(rows, start):
    lines = CELLS.to_csv(index=False).splitlines(keepends=True)
    process = start("predict", rows.folder, "-", "--follow", stdin=-1)
    process.stdin.write(lines[0] + lines[1])
    process.stdin.flush()
    assert process.stdout.readline().startswith("item,") and process.stdout.readline().startswith("0,")
    for number, line in enumerate(lines[2:40], 1):
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline().startswith(f"{number},")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == "" and "Traceback" not in err


# --- points
def points_of(values, empty=(), cuts=()):
    values = np.array(values, np.float64)[:, None]
    bad, cut = np.isin(np.arange(len(values)), empty), np.isin(np.arange(1, len(values)), cuts)
    values[bad] = np.nan
    names, parts = np.arange(len(values)).astype(str), np.full(len(values), None, object)
    return Points(values, names, ["v"], None, parts, stretches(cut, bad), "", names)


def test_a_point_is_judged_by_the_window_that_ends_with_it():
    tell = lambda windows: {"score": windows.max((1, 2)), "map": windows}
    scores, distances = point_scores(points_of([5, 1, 2, 3, 4, 9, 1, 2, 3, 4], empty=(6,), cuts=(3,)), 3, tell)
    np.testing.assert_array_equal(scores, [np.nan, np.nan, 5, np.nan, np.nan, 9, np.nan, np.nan, np.nan, 4])
    np.testing.assert_array_equal(distances, [np.nan, np.nan, 2, np.nan, np.nan, 9, np.nan, np.nan, np.nan, 4])
    short, _ = point_scores(points_of([1, 2]), 3, tell)
    assert np.isnan(short).all()


def test_points_of_a_series(series, tfpipe, tmp_path):
    table = PRESSURE[["timestamp", "value"]].head(120).copy()
    table.loc[50, "value"] = None
    table.to_csv(tmp_path / "s.csv", index=False)
    result = tfpipe("predict", series.folder, "s.csv", "--points", "--json")
    told = json.loads(result.out)["result"]
    length = series.pipeline.data.window
    assert result.code == 3 and [row["item"] for row in told] == table["timestamp"].tolist()
    judged = [row["score"] is not None for row in told]
    before = [number >= length - 1 and not 50 <= number < 50 + length for number in range(120)]
    assert judged == before and told[50]["error"] == "no number: value" and "error" not in told[0]
    by_end = {row["item"]: row for row in told}
    for row in series.predict(tmp_path / "s.csv").dropna(subset="score").to_dict("records"):
        point = by_end[row["item"].split(" to ")[1]]
        assert point["score"] == pytest.approx(row["score"], rel=1e-4) and point["verdict"] == row["verdict"]
        assert point["p_value"] == row["p_value"] and point["distance"] >= 0


def follow(run, table, size=7, **more):
    follower = run.follower(**more)
    records = table.to_dict("records")
    answers = [follower.answer(records[first : first + size]) for first in range(0, len(records), size)]
    return pd.concat(answers, ignore_index=True)


def test_points_that_come_are_judged_as_in_a_batch(series):
    table = PRESSURE[["timestamp", "value"]].drop(range(40, 50)).head(90).reset_index(drop=True)  # a gap
    table.loc[65, "value"] = None
    same(follow(series, table, 18), series.predict(table, points=True))
    stamps = pd.date_range("2026-01-31 22:00", periods=24, freq="15min", tz="UTC")
    dated = table.head(24).drop(columns="timestamp").assign(time=stamps.strftime("%Y-%m-%d %H:%M:%S"))
    same(follow(series, dated, 3), series.predict(dated, points=True))
    untimed = table[["value"]].head(30)
    same(follow(series, untimed, 10), series.predict(untimed, points=True))


def test_points_that_do_not_fit_are_told(series):
    table = PRESSURE[["timestamp", "value"]].head(40).to_dict("records")
    wrong = {18: {"timestamp": "word"}, 20: {"timestamp": "2"}, 30: {"value": "word"}}
    answers = follow(series, pd.DataFrame([row | wrong.get(number, {}) for number, row in enumerate(table)]), 1)
    errors = answers["error"].tolist()
    assert "word" in errors[18] and "not later" in errors[20] and errors[30] == "no number: value"
    assert sum(map(bool, errors)) == 3
    with pytest.raises(DataError, match="no column 'value'"):
        series.follower().answer([{"timestamp": 1}])


def test_several_series_have_windows_of_their_own(series, monkeypatch):
    length = series.pipeline.data.window
    one, other = (
        PRESSURE[["timestamp", "value"]][first : first + 30].assign(s=name) for first, name in ((0, "p"), (300, "q"))
    )
    table = pd.concat([one, other]).sort_values(
        "timestamp", key=lambda values: values.astype(float) % 300, kind="stable"
    )
    overrides = ["data.series_column=s"]
    found = follow(series, table, overrides=overrides)
    expected = series.predict(table, points=True, overrides=overrides)
    same(found, expected)
    assert expected["score"].notna().sum() == 2 * (30 - length + 1) and found["item"][0] == "p 0"


def test_the_series_that_are_remembered_are_bounded(series, monkeypatch):
    monkeypatch.setattr("tfpipelines.tasks.anomaly.series_stream._MOST_SERIES", 2)
    length = series.pipeline.data.window
    values = PRESSURE["value"].tolist()[: 2 * length]
    follower = series.follower(["data.series_column=s"])
    point = lambda name, place: {"s": name, "timestamp": place, "value": values[place]}
    scored = lambda rows: follower.answer(rows)["score"].notna().tolist()
    assert scored([point("a", place) for place in range(length)])[-1]
    assert not any(scored([point("b", 0), point("a", length), point("c", 0)])[::2])
    assert scored([point("a", length + 1)]) == [True]  # b has been without a point for longer, and is forgotten
    assert set(follower._series) == {"c", "a"}
    assert scored([point("b", 0)]) == [False] and set(follower._series) == {"a", "b"}


# --- watch
def test_a_watch_over_rows(rows, tfpipe, stdin, tmp_path):
    normal = CELLS[(CELLS["label"] == "benign") & (CELLS["split"] != "train")]
    odd = CELLS[CELLS["label"] == "malignant"]
    normal.to_csv(tmp_path / "normal.csv", index=False)
    result = tfpipe("watch", rows.folder, "normal.csv")
    assert result.code == 0 and result.out.startswith(f"as before: {len(normal)} rows against ")
    (tmp_path / "days").mkdir()
    normal.to_csv(tmp_path / "days" / "1.csv", index=False)
    odd.head(60).to_csv(tmp_path / "days" / "2.csv", index=False)
    result = tfpipe("watch", rows.folder, "days", "--json")
    told = json.loads(result.out)
    facts = told["result"]
    assert result.code == 5 == told["error"]["exit_code"] and facts["shifted"] and facts["direction"] == "higher"
    assert abs(facts["since"]["number"] - len(normal)) < 10 and "2.csv" in facts["found"]["item"]
    assert facts["remedy"] == f"tfpipe recalibrate {rows.folder} days" and facts["remedy"] in told["error"]["remedy"]
    assert facts["samples"] == len(normal) + 60 and facts["evidence"] >= 100


def test_a_watch_over_a_stream_ends_when_it_has_shifted(rows, tfpipe, stdin):
    def never():
        raise AssertionError("nothing more is read")

    odd = CELLS[CELLS["label"] == "malignant"].head(60)
    stdin(csv_of(odd.head(30)) + b"1,2\n", never)
    result = tfpipe("watch", rows.folder, "-", "--alpha", "0.001")
    assert result.code == 5 and result.out.startswith("shifted since row 0: scores are higher; found at row ")
    assert "fit the threshold to them: tfpipe recalibrate" in result.out and "1 input could not be read" in result.err


def test_a_watch_over_series_takes_windows_that_do_not_overlap(series, tfpipe, stdin, tmp_path):
    table = PRESSURE[["timestamp", "value"]].head(250)
    table.to_csv(tmp_path / "s.csv", index=False)
    of_file = json.loads(tfpipe("watch", series.folder, "s.csv", "--json").out)
    stdin(csv_of(table[:99]), csv_of(table[99:], header=False))
    of_stream = json.loads(tfpipe("watch", series.folder, "-", "--json").out)
    length = series.pipeline.data.window
    assert of_file["samples"] == 250 // length and of_file["unit"] == "window" and not of_file["shifted"]
    drop = ("remedy", "evidence")
    assert {k: v for k, v in of_stream.items() if k not in drop} == {k: v for k, v in of_file.items() if k not in drop}
    assert of_stream["evidence"] == pytest.approx(of_file["evidence"])


def test_a_watch_over_less_than_a_window_says_so(series, tfpipe, stdin):
    length = series.pipeline.data.window
    stdin(csv_of(PRESSURE[["timestamp", "value"]].head(length - 1)))
    result = tfpipe("watch", series.folder, "-")
    assert result.code == 3 and f"of {length - 1} points that came, no {length} are in a row" in result.err


def test_what_cannot_be_watched(rows, tfpipe, tmp_path):
    assert tfpipe("watch", EARLIER / "text-cls", "x.csv").code == 2
    with pytest.raises(DataError, match="No row could be read") as caught:
        rows.watch("no.csv")
    assert len(caught.value.details) == 1 and "no.csv" in caught.value.details[0]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no tables"):
        rows.watch(tmp_path / "empty")
    for alpha in (0, 1, -1):
        with pytest.raises(ConfigError, match="alpha"):
            rows.watch(CELLS, alpha=alpha)


def test_a_table_of_points_without_windows(rows):
    table = point_table(["0"], np.array([np.nan]), np.array([np.nan]), [""], rows._task.threshold)
    assert table["verdict"].tolist() == [None] and table["p_value"].isna().all() and "error" not in table
