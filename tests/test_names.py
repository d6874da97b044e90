"""Names are data: of classes, columns, files and runs, whatever they hold. Nothing hidden of them reaches a terminal, a
page or a model card (FAULTS 39).
"""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from tfpipelines.core.config.files import dump_yaml, parse_yaml
from tfpipelines.core.words import brief, cut, json_text, listed, plain_lines, plain_text
from tfpipelines.datasets.findings import Findings
from tfpipelines.errors import ConfigError, DataError, shortened

from .conftest import DOT
from .fuzzing import EARLIER, FORBIDDEN
from .models.test_loading import rewrite

_CALLS = (
    ("list runs", 0),
    ("list runs --json", 0),
    ("report {run}", 0),
    ("report {run} --json", 0),
    ("compare {run} {good} --html page.html", 0),
    ("compare {good} {run} --json", 0),
    ("check {photos}", 3),
    ("check {photos} data.on_bad=skip --json", 3),
    ("predict {run} {photos} --out out.json", 3),
    ("evaluate {run} {photos}", 3),
    ("evaluate {run} {photos} data.on_bad=skip --out new", 0),
    ("show {run}/pipeline.yaml data.label_column={odd}", 0),
    ("resume {run}", 0),
    ("run image-cls data.path={photos}", 3),
    ("show image-cls {odd}=3", 2),
    ("show {odd}", 2),
    ("tune image-cls {odd}", 2),
    ("init {odd}", 2),
)
ODD = "a\x1b]8;;b\x1b\\c\x1b[31m\u202ed\x9b2J\x7f\r\ne\u2066\u200e"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        ("\ufeff\u200b\u2028\U000e0041", r"\ufeff\u200b\u2028\U000e0041"),
        ("\udcff", r"\udcff"),
        ("Ärger 日本 🙂", "Ärger 日本 🙂"),
        (
            "👨\u200d👩 \u0646\u200c\u0647 a\u00a0b",
            "👨\u200d👩 \u0646\u200c\u0647 a\u00a0b",
        ),  # which have their joiners
    ],
)
def test_what_is_hidden_is_shown(name, shown):
    assert plain_text(name) == shown == plain_text(shown)
    assert plain_lines(f"{name}\n{name}") == "\n".join([plain_text(part) for part in f"{name}\n{name}".split("\n")])


@pytest.mark.parametrize("name", [ODD, "a: b\u202e", "\u202e", "- \x9b", "Ärger"])
def test_data_files_say_the_same_without_hidden_characters(name):
    for content in ({name: [name, {"b": name}]}, {"a": {"b": {"c": {name: name}}}}):
        for text, read in ((json_text(content), json.loads), (dump_yaml(content), lambda text: parse_yaml(text, "it"))):
            assert not FORBIDDEN.search(text) and read(text) == content


def test_long_values_in_messages_are_cut():
    long, spaced = "x" * 10_000, "it's a cell " * 1000
    assert brief(long) == f"'{'x' * 199}..." and cut(long) == f"{'x' * 200}..." and cut("ab") == "ab"
    assert listed([long, "b"]) == f"{'x' * 200}..., b"
    for message in (
        f"The column {long} is odd.",
        f"Row 3: {spaced!r} is no number.",
        f"data.{long}={long}: got [{spaced}].",
    ):
        assert len(shortened(message)) < 4100 and shortened(message).startswith(message[:10])
    assert shortened(f"Row 3: {spaced!r} is odd.") == f'Row 3: "{spaced[:200]}..." is odd.'
    prose = f"Keras' file isn't {'one of the many that there are ' * 10}'good'."
    assert shortened(prose) == prose
    path = f"/data/{'folder/' * 60}name.png"
    assert shortened(f"{path} cannot be read.").endswith("folder/name.png cannot be read.")
    error = DataError(f"{long} is odd.", f"Rename {long}.", [long])
    assert len(str(error)) < 10_700 and error.remedy == f"Rename {long}."  # what is to be typed stays whole
    findings = Findings()
    findings.add("odd", "error", f"class {long} has one sample", "", [long])
    assert len(findings.entries[0].message) < 300 and findings.as_list()[0]["items"] == (long,)
    with pytest.raises(DataError) as caught:
        findings.raise_errors()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("words", [["show", "{}.yaml"], ["report", "{}"], ["init", "image-cls", "{}"]])
