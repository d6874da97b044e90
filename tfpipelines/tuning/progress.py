"""What an observer is told of a search."""

import math
import statistics
from typing import Any

from .space import Space
from .state import State, Trial


def search_facts(settings, space: Space, state: State, epochs: int | None) -> dict[str, Any]:
    """For `Observer.search`.

    Args:
        settings: `config.Search`.
        epochs: of a whole trial; None: as many as there is time for.
    """
    objective, done = settings.objective, sum(trial.ended for trial in state.trials)
    facts = {"algorithm": settings.algorithm, "metric": objective.metric, "direction": objective.direction}
    facts |= {"fields": list(space.dimensions), "trials": settings.trials, "epochs": epochs}
    return {**facts, "workers": state.workers, "done": done, "finals": len(settings.final_seeds)}


def trial_facts(trial: Trial, parent: Trial | None, settings, state: State, elapsed: float) -> dict[str, Any]:
    """For `Observer.trial`.

    Args:
        parent: that it has gone on from.
        settings: `config.Search`.
        elapsed: seconds of the search so far.
    """
    best = next(iter(state.ranked(settings.objective.direction)), None)
    names = ("number", "status", "score", "epochs", "seconds", "reason", "values")
    facts = {name: getattr(trial, name) for name in names}
    facts |= {"trials": settings.trials, "metric": settings.objective.metric}
    facts |= {"parent": parent.number if parent else None, "left": _seconds_left(settings, state, elapsed)}
    return {**facts, "best": best.score if best else None, "best_trial": best.number if best else None}


def _seconds_left(settings, state: State, elapsed: float) -> float:
    """By the mean of the trials so far, and the budget of time; with the final runs."""
    finals = final_seconds(len(settings.final_seeds), state, settings.objective.direction)
    if state.stopped:
        return finals
    ended = [trial for trial in state.trials if trial.ended]
    seconds = [trial.seconds for trial in ended if trial.seconds]
    left = (settings.trials - len(ended)) * (statistics.fmean(seconds) if seconds else 0.0) / state.workers
    return finals + (left if settings.time is None else max(0.0, min(left, settings.time - elapsed)))


def final_seconds(runs: int, state: State, direction: str) -> float:
    """What final runs will take, by the best trial so far; 0 without one."""
    best = next(iter(state.ranked(direction)), None)
    each = best.seconds * best.epochs / best.spent if best and best.spent else 0.0  # a parent had the other epochs
    return math.ceil(runs / state.workers) * each
