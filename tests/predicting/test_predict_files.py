"""Predictions for many files: each row once, the same as of one call, whatever ends a process (FAULTS 32, 40)."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest

import tfpipelines
from tfpipelines import Observer, predict_files
from tfpipelines.core.lock import locked
from tfpipelines.datasets import Inputs
from tfpipelines.errors import ConfigError, DataError, Interrupted, ResourceError, RunInUseError
from tfpipelines.evaluation import to_csv
from tfpipelines.predicting import entry
from tfpipelines.predicting.block import BlockPredictor
from tfpipelines.predicting.blocks import Plan, answer_hash
from tfpipelines.training import StopSignals

from ..conftest import write_photos


class Seen(Observer):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def read(parts):
    frames = [pd.read_csv(part, dtype=str, keep_default_na=False) for part in parts]
    return pd.concat(frames, ignore_index=True)


def expected(run, inputs, **options):
    """What one call answers, as CSV has it."""
    table = run.predict(inputs, **options)
    Path("whole.csv").write_text(to_csv(table if "error" in table else table.assign(error="")))
    return read(["whole.csv"])


def planned(run, inputs, folder, **changes):
    folder.mkdir(exist_ok=True)
    facts = {
        "run": str(run.folder),
        "model": answer_hash(run.folder, ()),
        "inputs": inputs,
        "base": os.getcwd(),
        "overrides": {},
    }
    facts |= {"batch_size": 8, "block_size": 8, "form": "csv", "keep_columns": False, "safe_csv": False}
    predictor = BlockPredictor(Plan(**facts | changes), folder, inputs)
    predictor.count()
    return predictor


def test_parts_hold_what_one_call_answers_and_bad_files_are_listed(trained, photos, tmp_path, tfpipe):
    (photos / "one" / "003.png").write_bytes(b"no image")
    (tmp_path / "list.csv").write_text(f"image\n{photos}/zero/001.png\nabsent.png\n")
    words = ("predict", trained.folder, photos, "absent.png", "list.csv", f"{photos}/two/00*.png")
    command = (*words, "--workers", 2, "--batch-size", 8, "--block-size", 12, "--out", "parts")
    result = tfpipe(*command)
    assert result.code == 3 and "3 of 49 inputs could not be read" in result.err, result
    parts = sorted(Path("parts").glob("part-*.csv"))
    assert [path.name for path in parts] == [f"part-{number:06d}.csv" for number in range(4)]  # of 16: whole batches
    whole = expected(trained, [Path(word) for word in words[2:]], batch_size=8)
    pd.testing.assert_frame_equal(read(parts), whole)
    assert list(pd.read_csv("parts/_errors.csv")["item"]) == list(whole["item"][whole["error"] != ""])
    before = {path: path.stat().st_mtime_ns for path in parts}
    again = tfpipe(*command, "--json")
    assert again.code == 3 and "is done already" in again.err
    assert json.loads(again.out)["result"] == {
        "folder": str(tmp_path / "parts"), "parts": [str(tmp_path / path) for path in parts], "count": 49, "bad": 3
    }  # fmt: skip
    assert before == {path: path.stat().st_mtime_ns for path in parts}
    other = tfpipe(*command, "--keep-columns")
    assert other.code == 2 and "keep_columns: False -> True" in other.err


def test_what_has_changed_since_is_noticed(trained, photos, tmp_path):
    """Files that came, or changed their size, also once all is done; and the files that answers depend on."""
    shutil.copytree(trained.folder, tmp_path / "run", symlinks=True)
    run = tfpipelines.load(tmp_path / "run")
    plan = planned(run, [str(photos)], tmp_path / "parts").plan
    (photos / "one" / "003.png").write_bytes(b"another size")
    with pytest.raises(DataError, match="other names or sizes"):
        BlockPredictor(plan, tmp_path / "parts", [str(photos)]).count()
    (photos / "one" / "zzz.png").write_bytes(b"one more")
    with pytest.raises(DataError, match="37 instead of 36"):
        BlockPredictor(plan, tmp_path / "parts", [str(photos)]).count()
    (tmp_path / "run" / "threshold.json").write_text("{}")
    with pytest.raises(DataError, match="has changed since these predictions began"):
        BlockPredictor(plan, tmp_path / "parts", [str(photos)]).count()


def test_places_may_differ_where_the_files_are_the_same(tmp_path):
    facts = {"run": "/here/run", "model": "0", "base": "/here", "overrides": {}, "batch_size": 8, "block_size": 8}
    facts |= {"form": "csv", "keep_columns": False, "safe_csv": False}
    plan, other = (Plan(inputs=["/photos", "https://host/a.zip"], **facts | more) for more in ({}, {"base": "/there"}))
    plan.require_same(tmp_path, replace(other, run="/there/run"))
    assert plan.here(other).base == "/there"
    relative = replace(plan, inputs=["photos"])
    with pytest.raises(ConfigError, match="other predictions") as caught:
        relative.require_same(tmp_path, replace(other, inputs=["photos"]))
    assert caught.value.details == ("base: /here -> /there",)
    named = replace(plan, inputs=["odd\udce9.png"])
    named.save(tmp_path)
    known = Plan.load(tmp_path)
    known.require_same(tmp_path, named)
    assert known.here(named) == named


def test_any_process_writes_the_same_part_and_all_have_the_same_columns(trained, photos, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    names = "".join(f"{photos}/zero/{number:03d}.png,{number},=1\n" for number in range(9))
    Path("list.csv").write_text(f"image,weight,remark\n{names}")
    inputs = [str(photos / "one"), "list.csv", "absent.png"]
    for form in ("csv", "parquet"):
        folder = tmp_path / form
        predictor = planned(trained, inputs, folder, form=form, keep_columns=True)
        assert (predictor.plan.count, predictor.plan.blocks, predictor.plan.places(2)) == (22, 3, (16, 22))
        for number in reversed(range(3)):
            predictor.carry_out(number)
        other = planned(trained, inputs, tmp_path / f"{form}-again", form=form, keep_columns=True)
        other.carry_out(1)
        assert (folder / predictor.plan.part(1)).read_bytes() == (other.folder / other.plan.part(1)).read_bytes()
    whole = expected(trained, [Path(name) for name in inputs], batch_size=8, keep_columns=True)
    pd.testing.assert_frame_equal(read(sorted((tmp_path / "csv").glob("part*"))), whole)
    (tmp_path / "parquet" / "_plan.json").write_text("{}")
    table = pyarrow.read_table(tmp_path / "parquet").to_pandas()
    assert list(table) == list(whole) and list(table["item"]) == list(whole["item"])
    assert list(table["error"]) == list(whole["error"]) and table["one"].dtype == float


def test_texts_keep_the_column_that_identifies_all_rows(tmp_path):
    """Not one whose values are distinct in a block alone."""
    rows = [f"{number // 2},{number},text {number}" for number in range(20)]
    Path("texts.csv").write_text("\n".join(["id,text_id,text", *rows]) + "\n")
    from tfpipelines.datasets import input_columns, raw_texts

    inputs = Inputs([Path("texts.csv")])
    for start in (0, 1, 19):
        texts = raw_texts(inputs.part(start, start + 2))
        assert list(input_columns([text.origin for text in texts], False)) == ["text_id"]
        assert [text.text for text in texts] == [f"text {number}" for number in range(start, min(20, start + 2))]
    assert inputs.count == 20 and len(inputs.digest()) == 64


def test_other_inputs_than_before_are_refused(trained, photos, tmp_path):
    predictor = planned(trained, [str(photos)], tmp_path / "parts")
    (photos / "one" / "more.png").write_bytes((photos / "one" / "001.png").read_bytes())
    with pytest.raises(DataError, match="not those that these predictions began with: 37 instead of 36"):
        BlockPredictor(predictor.plan, predictor.folder, [str(photos)]).count()


def test_what_cannot_be_predicted_in_blocks_is_refused(trained, tfpipe, tmp_path, photos):
    run = trained.folder
    assert "--workers goes with PATH" in tfpipe("predict", run, photos, "--workers", 2).err
    assert tfpipe("predict", run, photos, "--workers", 2, "--out", "parts", "--explain").code == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    refused = tfpipe("predict", run, photos, "--workers", 2, "--out", "mine")
    assert refused.code == 2 and "holds other files, such as notes.txt" in refused.err
    for options, message in (({"workers": 0}, "workers: got 0"), ({"form": "xml"}, "form: got xml")):
        with pytest.raises(ConfigError, match=message):
            predict_files(trained, photos, "parts", **options)
    assert not Path("parts").exists()
    plan = planned(trained, [str(photos)], tmp_path / "parts").plan
    plan.save(tmp_path / "parts")
    with locked(tmp_path / "parts", is_run=False), pytest.raises(RunInUseError):
        predict_files(trained, photos, "parts")
    (tmp_path / "parts" / "_plan.json").write_text(json.dumps({**asdict(plan), "batch_size": "x"}))
    with pytest.raises(tfpipelines.ArtifactError, match="_plan.json is damaged"):
        predict_files(trained, photos, "parts")


class Murderer(Seen):
    """Kills all workers as soon as some parts are there; or asks this process to end."""

    def __init__(self, folder, times=1, own=False):
        super().__init__()
        self.folder, self.left, self.own = folder, times, own

    def look(self):
        if self.left and len(list(self.folder.glob("part-*"))) >= 3:
            self.left -= 1
            if self.own:
                os.kill(os.getpid(), signal.SIGTERM)
            for process in multiprocessing.active_children():
                process.kill()


def watched(monkeypatch, murderer):
    real = entry.Pool.messages

    def messages(self, seconds):
        murderer.look()
        return real(self, min(seconds, 0.05))

    monkeypatch.setattr(entry.Pool, "messages", messages)


@pytest.mark.slow
def test_two_thousand_pictures_and_workers_that_are_killed(trained, digits, tmp_path, monkeypatch):
    photos = write_photos(tmp_path / "many", digits, {str(digit): digit for digit in range(10)}, 100)
    copies = photos.parent / "more"
    for path in sorted(photos.rglob("*.png")):
        (copies / path.parent.name).mkdir(parents=True, exist_ok=True)
        (copies / path.parent.name / path.name).write_bytes(path.read_bytes())
    options = {"workers": 2, "block_size": 128}
    murderer = Murderer(tmp_path / "parts")
    watched(monkeypatch, murderer)
    found = predict_files(trained, [photos, copies], "parts", observer=murderer, **options)
    assert murderer.left == 0 and any("its process was killed by signal 9" in note for note in murderer.notes)
    assert (found.count, found.bad, len(found.parts)) == (2000, 0, 16)
    whole = expected(trained, [photos, copies])
    pd.testing.assert_frame_equal(read(found.parts), whole)

    stopped = Murderer(tmp_path / "stopped", own=True)  # the whole is asked to end, and begun again
    watched(monkeypatch, stopped)
    with pytest.raises(Interrupted) as caught:
        predict_files(trained, [photos, copies], "stopped", observer=stopped, **options)
    assert caught.value.exit_code == 143 and "same command" in caught.value.remedy
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "stopped").glob("part-*")}
    assert 3 <= len(kept) < 16
    seen = Seen()
    found = predict_files(trained, [photos, copies], "stopped", observer=seen, **options)
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in found.parts}.items()
    assert f"{len(kept)} of 16 blocks are done already" in seen.notes
    pd.testing.assert_frame_equal(read(found.parts), whole)


@pytest.mark.slow
def test_a_block_that_kills_its_processes_is_named(trained, photos, tmp_path, monkeypatch):
    def messages(self, seconds):
        for worker in self.among("running"):
            worker.process.kill()
        return real(self, seconds)

    real = entry.Pool.messages
    monkeypatch.setattr(entry.Pool, "messages", messages)
    began = time.monotonic()
    with pytest.raises(ResourceError, match=r"killed by signal 9 with block 0, inputs 0 to 127, 2 times"):
        predict_files(trained, [photos] * 20, "parts", block_size=128)
    assert time.monotonic() - began < 60


def test_signals_end_it_while_nodes_of_a_cluster_are_looked_at(trained, tmp_path):
    class Nodes:
        """That do not answer."""

        room, left = 1, False

        @contextmanager
        def workers(self, *_):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                yield None
            finally:
                self.left = True

    nodes = Nodes()
    with StopSignals() as stop, stop.hold():
        with pytest.raises(Interrupted):
            with entry._processes(nodes, None, tmp_path, trained, Seen(), stop):
                raise AssertionError("it has begun")
    assert nodes.left
