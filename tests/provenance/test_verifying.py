"""Every file that is missing, changed or extra is named; what commands write later does not count."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tfpipelines
from tfpipelines.core.lock import waiting
from tfpipelines.core.manifest import LATER, MANIFEST, renew
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ConfigError, RunInUseError

from ..conftest import ROOT
from .conftest import as_before, fill, put


def problems(folder, **options):
    return [(problem.kind, problem.file) for problem in tfpipelines.verify(folder, **options).problems]


def flip(path):
    """Changes one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["run", "search", "export"])
def test_a_flipped_bit_of_any_covered_file_is_seen(kind, request):
    folder = request.getfixturevalue(kind)
    found = tfpipelines.verify(folder)
    names = list(json.loads((folder / MANIFEST).read_text())["files"])
    assert found.ok and found.kind == kind and found.files >= len(names) > 1 and not found.notes
    for name in names:
        before = (folder / name).read_bytes()
        flip(folder / name)
        assert ("changed", name) in problems(folder), name
        (folder / name).write_bytes(before)
        (folder / name).unlink()
        assert ("missing", name) in problems(folder), name
        (folder / name).write_bytes(before)
    assert tfpipelines.verify(folder).ok


def test_all_that_a_run_has_left_is_covered(run):
    files = json.loads((run / MANIFEST).read_text())["files"]
    left = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert left - set(files) == {MANIFEST, ".lock", "logs/run.log", "report.html", "README.md"} & left
    assert files["status.json"]["bytes"] == (run / "status.json").stat().st_size


def test_what_is_no_file_of_the_run_does_not_hinder_its_end(tmp_path):
    folder = RunFolder.create(tmp_path, "odd")
    put(folder.path / "model.keras", "x")
    (folder.path / "data").symlink_to(tmp_path, target_is_directory=True)
    (folder.path / "gone").symlink_to("nowhere")
    os.mkfifo(folder.path / "pipe")
    Path(os.fsdecode(os.fsencode(folder.path) + b"/\xff.txt")).write_text("x")
    folder.finish()
    assert set(json.loads((folder.path / MANIFEST).read_text())["files"]) == {"model.keras", "status.json"}
    assert json.loads((folder.path / "status.json").read_text())["state"] == "done"


def test_what_commands_write_later_does_not_count(run, export):
    for name in ["report.html", "README.md", "logs/run.log", "loss_surface.json", "plots/loss_surface.png"]:
        put(run / name, "{}")
    put(run / ".DS_Store", "x")
    put(run / "evaluation" / "metrics.json", "{}")  # tfpipe evaluate --out
    found = tfpipelines.verify(run)
    assert found.ok and len(found.notes) == 1 and "evaluation has been added since" in found.notes[0]


def test_the_names_of_later_files_are_those_that_the_commands_use():
    from tfpipelines.reporting.surface.result_files import FACTS, PICTURE, TABLE
    from tfpipelines.reporting.writing import CARD, PAGE

    assert {PAGE, CARD, *map(str, (FACTS, PICTURE, TABLE))} == LATER


def test_a_manifest_that_is_lost_is_missing(run):
    (run / MANIFEST).unlink()
    (run / "plots" / "curves.png").unlink()
    assert problems(run) == [("missing", MANIFEST)]


