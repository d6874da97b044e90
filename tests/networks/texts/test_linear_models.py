"""Linear models of texts: what they are fitted to, how strength is chosen, and the network that tells the same."""

import keras
import numpy as np
import pytest
from scipy.special import expit

from tfpipelines.networks import Grams, Labelled, counts_of, fit_texts, loss_of, losses_of
from tfpipelines.networks.texts.linear_models import fitting
from tfpipelines.networks.texts.linear_models.features import Features
from tfpipelines.networks.texts.linear_models.fitting import _fit
from tfpipelines.networks.texts.linear_models.graph import compiled, set_linear_weights

ROWS, NAMES, FIRST = 90, 30, 2
RANDOM = np.random.default_rng(0)
LENGTHS = RANDOM.integers(0, 9, ROWS)
SPLITS = np.concatenate([[0], np.cumsum(LENGTHS)])
FLAT = RANDOM.integers(0, NAMES + FIRST, SPLITS[-1]).astype(np.int32)
COUNTS = counts_of(FLAT, SPLITS, NAMES, FIRST)
VECTORS = RANDOM.normal(size=(NAMES, 5)).astype(np.float32)
WEIGHTS = RANDOM.uniform(0.1, 1, NAMES).astype(np.float32)
KINDS = (Grams(COUNTS), Grams(COUNTS, VECTORS, WEIGHTS))
SPEAKS = COUNTS @ RANDOM.normal(size=(NAMES, 3))  # what the rows' n-grams say
TARGETS = {
    "two classes": (SPEAKS[:, 0] > 0).astype(np.int64),
    "three classes": SPEAKS.argmax(1),
    "labels": (SPEAKS > 0).astype(np.float32),
    "numbers": SPEAKS[:, 0] - SPEAKS[:, 0].mean(),
}


def labelled(targets, kinds=KINDS, rows=None, **changes):
    rows = np.arange(ROWS) if rows is None else rows
    outputs = targets.shape[1] if targets.ndim == 2 else 1 if targets.dtype.kind == "f" else int(targets.max()) + 1
    return Labelled(kinds, rows, targets[rows], **({"outputs": outputs, "weights": None, "groups": rows} | changes))


def padded(rows):
    ids = np.zeros((len(rows), max(LENGTHS) + 1), np.int32)
    for place, row in enumerate(rows):
        ids[place, : LENGTHS[row]] = FLAT[SPLITS[row] : SPLITS[row + 1]]
    return ids


def test_counts_leave_out_padding_and_unknown_names():
    dense = np.zeros((ROWS, NAMES))
    for row in range(ROWS):
        for name in FLAT[SPLITS[row] : SPLITS[row + 1]]:
            if name >= FIRST:
                dense[row, name - FIRST] += 1
    np.testing.assert_array_equal(COUNTS.toarray(), dense)
    assert COUNTS.indices.dtype == COUNTS.indptr.dtype == np.int32  # what scikit-learn takes


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kinds", [KINDS, KINDS[:1], KINDS[1:]], ids=["both", "n-grams", "vectors"])
def test_the_network_tells_what_the_model_tells(target, kinds):
    texts = labelled(TARGETS[target], kinds)
    fitted = fit_texts(texts, seed=0, scale="ratios", weight_decay=0.01)
    names = tuple("ab"[: len(kinds)])
    network = compiled("wide", fitted, names)
    assert not network.trainable_weights and all(type(layer).__module__.startswith("keras") for layer in network.layers)
    ids = padded(np.arange(ROWS))
    told = network.predict([ids] * len(kinds) if len(kinds) > 1 else ids, verbose=0)
    vectors = Features(kinds, texts.rows, texts.targets, ratios=True).vectors(texts.rows)
    weights, intercept = _fit(vectors, texts, strength=1 / (2 * 0.01 * ROWS))
    np.testing.assert_allclose(told, vectors @ weights + intercept, atol=2e-4)
    losses = losses_of(told.astype(np.float64), TARGETS[target])
    assert losses.shape == (ROWS,) and losses.mean() < losses_of(np.zeros_like(told), TARGETS[target]).mean()


def test_a_text_alone_and_among_others_is_the_same():
    fitted = fit_texts(labelled(TARGETS["two classes"]), seed=0)
    network = compiled("wide", fitted, ("a", "b"))
    ids = padded(np.arange(ROWS))
    whole = network.predict([ids, ids], verbose=0)
    alone = network([ids[:1, : max(LENGTHS[0], 1)]] * 2).numpy()
    np.testing.assert_allclose(alone, whole[:1], atol=1e-6)


