"""Tables of numbers, and time series."""

import numpy as np
import pandas as pd
import pytest

from tfpipelines.datasets import Columns, Findings
from tfpipelines.errors import ConfigError, DataError
from tfpipelines.tasks.anomaly import raw_rows, raw_series, read_rows, read_series, windows_of
from tfpipelines.tasks.anomaly.config import AnomalySeriesData, AnomalyTableData
from tfpipelines.tasks.anomaly.rows import column_statistics

RANDOM = np.random.default_rng(0)
AB = Columns.of_numbers(["a", "b"])


def codes(findings):
    return [finding.code for finding in findings.entries]


def rows(path, **fields):
    findings = Findings()
    return read_rows(AnomalyTableData(path=str(path), **fields), findings, least=3), findings


def series(path, window=5, splitting=True, least=1, **fields):
    findings = Findings()
    data = AnomalySeriesData(path=str(path), window=window, **fields)
    return read_series(data, findings, least=least, splitting=splitting), findings


def write(path, **columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


# --- rows
def test_columns_of_numbers_are_found(tmp_path):
    path = write(
        tmp_path / "a.csv",
        id=range(40),
        speed=RANDOM.random(40),
        name=[f"x{row}" for row in range(40)],
        heat=RANDOM.random(40),
        label=["ok"] * 30 + ["hot"] * 10,
    )
    samples, findings = rows(path)
    assert (
        samples.columns == ["speed", "heat"]
        and samples.store.features.shape == (40, 2)
        and codes(findings) == ["columns_left_out"]
    )
    assert (
        samples.frame["anomalous"].sum() == 10 and (samples.frame["split"][samples.frame["anomalous"]] == "test").all()
    )
    chosen, _ = rows(path, columns=("heat",))
    assert chosen.columns == ["heat"]
    with pytest.raises(DataError, match="Name 'heat' in data.columns"):
        rows(path, columns=("heet",))


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "npz"])
def test_every_format_gives_the_same_rows(tmp_path, kind):
    x, y = RANDOM.random((30, 3)).round(4), ["ok"] * 24 + ["odd"] * 6
    frame = pd.DataFrame(x, columns=["x0", "x1", "x2"]).assign(label=y)
    path = tmp_path / f"t.{kind}"
    if kind == "npz":
        np.savez(path, x=x, y=np.array(y))
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    samples, _ = rows(path)
    np.testing.assert_allclose(samples.store.features, x, atol=1e-6)
    assert samples.columns == ["x0", "x1", "x2"] and samples.frame["anomalous"].tolist() == [False] * 24 + [True] * 6


def test_empty_cells_and_words_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "1,2\n" * 10 + "3,\n" + "nan,4\n" + "5,inf\n")
    _, findings = rows(tmp_path / "a.csv")
    assert "missing_value" in codes(findings)
    finding = next(entry for entry in findings.entries if entry.code == "missing_value")
    assert finding.severity == "error" and finding.items == ("line 12: b", "line 13: a", "line 14: b")
    samples, _ = rows(tmp_path / "a.csv", on_bad="skip")
    assert len(samples.frame) == 10 and np.isfinite(samples.store.features).all()
    (tmp_path / "b.csv").write_text("a,b\n" + "1,2\n" * 10 + "3,x\n")
    with pytest.raises(DataError, match="'b' holds words") as caught:
        rows(tmp_path / "b.csv")
    assert caught.value.details == ("line 12: 'x'",) or list(caught.value.details) == ["line 12: 'x'"]


