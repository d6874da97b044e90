"""Shares of batches: put together they are the batches of one process."""

import numpy as np
import pytest
import tensorflow as tf

from tfpipelines import datasets
from tfpipelines.core.config.images import Augment
from tfpipelines.datasets import Share
from tfpipelines.datasets.batches import Windows
from tfpipelines.datasets.image_store import ImageStore
from tfpipelines.datasets.tokens import Sequences

SHARES = [Share(number, 2) for number in (0, 1)]
STEPS = {"batch_size": 8, "seed": 3, "first_step": 1, "last_step": 5}


def put_together(make):
    """(batches of one process, those of two put together), both with all that a batch holds."""
    whole = [tf.nest.flatten(batch) for batch in make(None)]
    parts = [[tf.nest.flatten(batch) for batch in make(share)] for share in SHARES]
    assert len(parts[0]) == len(parts[1]) == len(whole)
    return whole, [[np.concatenate(pair) for pair in zip(*batches)] for batches in zip(*parts)]


def check_equal(whole, both):
    for batch, others in zip(whole, both, strict=True):
        assert len(batch) == len(others)
        for tensor, other in zip(batch, others):
            np.testing.assert_allclose(tensor.numpy(), other, rtol=1e-5, atol=1e-3)  # sines of vectors of other lengths


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (21, 6, 5, 1), dtype=np.uint8)
    return ImageStore((6, 5, 1), np.zeros(21, np.uint64), {}, "memory", array)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"translate": 0.2, "rotate": 0.1, "brightness": 0.2, "flip": "both"},
        {"mixup": 0.4, "translate": 0.1},
        {"mixup": 0.4, "cutmix": 1.0, "contrast": 0.3},
    ],
)
def test_training_images(images, change):
    rows, targets = np.arange(1, 20), datasets.Targets(np.arange(19) % 3, 3, 0.1, np.array([1.0, 2.0, 3.0], np.float32))
    augmentation = datasets.Augmentation(Augment(**change))

    for windows in (None, Windows(np.arange(19) // 5, 7)):

        def make(share, windows=windows):
            how = {**STEPS, "augmentation": augmentation, "windows": windows}
            return datasets.training_batches(images, rows, targets, **how, share=share)

        check_equal(*put_together(make))


def test_training_texts_and_tables():
    lengths = np.random.default_rng(1).integers(1, 40, 40)
    texts = Sequences.of(np.arange(lengths.sum(), dtype=np.int32), lengths)
    grams = Sequences.of(np.arange(80, dtype=np.int32), np.full(40, 2))
    targets = datasets.Targets(np.arange(40) % 2, 2)
    for few in (False, True):  # shapes
        store = datasets.TextStore({"ids": texts, "ngrams": grams}, few)
        check_equal(
            *put_together(
                lambda share, store=store: datasets.training_text_batches(
                    store, np.arange(40), targets, **STEPS, share=share
                )
            )
        )
    table = datasets.TableStore(
        np.random.default_rng(2).normal(size=(40, 3)).astype(np.float32), np.ones((40, 1), np.int32)
    )
    check_equal(
        *put_together(
            lambda share: datasets.training_table_batches(table, np.arange(40), targets, **STEPS, share=share)
        )
    )


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("count", [16, 17, 21])
def test_validation_is_filled_up_by_rows_without_weight(images, count, devices):
    """Each row counts once, and the mean is that of all rows, whatever fills the last batch up."""
    rows, targets = np.arange(count), datasets.Targets(np.arange(count) % 3, 3)
    shares = [Share(number, 2, devices) for number in (0, 1)]
    parts = [[*datasets.evaluation_batches(images, rows, targets, batch_size=8, share=share)] for share in shares]
    seen, weights = [], []
    for batches in zip(*parts, strict=True):
        sizes = {len(tensor) for batch in batches for tensor in batch}
        assert len(sizes) == 1 and sizes.pop() % devices == 0
        for inputs, wanted, weight in batches:
            real = weight.numpy() > 0
            seen += [
                (image.tobytes(), answer.tobytes()) for image, answer in zip(inputs.numpy()[real], wanted.numpy()[real])
            ]
            weights += weight.numpy().tolist()
    images_of = [images.images(rows)[row].tobytes() for row in rows]
    assert seen == [(image, np.eye(3, dtype=np.float32)[row % 3].tobytes()) for row, image in enumerate(images_of)]
    np.testing.assert_allclose(sum(weights) / len(weights), 1.0, rtol=1e-6)


def test_validation_texts_have_the_length_of_the_whole_batch():
    lengths = np.array([1, 2, 3, 9, 4, 30, 5])
    texts = Sequences.of(np.arange(lengths.sum(), dtype=np.int32), lengths)
    targets = datasets.Targets(np.arange(7) % 2, 2)
    store = datasets.TextStore({"ids": texts})
    parts = [
        [*datasets.evaluation_text_batches(store, np.arange(7), targets, batch_size=4, share=share)[0]]
        for share in SHARES
    ]
    assert [[batch[0].shape.as_list() for batch in batches] for batches in parts] == [[[2, 4], [2, 30]]] * 2
    np.testing.assert_allclose([batch[2].numpy() for batch in parts[1]], [[8 / 7, 8 / 7], [8 / 7, 0.0]])
