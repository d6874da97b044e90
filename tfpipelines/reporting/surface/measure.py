"""The loss on a plane through the trained weights, after Li et al. 2018."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ...core.files import atomic_write, file_hash, write_json
from ...core.run_folder import RunFolder
from ...core.splits import SPLITS
from ...core.words import counted
from ...errors import ConfigError, DataError, TfpipelinesError
from ...result import Result, Run
from ...tasks import new_task, task_class
from ...tasks.abilities import Ability, OneLoss
from .result_files import FACTS, PICTURE, TABLE, LossSurface

if TYPE_CHECKING:
    from ...training import Objective

_SAMPLING = 2  # number of the random stream that draws the samples; 0 and 1 are the directions


def loss_surface(
    run: Run | str | Path,
    points: int = 21,
    radius: float = 1.0,
    samples: int = 512,
    seed: int = 0,
    split: str = "train",
    *,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> LossSurface:
    """Measures the loss around a run's trained weights along two random directions, and writes it into the run folder.

    Li, Xu, Taylor, Studer & Goldstein 2018, "Visualizing the Loss Landscape of Neural Nets": both directions are
    Gaussian, each filter rescaled to the norm of that filter of the trained weights, and 0 for biases and the weights
    of normalizations. What training did not move (frozen layers, statistics) does not move. The loss is the one that
    training minimized, in inference mode: without regularization, dropout, augmentation, label smoothing and class
    weights. Of a variational autoencoder it is the negative ELBO with the mean code instead of a draw.

    The data are read again, and must be those of the run. plots/loss_surface.png, loss_surface.csv and
    loss_surface.json are written, or replaced; model.keras is only read.

    Args:
        run: a `Run`, or the path of a run folder.
        points: of each axis, odd, so that the trained weights are one of them; 3 to 201.
        radius: the axes go from -radius to radius; at 1 a filter has moved by its own norm.
        samples: rows of the split that the loss is the mean of, drawn without replacement; all if there are fewer.
        seed: of directions and samples. The same seed gives the same numbers on the same machine.
        split: `train`, `validation` or `test`.
        progress: called after each point with the number of points done, and of all points.
        note: called with messages, such as how long it will take; default: the log.

    Returns:
        The surface.

    Raises:
        ConfigError: for a wrong argument; if the folder is of a search, or of a cross-validation as a whole; if the run
            has no model, or its task has no single loss (dcgan); if the data have changed since.
        ArtifactError: if the model is damaged or not to be trusted.
        DataError: if the data can no longer be read, or have no such split.
        ResourceError: if memory or disk do not suffice.
    """
    folder = _run_folder(run)
    _require(points, radius, samples, seed, split)
    run = Run(folder)  # with a model of its own, as parts of it are changed
    if Ability.ONE_LOSS not in task_class(run.pipeline.task).abilities:
        two = f"{folder} is of the task {run.pipeline.task}, which trains two networks, each by a loss of its own"
        raise ConfigError(f"{two}: there is no one loss surface.", "Name a run of another task.")
    from ...training import memory_errors
    from .plot import plot_surface

    model = run.model
    with memory_errors():
        task = _with_data(run)
        rows = task.samples.rows(split)
        if not len(rows):
            raise DataError(f"{folder} has no samples in its {split} split.", "Name another split.")
        rows = np.sort(np.random.default_rng([seed, _SAMPLING]).permutation(rows)[:samples])
        began = time.perf_counter()
        objective = task.objective(model)
        steps = np.arange(-(points // 2), points // 2 + 1) / (points // 2) * float(radius)
        told = progress or (lambda done, total: None), note or logging.getLogger(__name__).info
        losses = _measure(objective, objective.in_memory(rows), steps, seed, *told)
    trained = sum(int(np.prod(variable.shape)) for variable in objective.network.trainable_variables)
    name, seconds = folder.path.name, round(time.perf_counter() - began, 3)
    surface = LossSurface(name, steps, losses, objective.name, split, len(rows), seed, trained, seconds)
    (folder / "plots").mkdir(exist_ok=True)
    atomic_write(folder / TABLE, surface.to_csv())
    plot_surface(folder / PICTURE, surface)
    write_json(folder / FACTS, {**surface.facts(), "model_sha256": file_hash(folder / "model.keras")})
    return surface


def _run_folder(run: Run | str | Path) -> RunFolder:
    folder = RunFolder.open(run.folder if isinstance(run, Result) else run)
    if folder.status.get("kind") == "search":
        finals = sorted(path.parent.name for path in (folder / "final").glob("seed-*/model.keras"))
        where = ", ".join(f"{folder}/final/{name}" for name in finals[:3])
        remedy = f"Name one of its final runs: {where}."
        if not finals:
            remedy = "It has no final run yet; finish it with `tfpipe resume`."
        raise ConfigError(f"{folder} is a search, with the models of several runs in it.", remedy)
    return folder


def _require(points: int, radius: float, samples: int, seed: int, split: str) -> None:
    if not (3 <= points <= 201 and points % 2):
        allowed = "an odd number from 3 to 201, so that the trained weights are one of them"
        raise ConfigError(f"points: got {points}; allowed: {allowed}.")
    if not 0 < radius < float("inf"):
        raise ConfigError(f"radius: got {radius:g}; allowed: above 0.")
    for name, value, least in (("samples", samples, 1), ("seed", seed, 0)):
        if value < least:
            raise ConfigError(f"{name}: got {value}; allowed: a whole number from {least}.")
    if split not in SPLITS:
        raise ConfigError(f"split: got {split!r}; allowed: {', '.join(SPLITS)}.")


def _with_data(run: Run) -> OneLoss:
    """The run's task, with the data that it has trained on."""
    from ...core.unchanged import require_same_splits, splits_text
    from ...tasks.base import checked

    folder = RunFolder(run.folder)
    if not (folder / "splits.csv").is_file():
        cause = f"{folder} has no splits.csv, so the data it was trained on are unknown."
        raise ConfigError(cause, "Restore it from a copy of the run folder.")
    try:
        task = checked(new_task(run.pipeline), folder.status.get("fold"))
    except TfpipelinesError as error:
        error.remedy = f"Bring the data of {folder} back: its loss is measured on them. {error.remedy}".rstrip()
        raise
    require_same_splits(folder, splits_text(task.split_table()))
    return cast(OneLoss, task)


