"""What an export's inputs are made of without TensorFlow is what TensorFlow makes of them."""

import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpipelines.datasets.text_form import TextForm
from tfpipelines.models.image_preprocessing import ImagePreprocessor
from tfpipelines.models.serving import ServedTexts
from tfpipelines.models.text_preprocessing import Cutter, TextPreprocessor
from tfpipelines.serve.resizing import can_resize, resized
from tfpipelines.serve.texts import Tokenizer

FILTERS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


@pytest.mark.parametrize("name", FILTERS)
def test_images_are_resized_as_by_the_preprocessor(name):
    random = np.random.default_rng(0)
    for resize, antialias in itertools.product(("stretch", "crop", "pad"), (True, False)):
        made = ImagePreprocessor((48, 34), 3, resize, name, antialias)
        assert can_resize(made.settings())
        for size in ((37, 53), (24, 17), (11, 90), (5, 4), (48, 34), (96, 68)):
            image = random.integers(0, 256, (*size, 3), np.uint8)
            apart = np.abs(resized(image, made.settings()).astype(int) - made.in_tf_data(tf.constant(image)).numpy())
            assert apart.max() <= 1 and (apart > 0).mean() < 1e-3, (resize, antialias, size)


TEXTS = [
    "A gorgeous, witty film!",
    "  don't\tSTOP\nnow ",
    "Ünïcode İ and 日本語",
    "[UNK] [PAD]",
    "!?",
    "a a b c d e f g h",
]


@pytest.mark.parametrize("standardize", ["lower_and_strip_punctuation", "strip_punctuation", "lower", None])
@pytest.mark.parametrize("split", ["whitespace", "character"])
def test_texts_become_the_ids_of_the_graph(standardize, split):
    cutter = Cutter(split, standardize)
    words = ["a", "film", "dont", "don't", "witty", "stop", "STOP", "ü", "日", "e", "b"]
    grams = ((Cutter("whitespace", standardize, (1, 2)), ["a film", "a", "a a", "witty"]),
             (Cutter("character", standardize, (2,)), ["a f", "t o"]))  # fmt: skip
    made = TextPreprocessor(cutter, words, 6, grams)
    served = ServedTexts(_model(made), made, TextForm())
    tokenizer = Tokenizer(json.loads(served.files()["vocabulary.json"]))
    for text in TEXTS:
        wanted, told = served.feed(text, False), tokenizer.feed([TextForm()(text)], ["ids", "ngrams"])
        for name in ("ids", "ngrams"):
            np.testing.assert_array_equal(_without_padding(told[name]), _without_padding(wanted[name]), text)


def _model(made):
    """A model with two inputs that has learned nothing."""
    inputs = [keras.Input((None,), dtype="int32", name=name) for name in ("ids", "ngrams")]
    means = [keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(50, 2)(tensor)) for tensor in inputs]
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Concatenate()(means)))
    raw = made.input()
    return keras.Model(raw, network(made.symbolic(raw)))


def _without_padding(ids):
    return np.trim_zeros(ids[0], "b")