def test_a_second_table_is_the_test(tmp_path):
    train = write(tmp_path / "train.csv", a=RANDOM.random(40), b=RANDOM.random(40))
    test = write(tmp_path / "test.csv", b=RANDOM.random(9), a=RANDOM.random(9), label=["normal"] * 5 + ["fault"] * 4)
    unlabelled, findings = rows(
        train, test_path=str(write(tmp_path / "plain.csv", a=RANDOM.random(9), b=RANDOM.random(9)))
    )
    assert unlabelled.frame["known"].sum() == 40 and not unlabelled.frame["anomalous"].any()
    samples, _ = rows(train, test_path=str(test))
    assert samples.frame["split"].value_counts().to_dict() == {
        "train": 32,
        "validation": 5,
        "calibration": 3,
        "test": 9,
    }
    assert samples.frame["anomalous"].sum() == 4
    np.testing.assert_allclose(samples.store.features[40], pd.read_csv(test)[["a", "b"]].to_numpy()[0], atol=1e-6)


def test_a_constant_column_is_mentioned_and_harmless(tmp_path):
    _, findings = rows(write(tmp_path / "a.csv", a=RANDOM.random(30), b=[7] * 30))
    assert codes(findings) == ["constant"] and findings.entries[0].items == ("b",)


def test_columns_that_are_not_what_they_seem(tmp_path):
    x = RANDOM.random(60)
    path = write(tmp_path / "a.csv", y=RANDOM.integers(-3, 4, 60), status=x, sample_no=range(60), far=1.7e9 + x)
    samples, findings = rows(path)
    assert samples.columns == ["y", "status", "sample_no", "far"] and not samples.frame["anomalous"].any()
    assert {finding.code: finding.items for finding in findings.entries if finding.code != "columns_left_out"} == {
        "counting": ("sample_no",),
        "coarse": ("far",),
    }
    with pytest.raises(ConfigError, match="data.normal=ok"):
        rows(path, normal=("ok",))


def test_a_column_of_marks_for_anomalies_alone(tmp_path):
    samples, findings = rows(write(tmp_path / "a.csv", a=RANDOM.random(40), label=["fault"] * 4 + [None] * 36))
    assert samples.frame["anomalous"].sum() == 4 and "unlabelled" in codes(findings)
    points, _ = series(
        write(
            tmp_path / "b.csv",
            time=range(100),
            value=RANDOM.random(100),
            label=[None] * 90 + ["fault"] * 4 + [None] * 6,
        )
    )
    assert points.test.anomalous.sum() == 4


