"""predict.py: a few lines beside an export that answer by it and its runtime alone."""

from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.words import listed

if TYPE_CHECKING:
    from ..models import Served

NAME = "predict.py"


class Runner(NamedTuple):
    """How a script runs a format.

    Args:
        package: to be installed.
        imports: lines.
        lines: that define `run`, from {input: array} to {output: array}, one sample as a batch of one. They may use
            HERE, the folder of the export, and MANIFEST.
    """

    package: str
    imports: str
    lines: str


_BEGIN = '''\
"""Answers by this export alone: python predict.py {usage}

Needs {packages}. Each answer is a line of JSON; manifest.json says what its names mean.
"""

import json
import sys
{standard}from pathlib import Path

import numpy as np
{imports}

HERE = Path(__file__).resolve().parent
MANIFEST = json.loads((HERE / "manifest.json").read_text("utf-8"))
{constants}{run}


'''
_END = """

for given in sys.argv[1:]:
    told = {name: np.asarray(value).tolist()[0] for name, value in run(feed(given)).items()}
    if "probabilities" in told and not MANIFEST["multi_label"]:
        told["predicted"] = MANIFEST["classes"][int(np.argmax(told["probabilities"]))]
    if "score" in told and "threshold" in MANIFEST:
        told["verdict"] = "normal" if told["score"] <= MANIFEST["threshold"] else "anomaly"
    print(json.dumps({"item": given, **told}, default=bytes.decode))
"""
_DECODE = '''\
def decoded(path):
    """uint8 (height, width, channels), upright, on the background that the model knows."""
    Image.init()
    formats = [name for name in Image.ID if name not in ("EPS", "IPTC")]  # Ghostscript would run these
    image = ImageOps.exif_transpose(Image.open(path, formats=formats))
    if image.mode in ("I", "F"):
        sys.exit(f"{path}: 32-bit levels have no agreed range; save it with 8 or 16 bits.")
    if image.mode.startswith("I"):  # 16 bits
        image = Image.fromarray((np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (BACKGROUND,) * 3 + (255,))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    if image.mode == "LAB":
        sys.exit(f"{path}: LAB colours are not read; save it as RGB.")
    image = image if image.mode == "L" else image.convert("RGB")  # also where grey is made of it
    return np.asarray(image.convert("RGB" if CHANNELS == 3 else "L")).reshape(image.height, image.width, CHANNELS)


'''
_RESIZE = """\
def feed(path):
    levels, (height, width) = decoded(path), STEPS["size"]
    if levels.shape[:2] != (height, width):
        how = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos3": Image.LANCZOS}.get(STEPS["filter"])
        if how is None or not STEPS["antialias"] or STEPS["resize"] != "stretch":
            sys.exit(f"{path}: bring images to {width} x {height} pixels first, as manifest.json says.")
        parts = [Image.fromarray(levels[..., part].astype(np.float32)) for part in range(CHANNELS)]
        parts = [np.asarray(part.resize((width, height), how)) for part in parts]
        levels = np.stack(parts, -1).round().clip(0, 255).astype(np.uint8)
    return {"image": levels[None]}
"""
_TOKENS = """\
def tokens(text, how):
    if (how["standardize"] or "").startswith("lower"):
        text = re.sub("[A-Z]", lambda letter: letter[0].lower(), text)
    if (how["standardize"] or "").endswith("strip_punctuation"):
        text = text.translate(dict.fromkeys(map(ord, how["strips"])))
    pieces = re.findall(r"[^ \\t\\n\\v\\f\\r]+", text) if how["split"] == "whitespace" else list(text)
    lengths = how["ngrams"] or [1]
    return [" ".join(pieces[at : at + size]) for size in lengths for at in range(len(pieces) - size + 1)]


def ids(text, table):
    if "parts" not in table:
        places = {token: place for place, token in enumerate(table["tokens"])}
        return [places.get(token, 1) for token in tokens(text, table)[: table["max_length"]]] or [1]
    found = []
    for part in table["parts"]:
        places = {token: place for place, token in enumerate(part["tokens"], part["first"])}
        cut = tokens(text, {**part, "strips": table["strips"]})[: part["max_length"]]
        found += [places.get(token, 0) for token in cut]
    return [*found, 0]


def feed(text):
    text = formed(text)
    return {tensor["name"]: np.array([ids(text, TABLES[tensor["name"]])], np.int32) for tensor in INPUTS}
"""
_FORM = '''\
def formed(text):
    """In the form that the model has learned."""
    if not any(character.isprintable() and not character.isspace() for character in text):
        sys.exit("There is no text in it.")
    return re.sub(r"[^\\S\\x00-\\x7f]", " ", unicodedata.normalize("NFC", text)) if NORMAL else text


'''
_ROWS = """\
PLAIN = re.compile(r"\\s*[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?\\s*")
COMMAS = {column["name"] for column in TABLE["read"] if column.get("commas") == "decimal"}  # there 1.234 may be 1234


def number(cell, commas):
    if cell is None or cell == "" or isinstance(cell, bool):
        return np.nan
    if isinstance(cell, str) and (not PLAIN.fullmatch(cell) or commas and "." in cell):
        sys.exit(f"{cell!r} is no number; give numbers as JSON has them, such as 1.5, and null where there is none.")
    return float(cell) if abs(float(cell)) <= np.finfo(np.float32).max else np.nan


def word(cell):
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else unicodedata.normalize("NFC", str(cell)).strip()


def feed(row):
    cells = json.loads(row)  # {column: number, word or null}
    numbers = [number(cells[name], name in COMMAS) for name in TABLE["numbers"]]
    words = [word(cells[code["column"]]) for code in TABLE["codes"]]
    places = [{word: place for place, word in enumerate(code["values"])} for code in TABLE["codes"]]
    codes = [known.get(word, 0) for known, word in zip(places, words)]
    arrays = {"numbers": np.array([numbers], np.float32), "codes": np.array([codes], np.int32)}
    return {tensor["name"]: arrays[tensor["name"]] for tensor in INPUTS}
"""
_TENSORS = '''\
def feed(tensors):
    """The inputs by their names, raw or prepared as manifest.json says, with an axis of one sample before them."""
    kinds = {tensor["name"]: tensor["dtype"] for tensor in MANIFEST["signature"]["inputs"]}
    given = json.loads(tensors)
    return {name: np.array(given[name], object if kind == "string" else kind) for name, kind in kinds.items()}
'''
_INPUTS = 'INPUTS = MANIFEST["signature"]["inputs"]\n'
_VOCABULARY = 'json.loads((HERE / "vocabulary.json").read_text("utf-8"))\n'


