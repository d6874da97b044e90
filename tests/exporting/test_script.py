"""predict.py beside an export answers by it alone."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import tfpipelines
from tfpipelines.datasets import Columns, RowEncoder, decode_image
from tfpipelines.datasets.columns.column import Column
from tfpipelines.exporting.formats import exporters
from tfpipelines.exporting.script import script

from ..conftest import TINY
from ..serve.small_export import picture, write_export
from ..tasks.cases import SMALL_TABLE, SMALL_TEXT

STEPS = {"takes": "image", "size": [8, 8], "channels": 1, "resize": "stretch", "filter": "bilinear"}
STEPS |= {"antialias": True, "background": 255}
# neither this package nor TensorFlow can be imported there
BARE = """import runpy, sys
for name in ("tfpipelines", "tensorflow", "keras", "pandas"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")"""


def made(steps: dict, columns: Columns | None = None) -> str:
    """The script of an ONNX export."""
    preprocessor = SimpleNamespace(columns=columns) if columns else None
    served = SimpleNamespace(input=SimpleNamespace(facts=lambda: steps, preprocessor=preprocessor))
    return script(exporters()["onnx"].runner(), served, False)


def answers(folder, *given) -> list[dict]:
    command = [sys.executable, "-I", "-c", BARE, str(folder / "predict.py"), *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_images_are_answered_by_the_runtime_alone(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    folder = write_export(tmp_path / "1")
    (folder / "predict.py").write_text(made(STEPS))
    for name, content in (("a.png", picture(51)), ("b.png", picture(204, (40, 23)))):
        (tmp_path / name).write_bytes(content)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "c.png")
    dark, bright, clear = answers(folder, tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png")
    assert (dark["predicted"], bright["predicted"], clear["predicted"]) == ("dark", "bright", "bright")
    assert dark["probabilities"] == pytest.approx([0.8, 0.2]) and clear["probabilities"] == pytest.approx([0, 1])


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos3"])
def test_images_are_resized_as_in_training(name, tmp_path):
    from tfpipelines.serve.resizing import resized

    steps = {**STEPS, "filter": name, "size": [9, 13], "channels": 3}
    feed = loaded(made(steps), {"serving": steps})["feed"]
    pixels = np.random.default_rng(0).integers(0, 256, (41, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    apart = np.abs(feed(tmp_path / "a.png")["image"][0].astype(int) - resized(pixels, steps))
    assert apart.max() <= 1 and (apart > 0).mean() < 0.01
    (tmp_path / "manifest.json").write_text(json.dumps({"serving": {**steps, "resize": "crop"}}))
    with pytest.raises(SystemExit, match="13 x 9"):
        loaded(made(steps), {"serving": {**steps, "resize": "crop"}})["feed"](tmp_path / "a.png")


def test_texts_become_the_ids_that_the_server_makes():
    from tfpipelines.serve.texts import Tokenizer

    how = {"standardize": "lower_and_strip_punctuation", "split": "whitespace", "ngrams": None, "strips": "!',."}
    part = {**how, "ngrams": [1, 2], "first": 2, "max_length": 4, "tokens": ["a", "a film", "fine"]}
    tables = {"ids": {**how, "max_length": 3, "tokens": ["[PAD]", "[UNK]", "a", "film"]},
              "ngrams": {"strips": "!',.", "parts": [part, {**part, "split": "character", "first": 5}]}}  # fmt: skip
    inputs = [{"name": "ids"}, {"name": "ngrams"}]
    steps = {"takes": "text", "normal": True, "replace": []}
    names = loaded(made(steps), {"signature": {"inputs": inputs}, "vocabulary": tables})
    for text in ("A fine film!", "!!", "a a film a b", "É\u00a0a"):
        formed = names["formed"](text)
        for name, value in Tokenizer(tables).feed([formed], ["ids", "ngrams"]).items():
            np.testing.assert_array_equal(names["feed"](text)[name], value)


@pytest.mark.parametrize("cell", [0, 1, 0.0, 2.0, 1.5, True, False, None, "", "0", " 1 ", "NA"])
def test_cells_of_a_category_are_read_as_by_the_server(cell):
    columns = Columns(
        [Column("size", "number"), Column("kind", "category", vocabulary=("0", "1", "1.5", "False", "True"))]
    )
    table = {"numbers": ["size"], "codes": [{"column": "kind", "values": ["", *columns.columns[1].vocabulary]}]}
    table["read"] = columns.facts()
    manifest = {"signature": {"inputs": [{"name": "numbers"}, {"name": "codes"}]}, "vocabulary": table}
    feed = loaded(made({"takes": "row"}, columns), manifest)["feed"]
    for size in (3, 1.5, None, "", True, "2.5"):
        row = {"size": size, "kind": cell}
        wanted, told = RowEncoder(columns).encode([row]), feed(json.dumps(row))
        np.testing.assert_array_equal(told["numbers"], wanted.numbers)
        np.testing.assert_array_equal(told["codes"], wanted.codes)


@pytest.mark.parametrize("commas", ["", "decimal", "thousands"])
def test_numbers_in_quotes_are_read_as_by_the_server_or_refused(commas):
    columns = Columns([Column("size", "number", commas=commas)])
    table = {"numbers": ["size"], "codes": [], "read": columns.facts()}
    feed = loaded(
        made({"takes": "row"}, columns), {"signature": {"inputs": [{"name": "numbers"}]}, "vocabulary": table}
    )
    refused = []
    for cell in (1.234, "1.234", "1234", " +1.5e3 ", "1,5", "1.234,5", "1,234.5", "1,234", "1_000", "nan", "inf", "NA"):
        row = {"size": cell}
        try:
            told = feed["feed"](json.dumps(row))
        except SystemExit as error:
            assert f"{cell!r} is no number" in str(error)
            refused.append(cell)
        else:
            np.testing.assert_array_equal(told["numbers"], RowEncoder(columns).encode([row]).numbers)
    always = ["1,5", "1.234,5", "1,234.5", "1,234", "1_000", "nan", "inf", "NA"]
    assert refused == ["1.234", " +1.5e3 ", *always] if commas == "decimal" else refused == always


def test_what_the_server_refuses_is_refused(tmp_path):
    feed = loaded(made(STEPS), {"serving": STEPS})["feed"]
    for name, image in (("a.tiff", Image.new("F", (8, 8))), ("b.tiff", Image.new("LAB", (8, 8)))):
        image.save(tmp_path / name)
        with pytest.raises(SystemExit, match=name):
            feed(tmp_path / name)
    Image.new("YCbCr", (8, 8), (90, 200, 30)).save(tmp_path / "c.tiff")
    wanted = decode_image(tmp_path / "c.tiff", 1)
    np.testing.assert_array_equal(feed(tmp_path / "c.tiff")["image"][0], wanted)
    (tmp_path / "d.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    with pytest.raises(UnidentifiedImageError):
        feed(tmp_path / "d.png")
    formed = loaded(
        made({"takes": "text", "normal": True, "replace": []}), {"signature": {"inputs": []}, "vocabulary": {}}
    )
    with pytest.raises(SystemExit, match="no text"):
        formed["feed"](" \n")


def loaded(lines: str, manifest: dict) -> dict:
    """The names that a script defines, its files and its runtime replaced."""
    names: dict = {"manifest": manifest}
    lines = lines.replace('json.loads((HERE / "manifest.json").read_text("utf-8"))', "manifest")
    lines = lines.replace('json.loads((HERE / "vocabulary.json").read_text("utf-8"))', 'manifest["vocabulary"]')
    lines = lines.replace("HERE = Path(__file__).resolve().parent", "").partition("\nfor given")[0]
    begin, end = lines.index("session = "), lines.index("\n\n\n", lines.index("session = "))
    exec(lines[:begin].replace("import onnxruntime\n", "") + lines[end:], names)
    return names


CASES = {
    "image-cls": ("image-cls", [*TINY, "data.limit=600", "data.augment={}"]),
    "text-cls": ("text-cls", [*SMALL_TEXT, "data.limit=600"]),
    "tabular": ("tabular", SMALL_TABLE),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", list(CASES))
def test_every_format_answers_as_its_run(task, tmp_path):
    import onnx

    pipeline, overrides = CASES[task]
    run = tfpipelines.run(pipeline, overrides, out=tmp_path)
    for format in ("onnx", "litert", "saved_model"):
        pytest.importorskip({"onnx": "tf2onnx", "litert": "ai_edge_litert", "saved_model": "tensorflow"}[format])
        folder, manifest = tfpipelines.export(run, format, samples=40)
        assert "predict.py" in manifest["files"] and manifest["signature"]["batch_axis"] == 0
        if format == "onnx":
            graph = onnx.load(folder / "model.onnx").graph
            axes = [tensor.type.tensor_type.shape.dim[0].dim_param for tensor in (*graph.input, *graph.output)]
            assert set(axes) == {"batch"}
            samples = json.loads((run.folder / "export" / "proof_samples" / "onnx-1.json").read_text())["samples"][:4]
        given = [sample["input"] for sample in samples]
        if task == "image-cls":
            import base64

            for number, content in enumerate(given):
                (tmp_path / f"{number}.png").write_bytes(base64.b64decode(content))
            given = [tmp_path / f"{number}.png" for number in range(len(given))]
        elif task == "tabular":
            given = [json.dumps(row) for row in given]
        if format == "saved_model":
            if task == "tabular":
                continue  # its inputs are the columns
            told = [answer["probabilities"] for answer in with_tensorflow(folder, given)]
        else:
            told = [answer["probabilities"] for answer in answers(folder, *given)]
        np.testing.assert_allclose(told, [sample["answer"] for sample in samples], atol=1e-4)


def with_tensorflow(folder, given) -> list[dict]:
    """A SavedModel's own runtime is TensorFlow."""
    command = [sys.executable, "-I", str(folder / "predict.py"), *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
