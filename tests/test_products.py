"""A run for each product of a folder of several, and what becomes of them together."""

import json
import os
import shutil
import signal

import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer
from tfpipelines.errors import ConfigError, DataError, Interrupted
from tfpipelines.reporting.listing import list_runs

from .product_images import SMALL, write_mvtec

PRODUCTS = {"bottle": 40, "cable": 40, "few": 3}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_mvtec(tmp_path_factory.mktemp("data") / "parts", PRODUCTS)


@pytest.fixture(scope="module")
def stopped(root, tmp_path_factory):
    """A run of all products: a signal came in the second one, then it was gone on with, and the third failed."""
    out, seen = tmp_path_factory.mktemp("runs"), []

    class Stopper(Observer):
        def product(self, name, number, count):
            seen.append((name, number, count))

        def epoch(self, row, epochs, samples):
            if seen[-1][0] == "cable":
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted) as interrupted:
        tfpipelines.run("anomaly", {**SMALL, "data.path": str(root)}, out=out, observer=Stopper())
    folder = out / "products-anomaly-1"
    between = json.loads((folder / "metrics.json").read_text()), list_runs(out)[0], interrupted.value.remedy
    done = (folder / "products" / "bottle" / "model.keras").stat()
    with pytest.raises(DataError) as failed:
        tfpipelines.resume(folder, observer=Observer())
    assert (folder / "products" / "bottle" / "model.keras").stat() == done  # not begun again
    assert seen == [("bottle", 1, 3), ("cable", 2, 3)]
    return folder, between, failed.value


@pytest.mark.slow
def test_what_was_done_before_a_signal_is_told(stopped):
    folder, (content, listed, remedy), _ = stopped
    assert [row["state"] for row in content["products"]] == ["done", "interrupted", "not begun"]
    assert content["test"] == content["products"][0]["test"]
    assert (listed["kind"], listed["state"]) == ("products", "interrupted") and f"tfpipe resume {folder}" in remedy
    assert listed["metric"]["name"] == "roc_auc"


@pytest.mark.slow
def test_a_product_that_fails_is_named_and_stops_no_other(stopped):
    folder, _, error = stopped
    assert error.exit_code == 3 and error.cause == "1 of 3 products failed: few."
    assert "needs at least 19 normal images" in error.details[0] and f"tfpipe resume {folder}" in error.remedy
    rows = error.result["products"]
    assert [(row["product"], row["state"]) for row in rows] == [
        ("bottle", "done"),
        ("cable", "done"),
        ("few", "failed"),
    ]
    assert "19 normal images" in rows[2]["reason"] and rows[0]["reason"] == ""
    run = tfpipelines.load(folder)
    assert run.status["state"] == "failed" and run.metrics == error.result


@pytest.mark.slow
def test_the_table_has_each_product_and_the_mean(stopped):
    folder, _, error = stopped
    table = pd.read_csv(folder / "products.csv")
    figures = ["roc_auc", "false_alarm_rate", "pixel_roc_auc", "per_region_overlap"]
    assert list(table.columns) == ["product", "state", "network", *figures, "seconds", "reason"]
    assert table["product"].tolist() == ["bottle", "cable", "few", "mean"]
    for name in figures:
        own = [tfpipelines.load(folder / "products" / part).metrics["test"][name] for part in ("bottle", "cable")]
        assert table[name][:2].tolist() == pytest.approx(own)
        assert table[name][3] == pytest.approx(sum(own) / 2) == error.result["test"][name]
        spread = error.result["spread"]["test"][name]
        assert (spread["min"], spread["max"]) == pytest.approx((min(own), max(own)))
    assert table["seconds"][3] == pytest.approx(table["seconds"][:2].sum())


@pytest.mark.slow
def test_each_is_an_ordinary_run_that_equals_one_by_itself(stopped, root):
    folder, _, _ = stopped
    alone = tfpipelines.run("anomaly", {**SMALL, "data.path": str(root / "cable")}, observer=Observer())
    one = tfpipelines.load(folder / "products" / "cable")
    for name in ("predictions.csv", "threshold.json", "splits.csv"):
        assert (one.folder / name).read_bytes() == (alone.folder / name).read_bytes()
    assert one.pipeline == alone.pipeline and tfpipelines.verify(one.folder).ok
    assert list(one.predict(root / "cable" / "test" / "hole")["verdict"]) and (one.folder / "report.html").is_file()
    assert tfpipelines.resume(one.folder, observer=Observer()).status["state"] == "done"
    both = [folder / "products" / "cable", alone.folder]
    assert tfpipelines.compare(both)["metrics"]["test"]["roc_auc"][0]["value"] == alone.metrics["test"]["roc_auc"]


