"""The proof through HTTP: the server is asked for held-out samples of the proof of an export, as any client asks, and
what comes back is compared with what the exported model said when it was proven.
"""

import asyncio
import http.client
import json
import socket
import time
from pathlib import Path
from typing import Any

from ..core.run_files import damaged, read_json
from ..core.words import counted
from ..errors import ExportError, ResourceError
from ..exporting.kept_samples import KEPT, beside
from .guard import VERSION
from .limits import Limits
from .sources import MANIFEST, Source

_ROUNDED = 1e-7  # records have seven digits
_NOT_EXPORTED = "a run answers by its own model.keras"
_NOT_NOW = {"busy", "not_ready", "slow", "too_long"}  # codes by which the model has said nothing
_PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds between two tries then
_NONE_KEPT = "there are no samples in the export, nor in a run folder around it"


class NotAnswered(ResourceError):
    """The server had no time for the proof: this says nothing of the model."""


class Prover:
    """Asks the server itself.

    Args:
        address: of the server.
        headers: that the server's own requests carry.
        limits: of requests.
        own: gets the address, (host, port), from which the server is asked, for as long as it is.
    """

    def __init__(
        self, address: tuple[str, int], headers: dict[str, str], limits: Limits, own: set[tuple[str, int]] | None = None
    ):
        self._address, self._headers, self._limits = address, headers, limits
        self._own = set() if own is None else own

    def of_version(self, version: str) -> "Prover":
        """Of one that is loaded, but does not answer others yet."""
        return Prover(self._address, {**self._headers, VERSION: version}, self._limits, self._own)

    async def prove(self, source: Source, again: bool = False) -> dict[str, Any]:
        """Proves what the server answers by now.

        Args:
            source: that is served.
            again: there were samples before, and have to be now.

        Returns:
            `samples`, `largest_difference` and `tolerance`; `why` there are no samples.

        Raises:
            ExportError: if an answer differs by more than the tolerance, or a sample cannot be answered.
            NotAnswered: if the server has had no time, several times.
            ArtifactError: if the samples are damaged.
        """
        if not source.exported:
            return {"samples": 0, "why": _NOT_EXPORTED}
        path, own, tolerance = _kept(source.path), *_of_manifest(source.path / MANIFEST)
        if path is None:
            if again:
                cause = f"The samples that have proven {source.path} are gone."
                raise ExportError(cause, "Put them back, or export the run again.")
            return {"samples": 0, "why": _NONE_KEPT}
        content = read_json(path, ("samples",))
        if content.get("sha256", own) != own:
            damaged(path, "it belongs to another model")
        samples = content["samples"]
        if not isinstance(samples, list) or not samples or not all(map(_is_sample, samples)):
            damaged(path, "its samples have another shape")
        worst, item = 0.0, ""
        for chunk in self._chunks(samples):
            told = await asyncio.to_thread(self._asked, [sample["input"] for sample in chunk])
            for sample, record in zip(chunk, told, strict=True):
                if "error" in record:
                    cause = (
                        f"The server cannot answer a sample of the proof, {sample['item']}: {record['error']['cause']}"
                    )
                    raise ExportError(cause, "Export the run again, or raise the limit that it names.")
                try:
                    apart = _difference(record, sample["answer"])
                except (KeyError, TypeError, ValueError) as error:
                    damaged(path, "an answer has another shape", error)
                worst, item = max((worst, item), (apart, sample["item"]))
        if worst > tolerance + _ROUNDED:
            cause = (
                f"The server answers differently than the export did: {item} by {worst:.2g} (allowed: {tolerance:g})."
            )
            raise ExportError(cause, "Export the run again on this machine, with these versions.")
        return {"samples": len(samples), "largest_difference": worst, "tolerance": tolerance}

    def _chunks(self, samples: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """As many at a time as a request may have."""
        chunks: list[list[dict[str, Any]]] = []
        size = 0
        for sample in samples:
            more = len(json.dumps(sample["input"])) + 2
            if not chunks or len(chunks[-1]) == self._limits.items or size + more > self._limits.body - 100:
                chunks.append([])
                size = 0
            chunks[-1].append(sample)
            size += more
        return chunks

    def _asked(self, inputs: list[Any]) -> list[dict[str, Any]]:
        """The records of some inputs; of all that is wrong with the request one that says so, for each.

        Raises:
            NotAnswered: if the server has had no time, several times.
        """
        for pause in (*_PAUSES, None):
            try:
                told = self._told(inputs)
                records = [told] * len(inputs) if "error" in told else told["predictions"]
                errors = [record["error"] for record in records if "error" in record]
                late = next((error["cause"] for error in errors if error["code"] in _NOT_NOW), None)
                if late is None:
                    return records
            except (OSError, http.client.HTTPException, ValueError) as error:
                late = f"{' '.join(str(error).split()) or type(error).__name__}."
            if pause is not None:
                time.sleep(pause)
        raise NotAnswered(f"The server has not answered the proof: {late}", "Try again once it has less to do.")

    def _told(self, inputs: list[Any]) -> dict[str, Any]:
        """What the server answers, from an address that it knows as its own."""
        seconds = 3 * self._limits.seconds + 10
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        with socket.socket(family) as asking:
            asking.settimeout(seconds)
            asking.bind((self._address[0], 0))
            here = asking.getsockname()[:2]
            self._own.add(here)
            try:
                asking.connect(self._address)
                connection = http.client.HTTPConnection(*self._address, timeout=seconds)
                connection.sock = asking
                headers = {**self._headers, "Content-Type": "application/json", "Connection": "close"}
                connection.request("POST", "/v1/predict", json.dumps({"inputs": inputs}), headers)
                return json.loads(connection.getresponse().read())
            finally:
                self._own.discard(here)


def _of_manifest(path: Path) -> tuple[str, float]:
    """Hash of the model, and the tolerance of its answers."""
    manifest = read_json(path)
    try:
        return manifest["files"][manifest["file"]]["sha256"], float(manifest["serving"]["tolerance"])
    except (KeyError, TypeError, ValueError) as error:
        damaged(path, "it lacks the hash of the model or the tolerance of its answers", error)


def _is_sample(sample: Any) -> bool:
    return isinstance(sample, dict) and isinstance(sample.get("item"), str) and {"input", "answer"} <= set(sample)


def _kept(folder: Path) -> Path | None:
    """The file with the samples of an export."""
    return next((path for path in (folder / KEPT, beside(folder.absolute())) if path.is_file()), None)


def proven(proof: dict[str, Any]) -> str:
    """What a proof says, in words."""
    if not proof["samples"]:
        return f"not proven: {proof['why']}"
    samples, largest = counted(proof["samples"], "held-out sample"), proof["largest_difference"]
    return f"proven by {samples}, largest difference {largest:.2g}"


def _difference(record: dict[str, Any], answer: Any) -> float:
    """Between a record and what the export said: of scores of detectors relative to their size."""
    if "scores" in record:
        told = list(record["scores"].values())
        if len(told) != len(answer):
            raise ValueError("another number of classes")
        return max(abs(now - before) for now, before in zip(told, answer))
    before = float(answer[0] if isinstance(answer, list) else answer)
    if "score" in record:
        return abs(record["score"] - before) / max(1.0, abs(before))
    return abs(record["predicted"] - before)
