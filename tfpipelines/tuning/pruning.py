"""The median rule: which trials are pruned."""

import statistics
from collections.abc import Iterable


def medians(series: Iterable[list[float]], least: int) -> list[float]:
    """For each epoch, the median over finished trials of the mean of their metrics up to it (Golovin et al. 2017,
    Google Vizier, 3.2.1).

    Args:
        series: metrics of each finished trial by epoch.
        least: trials that an epoch needs to have a median.
    """
    means = [[sum(figures[: epoch + 1]) / (epoch + 1) for epoch in range(len(figures))] for figures in series]
    result = []
    for epoch in range(max(map(len, means), default=0)):
        known = [some[epoch] for some in means if len(some) > epoch]
        if len(known) < least:
            break
        result.append(statistics.median(known))
    return result


def should_prune(figures: list[float], limits: list[float], direction: str, patience: int) -> bool:
    """Whether a trial's best metric so far is worse than the median of the others.

    Args:
        figures: of the trial by epoch, up to now.
        limits: by epoch, as `medians` gives them.
        direction: `max` or `min`.
        patience: epochs in which no trial is pruned.
    """
    epoch = len(figures)
    if epoch < patience or epoch > len(limits):
        return False
    return max(figures) < limits[epoch - 1] if direction == "max" else min(figures) > limits[epoch - 1]