def test_series_of_other_rates_and_short_stretches(tmp_path):
    time = [*range(60), *range(0, 600, 10)]
    path = write(tmp_path / "a.csv", time=time, value=RANDOM.random(120), sensor=["a"] * 60 + ["b"] * 60)
    samples, findings = series(path, series_column="sensor", validation=0.5)
    starts = {part: frame["start"].tolist() for part, frame in samples.frame.groupby("split")}
    assert (
        not codes(findings)
        and min(starts["train"]) < 30
        and any(60 <= start < 90 for start in starts["train"])
        and any(90 <= start for start in starts["validation"])
    )
    stretches = write(
        tmp_path / "b.csv", time=[10 * (row // 8) * 8 + row for row in range(160)], value=RANDOM.random(160)
    )
    samples, _ = series(stretches, validation=0.25, test=0.25)
    last = samples.frame.groupby("split")["start"].agg(["min", "max"])
    assert (
        last.loc["train", "max"] < last.loc["validation", "min"]
        and last.loc["validation", "max"] < last.loc["test", "min"] == 120
    )


def test_given_splits_of_a_series_are_evaluated(tmp_path):
    path = write(tmp_path / "a.csv", time=range(100), value=RANDOM.random(100), split=["train"] * 60 + ["test"] * 40)
    samples, _ = series(path, splitting=False)
    assert (
        samples.frame["split"].value_counts().to_dict() == {"train": 12, "test": 8} and not samples.frame["known"].any()
    )


def test_statistics():
    values = np.concatenate([RANDOM.standard_normal((500, 1)), np.full((1, 1), 1e6)])
    assert column_statistics(values, "standard")[1][0] > 1e4 and column_statistics(values, "robust")[1][
        0
    ] == pytest.approx(1, abs=0.1)
    assert column_statistics(values, "none") == (0, 1)
    assert column_statistics(np.full((5, 1), 3.0), "robust")[1][0] == 0


def test_automatic_scaling_is_robust_only_where_extreme_values_make_the_deviation(tmp_path):
    r = np.random.default_rng(0)
    plain, flag = r.normal(size=300), (np.arange(300) < 10) * 1.0
    values = np.stack([plain, np.r_[plain[:-1], 1e4], r.standard_t(3, 300), flag], 1)
    each = {scaling: column_statistics(values, scaling) for scaling in ("auto", "standard", "robust")}
    for place, scaling in enumerate(("standard", "robust", "standard", "standard")):
        for part in (0, 1):
            assert each["auto"][part][place] == each[scaling][part][place]
    path = write(tmp_path / "a.csv", **{f"x{place}": column for place, column in enumerate(values.T)})
    data, findings = AnomalyTableData(path=str(path), scaling="auto", validation=0.1, calibration=0.1), Findings()
    read_rows(data, findings)
    (note,) = [entry for entry in findings.entries if entry.code == "scaling"]
    assert list(note.items) == ["x1"] and "median and quartiles" in note.message


def test_raw_rows(tmp_path):
    path = write(tmp_path / "a.csv", b=[1.0, 2.0, np.nan], a=[3, 4, 5], label=["x", "y", "z"])
    items, values, errors, *_ = raw_rows([path, np.array([7.0, 8.0]), pd.DataFrame({"a": [9], "b": [10]})], AB)
    assert items == [f"{path}:0", f"{path}:1", f"{path}:2", "3", "4"] and values.tolist() == [
        [3, 1],
        [4, 2],
        [5, 0],
        [7, 8],
        [9, 10],
    ]
    assert errors == ["", "", "no number: b", "", ""]
    _, values, errors, *_ = raw_rows(["nowhere.csv", path], AB)
    assert "does not exist" in errors[0] and len(values) == 4
    with pytest.raises(DataError, match=r"Expected: \(n, 2\)"):
        raw_rows(np.zeros((2, 3)), AB)


# --- series
def test_windows_lie_side_by_side():
    assert windows_of([(0, 12), (20, 24), (30, 40)], 5) == [0, 5, 7, 30, 35]
    assert windows_of([(0, 12)], 5, tail=False) == [0, 5]


def test_parts_follow_each_other_in_time(tmp_path):
    values = RANDOM.random(100)
    path = write(tmp_path / "a.csv", time=range(100), value=values)
    samples, _ = series(path, validation=0.25, calibration=0.4, test=0.2)
    starts = {name: list(rows["start"]) for name, rows in samples.frame.groupby("split")}
    assert (
        starts["train"] == list(range(24))
        and starts["validation"] == [28, 33, 38, 43]
        and starts["calibration"] == [48, 53, 58, 63, 68, 73]
        and starts["test"] == [80, 85, 90, 95]
    )
    before, _ = series(path, validation=0.4, calibration=0, test=0.2)
    starts = {name: list(rows["start"]) for name, rows in before.frame.groupby("split")}
    assert list(starts) == ["test", "train", "validation"] and starts["train"] == list(range(44))
    assert starts["validation"] == [48, 53, 58, 63, 68, 73]
    np.testing.assert_allclose(samples.store.windows(samples.rows("test"))[1, :, 0], values[85:90], atol=1e-6)


def test_the_calibration_split_of_a_series_has_the_windows_that_the_threshold_needs(tmp_path):
    path = write(tmp_path / "a.csv", time=range(1000), value=RANDOM.random(1000))
    sizes = lambda **how: series(path, **how)[0].frame["split"].value_counts().to_dict()
    assert sizes(stride=5) == {"train": 120, "validation": 16, "calibration": 64}
    assert sizes(stride=5, least=70) == {"train": 104, "validation": 16, "calibration": 80}
    assert sizes(stride=5, calibration=0) == {"train": 120, "validation": 80}
    assert sizes(window=50, stride=50) == {"train": 12, "validation": 1, "calibration": 6}  # one window at least
    split = ["train"] * 600 + ["validation"] * 200 + ["test"] * 200
    path = write(tmp_path / "b.csv", time=range(1000), value=RANDOM.random(1000), split=split)
    assert sizes(stride=5) == {"train": 120, "validation": 8, "calibration": 32, "test": 40}
    assert sizes(stride=5, least=33) == {"train": 81, "validation": 40, "calibration": 38, "test": 40}


def test_no_window_crosses_a_gap_an_empty_cell_another_series_or_the_end(tmp_path):
    time = [*range(30), *range(40, 60), *range(20)]
    value = RANDOM.random(70)
    value[10] = np.nan
    path = write(tmp_path / "a.csv", t=time, machine=["a"] * 50 + ["b"] * 20, value=value)
    samples, findings = series(path, series_column="machine", on_bad="skip", validation=0.5)
    assert {"gap", "missing_value"} <= set(codes(findings))
    spans = [(start, start + 5) for start in samples.frame["start"]]
    assert (
        spans
        and all(not (first < edge < end) for first, end in spans for edge in (10, 11, 30, 50))
        and all(not first <= 10 < end for first, end in spans)
    )
    assert any(item.startswith("b ") for item in samples.frame["item"])


def test_known_anomalies_never_train(tmp_path):
    label = np.zeros(100, int)
    label[[20, 21, 60]] = 1
    path = write(tmp_path / "a.csv", timestamp=range(100), value=RANDOM.random(100), label=label)
    samples, _ = series(path, validation=0.5, test=0.0)
    for start in samples.frame["start"]:
        assert not label[start : start + 5].any()
    samples, _ = series(path)  # with known anomalies a test is cut off
    assert (samples.frame["split"] == "test").sum() == 6


def test_intervals_and_dates(tmp_path):
    dates = pd.date_range("2026-01-01", periods=100, freq="h")
    path = write(tmp_path / "a.csv", date=dates, value=RANDOM.random(100))
    intervals = write(tmp_path / "odd.csv", start=[dates[80]], end=[dates[83]])
    samples, _ = series(path, intervals=str(intervals), test=0.3)
    assert samples.test.anomalous[80:84].all() and samples.test.anomalous.sum() == 4
    assert samples.frame["anomalous"].sum() == 1
    assert samples.frame["item"].iloc[0].startswith("2026-01-01")


def test_what_is_wrong_with_times_is_named(tmp_path):
    with pytest.raises(DataError, match="do not rise") as caught:
        series(write(tmp_path / "a.csv", time=[0, 1, 2, 2, 3], value=range(5)))
    assert "line 5" in caught.value.details[0]
    with pytest.raises(DataError, match="neither numbers nor dates"):
        series(write(tmp_path / "b.csv", time=["now", "then", "2026-01-01"], value=range(3)))
    with pytest.raises(DataError, match="no 5 points in a row"):
        series(write(tmp_path / "c.csv", time=range(4), value=range(4)))


def test_windows_of_the_training_series_in_the_test(tmp_path):
    values = RANDOM.random(60)
    train = write(tmp_path / "train.csv", time=range(60), value=values)
    test = write(tmp_path / "test.csv", time=range(100), value=np.concatenate([values, RANDOM.random(40)]))
    samples, findings = series(train, test_path=str(test))
    assert (
        (samples.frame["split"] == "test").sum() == 20
        and codes(findings) == ["leak"]
        and findings.entries[0].severity == "warning"
    )
    samples, findings = series(train, test_path=str(test), on_leak="drop")
    left = samples.frame["start"][samples.frame["split"] == "test"].tolist()
    assert (
        set(left) >= {60, 65, 70, 75, 80, 85, 90, 95}
        and not set(left) & set(range(30))
        and findings.entries[0].severity == "note"
    )
    assert series(train, test_path=str(test), on_leak="error")[1].entries[0].severity == "error"


def test_raw_series(tmp_path):
    path = write(tmp_path / "a.csv", time=range(12), value=range(12), label=["?"] * 12)
    (name, points, error), (other, nothing, reason), (_, array, _) = raw_series(
        [path, tmp_path / "no.csv", np.arange(7.0)], 5, ["value"]
    )
    assert name == str(path) and error == "" and points.anomalous is None and points.segments == [(0, 12)]
    assert nothing is None and "does not exist" in reason and array.values.shape == (7, 1)
    assert raw_series(np.arange(3.0), 5, ["value"]) == [("0", None, "no 5 points in a row")]
    (tmp_path / "hole.csv").write_text(
        "time,value\n" + "".join(f"{row},{'' if row == 7 else 'oops' if row == 8 else row}\n" for row in range(20))
    )
    ((_, points, error),) = raw_series(tmp_path / "hole.csv", 5, ["value"])
    assert points.segments == [(0, 7), (9, 20)] and "line 9, line 10" in error
    with pytest.raises(DataError, match="no array of numbers"):
        raw_series([np.array(["a", "b"])], 5, ["value"])


def test_times_are_found_and_intervals_belong_to_their_series(tmp_path):
    dates = pd.date_range("2026-03-01", periods=60, freq="min")
    path = write(tmp_path / "a.csv", when=[*dates, *dates], machine=["a"] * 60 + ["b"] * 60, value=RANDOM.random(120))
    odd = write(tmp_path / "odd.csv", machine=["b"], start=[dates[50]], end=[dates[52]])
    samples, findings = series(path, series_column="machine", intervals=str(odd), test=0.3)
    assert "time_column" in codes(findings) and np.flatnonzero(samples.test.anomalous).tolist() == [110, 111, 112]
    with pytest.raises(DataError, match="which series"):
        series(
            path, series_column="machine", intervals=str(write(tmp_path / "b.csv", start=[dates[50]], end=[dates[52]]))
        )
    with pytest.raises(DataError, match="end before they begin"):
        series(
            path,
            series_column="machine",
            intervals=str(write(tmp_path / "c.csv", machine=["a"], start=[dates[9]], end=[dates[2]])),
        )
    _, findings = series(
        path,
        series_column="machine",
        intervals=str(
            write(tmp_path / "d.csv", machine=["a", "a"], start=[dates[2], "2031-01-01"], end=[dates[3], "2031-01-02"])
        ),
        test=0.3,
    )
    assert {"early_anomalies", "empty_intervals"} <= set(codes(findings))
    by_file, by_frame = (
        raw_series(source, 5, ["value"], series_column="machine")[0][1] for source in (path, pd.read_csv(path))
    )
    assert (
        by_file.segments == by_frame.segments == [(0, 60), (60, 120)]
        and by_file.times.tolist() == by_frame.times.tolist()
    )


def test_labels_in_the_second_file_alone(tmp_path):
    train = write(tmp_path / "train.csv", time=range(60), value=RANDOM.random(60))
    test = write(tmp_path / "test.csv", time=range(60), value=RANDOM.random(60), alarm=["no"] * 55 + ["yes"] * 5)
    assert series(train, test_path=str(test), label_column="alarm", normal=("no",))[0].frame["anomalous"].sum() == 1
    assert rows(train, test_path=str(test), label_column="alarm", normal=("no",))[0].frame["anomalous"].sum() == 5
    for read in (series, rows):
        with pytest.raises(DataError, match="Neither"):
            read(train, test_path=str(test), label_column="alert")


def test_a_column_that_may_be_labels_is_mentioned(tmp_path):
    _, findings = rows(write(tmp_path / "a.csv", a=RANDOM.random(40), quality=["Pass"] * 30 + ["REJECT"] * 10))
    assert "data.label_column=quality" in next(
        finding.remedy for finding in findings.entries if finding.code == "perhaps_labels"
    )
