"""From a run to a folder with the exported model, its manifest and its proof."""

import logging
from collections.abc import Callable
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from .. import __version__
from ..core import config
from ..core.files import file_hash, now, write_json
from ..core.plugins import reason
from ..core.run_files import damaged, read_table
from ..core.words import counted
from ..errors import ConfigError, ExportError, ResourceError
from ..models import Served
from ..result import Run, open_run
from ..tasks.base import Answering
from ..training import StopSignals
from .exporter import Exporter, Feeds
from .formats import exporters
from .kept_samples import KEPT, MOST, beside, samples_to_keep
from .numbered_folders import NewVersion
from .proof import LIMIT, expected_of, prove, require_equal
from .script import NAME, script

_LOG = logging.getLogger(__name__)
_CALIBRATION = 200  # training samples that int8 ranges are made of
MANIFEST = "manifest.json"


class Exported(NamedTuple):
    """What has been exported.

    Args:
        folder: with the model's files and manifest.json.
        manifest: the content of that file.
    """

    folder: Path
    manifest: dict[str, Any]


def export(
    run: Run | str | Path,
    format: str = "saved_model",
    quantize: str | None = None,
    *,
    out: str | Path | None = None,
    samples: int = 500,
    tolerance: float | None = None,
    keep: int = 0,
    fixed_size: bool = False,
    overrides: dict[str, Any] | list[str] | tuple[str, ...] = (),
    note: Callable[[str], None] = _LOG.info,
) -> Exported:
    """Exports a run's model to another format, and verifies it by replaying held-out samples.

    Args:
        run: a `Run` or its folder; unfinished ones must at least have a model.
        format: `saved_model` (TensorFlow Serving's layout; takes raw samples), `litert` or `onnx` (extra `onnx`).
        quantize: `float16` or `int8`, with litert; None: float32.
        out: folder of the numbered folders that exports are; default: `export/FORMAT[-QUANTIZE]` in the run folder.
        samples: at most so many are replayed, those of the test split first, then those of the validation split.
        tolerance: of the proof: for the largest difference, of predicted numbers in their own unit, default 1e-4 (of
            numbers times their mean or standard deviation), no flipped answer being allowed; with `quantize` for the
            loss of accuracy, default 0.01 with float16, 0.02 with int8 (without labels for the share of flipped
            answers; of numbers for the mean difference, times the same).
        keep: at most so many of the replayed samples become part of the export, in proof_samples.json, with what the
            export says of them: `tfpipe serve` asks itself for them before it is ready. With 0, 16 of them stay in the
            run folder, where an export in the run folder is proven by them; the export holds none of the run's data.
        fixed_size: litert and onnx take images of the network's size alone, as some accelerators and tools want it. By
            default their graph resizes images of any size, as the model does, except with int8.
        overrides: `data.path`, where the run's data are elsewhere now, and fields that tell how to read them.
        note: called with progress messages; default: the log.

    Raises:
        ConfigError: if this cannot be exported, or not in this way.
        DataError: if the run's data cannot be read any more.
        ExportError: if the exported model answers differently, or cannot be made; nothing is left behind.
        ResourceError: if it cannot be written.
    """
    exporter = _exporter(format, quantize, samples, fixed_size)
    run = run if isinstance(run, Run) else open_run(run)
    exporter.require()
    model, task = run.model, run.own_task(overrides)
    numbers = exporter.quantized[quantize] if quantize else None
    calibrated = numbers is not None and numbers.calibrated
    served = _sized(task.served(model), exporter.any_size and not calibrated, fixed_size)
    splits = read_table(run.folder / "splits.csv", ("item", "split"))
    note(f"replaying samples through {run.folder.name}'s own model")
    replay = task.replayed(splits, ("test", "calibration", "validation"), samples)
    if not replay.items:
        remedy = "Train with data.validation or data.test above 0."
        raise ExportError("The run has held out no samples, so the export cannot be verified.", remedy)
    if replay.missing:
        note(f"{replay.missing} of the held-out samples are missing")
    usual = (numbers.limit if numbers else LIMIT) * served.answer.tolerance
    limit = usual if tolerance is None else tolerance
    with run.errors_of_layers():
        said = expected_of(served, replay, _written(run, served), max(limit, LIMIT * served.answer.tolerance))
    calibration = _calibration(task, splits, served, exporter.whole) if calibrated else None
    parent = Path(out) if out is not None else run.folder / "export" / (f"{format}-{quantize}" if quantize else format)
    with StopSignals() as stop, NewVersion(parent) as version:
        folder = version.path
        note(f"converting to {format}{f', {quantize}' if quantize else ''}")
        try:
            with _loggers_as_before():
                exporter.write(served, folder, quantize, calibration)
            runtime = exporter.open_runtime(folder)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # converters and runtimes raise nearly every kind
            what, why = f"{run.pipeline.task} with {_network(run)}", " ".join(str(error).split())[-300:]
            raise ExportError(f"{what} cannot be written as {format}: {why}.", "Try another format.") from error
        if not exporter.whole:
            for name, content in served.input.files().items():
                (folder / name).write_text(content, encoding="utf-8")
        if (runner := exporter.runner()) is not None:
            (folder / NAME).write_text(script(runner, served, exporter.whole), encoding="utf-8")
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        note(f"verifying it on {len(replay.items)} samples")
        proof = prove(served, exporter, runtime, replay, said, 0.0 if quantize else limit, run.pipeline.seed)
        require_equal(proof, quantize, limit)
        samples_kept = samples_to_keep(served, exporter, runtime, replay, keep or MOST)
        if keep and samples_kept:
            write_json(folder / KEPT, {"samples": samples_kept})
        proof |= {"bytes": size, "kept_samples": len(samples_kept) if keep else 0}
        manifest = _manifest(run, exporter, served, quantize, proof, folder)
        write_json(folder / MANIFEST, manifest)
        stop.raise_if_interrupted()
    if out is None and not keep and samples_kept:
        of_model = manifest["files"][exporter.file]["sha256"]
        _keep_beside(beside(version.final), {"sha256": of_model, "samples": samples_kept}, note)
    return Exported(version.final, manifest)


