"""Bad input and trouble, caused for real and met through the command line: exit code, message, what is left on disk.

Rows of FAULTS.md that have their own place: 17, 19 to 22, 24 and 25 in training/test_resume.py, 26 and 27 in
models/test_trust.py; the many forms of 2 to 6, 12 and 13 in datasets/.
"""

import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import tfpipelines
from tfpipelines import Observer, catalogue
from tfpipelines.output import console

from .conftest import ROOT, TINY, write_photos
from .eager import eagerly

pytestmark = pytest.mark.eager

SMALL = [*TINY, "data.size=16"]


def check_failed(result, code, *parts):
    """The command ended with `code` and said all `parts` on stderr, without a traceback."""
    assert result.code == code, result.err
    for part in parts:
        assert part in result.err
    assert "Traceback" not in result.err


def left_behind(state="failed"):
    """The newest run folder: its state is `state`, and there is neither a model nor a half-written file."""
    folder = tfpipelines.load("runs/latest").folder
    assert json.loads((folder / "status.json").read_text())["state"] == state
    assert not (folder / "model.keras").exists() and not list(folder.rglob(".tmp-*"))
    return folder


def spoil(photos, count=3):
    """Makes `count` files unreadable: truncated, empty and no image by turns."""
    content = (photos / "zero" / "000.png").read_bytes()
    kinds = [content[: len(content) // 2], b"", b"this is no image"]
    names = [f"bad{number:02d}.png" for number in range(count)]
    for number, name in enumerate(names):
        (photos / "two" / name).write_bytes(kinds[number % 3])
    return names


# --- 1 to 6: images
def test_01_unreadable_images_stop_the_run(photos, tfpipe):
    names = spoil(photos, 12)
    result = tfpipe("run", "image-cls", f"data.path={photos}", *SMALL)
    check_failed(
        result, 3, "12 of 48 files cannot be read as images", "data.on_bad=skip", "two/bad00.png", "... and 2 more"
    )
    assert sum(name in result.err for name in names) == 10
    listed = json.loads((left_behind() / "data.json").read_text())["findings"]
    assert [finding["count"] for finding in listed if finding["code"] == "unreadable"] == [12]


def test_33_few_unreadable_images_among_many_are_left_out(tmp_path, digits, tfpipe):
    photos = write_photos(tmp_path / "photos", digits, {"zero": 0, "one": 1}, 100)
    (photos / "one" / "099.png").write_bytes(b"no image")
    (photos / "zero" / "000.png").write_bytes(b"")
    checked = tfpipe("check", photos)
    assert checked.code == 0 and "warning: 2 of 200 files cannot be read as images; left out." in checked.out
    assert all(name in checked.out for name in ("one/099.png", "zero/000.png"))
    (photos / "one" / "098.png").write_bytes(b"no image")
    for words, code in (((), 3), (("data.on_bad=skip",), 0)):
        assert tfpipe("check", photos, *words).code == code
    refused = tfpipe("check", photos)
    assert "3 of 200 files" in refused.out and "the default leaves out at most 1% of a split" in refused.out


def test_01_unreadable_images_are_skipped_when_told(photos, tfpipe):
    spoil(photos)
    result = tfpipe("run", "image-cls", f"data.path={photos}", *SMALL, "data.on_bad=skip")
    assert result.code == 0 and "warning: 3 of 39 files cannot be read as images; left out." in result.err
    facts = json.loads((tfpipelines.load("runs/latest").folder / "data.json").read_text())
    assert sum(sum(row.values()) for row in facts["counts"].values()) == 36
    assert len(next(finding for finding in facts["findings"] if finding["code"] == "unreadable")["items"]) == 3


def odd_kinds(root):
    """A folder of two classes whose images are of every odd kind."""
    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 160)):
        (root / name).mkdir(parents=True)
        for number in range(8):
            pixels = (level + rng.integers(0, 60, (20, 24, 3))).astype(np.uint8)
            rgb, grey, base = Image.fromarray(pixels), Image.fromarray(pixels[..., 0]), root / name / str(number)
            exif = Image.Exif()
            exif[0x0112] = 6
            if number == 0:
                rgb.convert("CMYK").save(f"{base}.jpg")
            elif number == 1:
                Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(f"{base}.png")
            elif number == 2:
                Image.merge("LA", [grey, grey]).save(f"{base}.png")
            elif number == 3:
                rgb.quantize(32).save(f"{base}.gif", save_all=True, append_images=[Image.new("P", rgb.size)])
            elif number == 4:
                rgb.save(f"{base}.JPG", "JPEG", exif=exif.tobytes())
            elif number == 5:
                rgb.save(f"{base}.jpg", "PNG")
            elif number == 6:
                rgb.save(f"{base}.WebP", lossless=True)
            else:
                rgb.save(f"{base}.tiff")
    return root


