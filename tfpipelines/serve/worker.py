"""The process that holds the model. It talks to the one that started it by a socket, and ends when that is closed."""

import gc
import json
import math
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any

from ..core.files import plain
from ..errors import DataError, TfpipelinesError
from .engine import Engine
from .frames import packed, receive
from .image_items import looked_at
from .items import Answer, Item, too_late, unreadable
from .limits import Limits
from .opening import open_engine
from .problems import Problem
from .processes import limit_memory, taken_memory

_TOO_MUCH = "Answering this takes more memory than is allowed."


def main(number: int) -> None:
    """Answers until the socket is closed.

    Args:
        number: of the socket, inherited.
    """
    _keep_chatter_away()
    for ignored in (signal.SIGINT, signal.SIGTERM):  # who started this ends it, once all is answered
        signal.signal(ignored, signal.SIG_IGN)
    with socket.socket(fileno=number) as connection, connection.makefile("rb") as file:
        if (first := receive(file)) is None:
            return
        asked, _ = first
        limits = Limits(**asked["limits"])
        try:
            engine = open_engine(asked["path"], asked["version"], limits, asked["threads"])
            engine.warm_up()
        except TfpipelinesError as error:
            facts = {"cause": error.cause, "remedy": error.remedy, "exit_code": error.exit_code}
            connection.sendall(packed({"error": facts}))
            return
        limit = limit_memory(limits.memory)
        connection.sendall(packed({"model": engine.facts}))
        while (frame := receive(file)) is not None:
            header, parts = frame
            given = [Item.of(facts, content) for facts, content in zip(header["items"], parts)]
            items: list[Item | Answer] = [*given]
            until = time.monotonic() + header["left"]
            if engine.facts["takes"] == "image":
                items = looked_at(given, header["requests"], header["pixels"], limits, until)
            good = [item for item in items if isinstance(item, Item)]
            told = iter(answered(engine, good, header["explain"], until) if good else ())
            answers = [item if isinstance(item, Answer) else next(told) for item in items]
            connection.sendall(_told(answers, items))
            if any(answer.problem and answer.problem.cause == _TOO_MUCH for answer in answers):
                del given, items, good, told, answers, frame, parts
                gc.collect()
                if limit and taken_memory() > limit - limits.memory / 2:  # it would fail for ever: another begins
                    return


def answered(engine: Engine, items: Sequence[Item], explain: bool, until: float = math.inf) -> list[Answer]:
    """The answer to each item. Where all of them together raise an error, each is asked for by itself."""
    if time.monotonic() > until:
        return [too_late(item) for item in items]
    try:
        return engine.answer(items, explain, until)
    except DataError as error:
        alone = unreadable(items[0], error.cause, error.remedy)
    except TfpipelinesError as error:
        alone = Answer(problem=Problem("malformed", error.cause, error.remedy, items[0].name))
    except MemoryError:
        alone = Answer(problem=Problem("unreadable", _TOO_MUCH, "Send a smaller input.", items[0].name))
    except Exception as error:  # a bug; its traceback is for who runs the server
        traceback.print_exc()
        cause = f"This is a bug in tfpipelines: {type(error).__name__}."
        alone = Answer(problem=Problem("bug", cause, "Its traceback is in the server's log.", items[0].name))
    if len(items) == 1:
        return [alone]
    return [answer for item in items for answer in answered(engine, [item], explain, until)]


def _told(answers: Sequence[Answer], items: Sequence[Item | Answer]) -> bytes:
    """The answers as a message: of each its records as JSON, what is counted of them, and the pixels of an image."""
    header: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for answer, item in zip(answers, items):
        if answer.problem:
            header.append({"refused" if answer.of_request else "problem": answer.problem.facts()})
            parts.append(b"")
        else:
            header.append({"counted": [_counted(record) for record in answer.records]})
            parts.append(_as_json(answer.records)[1:-1].encode("utf-8", "replace"))
        if isinstance(item, Item) and item.pixels:
            header[-1]["pixels"] = item.pixels
    return packed({"answers": header}, parts)


def _as_json(records: Sequence[dict[str, Any]]) -> str:
    try:
        return json.dumps(records, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):  # NumPy's values, and numbers that are not finite
        return json.dumps(plain(records), ensure_ascii=False)


def _counted(record: dict[str, Any]) -> list[Any]:
    """What a record says, and how sure or how odd it is: [class or verdict or None, number or None]."""
    if "verdict" in record:
        return [record["verdict"], record.get("score")]
    scores = record.get("scores")
    if isinstance(scores, dict) and scores:
        return [record.get("predicted"), max(scores.values())]
    return [None, record.get("predicted")]


def _keep_chatter_away() -> None:
    """What TensorFlow's libraries print leads nowhere; what Python prints goes on."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
