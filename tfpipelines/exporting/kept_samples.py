"""Samples of the proof, by which whoever serves an export can prove itself.

They are the user's data. So they stay in the run folder, which holds such already, unless it is asked for that they
become part of the export.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..datasets import Replay
    from ..models import Served
    from .exporter import Exporter, Runtime

KEPT = "proof_samples.json"
MOST = 16  # that stay in the run folder
_LARGEST = 2_000_000  # characters of one sample


def samples_to_keep(
    served: "Served", exporter: "Exporter", runtime: "Runtime", replay: "Replay", most: int
) -> list[dict[str, Any]]:
    """The first samples in the form in which clients send them, with what the exported model says of each.

    Args:
        runtime: of the exported model, whose answers have been proven.
        most: samples; larger ones than 2 MB are passed over.

    Returns:
        JSON values; [] where samples of this kind have no such form.
    """
    import numpy as np

    kept: list[dict[str, Any]] = []
    if exporter.whole or not served.input.facts():
        return kept
    name = served.answer.name
    for item, sample in zip(replay.items, replay):
        if len(kept) == most:
            break
        raw = served.input.raw(sample)
        if raw is None or len(json.dumps(raw)) > _LARGEST:
            continue
        said = np.asarray(runtime(served.input.feed(sample, exporter.whole))[name], np.float64)[0]
        kept.append({"item": item, "input": raw, "answer": said.tolist(), "decision": served.answer.decide(said)})
    return kept


def beside(export: Path) -> Path:
    """Where the samples of an export in a run folder stay: outside of it and of the folder of its numbers, so that a
    copy of these has none.
    """
    return export.parent.parent / "proof_samples" / f"{export.parent.name}-{export.name}.json"
