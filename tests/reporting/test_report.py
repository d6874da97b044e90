"""The report of a real run is whole and stands alone; that of a damaged one shows what is left; data stay data."""

import json
import random
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import yaml
from PIL import Image

import tfpipelines
from tfpipelines import Observer
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ConfigError, ResourceError
from tfpipelines.reporting import report, write_reports, writing
from tfpipelines.reporting.embedded_images import embedded

from ..conftest import ROOT
from .conftest import history

ODD = "<script>alert(1)</script>"
ODD_FILE = 'it\'s "a" `b` |c| <img src=x onerror=alert(2)>.png'


class Page(HTMLParser):
    """What a page holds: tags, headings, ids, links, and addresses that a browser would fetch."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.headings, self.ids, self.links, self.fetched, self.alts, self.text, self.open = (
            [],
            [],
            [],
            [],
            [],
            [],
            "",
            [],
        )
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        assert not any(name.startswith("on") for name in values)
        self.tags.append(tag)
        if tag not in ("meta", "img", "br", "path", "polyline", "link", "!doctype"):
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        self.fetched += [values[name] for name in ("src", "srcset", "data", "poster") if name in values]
        if tag == "img":
            self.alts.append(values["alt"])

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_data(self, data):
        self.text += data


def checked(path):
    """The page, of which is asked what every report has to be."""
    page = Page(path)
    assert page.source.lstrip().startswith("<!doctype html>") and '<html lang="en">' in page.source
    assert not re.search(r"https?://|@import|url\(", page.source, re.IGNORECASE)
    assert all(address.startswith("data:image/") for address in page.fetched) and all(page.alts)
    assert {"script", "link", "iframe", "object"}.isdisjoint(page.tags) and page.tags.count("title") == 1
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids) and len(page.ids) == len(set(page.ids))
    assert (
        page.headings[0] == 1
        and page.headings.count(1) == 1
        and all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:]))
    )
    assert path.stat().st_size < 3_000_000
    return page


def test_a_run_leaves_a_page_that_says_all(real):
    run, notes = real
    page = checked(run.folder / "report.html")
    assert not notes
    for part in (
        "What was trained",
        "On what data",
        "How well it does",
        "Where it fails",
        "How training went",
        "What to do next",
        "How it was made",
    ):
        assert part in page.text
    assert (
        f"{run.metrics['test']['accuracy']:.4f}" in page.text
        and json.loads((run.folder / "data.json").read_text())["content_hash"] in page.text
    )
    assert (
        "learning_rate: 0.003" in page.text
        and "tfpipe predict" in page.text
        and "balanced_accuracy" in page.text
        and f"{run.metrics['network']['parameters']:,}" in page.text
    )
    assert len([address for address in page.fetched if address.startswith("data:image/png")]) == len(
        list((run.folder / "plots").glob("*.png"))
    )


def test_neither_tensorflow_nor_pandas_nor_matplotlib_is_loaded(real):
    code = (
        "import sys, time; import tfpipelines.reporting.writing as w; t = time.perf_counter(); "
        f"w.report({str(real[0].folder)!r}, out='page.html'); print(time.perf_counter() - t, [name for name in "
        "('tensorflow', 'keras', 'pandas', 'matplotlib', 'sklearn', 'scipy') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    seconds, loaded = result.stdout.split(maxsplit=1)
    assert loaded.strip() == "[]" and float(seconds) < 5


def test_the_command(real, tfpipe, tmp_path):
    folder = real[0].folder
    (folder / "report.html").unlink()
    result = tfpipe("report", folder)
    assert (
        result.code == 0
        and (folder / "report.html").is_file()
        and "Test accuracy" in result.out
        and f"written: {folder / 'report.html'}" in result.out
    )
    result = tfpipe("report", folder, "--out", "my page.html", "--json")
    told = json.loads(result.out)
    assert (
        told["page"] == "my page.html"
        and told["card"] is None
        and told["bytes"] == (tmp_path / "my page.html").stat().st_size
    )
    assert all(set(entry) == {"code", "text", "command"} for entry in told["advice"])
    assert tfpipe("report", "nothing").code == 2
    for out in (tmp_path, tmp_path / "none" / "x.html"):
        assert tfpipe("report", folder, "--out", out).code == 2
    with pytest.raises(ConfigError):
        report(tmp_path)


def test_names_and_texts_are_data(made_up, tmp_path):
    classes = [ODD, "b|c", "`d`"]
    counts = {part: dict.fromkeys(classes, 30) for part in ("train", "validation", "test")}
    text = f"see https://example.org/{ODD} and HTTP://EXAMPLE.ORG, xhttp://y"
    words = {
        "title": ODD,
        "entries": [
            {
                "item": ODD_FILE,
                "text": text,
                "label": ODD,
                "predicted": "b|c",
                "confidence": 0.9,
                "explanation": {"class": "b|c", "words": [{"word": "see", "start": 0, "end": 3, "weight": 1.5}]},
            }
        ],
    }
    folder = made_up(
        {
            "data.json": {
                "path": "http://x/<b>",
                "classes": classes,
                "counts": counts,
                "rows": dict.fromkeys(counts, 90),
                "content_hash": ODD,
                "about": [ODD],
                "findings": [
                    {"code": ODD, "severity": "warning", "message": ODD, "remedy": ODD, "items": [ODD_FILE], "count": 1}
                ],
            },
            "metrics.json": {
                "test": {"accuracy": 0.5, ODD: 1.0},
                "validation": {},
                "intervals": {ODD: [0, 1]},
                "per_class": {name: {"precision": 0.5, "recall": 0.1, "f1": 0.1, "support": 30} for name in classes},
                "about": [ODD],
                "samples": 90,
                "baselines": {ODD: {"accuracy": 1.0}},
            },
            "environment.json": {"versions": {ODD: ODD}, "command": ODD, "device": ODD, "platform": ODD},
            "predictions.csv": f'item,label,predicted,b|c\n"{ODD_FILE.replace(chr(34), chr(34) * 2)}",{ODD},b|c,0.9\n',
            "plots/mistakes.json": words,
        },
        name='run "a" <b>',
        pictures=("curves", "confusion_matrix", "un'known <i>"),
        reason=ODD,
        started="<b>",
    )
    (folder / "model.keras").write_text(ODD)
    shutil.copy(folder / "plots" / "curves.png", folder / "plots" / "evil.svg.png")
    written = report(folder.path)
    page = checked(written.page)
    assert ODD in page.text and ODD_FILE in page.text and page.tags.count("b") > 0 and "i" not in page.tags
    assert f"https://example.org/{ODD}" in page.text and "un'known <i>" in page.text
    _, metadata, card = written.card.read_text().split("---\n", 2)
    assert yaml.safe_load(metadata)["model-index"][0]["results"][0]["metrics"][1]["type"] == ODD
    assert "<script>" not in card and "http://" not in card and "\\<script\\>" in card
    assert "b\\|c" in card and "\\`d\\`" in card


def test_every_file_may_be_missing_or_damaged(real, tmp_path):
    source = real[0].folder
    files = [
        "status.json",
        "environment.json",
        "data.json",
        "metrics.json",
        "history.csv",
        "predictions.csv",
        "pipeline.yaml",
        "model.keras",
        "plots/curves.png",
        "plots/mistakes.png",
    ]
    for name in files:
        for content in (None, b"", b"\x00\xff\xfe not a file", b"[1, 2]", (source / name).read_bytes()[:-20]):
            folder = tmp_path / "damaged"
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns("logs", "checkpoints", "README.md"))
            (folder / name).unlink()
            if content is not None:
                (folder / name).write_bytes(content)
            if name == "status.json" and content is None:  # no run folder then
                shutil.rmtree(folder)
                continue
            page = checked(report(folder).page)
            if content is not None and name.endswith(".json") and len(content) < 30:
                assert f"cannot be read, so their content is missing: {name}" in page.text
            shutil.rmtree(folder)


def test_any_value_may_be_of_another_kind(real, tmp_path):
    source, folder = real[0].folder, tmp_path / "spoilt"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("logs", "checkpoints", "plots"))
    (folder / "plots").mkdir()
    words = {
        "title": "x",
        "entries": [
            {
                "item": "1",
                "text": "a b",
                "label": "0",
                "predicted": "1",
                "confidence": 0.5,
                "explanation": {"class": "1", "words": [{"word": "a", "start": 0, "end": 1, "weight": 1.0}]},
            }
        ],
    }
    whole = {
        name: json.loads((source / name).read_text())
        for name in ("status.json", "environment.json", "data.json", "metrics.json")
    } | {"plots/mistakes.json": words}
    whole["data.json"]["findings"] = [
        {"code": "x", "severity": "warning", "message": "m", "remedy": "r", "items": ["i"], "count": 1}
    ]
    generator = random.Random(0)
    for _ in range(60):
        for name, content in whole.items():
            (folder / name).write_text(json.dumps(spoilt(content, generator)))
        assert checked(report(folder).page).headings


def spoilt(value, generator):
    """The same with some of its parts replaced by something else."""
    if generator.random() < 0.04:
        return generator.choice(
            [None, [], {}, "text", "", 0, -1, 1e400, True, [None], {"a": None}, [[1]], {"": {"": ""}}, [{}], "2025"]
        )
    if isinstance(value, dict):
        return {key: spoilt(entry, generator) for key, entry in value.items()}
    return [spoilt(entry, generator) for entry in value] if isinstance(value, list) else value


def test_an_unfinished_run_tells_why_and_shows_its_curves(made_up):
    rows = [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "val_loss": 1.2 / epoch,
            "accuracy": 0.5,
            "learning_rate": 0.1,
            "seconds": 1.0,
        }
        for epoch in (1, 2, 3)
    ]
    folder = made_up(
        {"history.csv": history(rows)},
        state="interrupted",
        reason="Stopped by SIGTERM.",
        epoch=3,
        epochs=10,
        pictures=(),
    )
    written = report(folder.path)
    page = checked(written.page)
    assert (
        "Stopped by SIGTERM." in page.text
        and f"tfpipe resume {folder}" in page.text
        and "svg" in page.tags
        and "val_loss: 1.2 in epoch 1, 0.4 in epoch 3" in page.source
    )
    assert written.card is None and [entry.code for entry in written.advice] == ["interrupted"]
    failed = report(made_up({}, name="failed", state="failed", reason="The disk is full.", pictures=()).path)
    assert "The disk is full." in checked(failed.page).text and "svg" not in checked(failed.page).tags


def test_a_page_that_would_be_too_large_shows_smaller_pictures(made_up):
    folder = made_up({})
    noise = random.Random(0).randbytes(1200 * 900 * 3)
    for name in ("mistakes", "grad_cam"):
        Image.frombytes("RGB", (1200, 900), noise).save(folder / "plots" / f"{name}.png")
    (folder / "plots" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    page = checked(report(folder.path).page)
    assert "these are shrunk: grad_cam.png, mistakes.png" in page.text and "left out: broken.png" in page.text
    pictures, _ = embedded(sorted((folder / "plots").glob("*.png")), budget=400_000)
    assert sum(len(picture.uri) for picture in pictures) < 410_000 and {
        picture.name: picture.shrunk for picture in pictures
    } == {"curves.png": False, "grad_cam.png": True, "mistakes.png": True}
    frames = [Image.new("RGB", (200, 200), color) for color in ("red", "blue")]
    frames[0].save(folder / "plots" / "progress.gif", save_all=True, append_images=frames[1:])
    assert next(picture for picture in embedded([folder / "plots" / "progress.gif"])[0]).uri.startswith(
        "data:image/gif"
    )


def test_nothing_about_a_report_makes_a_run_fail(made_up, monkeypatch):
    notes = []

    class Notes(Observer):
        def note(self, text):
            notes.append(text)

    folder = made_up({})
    (folder / "logs").mkdir()
    for error in (ZeroDivisionError("oh"), ResourceError("The disk is full.")):
        monkeypatch.setattr(writing, "page", lambda *_, error=error: (_ for _ in ()).throw(error))
        write_reports(folder, Notes())
    assert "ZeroDivisionError: oh" in notes[0] and "ZeroDivisionError" in (folder / "logs" / "run.log").read_text()
    assert "The disk is full." in notes[1] and not (folder / "report.html").exists()


def test_folds_and_searches_have_pages_of_their_own(made_up, tmp_path):
    folds = made_up(
        {
            "metrics.json": {
                "test": {"accuracy": 0.7},
                "spread": {"test": {"accuracy": {"mean": 0.7, "std": 0.1, "min": 0.6, "max": 0.8}}},
            },
            "predictions.csv": "item,label,predicted,a,b,fold\n1,a,b,0.2,0.8,0\n2,a,a,0.9,0.1,1\n",
        },
        name="cv",
        pictures=(),
    )
    for number, accuracy in enumerate((0.6, 0.8)):
        made_up(
            {"metrics.json": {"test": {"accuracy": accuracy}, "network": {"name": "cnn", "parameters": 1234}}},
            name=f"cv/fold-{number}",
            fold=number,
        )
    write_reports(folds, Observer())
    page = checked(folds / "report.html")
    assert (
        "0.6000 to 0.8000 over 2 folds" in page.text
        and "fold-1" in page.text
        and "0.7000 ± 0.1000" in page.text
        and "1,234" in page.text
    )
    checked(folds / "fold-1" / "report.html")

    search = made_up(
        {
            "metrics.json": {
                "search": {
                    "metric": "val_accuracy",
                    "direction": "max",
                    "score": 0.9,
                    "trial": 2,
                    "values": {"train.learning_rate": 0.00012},
                    "trials": {"completed": 2, "failed": 2},
                    "epochs": 9,
                    "ended_by": "search.trials=4",
                },
                "best_trial": {"accuracy": 0.9},
                "validation": {"accuracy": {"mean": 0.85, "min": 0.8, "max": 0.9}},
                "test": {"accuracy": {"mean": 0.84, "min": 0.8, "max": 0.88}},
                "seeds": [0, 1],
                "failed_seeds": {"2": "it died"},
            },
            "leaderboard.csv": "rank,trial,status,val_accuracy,seconds,train.learning_rate,reason,by_epoch\n"
            "1,2,completed,0.9,3.2,0.00012,,[]\n2,1,completed,0.85,3,0.01,,[]\n,3,failed,,,0.1,broken "
            ""
            "<b>,[]\n,4,failed,,,0.2,broken <b>,[]\n",
            "pipeline.yaml": {
                "task": "image-cls",
                "name": "image-cls",
                "search": {
                    "algorithm": "random",
                    "space": {"train.learning_rate": {"min": 0.0001, "max": 0.01, "scale": "log"}},
                },
            },
            "best.yaml": "task: image-cls\n",
        },
        name="search",
        kind="search",
        pictures=("best_so_far", "slices"),
    )
    made_up({}, name="search/final/seed-0", part_of=str(search))
    written = report(search.path)
    page = checked(written.page)
    assert (
        written.card is None
        and "Test accuracy 0.8400 (0.8000 to 0.8800 over 2 seeds)" in page.text
        and "final/seed-0" in page.text
        and "it died" in page.text
        and "broken <b>" in page.text
    )
    assert {entry.code for entry in written.advice} == {"failed_trials", "few_trials", "edge", "ties", "use_best"}
    assert any("lower end of its interval" in entry.text for entry in written.advice)


def test_public_names():
    assert tfpipelines.report is report and tfpipelines.Report is writing.Report and RunFolder


def test_exports_and_their_proof_are_told(made_up):
    proof = {
        "samples": 500,
        "largest_difference": 1.24e-6,
        "flips": 2,
        "accuracy_loss": 0.004,
        "milliseconds_per_sample": 0.5,
        "bytes": 2_500_000,
    }
    files = {
        "export/litert-int8/3/manifest.json": {"quantize": "int8", "proof": proof},
        "export/onnx/1/manifest.json": "damaged",
        "export/onnx/.tmp-1-version/manifest.json": {"proof": proof},
    }
    folder = made_up(files)
    report(folder.path)
    page = checked(folder / "report.html")
    assert (
        "What was exported" in page.text
        and "export/litert-int8/3" in page.text
        and "1.2e-06" in page.text
        and "+0.0040" in page.text
        and "2.50" in page.text
    )
    assert "export/onnx" not in page.text


def test_the_loss_surface_is_part_of_the_page_where_it_was_asked_for(real, tfpipe):
    folder = real[0].folder
    for words in (
        ["--loss-surface", "--surface-points", "4"],
        ["--loss-surface", "--surface-points", "0"],
        ["--surface-points", "3"],
    ):
        assert tfpipe("report", folder, *words).code == 2
    result = tfpipe("report", folder, "--loss-surface", "--surface-points", "3", "--surface-samples", "16")
    assert result.code == 0 and len((folder / "loss_surface.csv").read_text().splitlines()) == 10
    assert "loss_surface.png" in checked(folder / "report.html").text


def test_what_is_of_an_earlier_model_is_left_out_or_marked(made_up):
    files = {
        "loss_surface.json": {"model_sha256": "old"},
        "export/onnx/1/manifest.json": {"run": {"model_sha256": "old"}, "proof": {"samples": 5}},
    }
    folder = made_up(files, pictures=("curves", "loss_surface"), model_sha256=["new", "old"])
    report(folder.path)
    page = checked(folder / "report.html")
    assert (
        "plots/loss_surface.png" in page.text
        and len([address for address in page.fetched if address.startswith("data:image")]) == 1
        and "of an earlier model" in page.text
    )
    (folder / "loss_surface.json").write_text(json.dumps({"model_sha256": "new"}))
    report(folder.path)
    assert "one slice of a space" in checked(folder / "report.html").text


def test_predictions_of_another_test_part_tell_nothing(made_up):
    rows = "item,label,predicted,cat,dog\n1,cat,dog,0.2,0.8\n"
    folder = made_up(
        {"predictions.csv": rows, "data.json": {"classes": ["cat", "dog"], "rows": {"train": 9, "test": 3}}}
    )
    report(folder.path)
    page = checked(folder / "report.html")
    assert "predictions.csv (1 rows, and 3 of the test split)" in page.text and "told wrong" not in page.text


def test_class_names_like_those_of_columns(made_up):
    rows = "item,label,predicted,p_item,a|b\n7,item,a|b,0.25,0.75\n8,a|b,a|b,0.1,0.9\n"
    folder = made_up({"predictions.csv": rows, "data.json": {"classes": ["item", "a|b"]}})
    report(folder.path)
    page = checked(folder / "report.html")
    assert "1 of 2 test samples are misclassified" in page.text and "0.75" in page.text


def test_a_cross_validation_tells_of_its_data_whatever_was_found(made_up):
    data = {
        "path": "photos",
        "content_hash": "abc",
        "classes": ["cat", "dog"],
        "counts": {"train": {"cat": 5, "dog": 5}},
        "findings": [{"severity": "warning", "message": "Few", "code": "few"}],
    }
    whole = made_up(
        {
            "data.json": {"findings": data["findings"]},
            "fold-0/data.json": data,
            "fold-0/status.json": {"state": "done"},
        },
        name="cv",
    )
    report(whole.path)
    text = checked(whole / "report.html").text
    assert "photos" in text and "abc" in text and "Samples by class and split" in text and text.count("Few.") == 1


def test_figures_that_nobody_knows_are_shown_without_a_meaning(made_up):
    folder = made_up({"metrics.json": {"test": {"accuracy": 0.5, "brilliance": 0.25}}})
    page = report(folder.path).page.read_text()
    assert '<th scope="row">brilliance</th><td class="figure">0.2500</td>' in page
    assert "<dt>accuracy</dt><dd>share of samples predicted correctly" in page and "<dt>brilliance</dt>" not in page
