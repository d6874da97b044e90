"""What a search leaves in the end: pictures, and the metrics of the final runs."""

from collections import Counter
from statistics import mean
from typing import Any

from ..core.files import write_json
from ..core.splits import SPLITS
from .hparams import write_hparams
from .importance import importance
from .search_plots import plot_best, plot_importance, plot_parallel, plot_slices
from .supervisor import Search


def write_pictures(search: Search) -> None:
    """plots/ and TensorBoard's HParams."""
    plots, space, all_trials = search.folder / "plots", search.space, search.state.trials
    metric, direction = search.objective.metric, search.objective.direction
    scored = [trial for trial in all_trials if trial.score is not None]
    ended = [trial for trial in all_trials if trial.ended]
    plot_best(plots / "best_so_far.png", all_trials, metric, direction)
    plot_parallel(plots / "parallel_coordinates.png", space, scored, metric, direction)
    plot_slices(plots / "slices.png", space, ended, metric, direction)
    found = importance(space, scored, direction, search.pipeline.seed)
    if found is not None:
        plot_importance(plots / "importance.png", found, metric, len(scored))
    write_hparams(search.folder / "logs" / "tensorboard", space, ended, metric)


def write_metrics(search: Search, finals: dict[int, dict[str, Any] | str]) -> dict[str, Any]:
    """metrics.json of the search, and its content.

    Args:
        finals: what `run_finals` gives.
    """
    state, objective, best = search.state, search.objective, search.best
    done = {seed: metrics for seed, metrics in finals.items() if isinstance(metrics, dict)}
    statuses = Counter(trial.status for trial in state.trials)
    facts: dict[str, Any] = {
        "metric": objective.metric,
        "direction": objective.direction,
        "score": best.score,
        "trial": best.number,
    }
    facts |= {"values": best.values, "trials": dict(statuses), "epochs": state.epochs, "ended_by": state.stopped}
    times = {"search": state.elapsed, "trials": sum(trial.seconds for trial in state.trials)}
    times["final"] = sum(metrics["time"]["total"] for metrics in done.values())
    metrics: dict[str, Any] = {"search": facts}
    metrics["best_trial"] = {name.removeprefix("val_"): value for name, value in best.figures.items()}
    for split in SPLITS[1:]:
        if spread := _spread([run.get(split, {}) for run in done.values()]):
            metrics[split] = spread
    metrics["seeds"] = list(done)
    if equal := _equal_runs(done):
        metrics["about"] = [equal]
    metrics["failed_seeds"] = {str(seed): reason for seed, reason in finals.items() if isinstance(reason, str)}
    metrics["time"] = {name: round(seconds, 3) for name, seconds in times.items()}
    write_json(search.folder / "metrics.json", metrics)
    return metrics


def _equal_runs(runs: dict[int, dict[str, Any]]) -> str:
    """What there is to say where the seed changed nothing, as with boosted trees; else "".

    Args:
        runs: by seed, the content of metrics.json.
    """
    first, *others = [[run.get(split, {}) for split in SPLITS[1:]] for run in runs.values()] or [[]]
    if not others or not any(first) or any(other != first for other in others):
        return ""
    same = f"the final runs with seeds {', '.join(map(str, runs))} have equal metrics"
    chance = "so their range says nothing of chance; data.folds, or runs with other values of split_seed, would"
    return f"{same}: this network does not depend on the seed, {chance}"


def _spread(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean, least and largest of each metric over the seeds."""
    names = [name for name in runs[0] if all(name in run for run in runs)] if runs else []
    values = {name: [run[name] for run in runs] for name in names}
    return {name: {"mean": mean(some), "min": min(some), "max": max(some)} for name, some in values.items()}
