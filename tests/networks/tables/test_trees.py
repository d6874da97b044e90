"""Boosted trees: the graph answers as scikit-learn does, by itself, from a file, and in every format."""

import inspect
import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tfpipelines.errors import ArtifactError
from tfpipelines.exporting.formats import exporters
from tfpipelines.models.serving import Served, ServedInput
from tfpipelines.networks.tables.boosting import boosting
from tfpipelines.networks.tables.trees import fitting, graph
from tfpipelines.networks.tables.trees.arrays import Trees
from tfpipelines.networks.tables.trees.conversion import rounded_down
from tfpipelines.networks.tables.trees.fitting import BoostingSettings, Rows, fit_trees
from tfpipelines.networks.tables.trees.graph import compiled

from ...conftest import some

NO_SETTINGS = ("table", "common")
DEFAULTS = {
    name: one.default for name, one in inspect.signature(boosting).parameters.items() if name not in NO_SETTINGS
}


def settings_of(**fields) -> BoostingSettings:
    """The settings of a boosting network by default, with some fields."""
    return BoostingSettings(**(DEFAULTS | fields))


ROWS, CARDINALITIES = 400, [5, 30]
QUICK = settings_of(max_iter=8, min_samples_leaf=5, max_leaf_nodes=31)
FORMS = {"matrix": 64, "walk": 1}
SHOWN = ((1, "matrix"), (2, "walk"), (3, "matrix"))  # what the quick suite fits


def table(seed=0, rows=ROWS):
    """(numbers, codes, a score that depends on all columns): two decimals, timestamps, constants, missing values."""
    random = np.random.default_rng(seed)
    numbers = np.round(random.normal(size=(rows, 5)), 2)
    numbers[:, 1] = np.floor(1.7e9 + random.uniform(0, 4e3, rows))
    numbers[:, 2] = 7
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    numbers[:, 3] = np.where(random.random(rows) < 0.5, np.nan, 1)  # what is left is a split on missing values
    numbers[:, 4] = np.nan
    codes = np.stack([random.integers(0, 5, rows), random.integers(0, 25, rows)], 1).astype(np.int32)
    score = np.nan_to_num(numbers[:, 0]) + codes[:, 0] % 3 - codes[:, 1] % 4 * 0.5 + np.isnan(numbers[:, 3])
    return numbers.astype(np.float32), codes, score + np.nan_to_num((numbers[:, 1] - 1.7e9) / 2e3)


def targets(outputs):
    """Of `table`: a number, or classes."""
    score = table()[2]
    if outputs == 1:
        return (score - score.mean()) / score.std()
    return np.digitize(score, np.quantile(score, np.arange(1, outputs) / outputs))


def unseen():
    """Rows that differ from those of training: others, without any value, with categories that training has not."""
    numbers, codes, _ = table(seed=1, rows=300)
    numbers[:30], codes[:30] = np.nan, 0
    numbers[30:40, 4] = 3
    codes[:, 0] = np.random.default_rng(2).integers(-2, 9, len(codes))
    return numbers, codes


