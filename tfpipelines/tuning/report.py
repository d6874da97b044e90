"""What a search leaves in the end: pictures, and the figures of the final runs."""

from statistics import mean
from typing import Any

from ..runs import write_json
from .hparams import write_hparams
from .importance import importance
from .plots import plot_best, plot_importance, plot_parallel, plot_slices
from .search import Search


def write_pictures(search: Search) -> None:
    """plots/ and TensorBoard's HParams."""
    objective, plots = search.objective, search.folder / "plots"
    trials = [trial for trial in search.state.trials if trial.score is not None]
    plot_best(plots / "best_so_far.png", search.state.trials, objective.metric, objective.direction)
    plot_parallel(plots / "parallel_coordinates.png", search.space, trials, objective.metric, objective.direction)
    plot_slices(
        plots / "slices.png",
        search.space,
        [trial for trial in search.state.trials if trial.ended],
        objective.metric,
        objective.direction,
    )
    found = importance(search.space, trials, objective.direction, search.pipeline.seed)
    if found is not None:
        plot_importance(plots / "importance.png", found, objective.metric, len(trials))
    write_hparams(
        search.folder / "logs" / "tensorboard",
        search.space,
        [trial for trial in search.state.trials if trial.ended],
        objective.metric,
    )


def write_metrics(search: Search, finals: dict[int, dict[str, Any] | str]) -> dict[str, Any]:
    """metrics.json of the search, and its content.

    Args:
        finals: what `run_finals` gives.
    """
    state, objective, best = search.state, search.objective, search.best
    done = {seed: metrics for seed, metrics in finals.items() if isinstance(metrics, dict)}
    metrics: dict[str, Any] = {
        "search": {
            "metric": objective.metric,
            "direction": objective.direction,
            "score": best.score,
            "trial": best.number,
            "values": best.values,
            "trials": {
                status: sum(trial.status == status for trial in state.trials)
                for status in dict.fromkeys(trial.status for trial in state.trials)
            },
            "epochs": state.epochs,
            "ended_by": state.stopped,
        },
        "best_trial": {name.removeprefix("val_"): value for name, value in best.figures.items()},
        **{
            part: spread
            for part in ("validation", "test")
            if (spread := _spread([metrics.get(part, {}) for metrics in done.values()]))
        },
        "seeds": list(done),
        "failed_seeds": {str(seed): reason for seed, reason in finals.items() if isinstance(reason, str)},
        "time": {
            "search": round(state.elapsed, 3),
            "trials": round(sum(trial.seconds for trial in state.trials), 3),
            "final": round(sum(metrics["time"]["total"] for metrics in done.values()), 3),
        },
    }
    write_json(search.folder / "metrics.json", metrics)
    return metrics


def _spread(parts: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean, least and largest of each figure over the seeds."""
    names = [name for name in parts[0] if all(name in part for part in parts)] if parts else []
    values = {name: [part[name] for part in parts] for name in names}
    return {name: {"mean": mean(some), "min": min(some), "max": max(some)} for name, some in values.items()}
