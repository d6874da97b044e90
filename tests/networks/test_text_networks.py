"""Text networks: every argument does something, padding does nothing, fast kernels stay possible, all load in plain
Keras.
"""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpipelines import training
from tfpipelines.core.config.kinds import TEXTS
from tfpipelines.core.config.networks import Recurrent
from tfpipelines.core.config.section import Normalization
from tfpipelines.models import ClassifierArtifact, Cutter, TextPreprocessor, load_artifact
from tfpipelines.networks import Texts, build_network, layers

from ..conftest import some

LINEAR = ("features", "wide")  # fitted before they are built
TRAINED = [name for name in TEXTS.names if name not in LINEAR]
SMALL = {
    "rnn": {"units": (6,)}, "lstm": {"units": (6,)}, "gru": {"units": (6,)}, "bilstm": {"units": (6,)},
    "cnn": {"filters": 4},
    "transformer": {"heads": 2, "feedforward": 12}, "bow": {"buckets": 50},
}  # fmt: skip
IDS = np.array([[5, 6, 7, 8, 9, 3], [4, 1, 8, 0, 0, 0], [2, 0, 0, 0, 0, 0], [9, 9, 2, 3, 0, 0]], np.int32)
VOCABULARY = 12
RATIOS = np.concatenate([np.zeros((2, 3)), np.random.default_rng(0).normal(size=(8, 3))]).astype(np.float32)
POOLINGS = {"cnn": ("max", "mean", "attention"), "transformer": ("max", "mean", "attention"), "bow": ("max", "mean")}
CASES = [(name, pooling) for name in TRAINED for pooling in POOLINGS.get(name, ("last", "max", "mean", "attention"))]
# All recurrent networks pool by the same code, so that of one is enough.
QUICK = [(name, pooling) for name, pooling in CASES if pooling == "last" or name == "lstm" or name in POOLINGS]


def build(
    name, classes=3, vocabulary=VOCABULARY, vectors=None, ratios=None, seed=0, for_training=False, chunk=None, **fields
):
    settings = TEXTS.section(name)(**{"embedding": 8, **SMALL.get(name, {}), **fields})
    texts = Texts(vocabulary, classes, vectors, ratios, chunk=chunk)
    return build_network(settings, texts=texts, seed=seed, for_training=for_training)


@pytest.mark.parametrize("case", some(CASES, QUICK), ids="-".join)
def test_padding_and_neighbours_change_nothing(case):
    name, pooling = case
    model = build(name, pooling=pooling)
    logits = np.asarray(model(IDS))
    assert logits.shape == (4, 3) and model.output.dtype == "float32"
    assert np.allclose(np.asarray(model(np.pad(IDS, [[0, 0], [0, 5]]))), logits, atol=1e-5)
    for row in range(4):
        alone = IDS[row : row + 1, : (IDS[row] > 0).sum()]
        assert np.allclose(np.asarray(model(alone)), logits[row], atol=1e-5)
    assert np.ptp(logits, axis=0).min() > 1e-6


@pytest.mark.parametrize("name", TRAINED)
def test_order_matters_but_for_single_words(name):
    model, turned = build(name), np.array([[5, 6, 7]], np.int32)
    same = np.allclose(np.asarray(model(turned)), np.asarray(model(turned[:, ::-1].copy())), atol=1e-6)
    assert not same
    bag = build("bow", ngrams=1)
    assert np.allclose(np.asarray(bag(turned)), np.asarray(bag(turned[:, ::-1].copy())), atol=1e-6)


@pytest.mark.parametrize("stacked", [False, True])
def test_bilstm_is_keras_bidirectional_with_a_mask(stacked):
    model = build("bilstm", units=(6, 5) if stacked else (6,), pooling="last")
    x = keras.layers.Embedding(VOCABULARY, 8, mask_zero=True, weights=[model.get_layer("embedding").get_weights()[0]])(
        IDS
    )
    for number, width in enumerate((6, 5)[: 1 + stacked], 1):
        layer = keras.layers.Bidirectional(keras.layers.LSTM(width, return_sequences=number < 1 + stacked))
        layer.build(x.shape)
        layer.set_weights(
            model.get_layer(f"forward{number}").get_weights() + model.get_layer(f"backward{number}").get_weights()
        )
        x = layer(x)
    expected = model.get_layer("logits")(x)
    assert np.allclose(np.asarray(model(IDS)), np.asarray(expected), atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "gru", "bilstm"])
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="cuDNN as TensorFlow calls it")
def test_cudnn_could_run_every_recurrent_layer(name, monkeypatch):
    """Pretends that there is a GPU, and sees every layer ask for the cuDNN kernel, without a mask."""
    rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
    asked = []

    def record(kind):
        def kernel(*arguments):
            asked.append((kind, arguments[6 if kind == "lstm" else 5]))
            raise NotImplementedError  # which makes Keras take the usual way

        return kernel

    monkeypatch.setattr(rnn, "_is_gpu_available", lambda: True)
    monkeypatch.setattr(rnn, "_cudnn_lstm", record("lstm"))
    monkeypatch.setattr(rnn, "_cudnn_gru", record("gru"))
    model = build(name, units=(6, 5), pooling="attention")
    asked.clear()
    model(IDS, training=True)
    assert asked == [("gru" if name == "gru" else "lstm", None)] * (4 if name == "bilstm" else 2)