def expected(outputs, settings, rows):
    """Of scikit-learn itself, whose columns of categories come last here."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if outputs == 1 else HistGradientBoostingClassifier
    options = {name: getattr(settings, name) for name in ("max_iter", "min_samples_leaf", "max_leaf_nodes")}
    model = kind(categorical_features=[4, 5], early_stopping=False, random_state=0, **options)
    columns = lambda numbers, codes: np.concatenate(
        [numbers[:, :4], np.where((codes < 1) | (codes > CARDINALITIES), np.nan, codes)], 1
    )
    with threadpool_limits(1, "openmp"):
        model.fit(columns(*table()[:2]), targets(outputs))
        return model.predict(columns(*rows))[:, None] if outputs == 1 else model.predict_proba(columns(*rows))


def probabilities(logits):
    powers = np.exp(np.asarray(logits, np.float64))
    return powers / powers.sum(1, keepdims=True)


def fitted(outputs, settings=QUICK, **options):
    numbers, codes, _ = table()
    trees = fit_trees(
        numbers, codes, CARDINALITIES, targets(outputs), outputs=outputs, settings=settings, seed=0, **options
    )
    assert trees.fault() == ""
    return trees


@pytest.mark.parametrize(
    ("outputs", "form"),
    [
        pytest.param(outputs, form, marks=() if (outputs, form) in SHOWN else pytest.mark.slow)
        for outputs in (1, 2, 3, 10)
        for form in FORMS
    ],
)
def test_answers_are_those_of_scikit_learn(outputs, form, monkeypatch):
    monkeypatch.setattr(graph, "WIDEST", FORMS[form])
    rows = unseen()
    answers = np.asarray(compiled(fitted(outputs), 5, 2)(list(rows)))
    assert answers.shape == (300, outputs) and answers.dtype == np.float32
    answers = answers if outputs == 1 else probabilities(answers)
    assert np.abs(answers - expected(outputs, QUICK, rows)).max() < 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_batches_of_every_size_are_answered_alike(form, monkeypatch):
    """As many rows as columns or outputs, too, which Keras may take for a bias when it adds."""
    monkeypatch.setattr(graph, "WIDEST", FORMS[form])
    numbers, codes, _ = table()
    trees = fit_trees(numbers, codes, CARDINALITIES, targets(3), outputs=3, settings=QUICK, seed=0)
    network = compiled(trees, 5, 2)
    whole = np.asarray(network([numbers[:40], codes[:40]]))
    for count in (1, 2, 3, 5, 8, 30):
        some = [numbers[:count], codes[:count]]
        np.testing.assert_allclose(np.asarray(network(some)), whole[:count], atol=1e-6)
        np.testing.assert_allclose(network.predict_on_batch(some), whole[:count], atol=1e-6)


@pytest.mark.parametrize("form", some(FORMS, ["walk"]))
def test_graphs_of_tensorflow_treat_missing_values_alike(form, monkeypatch):
    """Its optimizer takes `not x <= y` for `x > y`."""
    monkeypatch.setattr(graph, "WIDEST", FORMS[form])
    network, rows = compiled(fitted(2), 5, 2), list(unseen())
    assert np.allclose(network.predict(rows, verbose=0, batch_size=300), network(rows), atol=1e-6)


def test_one_kind_of_columns_will_do():
    numbers, codes, _ = table()
    options = {"outputs": 2, "settings": QUICK, "seed": 0}
    for given, cardinalities, rows in (((numbers, None), [], numbers), ((None, codes), CARDINALITIES, codes)):
        trees = fit_trees(*given, cardinalities, targets(2), **options)
        network = compiled(trees, int(trees.numbers), len(cardinalities))
        assert len(network.inputs) == 1 and np.ptp(np.asarray(network(rows))[:, 1]) > 0.1
        with pytest.raises(
            ValueError, match=r"The trees were fitted on \d columns of numbers and \d of codes, not 5 and"
        ):
            compiled(trees, 5, 2)


@pytest.mark.parametrize("form", FORMS)
def test_trees_without_a_split_answer_what_is_usual(form, monkeypatch):
    monkeypatch.setattr(graph, "WIDEST", FORMS[form])
    numbers, codes, _ = table(rows=30)  # too few for a split into leaves of 20
    known = np.arange(30) % 3
    for targets_, outputs in ((known, 3), (np.zeros(30, int), 3), (known / 2.0, 1)):
        settings = settings_of(max_iter=2, min_samples_leaf=20)
        trees = fit_trees(numbers, codes, CARDINALITIES, targets_, outputs=outputs, settings=settings, seed=0)
        answers = np.asarray(compiled(trees, 5, 2)([numbers, codes]))
        assert np.ptp(answers, axis=0).max() == 0
        if outputs == 1:
            assert answers[0] == pytest.approx([0.5])
        elif targets_.any():
            assert probabilities(answers)[0] == pytest.approx([1 / 3] * 3)
        else:  # classes without rows are given half a row each
            assert probabilities(answers)[0] == pytest.approx([60 / 62, 1 / 62, 1 / 62])


def test_classes_and_labels_may_have_no_rows():
    numbers, codes, score = table()
    options = {"settings": QUICK, "seed": 0}
    held = Rows(numbers[:50], codes[:50], np.full(50, 1))  # a class that training has not
    two = fit_trees(numbers, codes, CARDINALITIES, 2 * targets(2), outputs=4, validation=held, **options)
    answers = probabilities(compiled(two, 5, 2)([numbers, codes]))
    assert np.abs(answers[:, [0, 2]] - probabilities(compiled(fitted(2), 5, 2)([numbers, codes]))).max() < 0.01
    assert answers[:, [1, 3]].max() < 0.01
    labels = np.stack([score > 1, score > 9e9, score > 0], 1).astype(np.int32)
    several = compiled(fit_trees(numbers, codes, CARDINALITIES, labels, outputs=3, **options), 5, 2)
    present = 1 / (1 + np.exp(-np.asarray(several([numbers, codes]))))
    alone = fit_trees(numbers, codes, CARDINALITIES, labels[:, 2], outputs=2, **options)
    assert np.allclose(present[:, 2], probabilities(compiled(alone, 5, 2)([numbers, codes]))[:, 1], atol=1e-6)
    assert present[:, 1].max() < 0.01 and ((present[:, 0] > 0.5) == labels[:, 0]).mean() > 0.9


def test_rare_categories_share_a_group():
    codes = np.concatenate([np.repeat(np.arange(1, 301), 3), np.full(500, 7)])[:, None]
    settings = settings_of(max_iter=8, learning_rate=0.5)
    trees = fit_trees(None, codes, [400], (codes[:, 0] == 7).astype(int), outputs=2, settings=settings, seed=0)
    assert trees.groups[0] == 0 and trees.groups.max() == 255 and not trees.groups[301:].any()
    assert len(np.unique(trees.groups[1:301])) == 255 and (trees.groups == 255).sum() == 300 - 254
    answers = probabilities(compiled(trees, 0, 1)(np.array([[7], [8], [300]], np.int32)))[:, 1]
    assert answers[0] > 0.8 and answers[1:].max() < 0.2


def test_validation_rows_choose_the_number_of_iterations():
    numbers, codes, _ = table()
    random = np.random.default_rng(0)
    noise = random.integers(0, 2, ROWS)
    settings = settings_of(max_iter=50, min_samples_leaf=5, patience=3)
    options = {"outputs": 2, "settings": settings, "seed": 0}
    held = Rows(numbers, codes, random.integers(0, 2, ROWS), np.ones(ROWS))
    chosen = fit_trees(numbers, codes, CARDINALITIES, noise, np.ones(ROWS), validation=held, **options)
    assert len(chosen.roots) < 10 < 50 == len(fit_trees(numbers, codes, CARDINALITIES, noise, **options).roots)


def test_losses_of_numbers():
    numbers, codes, _ = table()
    answers = {}
    for loss, quantile in (("absolute_error", 0.5), ("quantile", 0.1), ("quantile", 0.9)):
        settings = settings_of(max_iter=40, learning_rate=0.3, loss=loss, quantile=quantile)
        trees = fit_trees(numbers, codes, CARDINALITIES, targets(1), outputs=1, settings=settings, seed=0)
        below = targets(1) <= np.asarray(compiled(trees, 5, 2)([numbers, codes]))[:, 0]
        answers[loss, quantile] = below.mean()
    assert list(answers.values()) == pytest.approx([0.5, 0.1, 0.9], abs=0.08)


def test_weights_count():
    numbers, codes, _ = table()
    weights = np.where(targets(2) == 1, 20.0, 1.0)
    options = {"outputs": 2, "settings": settings_of(max_iter=1), "seed": 0}
    trees = fit_trees(numbers, codes, CARDINALITIES, targets(2), weights, **options)
    assert trees.baseline == pytest.approx([0, np.log(20)], abs=0.02)


def test_thresholds_are_rounded_so_that_comparisons_stay():
    random = np.random.default_rng(0)
    values = np.concatenate([np.round(random.normal(size=500), 2), 1.7e9 + random.integers(0, 999, 500)])
    values = np.unique(values.astype(np.float32))
    thresholds = np.concatenate([(values[:-1].astype(float) + values[1:]) / 2, [1e300, -1e300, np.inf, 0.1]])
    rounded = rounded_down(thresholds)
    values = np.append(values, np.float32([np.inf, -np.inf, np.finfo(np.float32).max, 0.1]))
    assert rounded.dtype == np.float32
    assert np.array_equal(values[:, None] <= rounded, values[:, None].astype(float) <= thresholds)


def test_the_number_of_threads_changes_nothing(monkeypatch):
    one = fitted(3)
    monkeypatch.setattr(fitting, "_ONE_THREAD", 0)
    two = fitted(3)
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("thresholds", "values", "features"))


LOAD = """
import json, sys
sys.modules["tfpipelines"] = None  # not to be had
from dataclasses import replace