def _keep_beside(path: Path, samples: dict[str, Any], note: Callable[[str], None]) -> None:
    """Keeps samples in the run folder; the export is made by now, whatever comes of it."""
    try:
        path.parent.mkdir(exist_ok=True)
        write_json(path, samples)
        count = counted(len(samples["samples"]), "held-out sample")
        note(f"{count} for the proof of tfpipe serve in {path}; the export holds none")
    except (OSError, ResourceError) as error:
        note(f"samples for the proof of tfpipe serve cannot be kept: {' '.join(str(error).split())}")


def call_of(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Lines of Python that call an export with a sample of zeros or an empty text; [] for formats that show none.

    Args:
        folder: as the lines shall name it.
        manifest: of the export.
    """
    exporter = exporters()[manifest["format"]]
    return exporter.call(folder, {tensor["name"]: _sample(tensor) for tensor in manifest["signature"]["inputs"]})


def _sample(tensor: dict[str, Any]) -> str:
    """An input as an expression: one sample; of sizes that may be any, images have 64 pixels and texts 8 ids."""
    sizes = tensor["shape"][1:]
    if tensor["dtype"] == "string":
        return '["A text"]' if not sizes else str([[""] * sizes[0]])
    any_size = 64 if len(sizes) == 3 else 8
    made = "ones" if tensor["dtype"] == "int32" and None in sizes else "zeros"  # the id 0 is padding
    shape = ", ".join(str(any_size if size is None else size) for size in sizes)
    return f"np.{made}((1, {shape}), np.{tensor['dtype']})" if sizes else f"np.{made}(1, np.{tensor['dtype']})"


def _exporter(format: str, quantize: str | None, samples: int, fixed_size: bool) -> Exporter:
    """The exporter of a format, where all that is asked for can be had."""
    import keras

    known = exporters()
    if format not in known:
        if why := reason("exporters", format):
            raise ConfigError(f"format: {why}")
        raise ConfigError(f"format: got {format!r}; allowed: {', '.join(known)}.")
    if quantize is not None and quantize not in known[format].quantized:
        allowed = [f"{' or '.join(some.quantized)} with {some.name}" for some in known.values() if some.quantized]
        raise ConfigError(f"quantize: got {quantize!r} with {format}; allowed: {'; '.join(allowed)}.")
    if fixed_size and not known[format].any_size:
        names = " or ".join(some.name for some in known.values() if some.any_size)
        raise ConfigError(f"fixed_size: got it with {format}; allowed: with {names}.")
    if samples < 1:
        raise ConfigError(f"samples: got {samples}; allowed: a whole number from 1.")
    if keras.backend.backend() != "tensorflow":
        cause = f"Models are exported by TensorFlow, and Keras runs on {keras.backend.backend()} here."
        raise ConfigError(cause, "Set KERAS_BACKEND=tensorflow: the model file is the same for both.")
    return known[format]


def _sized(served: Served, any_size: bool, fixed_size: bool) -> Served:
    """With images of any size in all graphs where that is possible and nobody wants one size."""
    sized = served.input.of_any_size()
    if fixed_size and sized is None:
        raise ConfigError("fixed_size: this model takes no images.", "Export it without.")
    return served if fixed_size or not any_size or sized is None else served._replace(input=sized)


def _written(run: Run, served: Served) -> dict[str, tuple[Any, str | None]]:
    """Item -> answer and decision, of predictions.csv; {} where a run has none."""
    path = run.folder / "predictions.csv"
    if not path.is_file():
        return {}
    from ..evaluation import score_columns

    classes = served.answer.classes
    columns = score_columns(classes) if classes else [served.answer.column]
    wanted = ("item", *columns, *(["predicted"] if classes else []))
    table = read_table(path, wanted, ("item", "text", "label", *(["predicted"] if classes else [])))
    try:
        values = table[columns].to_numpy("float64")
    except ValueError as error:
        damaged(path, "a score is no number", error)
    decisions = table["predicted"] if classes else [None] * len(table)  # a threshold may be another one now
    twice = table["item"].duplicated(keep=False)  # of rows with one name nothing tells which is which
    rows = zip(table["item"], values, decisions, twice)
    return {item: (row if classes else row[0], decision) for item, row, decision, doubled in rows if not doubled}


def _calibration(task: Answering, splits: pd.DataFrame, served: Served, whole: bool) -> Feeds:
    replay = task.replayed(splits, ("train",), _CALIBRATION)
    if not replay.items:
        remedy = "Bring the run's data back, or export without --quantize int8."
        raise ExportError("The run's training samples are missing, and int8 calibration needs them.", remedy)
    feeds = [served.input.feed(sample, whole) for sample in replay]
    return lambda: iter(feeds)


def _manifest(
    run: Run, exporter: Exporter, served: Served, quantize: str | None, proof: dict[str, Any], folder: Path
) -> dict[str, Any]:
    inputs = [
        {"name": name, "dtype": spec.dtype.name, "shape": [exporter.batch, *spec.shape[1:]]}
        for name, spec in served.input.specs(exporter.whole).items()
    ]
    outputs = [
        {"name": name, "meaning": text}
        for name, text in served.answer.words().items()
        if exporter.whole or not text.startswith("string") and name != "p_value"
    ]
    facts: dict[str, Any] = {"format": exporter.name, "quantize": quantize, "file": exporter.file}
    facts |= {"task": run.pipeline.task, "network": _network(run), "created": now(), "tfpipelines": __version__}
    sha256 = file_hash(run.folder / "model.keras")
    facts["run"] = {"name": run.folder.name, "state": run.status.get("state"), "model_sha256": sha256}
    facts["signature"] = {"inputs": inputs, "outputs": outputs, "batch_axis": 0}
    facts["preprocessing"] = served.input.words(exporter.whole)
    facts |= served.answer.facts()
    if (steps := served.input.facts()) and not exporter.whole:
        facts["serving"] = {**steps, "answer": served.answer.name, "tolerance": LIMIT * served.answer.tolerance}
        facts["serving"] |= served.answer.beyond()
    facts["versions"] = {name: found for name in exporter.packages if (found := _installed(name))}
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    facts_of = lambda path: {"sha256": file_hash(path), "bytes": path.stat().st_size}
    return {**facts, "proof": proof, "files": {str(path.relative_to(folder)): facts_of(path) for path in paths}}


def _network(run: Run) -> str:
    """What the network is called; of a path its last part, since the rest is of one machine."""
    return config.short_name(run.pipeline.network or "") or Path(run.pipeline.backbone or "").name


@contextmanager
def _loggers_as_before():
    """Puts back what converters do to the process' loggers."""
    loggers = [logging.getLogger(name) for name in (None, "absl", "tf2onnx")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    try:
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers


def _installed(package: str) -> str | None:
    try:
        return version_of(package)
    except PackageNotFoundError:
        return None
