"""Times of a series: which columns hold them, the order of day and month, repeated hours, gaps."""

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines.datasets import Findings
from tfpipelines.datasets.times import TimeFormat, order_of_dates
from tfpipelines.errors import DataError
from tfpipelines.tasks.anomaly import raw_series, read_series
from tfpipelines.tasks.anomaly.config import AnomalySeriesData

from ...conftest import ROOT

COUNT = 120
VALUES = np.random.default_rng(0).standard_normal(COUNT)


def dates(start, freq="h", count=COUNT):
    return pd.date_range(start, periods=count, freq=freq)


def write(path, name="t.csv", **columns):
    frame = pd.DataFrame(columns)
    frame.assign(value=VALUES[: len(frame)]).to_csv(path / name, index=False)
    return path / name


def read(path, order=None, **fields):
    findings = Findings()
    data = AnomalySeriesData(path=str(path), window=5, **fields)
    samples = read_series(data, findings, order=order)
    return samples, {finding.code: finding for finding in findings.entries}


def alike(samples, others):
    """Whether two readings give the same windows."""
    return samples.frame["start"].tolist() == others.frame["start"].tolist()


@pytest.mark.parametrize(
    ("form", "order"),
    [
        ("%d/%m/%Y %H:%M", "day"),
        ("%d.%m.%Y %H:%M:%S", "day"),
        ("%m/%d/%Y %I:%M %p", "month"),
        ("%m-%d-%Y %H:%M", "month"),
    ],
)
def test_the_order_of_day_and_month_is_that_of_all_rows(tmp_path, form, order):
    when = dates("2024-02-27")
    plain, _ = read(write(tmp_path, timestamp=when))
    samples, found = read(write(tmp_path, timestamp=when.strftime(form)))
    assert alike(samples, plain) and samples.facts["date_order"] == order and "gap" not in found
    assert f"{order}-first" in found["date_order"].message


def test_dates_that_do_not_tell_their_order_are_not_guessed(tmp_path):
    path = write(tmp_path, when=dates("2024-03-04").strftime("%d/%m/%Y %H:%M"))
    with pytest.raises(DataError, match="whether day or month comes first: 04/03/2024 00:00") as caught:
        read(path)
    assert "data.time_format='%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'" in caught.value.remedy
    plain, _ = read(write(tmp_path, "iso.csv", when=dates("2024-03-04")))
    assert alike(read(path, time_format="%d/%m/%Y %H:%M")[0], plain)
    assert alike(read(path, order="day")[0], plain)  # as in the data of a model
    ((_, points, error),) = raw_series(path, 5, ["value"], "day")
    assert not error and points.segments == [(0, COUNT)]
    ((_, points, error),) = raw_series(path, 5, ["value"])
    assert points is None and "data.time_format" in error
    ((_, points, _),) = raw_series(pd.read_csv(path), 5, ["value"], time_format="%d/%m/%Y %H:%M")
    assert points.segments == [(0, COUNT)]


def test_dates_of_both_orders_and_short_years_are_refused(tmp_path):
    with pytest.raises(DataError, match="partly day-first, partly month-first") as caught:
        read(write(tmp_path, time=["13/02/2024", "02/14/2024", "15/02/2024"]))
    assert caught.value.details == ("13/02/2024", "02/14/2024", "15/02/2024")
    path = write(tmp_path, time=dates("2024-02-10", "D").strftime("%d.%m.%y"))
    with pytest.raises(DataError, match="day, month and year") as caught:
        read(path)
    assert "'%d.%m.%y' or '%m.%d.%y' or '%y.%m.%d'" in caught.value.remedy
    assert read(path, time_format="%d.%m.%y")[0].frame["split"].notna().all()