def test_02_03_04_odd_kinds_are_the_same_in_training_prediction_and_export(tmp_path, tfpipe):
    folder = odd_kinds(tmp_path / "odd")
    assert tfpipe("run", "image-cls", f"data.path={folder}", *SMALL, "train.batch_size=2").code == 0
    run = tfpipelines.load("runs/latest")
    facts = json.loads((run.folder / "data.json").read_text())
    assert facts["formats"] == {"JPEG": 4, "PNG": 6, "GIF": 2, "WEBP": 2, "TIFF": 2} and facts["channels"] == 3
    predicted = run.predict(folder).set_index("item")
    assert "error" not in predicted and len(predicted) == 16
    trained = tfpipelines.load("runs/latest").folder / "predictions.csv"
    import pandas as pd

    for row in pd.read_csv(trained).itertuples():
        assert np.allclose(
            predicted.loc[str(folder / row.item), ["dark", "light"]].astype(float), [row.dark, row.light], atol=1e-5
        )
    for item, row in predicted.iterrows():
        exported = run.model(tfpipelines.decode_image(item, 3)[None]).numpy()[0]
        assert np.allclose(row[["dark", "light"]].astype(float), exported, atol=1e-5)


def test_05_huge_claims_are_refused_before_decoding(photos, tfpipe):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    (photos / "one" / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    check_failed(
        tfpipe("run", "image-cls", f"data.path={photos}", *SMALL), 3, "one/bomb.png", "header claims", "data.max_pixels"
    )
    left_behind()


def test_06_links_are_not_followed_and_named(photos, tmp_path, digits, tfpipe):
    outside = write_photos(tmp_path / "elsewhere", digits, {"one": 1}, 2, skip=20)
    (photos / "one" / "loop").symlink_to(photos)
    (photos / "one" / "out.png").symlink_to(outside / "one" / "020.png")
    result = tfpipe("check", photos)
    assert (
        result.code == 0
        and "2 symbolic links" in result.out
        and "one/loop" in result.out
        and "one/out.png" in result.out
    )
    followed = tfpipe("check", photos, "data.follow_links=true", "--json")
    counts = json.loads(followed.out)["counts"]
    assert sum(row["one"] for row in counts.values()) == 13  # the link's target, but not the loop


# --- 7 to 15: classes, splits and tables
def without_classes(photos):
    for name in ("one", "two"):
        shutil.rmtree(photos / name)
    return photos


def empty_class(photos):
    (photos / "three").mkdir()
    return photos


def no_images(photos):
    shutil.rmtree(photos)
    photos.mkdir()
    return photos


def few(photos):
    for path in sorted((photos / "two").iterdir())[1:]:
        path.unlink()
    return photos


def unseen(photos):
    for split, classes in {"train": ("zero", "one"), "test": ("zero", "two")}.items():
        for name in classes:
            shutil.copytree(photos / name, photos.parent / "parts" / split / name)
    return photos.parent / "parts"


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (without_classes, ["all of one class, 'zero'", "two classes at least"]),
        (empty_class, ["three", "without any image"]),
        (no_images, ["holds no image"]),
        (unseen, ["1 class in test that training lacks", "two"]),
        (few, ["'two'", "1 sample", "at least"]),
        (lambda photos: photos / "absent", ["absent does not exist", "The folder"]),
    ],
)
def test_07_08_11_what_cannot_be_learned_stops_the_run(photos, tfpipe, make, parts):
    path = make(photos)
    for command in (["run", "image-cls", f"data.path={path}", *SMALL], ["check", path]):
        check_failed(tfpipe(*command), 3)
        text = tfpipe(*command)
        assert all(part.lower() in (text.out + text.err).lower() for part in parts), text.out + text.err
    left_behind()


