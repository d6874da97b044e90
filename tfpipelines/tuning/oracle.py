"""KerasTuner's oracles, driven from outside: what to try next is a function of the seed and of what has happened so
far.

So the history of a search is all that has to be kept of it: an oracle that is told the same history again is the same
oracle.
"""

import random
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.oracles import GridSearchOracle, HyperbandOracle, RandomSearchOracle

from ..errors import ConfigError
from .bayesian import GaussianProcessOracle
from .space import Space
from .state import WAIT, Proposal

_DRAWS = 100_000  # seeds apart from each other by so many do not meet
_TUNER = "tuner/"  # prefix of what Hyperband adds to the values


class _Steady(keras_tuner.Oracle):
    """Mixin: an oracle without files and without a random state of its own."""

    first: dict[str, Any] | None = None  # what the first trial is to be
    told: dict[str, Any] | None = None  # what the next proposal was, when a history is told again

    def save(self):
        """Nothing: the history is kept by the search."""

    def _save_trial(self, trial):
        """Nothing, again."""

    def populate_space(self, trial_id):
        if self.told is not None:
            return {"status": "RUNNING", "values": dict(self.told)}
        number = len(self.trials)
        if number == 0 and self.first is not None:
            return {"status": "RUNNING", "values": dict(self.first)}
        self._seed_state = self.seed + number * _DRAWS
        if hasattr(self, "_random_state"):
            self._random_state = np.random.RandomState([self.seed, number])
        return super().populate_space(trial_id)


class _Random(_Steady, RandomSearchOracle):
    pass


class _Bayesian(_Steady, GaussianProcessOracle):
    pass


class _Hyperband(_Steady, HyperbandOracle):
    def _random_values(self):
        return dict(self.first) if self.first is not None and not self.trials else super()._random_values()

    def populate_space(self, trial_id):
        self._seed_state = self.seed + len(self.trials) * _DRAWS
        return HyperbandOracle.populate_space(self, trial_id)  # its rounds must know the first trial, too


class _Grid(_Steady, GridSearchOracle):
    pass


class Oracle:
    """Proposes trials and is told what came of them.

    Args:
        space: of the search.
        settings: `config.Search`.
        seed: of the search, 0 included.
        epochs: of a whole trial.
        start: encoded values of the first trial, or None.
    """

    def __init__(self, space: Space, settings, seed: int, epochs: int, start: dict[str, Any] | None):
        objective = keras_tuner.Objective(settings.objective.metric, settings.objective.direction)
        common = {"objective": objective, "hyperparameters": space.hyperparameters(), "seed": seed + 1}
        common |= {"allow_new_entries": False, "tune_new_entries": False, "max_consecutive_failed_trials": 10**9}
        global_state = random.getstate(), np.random.get_state()  # the oracles take from it where nobody looks
        self._oracle: _Steady
        if settings.algorithm == "hyperband":
            self._oracle = _Hyperband(max_epochs=epochs, factor=settings.factor, hyperband_iterations=None, **common)
        elif settings.algorithm == "bayesian":
            self._oracle = _Bayesian(max_trials=None, num_initial_points=_initial(len(space.dimensions)), **common)
        else:
            self._oracle = {"random": _Random, "grid": _Grid}[settings.algorithm](max_trials=None, **common)
        random.setstate(global_state[0])
        np.random.set_state(global_state[1])
        self._oracle.verbose = 0
        self._oracle.first = start
        self._replays = settings.algorithm in ("hyperband", "grid")  # their state grows with what they propose
        self._worst: float | None = None
        self._high = settings.objective.direction == "max"

    def propose(self) -> Proposal | str | None:
        """The next trial; WAIT if trials under way decide about it, None if there is none any more."""
        trial = self._oracle.create_trial(f"worker {len(self._oracle.trials)}")
        if trial.status == "IDLE":
            return WAIT
        if trial.status != "RUNNING":
            return None
        values = trial.hyperparameters.values
        encoded = {path: value for path, value in values.items() if not path.startswith(_TUNER)}
        return Proposal(trial.trial_id, encoded, values.get(f"{_TUNER}epochs"), values.get(f"{_TUNER}trial_id"))

    def repeat(self, proposal: Proposal) -> None:
        """Proposes what an earlier process was given.

        Raises:
            ConfigError: if the oracle does not come to the same.
        """
        self._oracle.told = None if self._replays else proposal.encoded
        again = self.propose()
        self._oracle.told = None
        if again != proposal:
            cause = "The search cannot be repeated: the oracle does not propose the same as before."
            raise ConfigError(cause, "Begin a new one with `tfpipe tune`.", [f"was: {proposal}", f"is: {again}"])

    def end(self, identity: str, score: float | None) -> None:
        """Tells what came of a trial.

        Args:
            score: its objective; None if it failed. Then it counts as the worst so far, so that the oracle stays away
                from there, and no bracket waits for it.
        """
        oracle, trial = self._oracle, self._oracle.trials[identity]
        if score is None and self._worst is None and isinstance(oracle, (HyperbandOracle, GridSearchOracle)):
            score = -1e30 if self._high else 1e30
        elif score is None:
            score = self._worst
        else:
            self._worst = score if self._worst is None else (min if self._high else max)(self._worst, score)
        if score is None:
            trial.status = "FAILED"
        else:
            oracle.update_trial(identity, {oracle.objective.name: score})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)

    def parents(self) -> set[str]:
        """Identities of the trials from which Hyperband may yet go on."""
        if not isinstance(self._oracle, HyperbandOracle):
            return set()
        needed = set()
        for bracket in self._oracle._brackets:
            rounds = bracket["rounds"]
            for number, entries in enumerate(rounds[:-1]):
                if len(rounds[number + 1]) < self._oracle._get_size(bracket["bracket_num"], number + 1):
                    taken = {entry["past_id"] for entry in rounds[number + 1]}
                    needed |= {entry["id"] for entry in entries} - taken
        return needed


def _initial(dimensions: int) -> int:
    """Trials before the Gaussian process takes over."""
    return max(4, dimensions + 2)
