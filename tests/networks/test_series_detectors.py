"""Fitted detectors of windows: their graphs say what NumPy and scikit-learn say, and what their explanations claim."""

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from tfpipelines import networks
from tfpipelines.core.config.kinds import SERIES_AUTOENCODERS
from tfpipelines.tasks.anomaly import DetectorArtifact, NumbersPreprocessor

from ..conftest import some

RANDOM = np.random.default_rng(0)
NAMES = ("forecast", "matrix_profile", "pca")
LENGTH, CHANNELS = 12, 2


def cut(values, starts):
    return values[np.asarray(starts)[:, None] + np.arange(LENGTH)]


_TIME = np.arange(600)
_WAVES = np.stack([np.sin(_TIME / 2), 50 + 1e-2 * np.cos(_TIME / 2)], 1)
VALUES = (_WAVES + RANDOM.normal(size=(600, 2)) * [0.1, 1e-3]).astype(np.float32)
TRAIN, ROWS = cut(VALUES, range(400)), cut(VALUES, range(450, 588, 7)).copy()
ROWS[0, 4:, 0] += 2
ROWS[1, :, 1] = 50
NORMALS = networks.Normals(TRAIN, VALUES[:400].mean(0), VALUES[:400].std(0))


def detector(name, normals=NORMALS, seed=0, **fields):
    """The saved model of a detector."""
    section = SERIES_AUTOENCODERS.section(name)(**fields)
    network = networks.build_network(section, normals=normals, seed=seed, for_training=False)
    return DetectorArtifact(NumbersPreprocessor(normals.values.shape[1:]), network, {}, section).model


def told(name, rows=ROWS, **fields):
    return {key: np.asarray(value) for key, value in detector(name, **fields)(rows).items()}


def scaled(windows, centered=False):
    center, spread = NORMALS.scale
    found = (windows - center).astype(np.float64) / spread
    return found - found.mean(1, keepdims=True) if centered else found


def in_units(scaled_windows, rows=ROWS, centered=False):
    center, spread = NORMALS.scale
    level = scaled(rows).mean(1, keepdims=True) if centered else 0
    return (scaled_windows + level) * spread + center


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("widest", [512, 10])  # matrices that are square, or as narrow as the span
def test_pca_is_that_of_scikit_learn(centered, widest, monkeypatch):
    monkeypatch.setattr("tfpipelines.networks.principal_components._MOST_NUMBERS", widest)
    flat = lambda windows: scaled(windows, centered).reshape(len(windows), -1)
    known, rows = PCA().fit(flat(TRAIN)), flat(ROWS)
    along = (rows - known.mean_) @ known.components_.T
    inside = along[:, :4] ** 2 / known.explained_variance_[:4]
    residual = np.square(along[:, 4:]).sum(1) / (known.explained_variance_[4:].sum() / (LENGTH * CHANNELS - 4))
    found = told("pca", components=4, centered=centered)
    np.testing.assert_allclose(found["score"], (inside.sum(1) + residual) / (LENGTH * CHANNELS), rtol=1e-3)
    nearest = (along[:, :4] @ known.components_[:4] + known.mean_).reshape(ROWS.shape)
    np.testing.assert_allclose(found["reconstruction"], in_units(nearest, centered=centered), rtol=1e-4, atol=1e-4)