def test_other_formats_and_numbers(tmp_path):
    when = dates("2024-02-20")
    plain, _ = read(write(tmp_path, time=when))
    seconds = when.astype("datetime64[s]").astype(np.int64)
    for cells in (seconds, seconds * 1000, when.strftime("%Y/%m/%d %H:%M"), when.strftime("%d %b %Y %H:%M")):
        samples, found = read(write(tmp_path, time=cells))
        assert alike(samples, plain) and "date_order" not in found and samples.facts["date_order"] is None
    days = write(tmp_path, date=dates("2024-01-20", "D").strftime("%Y%m%d"))
    _, found = read(days)
    assert "data.time_format=%Y%m%d" in found["compact_dates"].remedy and "gap" in found
    _, found = read(days, time_format="%Y%m%d")
    assert not found.keys() & {"compact_dates", "gap"}
    with pytest.raises(DataError, match="no dates of the format %H:%M"):
        read(days, time_format="%H:%M")
    with pytest.raises(DataError, match="is empty in 1 row") as caught:
        read(write(tmp_path, time=[*range(9), None]))
    assert caught.value.details == ("line 11",)


def test_date_and_time_of_day_are_joined(tmp_path):
    when = dates("2024-02-20")
    plain, _ = read(write(tmp_path, "iso.csv", time=when))
    path = write(tmp_path, date=when.strftime("%Y-%m-%d"), time=when.strftime("%H:%M:%S"))
    samples, found = read(path)
    assert alike(samples, plain) and "data.time_column=[date,time]" in found["time_column"].remedy
    samples, found = read(path, time_column=("date", "time"))
    assert alike(samples, plain) and "time_column" not in found
    for source in (path, pd.read_csv(path)):
        ((_, points, _),) = raw_series(source, 5, ["value"], time_column=("date", "time"))
        assert points.segments == [(0, COUNT)] and points.times[1] == "2024-02-20 01:00:00"
    with pytest.raises(DataError, match="do not rise") as caught:
        read(path, time_column="date")
    assert "data.time_column=[date,time]" in caught.value.remedy
    with pytest.raises(DataError, match="times of day without a date"):
        read(path, time_column="time")
    with pytest.raises(DataError, match="no column 'day'"):
        read(path, time_column=("day", "time"))
    local = write(tmp_path, Tag=when.strftime("%d.%m.%Y"), Uhrzeit=when.strftime("%H:%M"))
    assert alike(read(local)[0], plain)
    with pytest.raises(DataError, match="Several columns could be the time"):
        read(write(tmp_path, time=range(COUNT), timestamp=range(COUNT)))


def test_the_hour_that_is_repeated_in_autumn_is_told_from_other_disorder(tmp_path):
    local = pd.date_range("2024-10-26", periods=COUNT, freq="h", tz="Europe/Berlin")
    path = write(tmp_path, timestamp=local.strftime("%Y-%m-%d %H:%M:%S"))
    with pytest.raises(DataError, match="as in local time when clocks are set back") as caught:
        read(path)
    assert "UTC" in caught.value.remedy and "2024-10-27 02:00:00" in caught.value.details[0]
    with_offset, found = read(write(tmp_path, timestamp=local.strftime("%Y-%m-%d %H:%M:%S%z")))
    assert len(with_offset.frame) and "gap" not in found
    for cells, remedy in (
        (["2024-10-23 02:00", "2024-10-23 02:00", "2024-10-23 03:00"], "Remove the copies"),
        (["2024-10-23", "2024-10-23", "2024-10-24"], "data.time_column=[timestamp,COLUMN]"),
        (["2024-10-27 02:00", "2024-10-26 02:00", "2024-10-25 03:00"], "Sort the rows"),
    ):
        with pytest.raises(DataError, match="do not rise") as caught:
            read(write(tmp_path, timestamp=cells))
        assert remedy in caught.value.remedy