def test_08_a_class_that_only_training_has_is_a_warning_and_labels_stay_right(photos, tmp_path, tfpipe):
    for split, classes in {"train": ("one", "two", "zero"), "test": ("two",)}.items():
        for name in classes:
            shutil.copytree(photos / name, tmp_path / "parts" / split / name)
    result = tfpipe("run", "image-cls", f"data.path={tmp_path / 'parts'}", *SMALL, "--json")
    assert result.code == 0 and "2 classes missing from test" in result.err
    rows = (tfpipelines.load("runs/latest").folder / "predictions.csv").read_text().splitlines()
    assert rows[0] == "item,label,predicted,one,two,zero" and all(line.split(",")[1] == "two" for line in rows[1:])


def test_09_split_folders_are_never_labels(photos, tmp_path, tfpipe):
    shutil.copytree(photos, tmp_path / "parts" / "Training")
    shutil.copytree(photos, tmp_path / "parts" / "val")
    shutil.copytree(photos, tmp_path / "parts" / "testing")
    document = json.loads(tfpipe("check", tmp_path / "parts", "--json").out)
    assert document["classes"] == ["one", "two", "zero"]
    assert {split: sum(row.values()) for split, row in document["counts"].items()} == {
        "train": 36,
        "validation": 36,
        "test": 36,
    }


def test_10_the_same_image_in_two_splits(photos, tmp_path, tfpipe):
    shutil.copytree(photos, tmp_path / "parts" / "train")
    shutil.copytree(photos, tmp_path / "parts" / "test")
    result = tfpipe("check", tmp_path / "parts")
    assert result.code == 0 and "36 samples" in result.out and "train/" in result.out and " = " in result.out
    check_failed(
        tfpipe("run", "image-cls", f"data.path={tmp_path / 'parts'}", *SMALL, "data.on_leak=error"),
        3,
        "test/one/000.png (test) = train/one/000.png (",
        "Remove the copies",
    )
    left_behind()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"file,label\nzero/000.png,\xe4\n", ["line 2", "byte", "UTF-8"]),
        (b"file,label\nzero/000.png,a\0b\n", ["line 2", "NUL"]),
        (b"file,label\nzero/000.png,a,b\n", ["line 2", "3 fields"]),
        (b"file,kind_of\nzero/000.png,zero\n", ["label", "data.label_column"]),
        (b"file,label,class\nzero/000.png,zero,a\n", ["label", "class", "data.label_column"]),
        (b"file,label\nzero/000.png,zero\nzero/999.png,zero\n", ["line 3", "zero/999.png"]),
        (b"file,label\nzero/000.png,\n", ["1 row without a label", "zero/000.png", "data.on_bad=skip"]),
    ],
)
def test_12_13_14_15_broken_tables_stop_the_run(photos, tfpipe, content, parts):
    columns = content.split(b"\n")[0].count(b",") + 1
    rows = [
        ",".join([f"{path.parent.name}/{path.name}", *[path.parent.name] * (columns - 1)])
        for path in sorted(photos.glob("*/*.png"))
    ]
    (photos / "labels.csv").write_bytes(content + "\n".join(rows).encode())
    check_failed(tfpipe("run", "image-cls", f"data.path={photos / 'labels.csv'}", *SMALL), 3, *parts)
    left_behind()