@pytest.mark.slow
def test_a_network_takes_the_weights_of_another_fit():
    first = fit_texts(labelled(TARGETS["labels"], rows=np.arange(60)), seed=0)
    second = fit_texts(labelled(TARGETS["labels"]), seed=0)
    network, other = compiled("wide", first, ("a", "b")), compiled("wide", second, ("a", "b"))
    set_linear_weights(network, second, ("a", "b"))
    for one, two in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("target", TARGETS)
def test_rows_are_told_by_models_that_have_not_seen_them(target):
    noise = np.random.default_rng(1)
    targets = noise.permutation(TARGETS[target])  # nothing can be learned
    fitted = fit_texts(labelled(targets), seed=0, weight_decay=1e-5, scale="idf", out_of_fold=True)
    assert fitted.out_of_fold.dtype == np.float32 and fitted.out_of_fold.shape[0] == ROWS
    network = compiled("wide", fitted, ("a", "b"))
    ids = padded(np.arange(ROWS))
    seen = network.predict([ids, ids], verbose=0).astype(np.float64)
    assert loss_of(fitted.out_of_fold.astype(np.float64), targets) > 1.3 * loss_of(seen, targets)


def test_the_strength_that_tells_other_rows_best_is_chosen():
    noise = np.random.default_rng(2).permutation(TARGETS["two classes"])
    strong = fit_texts(labelled(noise), seed=0).weight_decay
    assert strong == pytest.approx(1 / (2 * 0.3 * ROWS))
    assert strong > fit_texts(labelled(TARGETS["two classes"]), seed=0).weight_decay


def test_few_rows_are_split_several_times():
    folds = labelled(TARGETS["two classes"]).folds(0)
    assert folds.shape == (5, ROWS) and len({row.tobytes() for row in folds}) == 5
    assert all(set(row) == {0, 1, 2, 3, 4} for row in folds)


@pytest.mark.parametrize("best", fitting.STRENGTHS)
def test_strengths_are_tried_outwards_from_the_best(best, monkeypatch):
    tried = []

    def told(texts, folds, scale, strengths):
        tried.extend((scale, strength) for strength in strengths)
        return {strength: np.full((ROWS, 2), abs(np.log(strength / best)) + (scale == "idf")) for strength in strengths}

    monkeypatch.setattr(fitting, "_told", told)
    monkeypatch.setattr(fitting, "loss_of", lambda outputs, targets, weights: outputs[0, 0])
    texts = labelled(TARGETS["two classes"], [KINDS[0]])
    assert fitting._chosen(texts, texts.folds(0), fitting.SCALES, fitting.STRENGTHS, 0)[:2] == ("ratios", best)
    assert len(tried) == len(set(tried)) <= 8 and (len(tried) < 8 or best in (0.3, 1.0))


def test_rows_of_a_group_are_in_one_fold():
    groups = np.arange(ROWS) // 3
    folds = labelled(TARGETS["three classes"], groups=groups).folds(0)
    assert folds.shape == (5, ROWS) and (folds.reshape(5, -1, 3).std(2) == 0).all()
    assert not np.array_equal(folds[0], folds[1]) and set(np.unique(folds)) == set(range(5))


def test_too_few_rows_choose_nothing():
    targets = np.array([0, 1, 0, 1])
    fitted = fit_texts(labelled(targets, rows=np.arange(2)), seed=0, out_of_fold=True)
    assert fitted.out_of_fold is None and fitted.scale == "idf" and np.isfinite(fitted.intercept).all()


def test_a_class_that_no_row_has_is_improbable_and_weights_count():
    targets = np.where(TARGETS["two classes"] == 1, 2, 0)  # of three classes
    fitted = fit_texts(labelled(targets), seed=0, weight_decay=1.0)
    assert fitted.intercept[1] < -3
    heavy = np.where(targets == 2, 50.0, 1.0)
    weighed = fit_texts(labelled(targets, weights=heavy), seed=0, weight_decay=1.0)
    assert expit(weighed.intercept[2]) > expit(fitted.intercept[2])


def test_the_artifact_is_plain_keras(tmp_path):
    fitted = fit_texts(labelled(TARGETS["three classes"]), seed=0, weight_decay=0.1)
    network = compiled("wide", fitted, ("a", "b"))
    network.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras", custom_objects={}, safe_mode=True)
    ids = padded(np.arange(5))
    np.testing.assert_array_equal(network.predict([ids, ids], verbose=0), again.predict([ids, ids], verbose=0))