def test_names_that_are_too_long(tfpipe, words):
    result = tfpipe(*(word.format("x" * 5000) for word in words))
    assert result.code == 2 and len(result.err) < 700


def test_a_run_has_no_odd_name():
    from tfpipelines.core.run_folder import RunFolder

    for name in (ODD, "a\nb", "\u202e", "x" * 300, "../a", "a\0"):
        with pytest.raises(ConfigError, match="is not the name of a folder"):
            RunFolder.create(Path("runs"), "x", name)


@pytest.fixture
def odd(tmp_path) -> Path:
    """A finished run that has odd names in all of its files."""
    run = tmp_path / "runs" / f"run{ODD}"
    shutil.copytree(EARLIER / "image-cls", run)
    for file in ("data.json", "metrics.json", "status.json", "environment.json"):
        content = json.loads((run / file).read_text())
        (run / file).write_text(json.dumps(_odd(content)))
    for file, columns in (("predictions.csv", 3), ("splits.csv", 2)):
        table = [line.split(",") for line in (run / file).read_text().splitlines()]
        rows = [[f"{name}{ODD}" if name.isdecimal() else name for name in table[0]]]
        rows += [[f"{cell}{ODD}" for cell in row[:columns]] + row[columns:] for row in table[1:]]
        with open(run / file, "w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    rewrite(run / "model.keras", **{"metadata.json": json.dumps(_odd(_metadata(run)))})
    return run


def _metadata(run: Path) -> dict:
    import zipfile

    with zipfile.ZipFile(run / "model.keras") as archive:
        return json.loads(archive.read("metadata.json"))


def _odd(value):
    """Names of classes, and texts that stand for names, with what is odd behind them."""
    if isinstance(value, dict):
        entries = {f"{name}{ODD}" if name.isdecimal() else name: _odd(entry) for name, entry in value.items()}
        kept = ("state", "task", "kind", "host", "content_hash", "started", "updated", "keras_version", "path")
        return {
            name: value[name] if name in kept else entry for name, entry in entries.items() if name != "model_sha256"
        }
    if isinstance(value, list):
        return [_odd(entry) for entry in value]
    return f"{value}{ODD}" if isinstance(value, str) else value


@pytest.fixture
def odd_photos(tmp_path, digits) -> Path:
    """Pictures in folders, and with names, of odd letters; one of them is none."""
    from PIL import Image

    folder = tmp_path / "photos"
    for number in range(3):
        inner = folder / f"{number}{ODD}"
        inner.mkdir(parents=True)
        Image.fromarray(digits["x"][number]).save(inner / f"one{ODD}.png")
    (inner / f"bad{ODD}.png").write_bytes(DOT[:30])
    return folder


@pytest.mark.eager
def test_nothing_hidden_gets_out(tfpipe, odd, odd_photos):
    shutil.copytree(odd, "good")
    places = {"run": str(odd), "good": "good", "photos": str(odd_photos), "odd": ODD}
    for words, code in _CALLS:
        result = tfpipe(*(word.format(**places) for word in words.split()))
        assert result.code == code and "Traceback" not in result.err, (words, result)
        for name, text in {"stdout": result.out, "stderr": result.err, **_written(odd)}.items():
            found = FORBIDDEN.search(text)
            assert not found, (words, name, text[max(0, found.start() - 60) : found.end() + 60])
        assert "]8;;b" in result.out + result.err, (words, result)


def _written(run: Path) -> dict[str, str]:
    found = {}
    for path in [
        run / "report.html",
        run / "README.md",
        Path("page.html"),
        Path("out.json"),
        *Path("new").rglob("*.html"),
    ]:
        if path.is_file():
            found[path.name] = path.read_text()
    return found


def test_the_system_refuses_what_may_not_be_read(tfpipe):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    Path("closed").mkdir(mode=0)
    assert tfpipe("report", "closed/run").code == 4