def test_12_15_byte_order_mark_and_names_without_ending_are_accepted(photos, tfpipe):
    rows = [f"{path.parent.name}/{path.stem},{path.parent.name}" for path in sorted(photos.glob("*/*.png"))]
    (photos / "labels.csv").write_bytes(b"\xef\xbb\xbf" + "\n".join(["id,label", *rows]).encode())
    assert tfpipe("run", "image-cls", f"data.path={photos / 'labels.csv'}", *SMALL).code == 0


# --- 16, 18, 23: settings, memory, folders
@pytest.mark.parametrize(
    "override",
    [
        "train.learning_rat=1",
        "train.learning_rate=0",
        "train.learning_rate=-1",
        "train.epochs=many",
        "train.batch_size=0",
    ],
)
def test_16_wrong_settings_make_nothing_on_disk(tfpipe, override):
    check_failed(tfpipe("run", "image-cls", override), 2, override.split("=")[0])
    assert os.listdir() == []


def test_16_batch_larger_than_the_data(photos, tfpipe):
    check_failed(
        tfpipe("run", "image-cls", f"data.path={photos}", *SMALL, "train.batch_size=100"),
        2,
        "train.batch_size: got 100",
        "only 24 training samples",
        "train.batch_size=4",
    )
    left_behind()


