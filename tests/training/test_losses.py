"""Losses of classifiers by name."""

import keras
import numpy as np
import pytest

from tfpipelines.core.config.losses import LOSSES
from tfpipelines.core.config.train import Train
from tfpipelines.training import OfRealRows, OfWhole, RootMeanSquaredError, RowAccuracy, make_loss

_RANDOM = np.random.default_rng(0)
LOGITS = (3 * _RANDOM.normal(size=(6, 4))).astype("float32")
ONE = np.eye(4, dtype="float32")[[0, 1, 2, 3, 0, 1]]
SEVERAL = (_RANDOM.random((6, 4)) < 0.4).astype("float32")
SOFT = (0.7 * ONE + 0.3 * ONE[::-1]).astype("float32")


def value(targets, several, logits=LOGITS, **fields):
    return float(
        keras.ops.convert_to_numpy(make_loss(Train(**fields), "labels" if several else "class")(targets, logits))
    )


def softmax():
    p = np.exp(LOGITS - LOGITS.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def sigmoid():
    return 1 / (1 + np.exp(-LOGITS))


# of p, the probability of what is true, the cost
COSTS = {
    "focal": lambda p: -((1 - p) ** 2) * np.log(p),
    "poly1": lambda p: -np.log(p) + (1 - p),
    "generalized": lambda p: (1 - p**0.7) / 0.7,
}


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("targets", [ONE, SOFT], ids=["hard", "soft"])
def test_one_label(name, targets):
    expected = (targets * COSTS[name](softmax())).sum(1).mean()
    np.testing.assert_allclose(value(targets, False, loss=name), expected, rtol=1e-4)


@pytest.mark.parametrize("name", COSTS)
def test_several_labels(name):
    p = sigmoid()
    expected = (SEVERAL * COSTS[name](p) + (1 - SEVERAL) * COSTS[name](1 - p)).mean()
    np.testing.assert_allclose(value(SEVERAL, True, loss=name), expected, rtol=1e-4)


def test_fields_count():
    p = sigmoid()
    alpha = (0.3 * SEVERAL * -((1 - p) ** 3) * np.log(p) - 0.7 * (1 - SEVERAL) * p**3 * np.log(1 - p)).mean()
    got = value(SEVERAL, True, loss="focal", focal_gamma=3, focal_alpha=0.3)
    np.testing.assert_allclose(got, alpha, rtol=1e-4)
    shifted = np.maximum(p - 0.1, 0)
    asymmetric = -(SEVERAL * (1 - p) ** 2 * np.log(p) + (1 - SEVERAL) * shifted**3 * np.log(1 - shifted)).mean()
    fields = {"asymmetric_present": 2, "asymmetric_absent": 3, "asymmetric_margin": 0.1}
    np.testing.assert_allclose(value(SEVERAL, True, loss="asymmetric", **fields), asymmetric, rtol=1e-4)
    assert value(ONE, False, loss="poly1", poly1_epsilon=2) > value(ONE, False, loss="poly1")
    error = 1 - (ONE * softmax()).sum(1).mean()  # with q = 1, the mean absolute error
    np.testing.assert_allclose(value(ONE, False, loss="generalized", generalized_q=1), error, rtol=1e-4)


@pytest.mark.parametrize("targets, several", [(ONE, False), (SEVERAL, True)])
def test_all_of_them_contain_cross_entropy(targets, several):
    plain = value(targets, several)
    kind = keras.losses.BinaryCrossentropy if several else keras.losses.CategoricalCrossentropy
    assert type(make_loss(Train(), "labels" if several else "class")) is kind
    for fields in (
        {"loss": "focal", "focal_gamma": 0},
        {"loss": "poly1", "poly1_epsilon": 0},
        {"loss": "generalized", "generalized_q": 1e-4},
    ):
        np.testing.assert_allclose(value(targets, several, **fields), plain, rtol=2e-3)


@pytest.mark.parametrize("name", [name for name, entry in LOSSES.items() if "number" not in entry.targets])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_finite_however_sure_the_network_is(name, gamma):
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        pytest.skip("asks TensorFlow for gradients")
    fields = {"focal": {"focal_gamma": gamma}, "asymmetric": {"asymmetric_present": gamma, "asymmetric_absent": gamma}}
    loss = make_loss(Train(loss=name, **fields.get(name, {})), "labels" if name == "asymmetric" else "class")
    logits = tf.Variable(np.array([[200.0, -200.0, 0.0], [-200.0, 200.0, 0.0]], "float32"))
    with tf.GradientTape() as tape:
        found = loss(np.array([[1, 0, 0], [1, 0, 0]], "float32"), logits)
    gradient = tape.gradient(found, logits)
    assert np.isfinite(found) and np.isfinite(gradient).all()
    if name not in ("generalized",):  # it gives up what it takes for wrong labels
        assert float(gradient[1, 0]) < 0


def test_weights_of_classes_weigh_rows():
    loss, weights = make_loss(Train(loss="focal"), "class"), np.array([1, 0, 0, 0, 0, 0], "float32")
    alone = float(keras.ops.convert_to_numpy(loss(ONE[:1], LOGITS[:1])))
    np.testing.assert_allclose(float(keras.ops.convert_to_numpy(loss(ONE, LOGITS, weights))), alone / 6, rtol=1e-5)


@pytest.mark.parametrize("name", ["accuracy", "accuracy of several", "rmse", "accuracy of the whole"])
def test_metrics_of_rows_that_count(name):
    """Rows with weight 0 make no difference, and weights of others none either."""
    make = {
        "accuracy": lambda: keras.metrics.CategoricalAccuracy(name="accuracy"),
        "accuracy of several": RowAccuracy,
        "rmse": lambda: RootMeanSquaredError(lambda values: 2.0 * values),
        "accuracy of the whole": lambda: OfWhole(keras.metrics.CategoricalAccuracy(), 2),
    }[name]
    targets = ONE[:, :2] if name == "accuracy of the whole" else ONE
    weights = np.array([2.0, 0.0, 0.5, 1.0, 0.0, 1.0], np.float32)
    plain, real, unweighted = make(), OfRealRows(make()), OfRealRows(make())
    plain.update_state(targets[weights > 0], LOGITS[weights > 0])
    real.update_state(targets, LOGITS, weights)
    unweighted.update_state(targets[weights > 0], LOGITS[weights > 0])
    np.testing.assert_allclose([float(real.result()), float(unweighted.result())], float(plain.result()), rtol=1e-6)
    assert real.name == plain.name
    real.reset_state()
    assert float(real.result()) == 0.0
