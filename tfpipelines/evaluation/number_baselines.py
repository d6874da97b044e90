"""What a regressor has to beat: simple methods on the same rows."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..metrics import regressor_metrics

_MOST_ROWS = 20_000  # of training, that a baseline learns from
_FEW_COLUMNS = 100  # of which boosting is quick
_PENALTIES = np.logspace(-3, 4, 15)  # of standardised columns
_PENALTIES_OF_WORDS = np.logspace(-2, 2, 9)  # of rows of length 1, as TF-IDF gives them
_FOLDS = 3


def number_baselines(
    train_features: Any,
    train_values: np.ndarray,
    test_features: Any,
    test_values: np.ndarray,
    seed: int,
    log: bool = False,
) -> dict[str, dict[str, float]]:
    """Metrics of the mean of the training values, of ridge regression whose penalty is chosen by cross-validation, and
    of gradient-boosted trees where there are at most 100 columns.

    Args:
        train_features, test_features: float (n, columns), NaN for what is missing; or sparse, as TF-IDF gives them.
            Without columns there is the mean alone.
        train_values, test_values: in the unit of the target, float (n,).
        seed: of the folds, the trees and, with very many training rows, the choice of some.
        log: whether the methods learn the logarithm of the values; the mean is that of the values themselves.

    Returns:
        {method: {metric: value}}.
    """
    if len(train_values) > _MOST_ROWS:
        chosen = np.sort(np.random.default_rng([seed, 3]).choice(len(train_values), _MOST_ROWS, replace=False))
        train_features, train_values = train_features[chosen], train_values[chosen]
    told = {}
    for name, method in _methods(train_features, seed).items():
        transformed = log and name != "mean"
        learner = TransformedTargetRegressor(method, func=np.log, inverse_func=np.exp) if transformed else method
        predicted = learner.fit(train_features, train_values).predict(test_features)
        told[name] = regressor_metrics(test_values, predicted)
    return told


def _methods(features: Any, seed: int) -> dict[str, Any]:
    rows, columns = features.shape
    found: dict[str, Any] = {"mean": DummyRegressor()}
    if not columns or rows < 2 * _FOLDS:
        return found
    folds = KFold(_FOLDS, shuffle=True, random_state=seed)
    if sparse.issparse(features):
        return found | {"ridge": RidgeCV(_PENALTIES_OF_WORDS, cv=folds)}
    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    found["ridge"] = make_pipeline(filled, StandardScaler(), RidgeCV(_PENALTIES))
    if columns <= _FEW_COLUMNS:
        found["boosting"] = HistGradientBoostingRegressor(random_state=seed)
    return found