def test_manifests_are_renewed_one_after_the_other(tmp_path):
    """Four folds whose thresholds change at the same time, in a folder whose manifest names theirs."""
    outer = fill(RunFolder.create(tmp_path, "folds"))
    folds = [outer.child(f"fold-{number}") for number in range(4)]
    for fold in folds:
        put(fold.path / "threshold.json", "{}")
        fold.set_status("running")
        fold.finish()
    outer.finish()

    def recalibrate(fold):
        for turn in range(10):
            put(fold.path / "threshold.json", json.dumps({"turn": turn}))
            with fold.locked():
                renew(fold.path, ["threshold.json"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(recalibrate, folds))
    assert tfpipelines.verify(outer.path).ok
    with outer.locked(), pytest.raises(RunInUseError), waiting(outer.path, 0.1):
        pass


def test_extra_files_are_named(run, export):
    put(run / "other.keras", "x")
    put(run / "checkpoints" / "step-000000008.npz", "x")
    put(export / "assets" / "more.txt", "x")
    of_export = "export/onnx/1/assets/more.txt"
    assert problems(run) == [
        ("extra", "checkpoints/step-000000008.npz"), ("extra", of_export), ("extra", "other.keras"),
    ]  # fmt: skip
    assert problems(export) == [("extra", "assets/more.txt")]


def test_the_exports_of_a_run_are_verified_with_it(run, export):
    flip(export / "model.onnx")
    assert problems(run) == [("changed", "export/onnx/1/model.onnx")]


def test_a_recalibrated_run_is_as_it_was_left_and_so_is_the_search_around_it(search):
    final = search / "final" / "seed-0"
    put(final / "threshold.json", '{"threshold": 0.7}')
    put(final / "threshold.before.json", '{"threshold": 0.5}')
    assert ("changed", "threshold.json") in problems(final)
    assert renew(final, ("threshold.json", "threshold.before.json")) is False
    assert problems(final) == problems(search) == []
    flip(final / "model.keras")  # nothing else was taken for good
    assert problems(search) == [("changed", "final/seed-0/model.keras")]


def test_a_trial_is_covered_by_its_search(search):
    put(search / "trials" / "0001" / "threshold.json", '{"threshold": 0.7}')
    assert problems(search) == [("extra", "trials/0001/threshold.json")]
    renew(search / "trials" / "0001", ("threshold.json", "threshold.before.json"))
    assert problems(search) == []


def test_a_search_whose_final_run_has_lost_its_manifest_names_that_alone(search):
    (search / "final" / "seed-0" / MANIFEST).unlink()
    assert problems(search) == [("missing", f"final/seed-0/{MANIFEST}")]


# --- runs without a manifest
def test_runs_of_earlier_versions_are_verified_by_the_hashes_that_they_have(run):
    as_before(run)
    found = tfpipelines.verify(run)
    assert found.ok and found.files == 5 and "has no manifest.json, as runs of earlier versions" in found.notes[0]
    for name in ("model.keras", "network.py", "checkpoints/step-000000004.npz"):
        before = (run / name).read_bytes()
        flip(run / name)
        assert problems(run) == [("changed", name)]
        (run / name).unlink()
        assert problems(run) == [("missing", name)]
        (run / name).write_bytes(before)
    about = run / "checkpoints" / "step-000000004.json"
    about.write_text(about.read_text().replace("true", "false"))
    put(run / "metrics.json", "[]")
    put(run / "splits.csv", (run / "splits.csv").read_text().replace("b,1,test", "b,0,test"))
    named = ["checkpoints/step-000000004.json", "metrics.json", "splits.csv"]
    assert problems(run) == [("changed", name) for name in named]


@pytest.mark.parametrize("folder", sorted((ROOT / "tests" / "runs_of_earlier_versions").glob("*/*")), ids=str)
def test_the_runs_of_earlier_versions_are_good(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "earlier")
    found = tfpipelines.verify(copy)
    assert found.ok and found.files >= 2
    flip(next(copy.rglob("model.keras")))
    assert len(problems(copy)) == 1


def test_a_run_that_goes_on_has_no_manifest_until_it_is_done_again(tmp_path):
    folder = fill(RunFolder.create(tmp_path / "runs", "image-cls"))
    found = tfpipelines.verify(folder.path)
    assert found.ok and "is not finished (running)" in found.notes[0]
    folder.finish()
    folder.set_status("running", epoch=3)
    assert not (folder / MANIFEST).exists()


def test_a_process_that_ends_between_the_manifest_and_the_last_status_leaves_a_run_to_be_resumed(tmp_path, monkeypatch):
    folder = fill(RunFolder.create(tmp_path / "runs", "image-cls"))
    from tfpipelines.core import run_folder

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_folder, "atomic_write", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.finish()
    assert (folder / MANIFEST).is_file() and folder.status["state"] == "running"
    assert problems(folder.path) == []


# --- hostile and damaged folders
@pytest.mark.parametrize(
    "content",
    ["[]", "{", '{"files": []}', '{"files": {"../x": {"sha256": "%s", "bytes": 1}}}', '{"files": {"a": {"bytes": 1}}}']
    + ['{"files": {"/etc/passwd": {"sha256": "%s", "bytes": 1}}}', '{"files": {"a": {"sha256": "x", "bytes": 1}}}'],
)
def test_a_damaged_manifest_is_a_changed_file(run, content):
    (run / MANIFEST).write_text(content.replace("%s", "0" * 64))
    assert problems(run) == [("changed", MANIFEST)]


def test_what_is_no_regular_file_is_not_read(run):
    (run / "metrics.json").unlink()
    os.mkfifo(run / "metrics.json")
    (run / "model.keras").unlink()
    (run / "model.keras").symlink_to("/dev/zero")
    found = {problem.file: problem.reason for problem in tfpipelines.verify(run).problems}
    assert "a pipe" in found["metrics.json"] and "a device" in found["model.keras"]


def test_other_folders_are_refused(tmp_path, run, export):
    for folder in (tmp_path / "nothing", tmp_path, export / "model.onnx"):
        with pytest.raises(ConfigError, match="neither a run folder nor an export"):
            tfpipelines.verify(folder)
    with pytest.raises(ConfigError, match="such as .*onnx/1"):
        tfpipelines.verify(export.parent)


# --- the command line
def test_the_command_says_what_is_wrong(run, tfpipe):
    good = tfpipe("verify", run)
    assert good.code == 0 and good.out.endswith(": as they were left; not signed\n")
    flip(run / "splits.csv")
    (run / "pipeline.yaml").unlink()
    bad = tfpipe("verify", run)
    assert bad.code == 7 and "is not as it was left: 1 missing, 1 changed; " in bad.err
    assert [line.partition(":")[0] for line in bad.out.splitlines()] == [
        "missing  pipeline.yaml",
        "changed  splits.csv",
    ]
    told = json.loads(tfpipe("verify", run, "--json").out)
    assert told["error"]["exit_code"] == 7 and not told["result"]["ok"] and told["result"]["problems"][0]["kind"]
    assert tfpipe("verify", run.parent).code == 2


def test_it_loads_nothing_heavy(run):
    code = f"""
import sys
from tfpipelines.cli import cli
try:
    cli.main(["verify", {str(run)!r}], prog_name="tfpipe")
except SystemExit as end:
    heavy = ("tensorflow", "keras", "pandas", "numpy", "pydantic", "cryptography")
    print(end.code, [name for name in heavy if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-1] == "0 []"
