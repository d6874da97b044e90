"""Fitted detectors of rows: their graphs say what scikit-learn says, and what their explanations claim."""

import keras
import numpy as np
import pytest
from sklearn.covariance import LedoitWolf, MinCovDet
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from tfpipelines import models, networks
from tfpipelines.core.config.kinds import ROW_AUTOENCODERS
from tfpipelines.networks.constants import Constants, product
from tfpipelines.networks.row_autoencoders.isolation_forest import average_path_length
from tfpipelines.tasks.anomaly import DetectorArtifact, NumbersPreprocessor

RANDOM = np.random.default_rng(0)
NAMES = ("gaussian", "isolation_forest", "knn", "pca")
WIDTH = 6
_MIX = RANDOM.normal(size=(3, WIDTH))
_UNITS, _LEVEL = np.array([1, 0.1, 10, 1e-3, 5, 1]), np.array([0, 50, -300, 2, 7, 0])


def drawn(count):
    """Rows of correlated columns; the fifth one is constant."""
    rows = (RANDOM.normal(size=(count, 3)) @ _MIX + 0.1 * RANDOM.normal(size=(count, WIDTH))) * _UNITS + _LEVEL
    rows[:, 4] = 7
    return rows.astype(np.float32)


TRAIN = drawn(300)
ODD = drawn(20) + (RANDOM.normal(size=(20, WIDTH)) * 5 * _UNITS).astype(np.float32)
ROWS = np.concatenate([drawn(30), ODD, TRAIN[:2]])
NORMALS = networks.Normals(TRAIN, TRAIN.mean(0, dtype=np.float64), TRAIN.std(0, dtype=np.float64))


def detector(name, normals=NORMALS, seed=0, **fields):
    """The saved model of a detector."""
    section = ROW_AUTOENCODERS.section(name)(**fields)
    network = networks.build_network(section, normals=normals, seed=seed, for_training=False)
    width = normals.values.shape[1]
    return DetectorArtifact(NumbersPreprocessor((width,)), network, {}, section).model


def told(name, rows=ROWS, **fields):
    return {key: np.asarray(value) for key, value in detector(name, **fields)(rows).items()}


def scaled(rows):
    center, spread = NORMALS.scale
    return (rows - center).astype(np.float64) / spread


def raw(rows):
    center, spread = NORMALS.scale
    return rows * spread + center


def close(got, wanted, atol=1e-5):
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=atol)


def test_pca_is_the_distance_from_the_span_of_scikit_learn():
    known, rows = PCA(2).fit(scaled(TRAIN)), scaled(ROWS)
    nearest = known.inverse_transform(known.transform(rows))
    found = told("pca", components=2, inside=False)
    rest = (PCA().fit(scaled(TRAIN)).explained_variance_[2:].sum()) / (WIDTH - 2)
    close(found["map"], (rows - nearest) ** 2 / rest, 1e-4)
    close(found["score"], found["map"].mean(1))
    np.testing.assert_allclose(found["reconstruction"], raw(nearest), rtol=1e-4, atol=1e-4)
    inside = told("pca", components=2)["map"].sum(1) - found["map"].sum(1)
    np.testing.assert_allclose(
        inside, (known.transform(rows) ** 2 / known.explained_variance_).sum(1), rtol=1e-3, atol=1e-3
    )


def test_components_are_a_number_or_a_share_and_leave_a_direction_out():
    section = ROW_AUTOENCODERS.section("pca")
    assert (section().components, section(components="3").components, section(components=1).components) == (0.99, 3, 1)
    assert [type(section(components=given).components) for given in (0.5, 2)] == [float, int]
    for given in (1.5, 0, -1):
        with pytest.raises(ValueError, match="components"):
            section(components=given)
    close(told("pca", components=50)["score"], told("pca", components=WIDTH - 1)["score"])
    few = networks.Normals(TRAIN[:3], TRAIN[:3].mean(0), TRAIN[:3].std(0))  # fewer rows than columns
    assert np.isfinite(np.asarray(detector("pca", few)(ROWS)["score"])).all()


@pytest.mark.parametrize(
    ("covariance", "estimator"), [("shrunk", LedoitWolf()), ("robust", MinCovDet(random_state=0)),
                                  ("auto", MinCovDet(random_state=0))]
)  # fmt: skip
def test_gaussian_is_the_mahalanobis_distance_and_its_parts_add_up(covariance, estimator):
    varying = [0, 1, 2, 3, 5]  # a constant column has no covariance
    normals = networks.Normals(TRAIN[:, varying], *(part[varying] for part in (NORMALS.center, NORMALS.spread)))
    rows = scaled(ROWS)[:, varying]
    known = estimator.fit(scaled(TRAIN)[:, varying])
    found = {
        name: np.asarray(value)
        for name, value in detector("gaussian", normals, covariance=covariance)(ROWS[:, varying]).items()
    }
    np.testing.assert_allclose(found["map"].sum(1), known.mahalanobis(rows), rtol=1e-4)
    close(found["score"], found["map"].mean(1))
    others, mean, covariance = [1, 2, 3, 4], known.location_, known.covariance_  # the first column given the others
    slope = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, 0])
    expected = mean[0] + (rows[:, others] - mean[others]) @ slope
    np.testing.assert_allclose(
        found["reconstruction"][:, 0], expected * NORMALS.scale[1][0] + NORMALS.scale[0][0], rtol=1e-3, atol=1e-3
    )