import keras, numpy
rows = numpy.load("rows.npz")
names = ("matrix", "walk")
answers = [keras.saving.load_model(f"{name}.keras", safe_mode=True)([rows["numbers"], rows["codes"]]) for name in names]
print(json.dumps([numpy.asarray(answer).tolist() for answer in answers]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "tensorflow", "jax"])
def test_files_load_without_this_package(backend, tmp_path, monkeypatch):
    numbers, codes = unseen()
    trees = fitted(3)
    for form, widest in FORMS.items():
        monkeypatch.setattr(graph, "WIDEST", widest)
        network = compiled(trees, 5, 2)
        assert not network.trainable_weights
        network.save(tmp_path / f"{form}.keras")
    np.savez(tmp_path / "rows.npz", numbers=numbers, codes=codes)
    environment = {**os.environ, "KERAS_BACKEND": backend}
    environment.pop("PYTHONPATH", None)
    words = [sys.executable, "-c", LOAD]
    result = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    own = np.asarray(network([numbers, codes]))
    for answers in json.loads(result.stdout.splitlines()[-1]):
        assert np.allclose(answers, own, atol=1e-6)


class Encoded(ServedInput):
    """Columns that are encoded already."""

    names = ("numbers", "codes")

    def words(self, whole):
        return []


@pytest.mark.parametrize(
    ("format", "form"),
    [
        pytest.param(name, form, marks=pytest.mark.slow if form == "walk" or name == "saved_model" else ())
        for name in exporters()
        for form in FORMS
    ],
)
def test_every_format_answers_alike(format, form, tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "WIDEST", FORMS[form])
    network = compiled(fitted(3), 5, 2)
    outputs = lambda logits: {"logits": logits}
    answer = SimpleNamespace(outputs=outputs, with_words=lambda outputs: outputs, classes=[])
    exporter = exporters()[format]
    exporter.write(Served(Encoded(network), answer), tmp_path, None, None)
    run = exporter.open_runtime(tmp_path)
    numbers, codes = unseen()
    size = exporter.batch or 100
    found = [
        run({"numbers": numbers[at : at + size], "codes": codes[at : at + size]})["logits"]
        for at in range(0, 100, size)
    ]
    assert np.abs(np.concatenate(found) - np.asarray(network([numbers[:100], codes[:100]]))).max() < 1e-5