def _measure(
    objective: "Objective",
    batches: list[tuple],
    steps: np.ndarray,
    seed: int,
    progress: Callable[[int, int], None],
    note: Callable[[str], None],
) -> np.ndarray:
    """The mean loss at each point of the grid, float64 (points of beta, points of alpha)."""
    import keras

    from ...training import compiled
    from .directions import random_direction

    network, loss = objective.network, objective.function()
    start = [variable.value for variable in network.trainable_variables]
    tensor, floats = keras.ops.convert_to_tensor, lambda value: float(keras.ops.convert_to_numpy(value))
    first, second = (list(map(tensor, random_direction(network, seed, number))) for number in (0, 1))

    def moved(start, first, second, alpha, beta):
        return [w + alpha * d1 + beta * d2 for w, d1, d2 in zip(start, first, second)]

    move = compiled(moved)
    count, total = sum(size for _, _, size in batches), len(steps) ** 2

    def at(alpha: float, beta: float) -> float:
        values = move(start, first, second, *(tensor(np.float32(step)) for step in (alpha, beta)))
        return sum(floats(loss(values, inputs, targets)) * size for inputs, targets, size in batches) / count

    at(0.0, 0.0)  # compiles all
    losses, began = np.empty((len(steps), len(steps))), time.perf_counter()
    for done, (row, column) in enumerate(np.ndindex(losses.shape), 1):
        losses[row, column] = at(float(steps[column]), float(steps[row]))
        progress(done, total)
        if done == 1:
            seconds = (time.perf_counter() - began) * (total - 1)
            note(f"loss surface: {total} points on {counted(count, 'sample')}, about {seconds:.0f} s")
    return losses