@pytest.mark.parametrize("name", some(TRAINED, ("lstm", *POOLINGS)))
def test_dropouts_act_in_training_alone(name):
    off = {"word_dropout": 0.0, "spatial_dropout": 0.0, "dropout": 0.0} | (
        {"attention_dropout": 0.0} if name == "transformer" else {}
    )
    still = build(name, **off)
    assert np.allclose(np.asarray(still(IDS)), np.asarray(still(IDS, training=True)), atol=1e-6)
    for one in off:
        model = build(name, **{**off, one: 0.5})
        model.set_weights(still.get_weights())
        assert np.allclose(np.asarray(model(IDS)), np.asarray(still(IDS)), atol=1e-5), one
        assert not np.allclose(np.asarray(model(IDS)), np.asarray(model(IDS, training=True))), one


def test_word_dropout_makes_tokens_unknown_and_spares_padding():
    model = build("bow", ngrams=1, word_dropout=0.99, spatial_dropout=0.0, dropout=0.0)
    unknown = np.where(IDS > 0, 1, 0)
    assert np.allclose(np.asarray(model(IDS, training=True))[2:], np.asarray(model(unknown))[2:], atol=1e-2)


@pytest.mark.parametrize("name", TRAINED)
def test_seeds_repeat_and_differ(name):
    first, again, other = (build(name, seed=seed).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    kernels = [
        place for place, weight in enumerate(build(name).weights) if weight.path.endswith(("kernel", "embeddings"))
    ]
    assert not any(np.array_equal(first[place], other[place]) for place in kernels)


@pytest.mark.parametrize("normalization", Normalization.__args__)
def test_head(normalization):
    model = build("gru", head_units=(7,), normalization=normalization, activation="gelu", weight_decay=1e-3)
    assert model(IDS).shape == (4, 3) and model.get_layer("dense1").units == 7
    kernels = [weight for weight in model.weights if weight.path.endswith("kernel") and "recurrent" not in weight.path]
    assert np.isclose(
        float(sum(model.losses)), 1e-3 * sum(float((weight.numpy() ** 2).sum()) for weight in kernels), rtol=1e-4
    )


def test_transformer_refuses_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="multiple"):
        build("transformer", embedding=9)


def test_bow_hashes_stay_in_range():
    model = build("bow", ngrams=5, buckets=2**18, embedding=2)
    assert np.isfinite(np.asarray(model(np.array([[2**31 - 1] * 3, [3, 4, 5]], np.int32) % VOCABULARY))).all()
    assert 7919 * (2**18 - 1) + 2**20 < 2**31  # of a vocabulary of a million


@pytest.mark.parametrize("name", TRAINED)
def test_wide_part_adds_the_votes_of_ngrams(name):
    plain, wide, parts = (
        build(name),
        *(
            build(name, ratios=RATIOS, wide={"initial": 0.5, "deep_weight": 0.7}, for_training=parts)
            for parts in (False, True)
        ),
    )
    grams = np.array([[2, 3, 3, 0], [0, 0, 0, 0], [9, 1, 0, 0], [5, 4, 3, 2]], np.int32)
    votes = 0.5 * RATIOS[grams].sum(1)
    deep = np.asarray(plain(IDS))
    assert np.allclose(np.asarray(wide([IDS, grams])), 0.7 * deep + votes, atol=1e-5)
    assert np.allclose(np.asarray(parts([IDS, grams])), np.concatenate([0.7 * deep + votes, votes, deep], 1), atol=1e-5)
    assert [weight.path for weight in parts.weights] == [weight.path for weight in wide.weights]
    frozen = {weight.path.split("/")[-2] for weight in wide.non_trainable_weights}
    assert "ratios" in frozen and "ngram_weights" not in frozen


def test_vectors_are_where_the_embedding_begins():
    vectors = np.random.default_rng(0).normal(size=(VOCABULARY, 6)).astype(np.float32)
    for freeze in (False, True):
        layer = build("lstm", vectors=vectors, freeze_embedding=freeze).get_layer("embedding")
        assert np.array_equal(layer.get_weights()[0], vectors) and layer.trainable is not freeze


TOLD = ["a fine film", "dull", "!"]


def text_answers(folder):
    """Saves an artifact of every network; what they answer to TOLD, by the files' names. That plain Keras answers the
    same is in `test_networks`.
    """
    words, answers = ["a", "fine", "film", "dull"], {}
    for name in TRAINED:
        preprocessor = TextPreprocessor(Cutter(), words, 7, ((Cutter(ngrams=(1, 2)), ["fine", "fine film"]),))
        ratios = np.array([[0, 0], [0, 0], [1, -1], [2, -2]], np.float32)
        network = build(name, 2, preprocessor.vocabulary_size, ratios=ratios)
        artifact = ClassifierArtifact(preprocessor, network, ["good", "bad"], multi_label=name == TRAINED[2])
        artifact.temperature = 1.7
        artifact.save(folder / f"text-{name}.keras")
        answers[f"text-{name}"] = np.asarray(artifact.model(tf.constant(TOLD)))
    return answers


def test_artifacts_keep_their_facts_and_their_answers(tmp_path):
    answers = text_answers(tmp_path)
    for name in TRAINED:
        assert load_artifact(tmp_path / f"text-{name}.keras").facts == {
            "classes": ["good", "bad"],
            "temperature": pytest.approx(1.7),
            "multi_label": name == TRAINED[2],
        }
    single, multiple = (answers[f"text-{TRAINED[place]}"] for place in (0, 2))
    assert np.allclose(single.sum(1), 1) and not np.allclose(multiple.sum(1), 1)


@pytest.mark.parametrize(("backend", "device", "expected"), [("jax", "gpu:0", "float32"), ("jax", "cpu:0", "bfloat16")])
def test_lstms_keep_to_what_cudnn_takes_from_jax(backend, device, expected, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: [device])
    with training.precision("mixed_bfloat16"):
        made = layers.Builder(Recurrent(), seed=0).recurrent("lstm", 3, "forward1")
    assert made.compute_dtype == expected
