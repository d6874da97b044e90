"""Bayesian optimization on KerasTuner's oracle, with a model that learns how much each field matters.

KerasTuner's own has one length scale for all fields, no noise, and looks for the next trial point by point, which takes
seconds.
"""

import warnings

import numpy as np
from keras_tuner.oracles import BayesianOptimizationOracle
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel
from threadpoolctl import threadpool_limits

from .clipping import clipped

_ANYWHERE, _NEAR, _WIDTH = 2000, 1000, 0.1  # candidates; those near the best trials, and how near
_BEST = 3  # trials near which is looked


class GaussianProcessOracle(BayesianOptimizationOracle):
    """After trials spread over the space, the next one is where the expected improvement is highest (Jones et al.
    1998), by a Gaussian process with a Matern 5/2 kernel, a length scale for each field and noise (Snoek et al. 2012).

    Scores far worse than the median are clipped. Trials under way count as if they had given what the model expects of
    them (Ginsbourger et al. 2010).
    """

    def populate_space(self, trial_id):
        finished = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        if len(finished) < self.num_initial_points:
            return self._spread()
        with threadpool_limits(1):  # the matrices are small
            return self._improve(finished)

    def _spread(self) -> dict:
        """One of the first trials: together they are spread over the space, a Latin hypercube (McKay et al. 1979)."""
        number, count = len(self.trials), self.num_initial_points
        if number < count:
            rng, shape = np.random.RandomState([self.seed]), (count, len(self._nonfixed_space()))
            places = (np.argsort(rng.uniform(size=shape), 0) + rng.uniform(size=shape)) / count
            values = self._vector_to_values(places[number])
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return self._random_populate_space()

    def _improve(self, finished: list) -> dict:
        places = np.array([self._place(trial) for trial in finished])
        sign = -1.0 if self.objective.direction == "max" else 1.0
        scores = sign * np.array([trial.score for trial in finished])  # low is good from here on
        scores = clipped(scores, "min")
        under_way = [self._place(trial) for trial in self.ongoing_trials.values()]
        process = self._fitted(places, scores)
        if under_way:
            expected = process.predict(np.array(under_way))
            places, scores = np.concatenate([places, under_way]), np.concatenate([scores, expected])
            process = self._fitted(places, scores)
        candidates = self._candidates(places[np.argsort(scores, kind="stable")[:_BEST]])
        mean, deviation = process.predict(candidates, return_std=True)
        better = scores.min() - mean
        ratio = better / np.maximum(deviation, 1e-12)
        improvement = better * norm.cdf(ratio) + deviation * norm.pdf(ratio)
        for place in np.argsort(-improvement, kind="stable"):
            values = self._vector_to_values(candidates[place])
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return self._random_populate_space()

    def _place(self, trial) -> list[float]:
        """Values as numbers from 0 to 1; a field that the trial does not have is at its default."""
        known = trial.hyperparameters
        has = lambda field: known.is_active(field) and field.name in known.values
        value = lambda field: known.values[field.name] if has(field) else field.default
        return [field.value_to_prob(value(field)) for field in self._nonfixed_space()]

    def _fitted(self, places: np.ndarray, scores: np.ndarray) -> GaussianProcessRegressor:
        kernel = Matern(length_scale=np.ones(places.shape[1]), length_scale_bounds=(0.05, 20.0), nu=2.5)
        kernel += WhiteKernel(1e-2, (1e-5, 0.3))
        process = GaussianProcessRegressor(kernel, n_restarts_optimizer=2, normalize_y=True, random_state=self.seed)
        with warnings.catch_warnings():
            # a field that does not matter has no end of a length scale
            warnings.simplefilter("ignore", ConvergenceWarning)
            return process.fit(places, scores)

    def _candidates(self, best: np.ndarray) -> np.ndarray:
        rng, width = self._random_state, best.shape[1]
        near = best[rng.randint(len(best), size=_NEAR)] + rng.normal(0.0, _WIDTH, (_NEAR, width))
        return np.concatenate([rng.uniform(size=(_ANYWHERE, width)), np.clip(near, 0.0, 1.0)])
