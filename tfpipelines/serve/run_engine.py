"""Answers by a run's model.keras, as `tfpipe predict` does."""

import base64
import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

from .. import __version__
from ..core.files import file_hash, plain
from ..core.run_files import found_json
from ..errors import DataError
from ..result import open_run
from ..tasks import kind_of, task_class
from ..tasks.abilities import Ability
from .engine import Engine
from .image_items import of_decoding
from .items import Answer, Item, lacking, too_late, unreadable
from .limits import Limits
from .problems import Problem

_AT_ONCE = 20_000_000  # pixels that are decoded before it is looked whether there is time left


class RunEngine(Engine):
    """Every task; TensorFlow is loaded.

    Args:
        path: of the run folder.
        version: see `open_engine`.
        limits: of cells and batches.
    """

    def __init__(self, path: str, version: str, limits: Limits):
        self._run, self._limits = open_run(path), limits
        run = self._run
        run.model  # noqa: B018 (which loads it, or tells why it cannot)
        data, abilities = found_json(run.folder / "data.json"), task_class(run.pipeline.task).abilities
        takes = (
            "draw" if Ability.GENERATES in abilities
            else "series" if Ability.BY_POINT in abilities
            else "row" if Ability.FOLLOWS in abilities
            else "text" if "text_column" in type(run.pipeline.data).model_fields
            else "image"
        )  # fmt: skip
        kind, threshold = kind_of(run.pipeline.task, data), found_json(run.folder / "threshold.json")
        self._columns = [str(name) for name in data.get("columns", ())] if takes in ("row", "series") else []
        self.facts = {
            "name": run.folder.resolve().name, "version": version, "task": run.pipeline.task,
            "kind": kind.value if kind else None, "takes": takes, "runtime": "keras",
            "classes": list(data.get("classes", ())), "columns": self._columns,
            "threshold": threshold.get("threshold"), "explains": Ability.EXPLAINS in abilities and takes != "draw",
            "together": takes in ("image", "text", "row"), "tfpipelines": __version__,
            "sha256": file_hash(run.folder / "model.keras"), "created": run.status.get("updated"),
        }  # fmt: skip
        if takes == "image":
            self.facts["resize"] = getattr(run.pipeline.data, "resize", "stretch")
        self._follower: Any = None

    def answer(self, items: Sequence[Item], explain: bool, until: float = math.inf) -> list[Answer]:
        takes, found = self.facts["takes"], list[Answer]()
        of = getattr(self, f"_{takes}s")
        for some in _portions(items, singly=explain or takes in ("series", "draw")):
            found += [too_late(item) for item in some] if time.monotonic() > until else of(some, explain)
        return found

    def warm_up(self) -> None:
        takes, some = self.facts["takes"], []
        if takes == "text":
            some = [Item("text", "0", b"A text to begin with.")]
        elif takes == "row":
            some = [Item("row", "0", json.dumps(dict.fromkeys(self._columns, 0)).encode())]
        elif takes == "image":
            some = [Item("image", "0", _dot())]
        for count in (1, 3) if some else ():
            (first, *_) = self.answer(some * count, False)
            self.facts["interval"] = any("low" in record for record in first.records)

    # --- by what the model takes
    def _images(self, items: Sequence[Item], explain: bool) -> list[Answer]:
        return self._of_table([_pixels(item) if item.shape else item.content for item in items], items, explain)

    def _texts(self, items: Sequence[Item], explain: bool) -> list[Answer]:
        return self._of_table([item.content.decode("utf-8") for item in items], items, explain)

    def _rows(self, items: Sequence[Item], explain: bool) -> list[Answer]:
        import pandas as pd

        rows = [json.loads(item.content) for item in items]
        found: list[Answer | None] = [
            lacking(item, row, self._columns, self._limits.text) for item, row in zip(items, rows)
        ]
        good = [place for place, answer in enumerate(found) if answer is None]
        if good:
            given, some = [rows[place] for place in good], [items[place] for place in good]
            if explain:
                cells = [
                    {name: str(cell) if isinstance(cell, bool) else cell for name, cell in row.items()} for row in given
                ]
                answers = self._of_table(pd.DataFrame(cells), some, True)  # else pandas takes true for 1
            else:
                if self._follower is None:
                    self._follower = self._run.follower(header=self._columns)
                answers = _answers(self._follower.answer(given), some)
            for place, answer in zip(good, answers):
                found[place] = answer
        return cast(list[Answer], found)

    def _seriess(self, items: Sequence[Item], explain: bool) -> list[Answer]:
        import pandas as pd

        from ..evaluation.predictions import to_records

        answers = []
        for item in items:
            try:
                table = self._run.predict([pd.DataFrame(json.loads(item.content))], explain=explain)
            except DataError as error:
                answers.append(unreadable(item, error.cause, error.remedy))
                continue
            records = to_records(table)
            bad = next((row["error"] for row in records if row.get("error")), "")
            answers.append(unreadable(item, bad) if bad else Answer(records))
        return answers

    def _draws(self, items: Sequence[Item], explain: bool) -> list[Answer]:
        from ..evaluation import png

        answers = []
        for item in items:
            asked = json.loads(item.content)
            images, labels = self._run.generate(1, asked.get("seed", 0), asked.get("class"))
            picture = f"data:image/png;base64,{base64.b64encode(png(images[0])).decode()}"
            answers.append(Answer([{"item": item.name, "class": labels[0] if labels else None, "image": picture}]))
        return answers

    # --- details
    def _of_table(self, inputs: Any, items: Sequence[Item], explain: bool) -> list[Answer]:
        return _answers(self._run.predict(inputs, batch_size=self._limits.batch, explain=explain), items)


def _portions(items: Sequence[Item], singly: bool) -> Iterator[list[Item]]:
    """What goes through the model at once: what takes long, and large images, by themselves."""
    portion: list[Item] = []
    for item in items:
        if portion and (singly or sum(one.pixels for one in portion) + item.pixels > _AT_ONCE):
            yield portion
            portion = []
        portion.append(item)
    if portion:
        yield portion


def _answers(table: Any, items: Sequence[Item]) -> list[Answer]:
    from ..evaluation.predictions import to_records

    records = to_records(table)
    if len(records) != len(items):
        raise AssertionError(f"{len(items)} inputs gave {len(records)} records")
    answers = []
    for item, record in zip(items, records):
        if error := record.pop("error", ""):
            error = of_decoding(item, error)
            answers.append(Answer(problem=Problem("unreadable", f"{error[:1].upper()}{error[1:]}.", "", item.name)))
        else:
            answers.append(Answer([plain({**record, "item": item.name})]))
    return answers


def _pixels(item: Item) -> Any:
    import numpy as np

    return np.frombuffer(item.content, np.uint8).reshape(item.shape)


def _dot() -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()
