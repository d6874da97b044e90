"""Samples of the proof that stay beside an export, so that whoever serves it can ask for them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.files import write_json

if TYPE_CHECKING:
    from ..datasets import Replay
    from ..models import Served
    from .exporter import Exporter, Runtime

KEPT = "proof_samples.json"
_LARGEST = 2_000_000  # characters of one sample


def keep_samples(
    folder: Path, served: "Served", exporter: "Exporter", runtime: "Runtime", replay: "Replay", most: int
) -> int:
    """Writes the first samples in the form in which clients send them, with what the exported model says of each.

    Args:
        folder: of the export.
        runtime: of the exported model, whose answers have been proven.
        most: samples; larger ones than 2 MB are passed over.

    Returns:
        How many; 0 where samples of this kind have no such form, and nothing is written.
    """
    import numpy as np

    if exporter.whole or not served.input.facts():
        return 0
    kept: list[dict[str, Any]] = []
    name = served.answer.name
    for item, sample in zip(replay.items, replay):
        if len(kept) == most:
            break
        raw = served.input.raw(sample)
        if raw is None or len(json.dumps(raw)) > _LARGEST:
            continue
        said = np.asarray(runtime(served.input.feed(sample, exporter.whole))[name], np.float64)[0]
        decision = served.answer.decide(said)
        kept.append({"item": item, "input": raw, "answer": said.tolist(), "decision": decision})
    if kept:
        write_json(folder / KEPT, {"samples": kept})
    return len(kept)