def script(runner: Runner, served: "Served", whole: bool) -> str:
    """The script of an export.

    Images, texts and rows of numbers and words are taken as they are. Where samples need more than some lines (other
    tokenizers, dates, windows), the script takes the tensors of the graph as JSON.

    Args:
        runner: of its format.
        whole: whether the graph takes raw samples, see `models.ServedInput`.
    """
    usage, packages, standard, imports, constants, lines = _taking(served.input.facts(), served, whole)
    head = _BEGIN.format(
        usage=usage, packages=listed([runner.package, "numpy", *packages]),
        standard="".join(f"import {name}\n" for name in standard),
        imports="\n".join([*([runner.imports] if runner.imports else []), *imports]).strip(),
        constants=constants, run=runner.lines,
    )  # fmt: skip
    return head + lines + _END


Taken = tuple[str, list[str], list[str], list[str], str, str]


def _taking(steps: dict[str, Any], served: "Served", whole: bool) -> Taken:
    """Usage, packages, modules of the standard library, import lines, constants, and the lines that define `feed`."""
    takes = steps.get("takes")
    if takes == "image" and "range" not in steps:
        constants = f"CHANNELS, BACKGROUND = {steps['channels']}, {steps['background']}\n"
        whole = whole or steps.get("any_size", False)
        constants += "" if whole else 'STEPS = MANIFEST["serving"]\n'
        feed = 'def feed(path):\n    return {"image": decoded(path)[None]}\n' if whole else _RESIZE
        return "IMAGE...", ["pillow"], [], ["from PIL import Image, ImageOps"], constants, _DECODE + feed
    if takes == "text" and not steps["replace"]:
        constants = f"NORMAL = {steps['normal']}\n"
        feed = 'def feed(text):\n    return {"text": np.array([formed(text)], object)}\n'
        if not whole:
            constants, feed = f"{constants}{_INPUTS}TABLES = {_VOCABULARY}", _TOKENS
        return "TEXT...", [], ["re", "unicodedata"], [], constants, _FORM + feed
    if takes == "row" and not whole and _plain(served):
        example = "'{\"COLUMN\": 1.5, ...}'..."
        return example, [], ["re", "unicodedata"], [], f"{_INPUTS}TABLE = {_VOCABULARY}", _ROWS
    return "'{\"INPUT\": [...], ...}'...", [], [], [], "", _TENSORS


def _plain(served: "Served") -> bool:
    """Whether a table has columns of numbers and words alone."""
    preprocessor = getattr(served.input, "preprocessor", None)
    columns = preprocessor.columns.columns if preprocessor is not None else []
    return bool(columns) and all(column.kind in ("number", "category") for column in columns)
