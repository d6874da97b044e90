"""What a comparison says of runs, and what it refuses."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import ArtifactError, ConfigError, WorseError
from tfpipelines.core.files import write_json
from tfpipelines.core.run_folder import read_json
from tfpipelines.reporting import compare
from tfpipelines.reporting.compare import text_tables
from tfpipelines.reporting.compare.run_records import open_records
from tfpipelines.reporting.compare.test_rows import read_rows

from ...conftest import some
from .conftest import answer, rows_of, write_run


def twin(folder, tmp_path):
    """A copy of a run under another name."""
    return shutil.copytree(folder, tmp_path / f"twin-of-{folder.name}")


def test_one_run_twice_is_no_comparison_and_a_copy_is_told(pair, tmp_path):
    for same in (pair[0], pair[0].parent / ".." / pair[0].parent.name / pair[0].name):
        with pytest.raises(ConfigError, match="named twice"):
            tfpipelines.compare([pair[0], same])
    (pair[0] / "model.keras").write_bytes(b"model")
    assert any(
        "the same model file" in line for line in tfpipelines.compare([pair[0], twin(pair[0], tmp_path)])["about"]
    )
    assert not any("the same model file" in line for line in tfpipelines.compare(pair)["about"])


@pytest.mark.parametrize("name", some(["one", "small", "rows-one", "several"], ("one", "rows-one")))
def test_figures_of_the_rows_are_those_of_metrics_json(trained, name):
    (record,) = open_records([trained[name]])
    answers = read_rows(record).answers
    found = answers.figures(np.arange(len(answers.right)))
    assert found.keys() == record.metrics["test"].keys()
    for figure, value in found.items():
        assert value == pytest.approx(record.metrics["test"][figure], abs=2e-6), figure


@pytest.mark.slow
def test_figures_of_folds_are_those_of_their_folds(trained, tmp_path):
    result = tfpipelines.compare([trained["folds"], twin(trained["folds"], tmp_path)])
    (record,) = open_records([trained["folds"]])
    shares = [int((pd.read_csv(part / "splits.csv")["split"] == "test").sum()) for part in record.test_folders]
    assert len(shares) == 2 and result["rows"] == sum(shares)
    (test,) = result["tests"]
    assert test["figures"]["accuracy"]["first"] == pytest.approx(
        np.average([fold["test"]["accuracy"] for fold in record.metrics["folds"]], weights=shares)
    )
    assert "std" in result["metrics"]["test"]["accuracy"][0]["spread"] and any(
        "pooled" in line for line in result["about"]
    )


def test_what_differs_is_named(pair):
    result = tfpipelines.compare(pair)
    fields = {row["field"]: row["values"] for row in result["differences"]["pipeline"]}
    assert fields.keys() == {"seed", "train.epochs"} and fields["seed"] == [0, 1] and fields["train.epochs"][1] == 3
    assert result["differences"]["data"] == result["differences"]["versions"] == []
    environment = read_json(pair[1] / "environment.json")
    write_json(
        pair[1] / "environment.json", {**environment, "versions": {**environment["versions"], "keras": "3.16.0"}}
    )
    data = read_json(pair[1] / "data.json")
    write_json(pair[1] / "data.json", {**data, "content_hash": "2", "rows": {"train": 2, "test": 120}})
    differences = tfpipelines.compare(pair)["differences"]
    assert differences["versions"] == [{"field": "keras", "values": ["3.15.1", "3.16.0"]}]
    assert differences["data"] == [
        {"field": "content_hash", "values": ["1", "2"]},
        {"field": "rows.train", "values": [1, 2]},
    ]


def test_better_is_told_from_worse(pair, all_resamples):
    result = tfpipelines.compare(pair)
    metrics = [read_json(folder / "metrics.json") for folder in pair]
    (test,) = result["tests"]
    for name, entry in test["figures"].items():
        assert [entry["first"], entry["second"]] == pytest.approx([part["test"][name] for part in metrics], abs=2e-6)
        assert entry["difference"] == pytest.approx(entry["second"] - entry["first"])
    assert (
        test["figures"]["accuracy"]["interval"][1] < 0
        and test["figures"]["accuracy"]["p"] < 0.01
        and test["mcnemar"]["p"] < 0.001
    )
    tables = [pd.read_csv(folder / "predictions.csv") for folder in pair]
    right = [(table["label"] == table["predicted"]).to_numpy() for table in tables]
    assert (
        test["mcnemar"]["only_first"] == (right[0] & ~right[1]).sum()
        and test["mcnemar"]["only_second"] == (right[1] & ~right[0]).sum()
    )
    assert result["metrics"]["test"]["accuracy"][0] == {
        "value": metrics[0]["test"]["accuracy"],
        "interval": metrics[0]["intervals"]["accuracy"],
    }
    assert "accuracy by the method of Gaffke (2005)" in result["about"][0]
    assert result == tfpipelines.compare(pair)  # seeded
    assert "p_corrected" not in test["mcnemar"]


def test_a_run_of_before_a_metric_was_added_and_figures_nobody_knows(pair):
    metrics = read_json(pair[0] / "metrics.json")
    del metrics["test"]["matthews"], metrics["intervals"]["matthews"]
    write_json(pair[0] / "metrics.json", {**metrics, "test": {**metrics["test"], "brilliance": 0.25}})
    result = tfpipelines.compare(pair)
    told = result["metrics"]["test"]
    assert told["matthews"][0] is None and told["matthews"][1]["value"] > 0  # as it was measured
    assert result["tests"][0]["figures"]["matthews"]["interval"][1] < 0  # by the rows, of which both are known
    assert told["brilliance"] == [{"value": 0.25}, None]
    (table,) = (table for table in compare.tables_of(result) if table.title.startswith("test"))
    assert ["brilliance", "0.2500", ""] in table.rows


def test_three_runs_are_corrected_for(pair, tmp_path, all_resamples):
    plain = tfpipelines.compare(pair)["tests"][0]
    result = tfpipelines.compare([*pair, twin(pair[1], tmp_path)])
    first, second = result["tests"]
    assert (
        first["figures"]["accuracy"]["p_corrected"]
        == pytest.approx(2 * first["figures"]["accuracy"]["p"])
        == pytest.approx(2 * plain["figures"]["accuracy"]["p"])
    )
    assert second["mcnemar"]["p_corrected"] == pytest.approx(2 * plain["mcnemar"]["p"])
    assert any("Holm" in line for line in result["about"])


def test_rows_are_matched_by_item_and_content_not_by_place(pair):
    before = tfpipelines.compare(pair)
    for seed, name in enumerate(("predictions.csv", "splits.csv")):
        table = pd.read_csv(pair[1] / name, dtype=str, keep_default_na=False)
        table.sample(frac=1, random_state=seed).to_csv(pair[1] / name, index=False, lineterminator="\n")
    after = tfpipelines.compare(pair)
    assert after["tests"] == before["tests"]


def test_rows_of_one_name_are_told_apart_by_content(tmp_path):
    """The same item twice: its copies stand in another order in the other run."""
    labels = np.array([0, 1] * 30)
    prints, items = [f"{number:016x}" for number in range(60)], [f"{number // 2}.png" for number in range(60)]
    sure = np.eye(3, dtype=np.float32)[labels] * 0.94 + 0.02
    one = write_run(tmp_path / "one", sure, labels, items, fingerprints=prints)
    order = np.arange(60).reshape(-1, 2)[:, ::-1].ravel()
    two = write_run(
        tmp_path / "two",
        sure[order],
        labels[order],
        [items[place] for place in order],
        fingerprints=[prints[place] for place in order],
    )
    assert tfpipelines.compare([one, two])["tests"][0]["mcnemar"]["both_right"] == 60


def test_images_of_another_size_are_matched_by_item(trained, tmp_path):
    result = tfpipelines.compare([trained["one"], trained["small"]])
    assert result["rows"] == 60 and any(
        "size: 28 x 28 and 14 x 14" in line and "by item and label" in line for line in result["about"]
    )
    same_size = tfpipelines.compare([trained["one"], twin(trained["one"], tmp_path)])
    assert not any("another form" in line for line in same_size["about"])


def test_other_test_sets_are_refused(pair, tmp_path):
    items, labels = rows_of(120)
    labels[7] = (labels[7] + 1) % 3
    other = write_run(tmp_path / "other", answer(labels, 0.5, 3)[:118], labels[:118], items[:118])
    with pytest.raises(
        ConfigError, match="better and other differ: 2 rows of 120 in better alone, 1 row with another label"
    ) as caught:
        tfpipelines.compare([pair[0], other])
    assert "only in better: 118.png" in caught.value.details and any(
        line.startswith("007.png: ") for line in caught.value.details
    )
    prints = [f"{number + 50:016x}" for number in range(120)]
    changed = write_run(
        tmp_path / "changed", answer(rows_of(120)[1], 0.5, 3), rows_of(120)[1], items, fingerprints=prints
    )
    with pytest.raises(ConfigError, match="120 rows of 120 in better alone, 120 rows of 120 in changed alone"):
        tfpipelines.compare([pair[0], changed])


def test_runs_that_cannot_be_compared(pair, trained, tmp_path):
    items, labels = rows_of(120)
    with pytest.raises(ConfigError, match="one run to compare"):
        tfpipelines.compare(pair[:1])
    with pytest.raises(ConfigError, match="no runs to compare"):
        tfpipelines.compare([])
    with pytest.raises(ConfigError, match="is not a run folder"):
        tfpipelines.compare([pair[0], tmp_path])
    with pytest.raises(ConfigError, match="one is a classifier .image-cls. and rows-one a detector .anomaly-table."):
        tfpipelines.compare([trained["one"], trained["rows-one"]])
    strangers = write_run(tmp_path / "strangers", answer(labels, 0.5, 3), labels, items, classes=("a", "b", "<d>"))
    with pytest.raises(ConfigError, match="do not know the same classes") as caught:
        tfpipelines.compare([pair[0], strangers])
    assert caught.value.details == ("only better: c", "only strangers: <d>")
    going = write_run(tmp_path / "going", answer(labels, 0.5, 3), labels, items, state="running")
    with pytest.raises(ConfigError, match="is not done: it is running"):
        tfpipelines.compare([pair[0], going])
    metrics = read_json(pair[1] / "metrics.json")
    del metrics["test"]
    write_json(pair[1] / "metrics.json", metrics)
    with pytest.raises(ConfigError, match="has no test split"):
        tfpipelines.compare(pair)


def test_a_search_is_refused_and_its_runs_named(pair, tmp_path):
    search = tmp_path / "tune"
    shutil.copytree(pair[1], search / "final" / "seed-0")
    write_json(search / "status.json", {"state": "done", "kind": "search"})
    with pytest.raises(ConfigError, match="is a search") as caught:
        tfpipelines.compare([pair[0], search])
    assert "tune/final/seed-0" in caught.value.remedy
    assert tfpipelines.compare([pair[0], search / "final" / "seed-0"])["runs"][1]["name"] == "seed-0"


def _edit(folder, change):
    table = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    change(table).to_csv(folder / "predictions.csv", index=False, lineterminator="\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[:-1], "has 119 rows, and the test split of splits.csv 120"),
        (lambda table: table.drop(columns="c"), "has no column 'c'"),
        (lambda table: table.assign(a="x"), "no number"),
        (lambda table: table.assign(a=""), "no number"),
        (lambda table: table.assign(a="nan"), "not finite"),
        (lambda table: table.assign(a="-1"), "not between 0 and 1"),
        (lambda table: table.assign(predicted="a"), "not the most probable"),
        (lambda table: table.assign(item=table["item"] + "x"), "does not have 120 rows"),
        (
            lambda table: table.assign(
                **{name: table[other] for name, other in zip("abc", "bca")},
                predicted=table["predicted"].map(dict(zip("bca", "abc"))),
            ),
            "gives accuracy",
        ),
    ],
)
def test_an_edited_table_of_predictions_is_refused(pair, change, message):
    _edit(pair[1], change)
    with pytest.raises(ArtifactError, match=message):
        tfpipelines.compare(pair)


@pytest.mark.parametrize("name", ["predictions.csv", "splits.csv", "metrics.json", "data.json"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"[1]", b'{"test": 3, "folds": 2}', b'a,"b\n1'])
def test_missing_and_damaged_files_are_refused(pair, name, content):
    (pair[1] / name).unlink() if content is None else (pair[1] / name).write_bytes(content)
    with pytest.raises((ArtifactError, ConfigError)) as caught:
        tfpipelines.compare(pair)
    assert isinstance(caught.value, ArtifactError) or name == "data.json"


def test_fail_if_worse(pair, all_resamples):
    with pytest.raises(WorseError, match="worse in accuracy than better") as caught:
        tfpipelines.compare(pair, fail_if_worse="accuracy")
    figures = [read_json(folder / "metrics.json")["test"]["accuracy"] for folder in pair]
    (line,) = caught.value.details
    assert all(f"{value:.6g}" in line for value in figures) and "calls that significant (p = 0.0001)" in line
    assert caught.value.result["tests"] and caught.value.result["worse"] == [line]
    assert (
        tfpipelines.compare(pair, fail_if_worse="accuracy", tolerance=figures[0] - figures[1])["worse"] == []
    )  # not by more than that
    assert tfpipelines.compare(pair[::-1], fail_if_worse="accuracy")["worse"] == []
    with pytest.raises(WorseError):
        tfpipelines.compare(pair, fail_if_worse="log_loss")  # low is good
    assert tfpipelines.compare(pair[::-1], fail_if_worse="log_loss")["worse"] == []
    with pytest.raises(ConfigError, match="no test metric 'acuracy' in common") as caught:
        tfpipelines.compare(pair, fail_if_worse="acuracy")
    assert "accuracy, balanced_accuracy" in caught.value.remedy
    with pytest.raises(ConfigError, match="tolerance: got -1"):
        tfpipelines.compare(pair, fail_if_worse="accuracy", tolerance=-1)


@pytest.mark.slow
def test_detectors_are_compared_by_verdicts(trained):
    result = tfpipelines.compare([trained["rows-one"], trained["rows-two"]])
    tables = [pd.read_csv(trained[name] / "predictions.csv") for name in ("rows-one", "rows-two")]
    right = [((table["verdict"] == "anomaly") == (table["label"] == "malignant")).to_numpy() for table in tables]
    (test,) = result["tests"]
    assert (
        test["mcnemar"]["both_right"] == (right[0] & right[1]).sum()
        and test["mcnemar"]["only_first"] == (right[0] & ~right[1]).sum()
    )
    assert test["figures"].keys() == result["metrics"]["test"].keys() >= {"roc_auc", "false_alarm_rate"}


@pytest.mark.slow
def test_several_labels_a_row_are_compared_whole(trained, tmp_path):
    (test,) = tfpipelines.compare([trained["several"], twin(trained["several"], tmp_path)])["tests"]
    table = pd.read_csv(trained["several"] / "predictions.csv", keep_default_na=False)
    assert (
        test["mcnemar"]["both_right"] == (table["label"] == table["predicted"]).sum()
        and {"hamming_loss", "average_precision", "ece"} <= test["figures"].keys()
    )


def _generator(folder, kid, **changes):
    items, labels = rows_of(40)
    write_run(
        folder,
        answer(labels, 0.5, 0),
        labels,
        items,
        pipeline="dcgan",
        features={"name": changes.pop("features", "backbone")},
        overrides=[f"{key}={value}" for key, value in changes.items()],
    )
    (folder / "predictions.csv").unlink()
    write_json(
        folder / "metrics.json",
        {"test": {"kid": kid, "nearest": 1.0}, "intervals": {"kid": [kid - 0.01, kid + 0.01]}, "time": {"total": 5}},
    )
    return folder


def test_generators_stand_side_by_side(tmp_path):
    runs = [_generator(tmp_path / "one", 0.05), _generator(tmp_path / "two", 0.2)]
    result = tfpipelines.compare(runs)
    assert result["tests"] == [] and result["rows"] is None and "no test rows to pair" in result["about"][0]
    with pytest.raises(WorseError) as caught:
        tfpipelines.compare(runs, fail_if_worse="kid")
    assert "no paired test of it; the 95% intervals do not overlap" in caught.value.details[0]
    with pytest.raises(ConfigError, match="for nearest neither high nor low values are better"):
        tfpipelines.compare(runs, fail_if_worse="nearest")
    with pytest.raises(ConfigError, match="evaluation.features differs"):
        tfpipelines.compare([runs[0], _generator(tmp_path / "three", 0.1, features="runs/x")])
    with pytest.raises(ConfigError, match="evaluation.samples differs"):
        tfpipelines.compare([runs[0], _generator(tmp_path / "four", 0.1, **{"evaluation.samples": 200})])


def test_the_page_needs_nothing_and_trusts_no_name(tmp_path):
    items, labels = rows_of(60)
    evil = "<script>alert(1)</script>"
    runs = [
        write_run(tmp_path / name, answer(labels, share, 1), labels, items, path=f"{evil}{name}")
        for name, share in (("a<b>", 0.9), ("c&d", 0.5))
    ]
    result = tfpipelines.compare(runs)
    compare.write_page(tmp_path / "page.html", result)
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page and "a&lt;b&gt;" in page and "c&amp;d" in page
    assert (
        "://" not in page
        and "src=" not in page
        and "href=" not in page
        and "prefers-color-scheme" in page
        and "@media print" in page
    )
    assert f"{result['tests'][0]['figures']['accuracy']['difference']:+.4f}" in page


def test_the_command_prints_and_writes(tfpipe, pair, tmp_path):
    assert tfpipe("compare", *pair, "--html", "-").out.startswith("<!doctype html>")
    shown = tfpipe("compare", *pair, "--html", "page.html")
    assert shown.code == 0 and (tmp_path / "page.html").is_file()
    for part in ("reference", "train.epochs", "test (95% interval)", "worse minus better", "McNemar", "120 test rows"):
        assert part in shown.out
    failed = tfpipe("compare", *pair, "--fail-if-worse", "accuracy")
    assert failed.code == 5 and "worse minus better" in failed.out and "worse in accuracy" in failed.err
    assert tfpipe("compare", *pair, "--fail-if-worse", "accuracy", "--tolerance", "0.9").code == 0
    document = json.loads(tfpipe("compare", *pair, "--fail-if-worse", "accuracy", "--json").out)
    assert document["error"]["exit_code"] == 5 and document["result"]["tests"] and len(document["result"]["runs"]) == 2
    assert (
        tfpipe("compare", pair[0]).code == 2
        and tfpipe("compare").code == 2
        and tfpipe("compare", *pair, "--tolerance", "1").code == 2
    )
    (pair[1] / "predictions.csv").unlink()
    assert tfpipe("compare", *pair).code == 7


def test_five_runs_fit_on_a_page(tfpipe, tmp_path):
    items, labels = rows_of(60)
    names = [f"a-very-long-name-of-a-run-that-goes-on-{number}-and-on-and-on" for number in range(5)]
    runs = [
        write_run(
            tmp_path / name,
            answer(labels, 0.6, number),
            labels,
            items,
            overrides=[f"data.path={tmp_path}/{'deep/' * 30}{number}"],
        )
        for number, name in enumerate(names)
    ]
    shown = tfpipe("compare", *runs)
    assert shown.code == 0
    head, _, about = shown.out.partition("paired tests on")
    tables = [line for line in head.splitlines() if line.startswith(("│", "┃"))]
    assert max(map(len, tables)) <= 140 and "│ accuracy " in head and "p (Holm)" in head and "Holm (1979)" in about
    lines = head.splitlines()
    heading = next(line for line in lines if line.startswith("┃ field"))
    assert len({cell.strip() for cell in heading.split("┃")[2:-1]}) == 5  # names that are cut stay different


@pytest.mark.parametrize(
    ("difference", "interval", "told"),
    [
        (0.08, (0.02, 0.14), " better"),
        (-0.08, (-0.14, -0.02), " worse"),
        (0.08, (-0.01, 0.17), ", no clear difference"),
        (0.0, (0.0, 0.0), ""),
    ],
)
def test_a_difference_that_may_be_chance_is_called_neither_better_nor_worse(difference, interval, told):
    assert text_tables._better("accuracy", difference, interval) == told