def test_gaps_are_named_with_the_largest_and_what_windows_do(tmp_path):
    time = np.arange(COUNT)
    _, found = read(write(tmp_path, time=np.where(time < 50, time, time + 30) + np.where(time < 70, 0, 3)))
    said = found["gap"]
    assert (
        said.severity == "warning"
        and "2 gaps in time, the largest of 31.0 usual steps before line 52 (80)" in said.message
    )
    assert "no window reaches across" in said.message and "short_stretches" not in found
    irregular = np.cumsum(np.random.default_rng(0).exponential(1, COUNT))
    _, found = read(write(tmp_path, time=irregular), validation=0.5)
    assert "irregular" in found["gap"].message and "data.resample=auto" in found["gap"].remedy
    assert "no window holds them" in found["short_stretches"].message


def test_extreme_values_of_a_series_are_named_with_their_time(tmp_path):
    frame = pd.DataFrame({"time": range(COUNT), "value": np.where(np.arange(COUNT) == 7, 1e7, VALUES)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert "1e+07 in 1 cell, first at 7;" in read(tmp_path / "t.csv")[1]["extreme_values"].items[0]


def test_intervals_are_read_in_the_order_of_the_series(tmp_path):
    when = dates("2024-02-20").strftime("%d/%m/%Y %H:%M")
    pd.DataFrame({"start": [when[110]], "end": [when[112]]}).to_csv(tmp_path / "odd.csv", index=False)
    samples, _ = read(write(tmp_path, time=when), intervals=str(tmp_path / "odd.csv"))
    assert np.flatnonzero(samples.test.anomalous).tolist() == [110, 111, 112]


def test_fields_of_times_are_checked(tfpipe, tmp_path):
    path = write(tmp_path, date=dates("2024-02-20").strftime("%Y-%m-%d"), time=dates("2024-02-20").strftime("%H:%M"))
    words = ("check", path, "--pipeline", "anomaly-series", "evaluation.false_alarm_rate=0.5")
    centered = ("model.name=pca", "model.centered=true")
    shown = tfpipe(*words, "data.time_column=[date,time]", *centered)
    assert shown.code == 0 and "shifts of the level" in shown.out
    assert "note: data.path: left out data.test_path, data.validation" in shown.err  # as a run says it
    assert "shifts of the level" not in tfpipe(*words).out
    assert tfpipe(*words, "data.time_column=[date,time,value]").code == 2
    assert tfpipe(*words, "data.time_format=german").code == 2


def test_dates_that_do_not_tell_are_read_as_the_run_has_learned():
    """Runs of earlier versions do not say how; they read the month first."""
    for cells in (["05.03.2024 00:00", "06.03.2024 00:00"], ["5/3/24", "6/3/24"]):
        for order in ("day", "month"):
            assert order_of_dates(pd.Series(cells), TimeFormat(order=order), "column time") == order
    earlier = ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0" / "anomaly-series"
    assert tfpipelines.load(earlier).own_task(())._order == "month"


def test_odd_times_are_told_by_what_is_wrong_with_them(tmp_path):
    when = dates("2024-02-20 00:30")
    _, found = read(write(tmp_path, time=when.strftime("%Y%m%d%H%M")))
    assert "data.time_format=%Y%m%d%H%M if" in found["compact_dates"].remedy
    samples, found = read(write(tmp_path, time=when.strftime("%Y%m%d%H%M")), time_format="%Y%m%d%H%M")
    assert "compact_dates" not in found and "gap" not in found and len(samples.frame)
    clocks = ["" if row == 3 else clock for row, clock in enumerate(when.strftime("%H:%M"))]
    path = write(tmp_path, date=when.strftime("%Y-%m-%d"), clock=clocks)
    with pytest.raises(DataError, match="Column 'clock' is empty in 1 row") as caught:
        read(path, time_column=("date", "clock"))
    assert caught.value.details == ("line 5",)
    with pytest.raises(DataError, match="1 cell that is no date of the format"):
        read(write(tmp_path, time=["x", *when.strftime("%d/%m/%Y %H:%M")[1:]]), time_format="%d/%m/%Y %H:%M")
