"""Logistic and ridge regression fitted by scikit-learn, as weights of a network."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from tfpipelines import networks
from tfpipelines.core.config.kinds import TABLES

RANDOM = np.random.default_rng(0)
ROWS = 300
NUMBERS = RANDOM.normal(50, [1, 20, 300], (ROWS, 3)).astype(np.float32)
NUMBERS[::7, 1] = np.nan
CODES = RANDOM.integers(0, 4, (ROWS, 1)).astype(np.int32)
SCORE = (np.nan_to_num(NUMBERS[:, 1] - 50) / 20 + (CODES[:, 0] == 2) + RANDOM.normal(0, 0.5, ROWS)).astype(np.float64)
CLASSES = np.digitize(SCORE, [-0.5, 0.7])


def network(targets, outputs, weights=None, validation=None, cardinalities=(3,), numbers=NUMBERS, **fields):
    def fit(columns, weight_decay):
        design = lambda rows, wanted, some: networks.Design(
            columns(numbers[rows]), CODES[rows][:, : len(cardinalities)], wanted, some
        )
        held = validation and design(*validation)
        return networks.fit_linear(
            design(slice(None), targets, weights), cardinalities, outputs=outputs, weight_decay=weight_decay,
            validation=held,
        )  # fmt: skip

    table = networks.Table(numbers, cardinalities, outputs, lambda settings: pytest.fail("no trees"), fit)
    return networks.build_network(TABLES.section("linear")(**fields), table=table, seed=0, for_training=False)


def answers(built, cardinalities=(3,)):
    told = built.predict((NUMBERS, CODES) if cardinalities else NUMBERS, verbose=0).astype(np.float64)
    return told - np.logaddexp.reduce(told, axis=1, keepdims=True) if told.shape[1] > 1 else told[:, 0]


def columns(clip=False):
    """What the network is to be a linear model of, columns of numbers with standard deviation 1."""
    values = NUMBERS.astype(np.float64)
    low, _, high = np.nanpercentile(values, [25, 50, 75], axis=0)
    scaled = (values - np.nanmedian(values, axis=0)) / ((high - low) / 1.349)
    if clip:
        scaled = scaled / np.sqrt(1 + (scaled / 3) ** 2)
    filled = np.concatenate([np.nan_to_num(scaled), np.isnan(values[:, 1:2])], axis=1)
    return np.concatenate([(filled - filled.mean(0)) / filled.std(0), CODES == np.arange(4)], axis=1)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("outputs", [2, 3])
def test_classes_are_those_of_logistic_regression(outputs, clip):
    targets = np.minimum(CLASSES, outputs - 1)
    known = LogisticRegression(C=0.5 / (0.01 * ROWS), max_iter=1000).fit(columns(clip), targets)
    told = answers(network(targets, outputs, weight_decay=0.01, clip=clip))
    np.testing.assert_allclose(told, known.predict_log_proba(columns(clip)), atol=1e-4)


def test_numbers_are_those_of_ridge_regression():
    known = Ridge(alpha=0.01 * ROWS).fit(columns(), SCORE)
    told = answers(network(SCORE, 1, weight_decay=0.01, clip=False))
    np.testing.assert_allclose(told, known.predict(columns()), atol=1e-4)


def test_labels_are_fitted_one_by_one_with_weights():
    labels, weights = np.stack([CLASSES > 0, CLASSES > 1], 1).astype(np.float64), 1.0 + RANDOM.random((ROWS, 2))
    built = network(labels, 2, weights, weight_decay=0.01, clip=False)
    told = built.predict((NUMBERS, CODES), verbose=0)
    for label in range(2):
        known = LogisticRegression(C=0.5 / (0.01 * ROWS), max_iter=1000)
        known.fit(columns(), labels[:, label], weights[:, label])
        np.testing.assert_allclose(told[:, label], known.decision_function(columns()), atol=1e-3)


def test_validation_rows_choose_the_penalty():
    noise = RANDOM.integers(0, 2, ROWS)
    some = slice(0, 30)
    strong = network(noise, 2, validation=(some, 1 - noise[some], None))
    weak = network(noise, 2, validation=(some, noise[some], None))
    spread = lambda built: np.ptp(answers(built)[:, 1])
    assert spread(strong) < 0.1 < spread(weak)


def test_a_class_without_rows_and_tables_of_one_kind_of_column():
    told = np.exp(answers(network(np.minimum(CLASSES, 1), 4)))
    assert (
        (told[:, 2:] > 0).all()
        and (told[:, 2:] < 0.05).all()
        and (told[:, :2].argmax(1) == np.minimum(CLASSES, 1)).mean() > 0.8
    )
    only = np.exp(answers(network(np.ones(ROWS, int), 2)))
    assert (only[:, 1] > 0.99).all()
    assert answers(network(CLASSES, 3, cardinalities=()), ()).shape == (ROWS, 3)
    codes = network(CLASSES, 3, numbers=NUMBERS[:, :0])
    assert codes.predict(CODES, verbose=0).shape == (ROWS, 3)
    assert len(np.unique(codes.predict(CODES, verbose=0)[:, 0].round(6))) == 4