def test_forecasts_are_those_of_ridge_regression_in_both_directions():
    found, errors = told("forecast", lags=3, ridge=2.0), np.zeros((2, *ROWS.shape))
    for way, turn in enumerate((slice(None), slice(None, None, -1))):
        train, rows = scaled(TRAIN)[:, turn], scaled(ROWS)[:, turn]
        pairs = lambda windows: (np.concatenate([windows[:, at : at + 3].reshape(len(windows), -1) for at in range(9)]),
                                 np.concatenate([windows[:, at + 3] for at in range(9)]))  # fmt: skip
        x, y = pairs(train)
        known = Ridge(2.0).fit(x, y)
        usual = np.sqrt(np.square(y - known.predict(x)).mean(0))
        x, y = pairs(rows)
        error = (y - known.predict(x)).reshape(9, len(rows), CHANNELS).transpose(1, 0, 2) / usual
        errors[way][:, 3:] = error**2
        errors[way] = errors[way][:, turn]
    both = np.where((np.arange(LENGTH) < 3) | (np.arange(LENGTH) >= 9), 1.0, 0.5)[:, None]
    np.testing.assert_allclose(found["map"], both * errors.sum(0), rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(found["score"], found["map"].mean((1, 2)), rtol=1e-5)


def test_the_matrix_profile_is_the_distance_to_the_nearest_window():
    lengths = []
    for distance in ("raw", "normalized"):
        known, rows = scaled(TRAIN), scaled(ROWS)
        if distance == "normalized":
            known, rows = (each - each.mean(1, keepdims=True) for each in (known, rows))
            known, rows = (each / np.sqrt(each.var(1, keepdims=True) + 0.01) for each in (known, rows))
        differences = (rows[:, None] - known[None]) ** 2
        nearest = differences.sum((2, 3)).argmin(1)
        own = np.square(known[:, None] - known[None]).mean((2, 3))
        own[np.abs(np.subtract.outer(*[np.arange(len(known))] * 2)) < LENGTH] = np.inf
        wanted = differences[np.arange(len(rows)), nearest] / own.min(1).mean()
        found = told("matrix_profile", distance=distance)
        np.testing.assert_allclose(found["map"], wanted, rtol=1e-3, atol=1e-4)
        lengths.append(wanted)
        if distance == "raw":
            np.testing.assert_allclose(found["reconstruction"], TRAIN[nearest], rtol=1e-6, atol=1e-6)
    both = told("matrix_profile")
    np.testing.assert_allclose(both["map"], sum(lengths), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(both["score"], both["map"].mean((1, 2)), rtol=1e-5)
    few = [networks.rows_within(detector("matrix_profile", windows=30, seed=seed)) for seed in (0, 1)]
    assert few == [30, 30]


@pytest.mark.parametrize("name", some(NAMES, ("matrix_profile",)))
def test_levels_count_unless_windows_are_centered_and_what_is_saved_is_plain_keras(name, tmp_path):
    higher = ROWS[2:] + NORMALS.scale[1] * np.float32(3)
    shape_alone = detector(name, centered=True)(np.concatenate([higher, ROWS[2:]]))["score"]
    np.testing.assert_allclose(*np.split(np.asarray(shape_alone), 2), rtol=1e-2)
    model = detector(name)
    assert np.asarray(model(higher)["score"]).min() > np.asarray(model(ROWS[2:])["score"]).mean()
    spike = ROWS[2:3].repeat(LENGTH, 0)
    spike[np.arange(LENGTH), np.arange(LENGTH), 1] += 5 * NORMALS.scale[1][1]
    found = {key: np.asarray(value) for key, value in model(spike).items()}
    assert (found["map"].reshape(LENGTH, -1).argmax(1) == 2 * np.arange(LENGTH) + 1).mean() > 0.8
    model.save(tmp_path / "model.keras")
    assert {type(layer).__module__.partition(".")[0] for layer in model._flatten_layers()} == {"keras"}
    for key, values in keras.saving.load_model(tmp_path / "model.keras")(spike).items():
        np.testing.assert_array_equal(np.asarray(values), found[key])


def test_short_windows_few_of_them_and_constant_channels_are_no_trouble():
    constant = np.stack([VALUES[:9, 0], np.full(9, 7, np.float32)], 1)
    windows = np.stack([constant[first : first + 4] for first in range(3)])
    normals = networks.Normals(windows, windows.mean((0, 1)), windows.std((0, 1)))
    for name in NAMES:
        assert np.isfinite(np.asarray(detector(name, normals)(windows + 1)["score"])).all()


@pytest.mark.parametrize("name", ["forecast", "matrix_profile"])
def test_without_scaling_the_units_of_the_channels_do_not_matter(name):
    """Penalties and floors are meant in deviations of a channel."""
    scores = []
    for factor in (1.0, 1e-4):
        train, rows = ((part * factor).astype(np.float32) for part in (TRAIN, ROWS))
        normals = networks.Normals(train, np.zeros(2), np.ones(2), deviations=train.reshape(-1, 2).std(0))
        scores.append(np.asarray(detector(name, normals)(rows)["score"]))
    np.testing.assert_allclose(*scores, rtol=1e-2)
