"""A run for each product where `data.path` is a folder of several: one after the other, each in a run folder of its
own, and a table over all of them.
"""

import csv
import io
from functools import partial
from shutil import copyfile
from typing import Any

from . import training
from .core import config
from .core.config import Pipeline
from .core.files import atomic_write, write_json
from .core.observer import Observer
from .core.pipeline_files import require_same_code, with_train, write_pipeline
from .core.run_files import read_json
from .core.run_folder import DEFAULT_BATCH_SIZE, PRODUCTS, START, RunFolder, ending
from .core.run_shapes import RUN_METRICS
from .core.trust import require as require_trust
from .core.unchanged import require_same_pipeline
from .core.words import counted, quoted
from .decisions import with_precision
from .errors import MemoryExhaustedError, ResourceError, TakenOverError, TfpipelinesError
from .metrics import product_figures, spread_of
from .reporting import write_reports
from .runner import Runner
from .tasks import SCHEMAS, new_task

TABLE = "products.csv"


def carry_out(
    folder: RunFolder, pipeline: Pipeline, products: dict[str, Pipeline], observer: Observer, stop, command: str
) -> dict[str, Any]:
    """Runs the products that are not done yet, and writes the table over all of them after each.

    Args:
        folder: of all, held locked.
        pipeline: of all.
        products: the pipeline of each.
        stop: a `training.StopSignals`, entered.
        command: to be recorded.

    Returns:
        The content of metrics.json.

    Raises:
        TfpipelinesError: of the class of the first product's that failed, once the others are done; its `result` is
            the content of metrics.json.
        ResourceError, Interrupted: at once.
    """
    failed: dict[str, TfpipelinesError] = {}
    with ending(folder):
        stop.raise_if_interrupted()
        if pipeline.train.precision == "auto":  # decided once for all
            pipeline = with_precision(pipeline)
            products = {
                name: with_train(own, {"precision": pipeline.train.precision}) for name, own in products.items()
            }
            write_pipeline(folder, pipeline)
        Runner(folder, observer, stop, resume=True).environment(pipeline, command)
        content = _write_table(folder, products, failed)
        for number, (name, own) in enumerate(products.items(), 1):
            inner = RunFolder(folder / PRODUCTS / name)
            inner.complete()
            if inner.status.get("state") == "done":
                continue
            stop.raise_if_interrupted()
            observer.product(name, number, len(products))
            training.forget_networks()
            try:
                with inner.locked(within=folder.token):
                    _run(folder, inner, own, observer, stop, command)
            except TfpipelinesError as error:
                shared = isinstance(error, ResourceError) and not isinstance(error, MemoryExhaustedError)
                if shared or isinstance(error, TakenOverError):
                    raise  # a full disk is full for all
                failed[name] = error
                observer.warning(f"{name} failed: {error.cause}")
            finally:
                content = _write_table(folder, products, failed)
        observer.products(folder, content)
        if failed:
            raise _error(folder, products, failed, content)
    return content


def _run(folder: RunFolder, inner: RunFolder, pipeline: Pipeline, observer: Observer, stop, command: str) -> None:
    """Begins the run of a product, or goes on with it; its report is written however it ends."""
    resume = (inner / "pipeline.yaml").is_file() and bool(inner.status)
    if resume:
        pipeline = config.load(str(inner / "pipeline.yaml"), schemas=SCHEMAS).pipeline
        require_same_code(inner, pipeline)
        require_trust(pipeline)
        require_same_pipeline(inner, pipeline)
    task = new_task(pipeline)
    with stop.hold():
        facts = {DEFAULT_BATCH_SIZE: True} if folder.status.get(DEFAULT_BATCH_SIZE) else {}
        named = {"pipeline": pipeline.name, "task": pipeline.task, "epoch": 0, "epochs": task.epochs, **facts}
        inner.set_status("running", **({} if resume else named))
        if not resume:
            for path in folder.path.glob(f"{START}*"):
                atomic_write(inner / path.name, partial(copyfile, path))
            write_pipeline(inner, pipeline)
        observer.started(inner, pipeline)
    try:
        Runner(inner, observer, stop, resume).run(task, command)
    finally:
        with stop.hold():
            write_reports(inner, observer)