def test_knn_is_the_distance_of_scikit_learn_also_far_from_zero():
    far = TRAIN[:, :2] * [1e-3, 1] + [50, 1e4]  # where |x|^2 - 2 x m + |m|^2 has no digits left
    normals = networks.Normals(far.astype(np.float32), far.mean(0), np.ones(2))
    rows = np.concatenate([far[:9], far[:9] + [1e-3, 0]]).astype(np.float32)
    center = normals.scale[0].astype(np.float64)
    distances, _ = NearestNeighbors(n_neighbors=3).fit(normals.values - center).kneighbors(rows - center)
    for distance, wanted in (("mean", distances.mean(1)), ("largest", distances[:, 2])):
        found = np.asarray(detector("knn", normals, neighbors=3, distance=distance)(rows)["score"])
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    distances, places = NearestNeighbors(n_neighbors=5).fit(scaled(TRAIN)).kneighbors(scaled(ROWS))
    found, near = told("knn"), scaled(TRAIN)[places]
    close(found["score"], distances.mean(1))
    close(found["map"], ((scaled(ROWS)[:, None] - near) ** 2).mean(1), 1e-4)
    np.testing.assert_allclose(found["reconstruction"], raw(near.mean(1)), rtol=1e-4, atol=1e-4)


def test_knn_keeps_a_seeded_choice_of_rows_and_knows_no_more_neighbours_than_rows():
    one, again, other = (detector("knn", rows=40, seed=seed) for seed in (0, 0, 1))
    assert one.count_params() == other.count_params() < 2 * 40 * (WIDTH + 1) + 50
    assert np.array_equal(one(ROWS)["score"], again(ROWS)["score"])
    assert not np.array_equal(one(ROWS)["score"], other(ROWS)["score"])
    mean = np.linalg.norm(scaled(ROWS)[:, None] - scaled(TRAIN), axis=-1).mean(1)
    close(told("knn", neighbors=1000)["score"], mean, 1e-4)


