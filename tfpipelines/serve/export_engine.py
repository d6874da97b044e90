"""Answers by an export in its own runtime, ONNX Runtime or LiteRT. TensorFlow and Keras are not loaded."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..core.run_files import damaged, read_json
from ..errors import ConfigError
from .engine import Engine
from .image_items import undecoded
from .items import Answer, Item, lacking, too_late, unreadable
from .limits import Limits
from .records import Records
from .sources import MANIFEST, read_manifest

Arrays = dict[str, np.ndarray]
Call = Callable[[Arrays], Arrays]
_OF_IMAGES = ("size", "channels", "resize", "filter", "antialias", "background")  # what their steps hold
_RUN = "Serve the run itself: tfpipe serve RUN."


class ExportEngine(Engine):
    """Images, texts and rows.

    Args:
        folder: of the export.
        version: see `open_engine`.
        limits: of cells and batches.
        threads: that the runtime may use.
    """

    def __init__(self, folder: Path, version: str, limits: Limits, threads: int):
        manifest = read_manifest(folder)
        self._limits = limits
        try:
            self._load(folder, version, manifest, threads)
        except (KeyError, TypeError, AttributeError) as error:
            lacks = isinstance(error, KeyError) and error.args and isinstance(error.args[0], str)
            what = (
                f"it, or a file that it names, has no `{error.args[0]}`" if lacks else "its values are of other kinds"
            )
            damaged(folder / MANIFEST, what, error)

    def _load(self, folder: Path, version: str, manifest: dict[str, Any], threads: int) -> None:
        self._names = [tensor["name"] for tensor in manifest["signature"]["inputs"]]
        steps = manifest.get("serving")
        if manifest["format"] not in _RUNTIMES:
            known = ", ".join(_RUNTIMES)
            raise ConfigError(f"Exports as {manifest['format']} are not served here; known: {known}.", _RUN)
        if not isinstance(steps, dict):
            cause = f"{folder} does not tell programs how samples get into the model."
            raise ConfigError(cause, f"Export the run again, or, if it says so again: {_RUN}")
        self._call, runtime = _RUNTIMES[manifest["format"]](folder / manifest["file"], threads)
        self._records = Records(manifest, steps)
        self._read = {"image": self._images, "text": self._texts, "row": self._rows}[steps["takes"]]
        self._prepare(folder, steps)
        self.facts = {
            "name": folder.name, "version": version, "task": manifest["task"], "kind": self._records.kind,
            "takes": steps["takes"], "runtime": runtime, "classes": manifest.get("classes", []),
            "columns": steps.get("columns", []), "threshold": manifest.get("threshold"), "explains": False,
            "together": True, "sha256": manifest["files"][manifest["file"]]["sha256"], "created": manifest["created"],
            "tfpipelines": manifest["tfpipelines"],
            "interval": any(tensor["name"] == "low" for tensor in manifest["signature"]["outputs"]),
        }  # fmt: skip

    def answer(self, items: Sequence[Item], explain: bool, until: float = math.inf) -> list[Answer]:
        inputs, found = self._read(items, until)
        good = [place for place, answer in enumerate(found) if answer is None]
        if good:
            outputs = self._call(inputs)
            for number, place in enumerate(good):
                of_item = {name: values[number] for name, values in outputs.items()}
                found[place] = Answer([self._records.of(items[place], of_item)])
        return cast(list[Answer], found)

    def warm_up(self) -> None:
        samples: Mapping[str, Any] = {
            "image": lambda: _black(self._steps), "text": lambda: Item("text", "0", b"A text to begin with."),
            "row": lambda: Item("row", "0", json.dumps(dict.fromkeys(self._steps["columns"], 1)).encode()),
        }  # fmt: skip
        some = samples[self.facts["takes"]]()
        for count in (1, self._limits.batch):
            self.answer([some] * count, False)

    # --- raw inputs -> arrays of the readable ones, and the answers to those that are not
    def _prepare(self, folder: Path, steps: dict[str, Any]) -> None:
        self._steps, takes = steps, steps["takes"]
        for name in ("tolerance", *(_OF_IMAGES if takes == "image" else ())):
            _ = steps[name]  # else it would be missed only later
        if takes == "image":
            from .resizing import can_resize

            if not can_resize(steps):
                raise ConfigError(f"Images are not resized here by {steps['filter']}.", _RUN)
        elif takes == "text":
            from ..datasets.text_form import TextForm
            from .texts import Tokenizer

            self._tokenizer = Tokenizer(read_json(folder / "vocabulary.json"))
            self._form = TextForm(steps["normal"], tuple(steps["replace"]))
        else:
            from ..datasets.columns.encoder import Columns
            from ..datasets.columns.single_rows import RowEncoder

            table = (folder / "vocabulary.json").is_file()
            facts = read_json(folder / "vocabulary.json")["read"] if table else []
            columns = Columns.of_facts(facts) if table else Columns.of_numbers(steps["columns"])
            self._columns, self._encoder, self._gaps = columns, RowEncoder(columns), table

    def _images(self, items: Sequence[Item], until: float) -> tuple[Arrays, list[Answer | None]]:
        from ..datasets.decoding import decode_opened, open_image
        from ..errors import DataError
        from .resizing import resized

        steps, found, arrays = self._steps, list[Answer | None](), []
        span = tuple(steps["range"]) if "range" in steps else None
        for item in items:
            answer = too_late(item) if time.monotonic() > until else None
            if answer is None:
                try:
                    if item.shape:
                        levels = np.frombuffer(item.content, np.uint8).reshape(item.shape)
                        image = _of_channels(levels, steps["channels"])
                    else:
                        opened = item.opened or open_image(item.content)
                        image = decode_opened(opened, item.content, steps["channels"], steps["background"], span)
                    arrays.append(resized(image, steps))
                except DataError as error:
                    answer = undecoded(item, error)
            found.append(answer)
        return ({self._names[0]: np.stack(arrays)} if arrays else {}), found

    def _texts(self, items: Sequence[Item], until: float) -> tuple[Arrays, list[Answer | None]]:
        from ..datasets.text_table import clean_text, has_content

        texts = [self._form(clean_text(item.content.decode("utf-8"))) for item in items]
        said = "There is no text in it"
        found = [None if has_content(text) else unreadable(item, said) for item, text in zip(items, texts)]
        good = [text for text, answer in zip(texts, found) if answer is None]
        return (self._tokenizer.feed(good, self._names) if good else {}), found

    def _rows(self, items: Sequence[Item], until: float) -> tuple[Arrays, list[Answer | None]]:
        rows = [json.loads(item.content) for item in items]
        found = [lacking(item, row, self._columns.names, self._limits.text) for item, row in zip(items, rows)]
        encoded = self._encoder.encode([row if answer is None else {} for row, answer in zip(rows, found)])
        if not self._gaps:
            for place, values in enumerate(encoded.numbers):
                if found[place] is None and (gaps := np.flatnonzero(np.isnan(values))).size:
                    found[place] = unreadable(items[place], f"Column {self._columns.names[gaps[0]]} holds no number")
        good = [place for place, answer in enumerate(found) if answer is None]
        numbers = encoded.numbers[good].astype(np.float32)
        arrays = {"numbers": numbers, "codes": encoded.codes[good].astype(np.int32)}
        return {name: arrays[name] for name in self._names}, found


def _onnx(path: Path, threads: int) -> tuple[Call, str]:
    try:
        import onnxruntime
    except ImportError as error:
        cause = "Serving an ONNX export needs a package that is not installed: onnxruntime."
        raise ConfigError(cause, "pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(names, feeds))), "onnxruntime"


def _litert(path: Path, threads: int) -> tuple[Call, str]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        cause = "Serving a LiteRT export needs a package that is not installed: ai-edge-litert."
        raise ConfigError(cause, "pip install 'tfpipelines[litert]'") from error
    runner = Interpreter(model_path=str(path), num_threads=threads).get_signature_runner("serving_default")

    def call(feeds: Arrays) -> Arrays:  # one sample at a time
        count = len(next(iter(feeds.values())))
        told = [
            runner(**{name: values[number : number + 1] for name, values in feeds.items()}) for number in range(count)
        ]
        return {name: np.concatenate([np.array(one[name]) for one in told]) for name in told[0]}

    return call, "litert"


_RUNTIMES: dict[str, Callable[[Path, int], tuple[Call, str]]] = {"onnx": _onnx, "litert": _litert}


def _of_channels(image: np.ndarray, channels: int) -> np.ndarray:
    from ..datasets.image_arrays import to_channels

    return to_channels(image[None], channels)[0]


def _black(steps: dict[str, Any]) -> Item:
    height, width = steps["size"]
    shape = (height + 1, width + 1, steps["channels"])
    return Item("image", "0", bytes(int(np.prod(shape))), shape)