def _write_table(
    folder: RunFolder, products: dict[str, Pipeline], failed: dict[str, TfpipelinesError]
) -> dict[str, Any]:
    """metrics.json and products.csv by what the products have left so far; the content of the former."""
    rows = [_row(RunFolder(folder / PRODUCTS / name), name, failed.get(name)) for name in products]
    done = [row for row in rows if row["state"] == "done"]
    spread: dict[str, dict[str, dict[str, float]]] = {}
    for split in ("validation", "test"):
        names = dict.fromkeys(name for row in done for name in row[split])
        of_each = {name: [row[split][name] for row in done if row[split].get(name) is not None] for name in names}
        spread[split] = {name: spread_of(values) for name, values in of_each.items() if values}
    means = {split: {name: entry["mean"] for name, entry in some.items()} for split, some in spread.items() if some}
    seconds = round(sum(row["seconds"] for row in done), 3)
    about = [
        f"the metrics are means over {counted(len(done), 'product')}, each with a model and a threshold of its own"
    ]
    lacking = {name: len(done) - sum(name in row["test"] for row in done) for name in means.get("test", {})}
    about += [
        f"{name} is that of {len(done) - count}, the others have none" for name, count in lacking.items() if count
    ]
    content = {PRODUCTS: rows, **means, "spread": spread, "time": {"total": seconds}, "about": about if done else []}
    write_json(folder / "metrics.json", content)
    atomic_write(folder / TABLE, _as_csv(rows, means.get("test", {}), seconds))
    return content


def _row(inner: RunFolder, name: str, error: TfpipelinesError | None) -> dict[str, Any]:
    """What metrics.json says of a product."""
    status = inner.status
    state = status.get("state", "not begun")
    row: dict[str, Any] = {"product": name, "state": state, "network": "", "validation": {}, "test": {}, "seconds": 0.0}
    row["reason"] = error.cause if error else status.get("reason", "") if state in ("failed", "interrupted") else ""
    if state == "done":
        metrics = read_json(inner / "metrics.json", ("time.total",), RUN_METRICS)
        row |= {split: metrics.get(split, {}) for split in ("validation", "test")}
        row |= {"network": metrics.get("network", {}).get("name", ""), "seconds": metrics["time"]["total"]}
    return row


def _as_csv(rows: list[dict[str, Any]], means: dict[str, float], seconds: float) -> str:
    """products.csv: a row for each product, and last that of the means and of the seconds of all."""
    names, stream = product_figures(rows), io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["product", "state", "network", *names, "seconds", "reason"])
    for row in rows:
        figures = [row["test"].get(name, "") for name in names]
        took = row["seconds"] if row["state"] == "done" else ""
        writer.writerow([row["product"], row["state"], row["network"], *figures, took, row["reason"]])
    writer.writerow(["mean", "", "", *(means.get(name, "") for name in names), seconds, ""])
    return stream.getvalue()


def _error(
    folder: RunFolder, products: dict[str, Pipeline], failed: dict[str, TfpipelinesError], content: dict[str, Any]
) -> TfpipelinesError:
    """What to raise where products have failed."""
    first = next(iter(failed.values()))
    cause = f"{len(failed)} of {counted(len(products), 'product')} failed: {', '.join(failed)}."
    details = [f"{name}: {error.cause} {error.remedy}".rstrip() for name, error in failed.items()]
    done = "The others are done and stay so. " if len(failed) < len(products) else ""
    error = type(first)(cause, f"{done}Then go on with: tfpipe resume {quoted(str(folder))}", details)
    error.result = content
    return error