@pytest.mark.parametrize(("samples", "share"), [("auto", 1.0), (20, 0.5)])
def test_isolation_forest_scores_as_scikit_learn(samples, share):
    model = IsolationForest(n_estimators=30, max_samples=samples, max_features=share, random_state=0).fit(TRAIN)
    rows = np.concatenate([ROWS, model.estimators_[0].tree_.threshold[:1, None] * np.ones((1, WIDTH))]).astype(
        np.float32
    )
    fields = {"n_estimators": 30, "max_samples": samples, "max_features": share}
    found = told("isolation_forest", rows, **fields)
    np.testing.assert_allclose(found["score"], -model.score_samples(rows), atol=1e-6)
    # Credits add up to the mean path length of the training rows of each tree, less that of the row.
    usual = float(average_path_length(np.array([int(model.max_samples_)]))[0])
    length = -np.log2(found["score"]) * usual
    mean = found["map"].sum(1) + length
    np.testing.assert_allclose(mean, mean[0], rtol=1e-4)
    np.testing.assert_allclose(found["reconstruction"], np.tile(np.median(TRAIN, 0), (len(rows), 1)), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_may_have_one_column(name):
    normals = networks.Normals(TRAIN[:, :1], TRAIN[:, :1].mean(0), TRAIN[:, :1].std(0))
    score = np.asarray(detector(name, normals)(np.array([[0.0], [50.0]], np.float32))["score"])
    assert np.isfinite(score).all() and score[1] > score[0]


def test_a_forest_may_see_one_column_a_tree():
    assert np.isfinite(told("isolation_forest", n_estimators=5, max_features=0.01)["score"]).all()


def test_rows_that_are_mostly_equal_have_a_shrunk_covariance():
    rows = TRAIN[:, :1].copy()
    rows[:200] = 0
    normals = networks.Normals(rows, rows.mean(0), rows.std(0))
    asked = ROWS[:, :1]
    found = [np.asarray(detector("gaussian", normals, covariance=how)(asked)["score"]) for how in ("robust", "shrunk")]
    np.testing.assert_array_equal(*found)


def test_path_lengths_are_those_of_the_paper():
    harmonic = lambda count: np.log(count) + np.euler_gamma
    assert average_path_length(np.array([0, 1, 2])).tolist() == [0, 0, 1]
    assert average_path_length(np.array([256]))[0] == pytest.approx(2 * harmonic(255) - 2 * 255 / 256)


@pytest.mark.parametrize("name", NAMES)
def test_the_column_that_is_odd_contributes_most_and_what_is_saved_is_plain_keras(name, tmp_path):
    model = detector(name, **({"components": 1} if name == "pca" else {}))
    odd = np.median(TRAIN, 0, keepdims=True).repeat(WIDTH, 0)
    odd[np.arange(WIDTH), np.arange(WIDTH)] += 30 * np.where(TRAIN.std(0) > 0, TRAIN.std(0), 1)
    found = {key: np.asarray(value) for key, value in model(odd).items()}
    seen = [0, 1, 2, 3, 5] if name == "isolation_forest" else list(range(WIDTH))  # no tree splits a constant column
    assert found["map"].argmax(1)[seen].tolist() == seen
    assert found["score"][seen].min() > np.asarray(model(TRAIN)["score"]).mean()
    model.save(tmp_path / "model.keras")
    names = {type(layer).__module__.partition(".")[0] for layer in model._flatten_layers()}
    assert names == {"keras"}
    for key, values in keras.saving.load_model(tmp_path / "model.keras")(odd).items():
        np.testing.assert_array_equal(np.asarray(values), found[key])


def test_a_graph_takes_any_batch_and_what_is_fitted_is_fitted_once():
    known = networks.Normals(TRAIN, NORMALS.center, NORMALS.spread)
    one = detector("isolation_forest", known, n_estimators=3)
    fitted = dict(known.known)
    again = detector("isolation_forest", known, n_estimators=3)
    assert fitted and {key: id(value) for key, value in fitted.items()} == {
        key: id(value) for key, value in known.known.items()
    }
    close(one(ROWS[:1])["score"], again(ROWS)["score"][:1])
    detector("isolation_forest", known, n_estimators=4)
    assert len(known.known) == 2
    for count in range(5, 15):
        detector("isolation_forest", known, n_estimators=count)
    assert len(known.known) == 8  # a search does not fill the memory
    assert models.network_of(one).trainable_variables == []


def test_products_keep_their_digits_where_a_device_multiplies_fewer():
    matrix, x = RANDOM.normal(size=(8, 5)) * 1e3, RANDOM.normal(size=(4, 8)).astype(np.float32)
    inputs = keras.Input((8,))
    large, small = Constants(inputs).halves(matrix, "matrix")
    parts = keras.Model(inputs, [large, small, product(inputs, (large, small))])(x)
    first, rest, got = (np.asarray(part) for part in parts)
    assert np.array_equal(first + rest, matrix.astype(np.float32))
    assert not (first.view(np.uint32) & 0x1FFF).any()  # 10 bits of a mantissa, which TF32 has
    np.testing.assert_allclose(got, x.astype(np.float64) @ matrix, rtol=1e-5, atol=1e-3)


def test_of_many_rows_some_are_fitted_to(monkeypatch):
    monkeypatch.setattr("tfpipelines.networks.normals._MOST_ROWS", 100)
    many = networks.Normals(TRAIN, NORMALS.center, NORMALS.spread)
    assert many.few.shape == (100, WIDTH) and {*map(tuple, many.few)} < {*map(tuple, NORMALS.scaled)}
    for name in NAMES:
        score = np.asarray(detector(name, many)(ROWS)["score"])
        assert np.corrcoef(np.log(score), np.log(told(name)["score"]))[0, 1] > 0.9
    assert "scaled" not in vars(many)  # all rows are never held in float64


def test_explanations_of_a_wide_forest_are_of_its_first_trees(monkeypatch):
    fields = {"n_estimators": 12, "max_samples": 32}
    fresh = lambda: networks.Normals(TRAIN, NORMALS.center, NORMALS.spread)
    section = ROW_AUTOENCODERS.section("isolation_forest")(**fields)
    build = lambda: networks.build_network(section, normals=fresh(), seed=0, for_training=False)
    whole = build()
    monkeypatch.setattr("tfpipelines.networks.row_autoencoders.isolation_forest._MOST_CREDITS", 100 * WIDTH)
    bounded = build()
    size = lambda network: sum(weight.shape[0] for weight in network.weights if weight.shape[-1] == WIDTH)
    assert size(bounded) <= 100 + 10 < size(whole)
    one, other = (network(ROWS) for network in (whole, bounded))
    np.testing.assert_array_equal(one["score"], other["score"])
    shares = [np.asarray(each["contributions"]) for each in (one, other)]
    assert np.corrcoef(shares[0][30:50].ravel(), shares[1][30:50].ravel())[0, 1] > 0.7
    monkeypatch.setattr("tfpipelines.networks.row_autoencoders.isolation_forest._MOST_CREDITS", 1)
    assert np.isfinite(np.asarray(build()(ROWS)["contributions"])).all()  # one tree at least