DAMAGE = {
    "lefts": lambda array: np.zeros_like(array),
    "features": lambda array: np.where(array >= 0, 7, array).astype(np.int32),
    "values": lambda array: np.full_like(array, np.nan),
    "thresholds": lambda array: array[:-1],
    "outputs": lambda array: array + 9,
    "roots": lambda array: array[::-1],
    "baseline": lambda array: array.astype(np.float64),
    "groups": lambda array: array[1:],
    "splits": lambda array: np.full_like(array, -1),
    "cardinalities": lambda array: -array,
    "left_groups": lambda array: array[:0],
    "numbers": lambda array: np.array(["a"], object),
    "missing_left": lambda array: None,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("trees") / "trees.npz"
    trees = fitted(3)
    trees.save(path)
    return path, trees


def test_a_file_holds_them(saved):
    path, trees = saved
    again = Trees.load(path)
    for name, array in vars(again).items():
        assert np.array_equal(array, getattr(trees, name)) and array.dtype == getattr(trees, name).dtype


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_arrays_are_refused(name, saved, tmp_path):
    with np.load(saved[0]) as arrays:
        changed = {other: arrays[other] for other in arrays.files}
    changed[name] = DAMAGE[name](changed[name])
    np.savez(tmp_path / "trees.npz", **{other: array for other, array in changed.items() if array is not None})
    with pytest.raises(ArtifactError, match=r"trees\.npz is damaged: ") as raised:
        Trees.load(tmp_path / "trees.npz")
    assert raised.value.exit_code == 7 and raised.value.remedy


def test_damaged_files_are_refused(saved, tmp_path):
    content = saved[0].read_bytes()
    with np.load(saved[0]) as arrays:
        np.savez_compressed(tmp_path / "packed.npz", **arrays)
    files = {"half": content[: len(content) // 2], "empty": b"", "text": b"no zip"}
    files["flipped"] = content[:3000] + bytes([content[3000] ^ 255]) + content[3001:]
    for name, damaged in files.items():
        (tmp_path / f"{name}.npz").write_bytes(damaged)
    for name in (*files, "packed"):
        with pytest.raises(ArtifactError, match=f"{name}.npz is damaged: "):
            Trees.load(tmp_path / f"{name}.npz")
    with pytest.raises(ArtifactError, match="none.npz is missing"):
        Trees.load(tmp_path / "none.npz")


def test_leaves_of_few_numbers_may_be_small():
    numbers = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    options = {"max_iter": 3, "max_leaf_nodes": 31}
    settings = settings_of(**options)
    values = numbers[:, 0].astype(np.float64) + numbers[:, 1] ** 2
    fit = lambda wanted, outputs, some: fit_trees(numbers, None, [], wanted, outputs=outputs, settings=some, seed=0)
    same = lambda one, other: np.array_equal(one.values, other.values)
    assert same(fit(values, 1, settings), fit(values, 1, replace(settings, min_samples_leaf=6)))
    classes = (values > 1).astype(int)
    assert same(fit(classes, 2, settings), fit(classes, 2, replace(settings, min_samples_leaf=20)))
