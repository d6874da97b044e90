"""Batches of similar length are a pure function of (seed, epoch, position)."""

import numpy as np
import pytest

from tfpipelines.datasets.batches import Targets
from tfpipelines.datasets.text_batches import WINDOW, TextStore, evaluation_text_batches, training_text_batches
from tfpipelines.datasets.tokens import Sequences

COUNT, BATCH = 8 * (2 * WINDOW + 5) + 3, 8  # an epoch is two whole windows, a part of one, and three texts too many
LENGTHS = np.random.default_rng(0).integers(1, 40, COUNT)


def store(**options) -> TextStore:
    """Text i is the id i + 2, as often as it is long."""
    ids = np.repeat(np.arange(COUNT) + 2, LENGTHS).astype(np.int32)
    return TextStore({"ids": Sequences(ids, np.concatenate([[0], np.cumsum(LENGTHS)]))}, **options)


def batches(first, last, seed=3, rows=None, steps=None, **options):
    rows = np.arange(COUNT) if rows is None else rows
    targets = Targets(rows % 5, 5, **options)
    return list(
        training_text_batches(
            store(),
            rows,
            targets,
            batch_size=BATCH,
            seed=seed,
            first_step=first,
            last_step=last,
            steps_per_epoch=steps,
        ).as_numpy_iterator()
    )


STEPS = COUNT // BATCH


def test_an_epoch_holds_every_text_once_and_right():
    orders = []
    for epoch in range(2):
        some = batches(epoch * STEPS, (epoch + 1) * STEPS)
        assert len(some) == STEPS and all(ids.shape[0] == BATCH for ids, _ in some)
        rows = np.concatenate([ids[:, 0] - 2 for ids, _ in some])
        assert len(set(rows)) == len(rows) == STEPS * BATCH
        for ids, targets in some:
            assert np.array_equal((ids > 0).sum(1), LENGTHS[ids[:, 0] - 2]) and np.array_equal(
                targets.argmax(1), (ids[:, 0] - 2) % 5
            )
            assert ids.shape[1] == (ids > 0).sum(1).max()
        orders.append(rows)
    assert not np.array_equal(*orders)
    other = np.concatenate([ids[:, 0] - 2 for ids, _ in batches(0, STEPS, seed=4)])
    assert not np.array_equal(orders[0], other)


@pytest.mark.parametrize("first", [1, WINDOW, WINDOW + 3, STEPS - 1, STEPS, STEPS + WINDOW + 1])
def test_starting_late_gives_what_starting_early_gives(first):
    whole = batches(0, 2 * STEPS)
    for mine, theirs in zip(batches(first, first + 5), whole[first : first + 5], strict=True):
        assert np.array_equal(mine[0], theirs[0]) and np.array_equal(mine[1], theirs[1])


@pytest.mark.parametrize("steps", [3, WINDOW, WINDOW + 2])
def test_shorter_epochs_hold_other_texts_each(steps):
    whole = batches(0, 4 * steps, steps=steps)
    rows = [np.concatenate([ids[:, 0] - 2 for ids, _ in whole[n * steps :][:steps]]) for n in range(4)]
    assert all(len(set(each)) == steps * BATCH for each in rows) and len(set(np.concatenate(rows))) > 1.5 * len(rows[0])
    late = batches(2 * steps + 1, 4 * steps, steps=steps)
    assert all(np.array_equal(x, x2) for (x, _), (x2, _) in zip(whole[2 * steps + 1 :], late, strict=True))


def test_batches_are_of_similar_length_and_in_no_order_of_length():
    some = batches(0, STEPS)
    padding = 1 - sum((ids > 0).sum() for ids, _ in some) / sum(ids.size for ids, _ in some)
    assert padding < 0.1
    widths = np.array([ids.shape[1] for ids, _ in some[:WINDOW]])
    assert np.any(np.diff(widths) < 0) and np.any(np.diff(widths) > 0)


def test_some_rows_and_weights():
    rows = np.arange(40, 60)
    some = batches(0, 2, rows=rows, smoothing=0.1, weights=np.arange(5, dtype=np.float32))
    assert set(np.concatenate([ids[:, 0] - 2 for ids, _, _ in some])) <= set(rows)
    ids, targets, weights = some[0]
    assert np.allclose(weights, targets.argmax(1)) and np.allclose(targets.max(1), 0.92)


def test_evaluation_gives_every_row_its_place():
    rows = np.random.default_rng(1).permutation(COUNT)[:50]
    dataset, places = evaluation_text_batches(store(), rows, Targets(rows % 5, 5), batch_size=16)
    parts = list(dataset.as_numpy_iterator())
    assert np.array_equal(np.concatenate([ids[:, 0] for ids, _ in parts])[places] - 2, rows)
    assert np.array_equal(np.concatenate([targets for _, targets in parts])[places].argmax(1), rows % 5)
    assert [len(ids) for ids, _ in parts] == [16, 16, 16, 2]


def test_few_shapes():
    rows = np.arange(COUNT)
    dataset, _ = evaluation_text_batches(store(few_shapes=True), rows, None, batch_size=8)
    assert {ids.shape[1] for ids in dataset.as_numpy_iterator()} == {16, 32, 48}
    long = TextStore({"ids": Sequences(np.ones(2000, np.int32), np.array([0, 2000]))}, few_shapes=True)
    assert long.gather(np.array([0])).shape == (1, 2048)


def test_several_inputs():
    second = Sequences(np.arange(COUNT, dtype=np.int32), np.arange(COUNT + 1))
    both = TextStore({"ids": store().inputs["ids"], "ngrams": second})
    dataset, _ = evaluation_text_batches(both, np.arange(20), None, batch_size=8)
    ((ids, grams),) = next(dataset.as_numpy_iterator())
    assert np.array_equal(ids[:, 0] - 2, grams[:, 0])