@pytest.mark.slow
def test_commands_for_one_model_name_the_runs(stopped, root, tfpipe):
    folder, _, _ = stopped
    run = tfpipelines.load(folder)
    calls = (
        lambda: run.predict(root),
        lambda: run.model,
        lambda: tfpipelines.compare([folder, folder / "products/cable"]),
    )
    for call in calls:
        with pytest.raises(ConfigError, match="product") as error:
            call()
        assert "products/bottle" in error.value.remedy and "few" not in error.value.remedy
    result = tfpipe("predict", folder, root / "cable")
    assert result.code == 2 and "has a model for each" in result.err
    result = tfpipe("list", "runs", "--in", folder.parent)
    assert "products (anomaly)" in result.out and "failed" in result.out


@pytest.mark.slow
def test_the_report_has_the_table(stopped):
    folder, _, _ = stopped
    page = tfpipelines.report(folder)
    html = page.page.read_text()
    assert page.card is None and "Products" in html and "mean over products" in html and "few: A false-alarm" in html
    assert "over 2 products" in page.summary and [entry.code for entry in page.advice] == ["failed"]


@pytest.mark.slow
def test_mended_data_are_gone_on_with(stopped, root, tmp_path):
    folder, _, _ = stopped
    data, runs = tmp_path / "parts", tmp_path / "runs"
    shutil.copytree(folder, runs)
    shutil.copytree(root, data)
    for path in runs.rglob("*"):  # as if it had begun there
        if path.name in ("pipeline.yaml", "environment.json", "data.json"):
            path.write_text(path.read_text().replace(str(root), str(data)))
    write_mvtec(data, {"few": 40})
    run = tfpipelines.resume(runs, observer=Observer())
    assert run.status["state"] == "done" and [row["state"] for row in run.metrics["products"]] == ["done"] * 3
    assert tfpipelines.verify(runs / "products" / "few").ok and "reason" not in run.status
    assert tfpipelines.resume(runs, observer=Observer()).metrics == run.metrics


def test_check_counts_each(root, tfpipe):
    result = tfpipe("check", root, "--pipeline", "anomaly", "--json")
    content = json.loads(result.out)
    assert result.code == 3 and content["error"]["cause"] == "1 of 3 products cannot be used: few."
    counts = {name: facts["counts"]["test"] for name, facts in content["result"]["products"].items()}
    assert counts == dict.fromkeys(PRODUCTS, {"good": 4, "hole": 4}) and not os.path.exists("runs")
    result = tfpipe("check", root, "--pipeline", "anomaly", "data.products=[bottle,cable]")
    assert result.code == 0 and "good 4, hole 4" in result.out and "few" not in result.out


@pytest.mark.slow
def test_the_command_line_prints_the_table_last(root, tfpipe):
    words = [f"{name}={value}" for name, value in SMALL.items()]
    result = tfpipe("run", "anomaly", f"data.path={root}", "data.products=[few, bottle]", *words, "train.epochs=1")
    assert result.code == 3 and result.out.count("bottle") >= 2 and "mean" in result.out
    assert "product     bottle, 1 of 2" in result.err and "1 of 2 products failed: few" in result.err
    text = (tfpipelines.load("runs/latest").folder / "pipeline.yaml").read_text()
    assert "products:" in text and "bottle" in text and "cable" not in text


def test_a_search_is_of_one_product(root):
    with pytest.raises(ConfigError, match="a search is of one: bottle, cable, few"):
        tfpipelines.tune("anomaly", {"data.path": str(root)}, observer=Observer())
    assert not os.path.exists("runs")


def test_products_in_an_archive(root, tmp_path, tfpipe):
    archive = shutil.make_archive(str(tmp_path / "set"), "zip", root.parent, root.name)
    told = tfpipe("check", archive, "--pipeline", "anomaly")
    assert told.code == tfpipe("check", root, "--pipeline", "anomaly").code
    assert f"in {archive}/{root.name}, a run each" in told.out + told.err