@pytest.mark.slow
def test_18_exhausted_memory_can_be_resumed():
    words = [
        "run",
        "image-cls",
        "data.limit=32",
        "model.name=mlp",
        "model.units=[20000]",
        "train.batch_size=16",
        "train.epochs=2",
        "evaluation.bootstrap=0",
        "data.cache=memory",
    ]
    code = f"""
import resource
import psutil
from tfpipelines import cli
from tfpipelines.output import console

class Squeeze(console.Terminal):
    def epoch(self, row, epochs, samples):
        super().epoch(row, epochs, samples)
        size = psutil.Process().memory_info().vms + 30 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

console.Terminal = Squeeze
cli.cli.main({words!r})
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert result.returncode == 4, result.stderr
    assert (
        "ran out of memory" in result.stderr
        and "train.batch_size=8" in result.stderr
        and "tfpipe resume" in result.stderr
    )
    assert tfpipelines.load("runs/latest").status["state"] == "failed"
    assert tfpipelines.resume("runs/latest", observer=Observer()).status["state"] == "done"


def test_23_output_that_cannot_be_written_is_found_before_data_are_read(tmp_path, tfpipe):
    (tmp_path / "file").write_text("in the way")
    for parent in ("absent/parent/runs", "file", "file/runs", "/proc/runs"):
        check_failed(
            tfpipe("run", "image-cls", "data.path=/no/such/data", "--out", parent), 4, str(parent).split("/")[0]
        )
    assert os.listdir() == ["file"]


def test_23_existing_folder_is_never_overwritten(tmp_path, tfpipe):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "precious.txt").write_text("mine")
    result = tfpipe("run", "image-cls", *TINY, "--name", "mine")
    check_failed(result, 2, "mine")
    assert os.listdir(tmp_path / "runs" / "mine") == ["precious.txt"]


# --- 26, 27, 32: a finished run
@pytest.fixture(scope="module")
def finished(tmp_path_factory, digits):
    """A run on three classes of photos, and the photos."""
    home, before = tmp_path_factory.mktemp("finished"), os.getcwd()
    os.chdir(home)
    try:
        photos = write_photos(home / "photos", digits, {"zero": 0, "one": 1, "two": 2}, 12)
        with eagerly():
            run = tfpipelines.run("image-cls", ["data.path=photos", *SMALL], observer=Observer())
        return run.folder.resolve(), photos
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-100],
        lambda content: b"",
        lambda content: content + b"x",
        lambda content: b"\x80\x04cos\nsystem\n",
    ],
)
def test_26_damaged_model_is_not_used(finished, tmp_path, tfpipe, damage):
    folder, photos = finished
    shutil.copytree(folder, tmp_path / "copy")
    model = tmp_path / "copy" / "model.keras"
    model.write_bytes(damage(model.read_bytes()))
    check_failed(tfpipe("predict", tmp_path / "copy", photos), 7, "model.keras", "Restore it")
    check_failed(tfpipe("evaluate", tmp_path / "copy", photos), 7, "model.keras")


def test_26_missing_model_and_foreign_folder(finished, tmp_path, tfpipe):
    folder, photos = finished
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "model.keras").unlink()
    check_failed(tfpipe("predict", tmp_path / "copy", photos), 7, "model.keras")
    check_failed(tfpipe("predict", photos, photos), 2, "is not a run folder")
    check_failed(tfpipe("predict", "absent", photos), 2, "absent")


def test_32_bad_inputs_are_reported_and_the_rest_predicted(finished, tmp_path, tfpipe):
    folder, photos = finished
    (tmp_path / "note.txt").write_text("no image")
    good = photos / "one" / "000.png"
    words = ["predict", folder, good, "absent.png", "none*.png", tmp_path / "note.txt", photos / "two" / "001.png"]
    result = tfpipe(*words)
    check_failed(
        result,
        3,
        "3 of 5 inputs could not be read",
        "absent.png: no such file",
        "none*.png: no file matches",
        "note.txt",
    )
    lines = result.out.splitlines()
    assert lines[0] == "item,predicted,one,two,zero,error" and len(lines) == 6
    assert lines[1].startswith(str(good)) and float(lines[1].split(",")[2]) >= 0
    assert lines[2] == "absent.png,,,,,no such file"
    document = json.loads(tfpipe(*words, "--json").out)
    assert document["error"]["exit_code"] == 3 and [bool(row.get("error")) for row in document["result"]] == [
        False,
        True,
        True,
        True,
        False,
    ]
    check_failed(tfpipe(*words, "--out", "predictions.json"), 3)
    assert json.loads((tmp_path / "predictions.json").read_text()) == document["result"]


def test_32_every_input_bad(finished, tfpipe):
    result = tfpipe("predict", finished[0], "absent.png")
    check_failed(result, 3, "1 of 1 inputs")
    assert result.out.splitlines() == ["item,predicted,one,two,zero,error", "absent.png,,,,,no such file"]


def test_32_wrong_kinds_of_array(finished):
    run = tfpipelines.load(finished[0])
    table = run.predict(
        [
            np.zeros((4, 20, 20, 2), np.uint8),
            np.zeros((2, 9, 9), np.uint8),
            np.array(["text"]),
            np.zeros((20, 20, 3), np.uint8),
        ]
    )
    assert [bool(error) for error in table["error"]] == [True, False, False, True, False]


def test_evaluate_refuses_labels_that_the_model_does_not_know(finished, tmp_path, digits, tfpipe):
    others = write_photos(tmp_path / "others", digits, {"one": 1, "seven": 7}, 3)
    check_failed(tfpipe("evaluate", finished[0], others), 3, "1 class of", "unknown to the model", "seven")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("cygrpc.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_memory_that_has_gone_outside_of_training_is_no_bug(tfpipe, monkeypatch, error):
    monkeypatch.setattr(catalogue, "list_pipelines", Mock(side_effect=error))
    check_failed(tfpipe("list"), 4, "There is no memory left.", "tfpipe resume")


def test_a_bug_says_where_its_traceback_is(photos, tfpipe, monkeypatch):
    from tfpipelines import training

    def broken(*args, **kwargs):
        raise ZeroDivisionError("our mistake")

    monkeypatch.setattr(training, "fit", broken, raising=False)
    result = tfpipe("run", "image-cls", f"data.path={photos}", *SMALL)
    check_failed(result, 1, "This is a bug in tfpipelines: ZeroDivisionError: our mistake", "run.log")
    log = left_behind() / "logs" / "run.log"
    assert "Traceback" in log.read_text() and str(log) in result.err
    assert "Traceback" in tfpipe("run", "image-cls", f"data.path={photos}", *SMALL, "--debug").err


def test_21_ctrl_c_between_data_and_training(photos, tfpipe, monkeypatch):
    monkeypatch.setattr(console.Terminal, "data", lambda self, facts: os.kill(os.getpid(), signal.SIGINT))
    check_failed(tfpipe("run", "image-cls", f"data.path={photos}", *SMALL), 130)
    left_behind("interrupted")
    assert tfpipelines.resume("runs/image-cls-1", observer=Observer()).status["state"] == "done"


@pytest.mark.slow
def test_21_ctrl_c_before_training(start, tmp_path, digits):
    write_photos(tmp_path / "photos", digits, {"zero": 0, "one": 1}, 12)
    process = start("run", "image-cls", "data.path=photos", *SMALL)
    while not (tmp_path / "runs" / "image-cls-1" / "logs" / "run.log").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    assert tfpipelines.resume("runs/image-cls-1", observer=Observer()).status["state"] == "done"


def test_01_damaged_gif_and_odd_names(photos, tfpipe):
    frames = [Image.new("P", (20, 20), number) for number in (1, 2)]
    frames[0].save(photos / "one" / "cut.gif", save_all=True, append_images=frames[1:])
    content = (photos / "one" / "cut.gif").read_bytes()
    (photos / "one" / "cut.gif").write_bytes(content[: len(content) // 2])
    shutil.copy(photos / "one" / "000.png", os.fsencode(photos / "one") + b"/caf\xe9.png")
    shutil.copy(photos / "one" / "001.png", photos / "one" / "\x1b[31mred.png")
    result = tfpipe("check", photos)
    assert (
        result.code == 3
        and "one/cut.gif" in result.out
        and "its name is not UTF-8" in result.out
        and "\x1b" not in result.out + result.err
    )
    assert tfpipe("run", "image-cls", f"data.path={photos}", *SMALL, "data.on_bad=skip", "data.size=28").code == 0
    predicted = tfpipe("predict", "runs/latest", photos / "one")
    check_failed(predicted, 3, "2 of 15 inputs", "caf", "not UTF-8")


def test_24_reordered_rows_are_other_data(photos):
    table = photos / "labels.csv"
    rows = [f"{path.relative_to(photos)},{path.parent.name}" for path in sorted(photos.glob("*/*.png"))]
    table.write_text("\n".join(["file,label", *rows]))

    class Stop(Observer):
        def step(self, epoch, done, total):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(tfpipelines.errors.Interrupted):
        tfpipelines.run(
            "image-cls",
            [f"data.path={table}", *SMALL, "data.validation=0", "data.test=0", "train.epochs=2"],
            observer=Stop(),
        )
    table.write_text("\n".join(["file,label", *reversed(rows)]))
    with pytest.raises(tfpipelines.ConfigError, match="the order of rows"):
        tfpipelines.resume("runs/latest", observer=Observer())


def test_predict_on_a_run_without_a_model(photos, tfpipe):
    tfpipe("run", "image-cls", "data.path=absent")
    check_failed(tfpipe("predict", "runs/latest", photos), 2, "has no model yet; the run is failed", "does not exist")


def test_16_wrong_usage(finished, tfpipe):
    assert tfpipe("predict", finished[0], finished[1], "--batch-size", "0").code == 2
    result = tfpipe("check", "--json")
    assert result.code == 2 and "PATH" in json.loads(result.out)["error"]["cause"]
    check_failed(tfpipe("check", finished[1], "data.folds=1"), 2, "data.folds")
    small = tfpipe("check", finished[1]).out
    assert "note: train.batch_size: got 64, but there are only" in small and "A run will take " in small
    small = tfpipe("check", finished[1], "train.batch_size=50").out
    assert "warning: train.batch_size: got 50, but there are only" in small and "Set train.batch_size=" in small


def test_memory_that_is_exhausted_in_a_layer_is_no_damage(finished, monkeypatch):
    import tensorflow as tf

    def fail(*_, **__):
        text = "Exception encountered when calling Conv2D.call().\n\nOOM when allocating tensor"
        raise tf.errors.ResourceExhaustedError(None, None, text)

    run = tfpipelines.load(finished[0])
    monkeypatch.setattr(type(run.own_task(())), "predict", fail)
    with pytest.raises(tfpipelines.ResourceError, match="out of memory"):
        run.predict(finished[1])


def small_batches(photos) -> list[str]:
    """Overrides for a few photos, none of them of the batch size."""
    own = ("model", "train.batch_size")
    words = [word for word in SMALL if not word.startswith(own)]
    return [f"data.path={photos}", *words, "model.name=mlp", "model.units=8", "train.epochs=2"]


class Stop(Observer):
    """Stops the run in its first epoch."""

    def epoch(self, row, epochs, samples):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.slow
def test_a_default_batch_size_fits_itself_to_few_samples(photos):
    class Heard(Observer):
        notes: list[str] = []

        def note(self, text):
            self.notes.append(text)

    whole = tfpipelines.run("image-cls", small_batches(photos), observer=Heard())
    size = whole.pipeline.train.batch_size
    assert size in (4, 8) and any(f"train.batch_size={size} instead of 64" in note for note in Heard.notes)
    environment = json.loads((whole.folder / "environment.json").read_text())
    assert environment["pipeline"]["train"]["batch_size"] == size
    with pytest.raises(tfpipelines.Interrupted):
        tfpipelines.run("image-cls", small_batches(photos), observer=Stop(), name="stopped")
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    assert (resumed.folder / "predictions.csv").read_text() == (whole.folder / "predictions.csv").read_text()


@pytest.mark.slow
def test_a_fitted_batch_size_is_kept_whenever_the_run_ends(photos, tmp_path):
    words = small_batches(photos)
    whole = tfpipelines.run("image-cls", words, observer=Observer())
    size, expected = whole.pipeline.train.batch_size, (whole.folder / "predictions.csv").read_text()
    again = tfpipelines.run(str(whole.folder / "pipeline.yaml"), observer=Observer())  # where it is given
    assert (again.folder / "predictions.csv").read_text() == expected
    with pytest.raises(tfpipelines.Interrupted):
        tfpipelines.run("image-cls", words, observer=Stop(), name="stopped")
    # it ended between environment.json and pipeline.yaml
    path = tmp_path / "runs" / "stopped"
    text = (path / "pipeline.yaml").read_text()
    assert f"batch_size: {size}\n" in text
    for file in (path / "checkpoints").iterdir():
        file.unlink()
    (path / "pipeline.yaml").write_text(text.replace(f"batch_size: {size}\n", "batch_size: 64\n"))
    status = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps({**status, "state": "running"}))
    resumed = tfpipelines.resume(path, observer=Observer())
    assert (resumed.folder / "predictions.csv").read_text() == expected
    assert (path / "pipeline.yaml").read_text() == text


def test_a_batch_size_that_was_asked_for_is_refused_where_it_is_too_large(photos, tfpipe, tmp_path):
    words = ["data.path=photos", *(word for word in SMALL if "batch_size" not in word)]
    check_failed(tfpipe("run", "image-cls", *words, "train.batch_size=64"), 2, "got 64, but there are only")
    (tmp_path / "mine.yaml").write_text("task: image-cls\ndata: {path: photos}\ntrain: {batch_size: 64}\n")
    check_failed(tfpipe("run", "mine.yaml", *words[1:]), 2, "got 64, but there are only")
