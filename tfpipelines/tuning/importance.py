"""Which fields of a search mattered: a forest learns the objective from the values, and is asked with one field
shuffled.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from .clipping import clipped
from .space import Space
from .state import Trial

_TREES, _SHUFFLES = 200, 20
_INACTIVE = -0.5  # place of a field that a trial does not have
LEAST = 8  # trials


@dataclass(frozen=True)
class Importance:
    """What the forest says.

    Args:
        fields: {path: (mean, standard deviation) over shuffles of how much farther its guesses are off without the
            field, in units of the objective}, the largest first.
        score: R2 of its guesses for trials that a tree has not seen; at 0 or below the forest knows nothing.
    """

    fields: dict[str, tuple[float, float]]
    score: float


def importance(space: Space, trials: list[Trial], direction: str, seed: int) -> Importance | None:
    """Importance of each field by permutation (Breiman 2001); None with fewer than eight trials or without any
    difference.

    Args:
        trials: that have a score; far worse ones than the median are clipped.
        direction: of the objective.
        seed: of the forest and of the shuffles.
    """
    if len(trials) < LEAST:
        return None
    scores = clipped([trial.score for trial in trials], direction)
    if np.ptp(scores) == 0:
        return None
    places = np.array([places_of(space, trial) for trial in trials])
    forest = RandomForestRegressor(_TREES, oob_score=True, random_state=seed).fit(places, scores)
    result = permutation_importance(
        forest, places, scores, scoring="neg_mean_absolute_error", n_repeats=_SHUFFLES, random_state=seed
    )
    means, deviations, paths = result.importances_mean, result.importances_std, list(space.dimensions)
    order = np.argsort(-means, kind="stable")
    fields = {paths[place]: (float(means[place]), float(deviations[place])) for place in order}
    return Importance(fields, float(forest.oob_score_))


def places_of(space: Space, trial: Trial) -> list[float]:
    """Where the values of a trial lie in their dimensions, 0 to 1; -0.5 for fields that it does not have."""
    return [space.place(path, trial.values[path]) if path in trial.values else _INACTIVE for path in space.dimensions]
