"""Order and augmentation are pure functions of (seed, epoch, position)."""

import numpy as np
import pytest
import tensorflow as tf

from tfpipelines.core.config.images import Augment
from tfpipelines.datasets.augmentation import Augmentation, beta, uniform
from tfpipelines.datasets.batches import Targets, Windows, evaluation_batches, rows_at, training_batches
from tfpipelines.datasets.image_store import store_array
from tfpipelines.models import ImagePreprocessor


def changes(**settings):
    return Augmentation(Augment(**settings))


ALL = changes(
    flip="both", crop=0.2, translate=0.1, rotate=0.1, zoom=0.2, brightness=0.2, contrast=0.2, fill="reflect", mixup=0.4,
    cutmix=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def store(digits):
    return store_array(digits["x"][::50, :, :, None], ImagePreprocessor((28, 28), 1))  # 100 images


def batches(
    store, first=0, last=12, batch_size=16, augmentation=None, seed=3, windows=None, steps_per_epoch=None, **options
):
    targets = Targets(np.arange(100) % 10, 10, **options)
    return list(
        training_batches(
            store,
            np.arange(100),
            targets,
            batch_size=batch_size,
            seed=seed,
            first_step=first,
            last_step=last,
            augmentation=augmentation,
            windows=windows,
            steps_per_epoch=steps_per_epoch,
        ).as_numpy_iterator()
    )


def test_every_epoch_is_another_permutation():
    orders = [
        rows_at(5, tf.constant(epoch, tf.int64), tf.range(1000, dtype=tf.int64), 1000).numpy() for epoch in range(3)
    ]
    for order in orders:
        assert sorted(order) == list(range(1000))
    assert not any(np.array_equal(orders[i], orders[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    part = rows_at(5, tf.constant(1, tf.int64), tf.range(300, 310, dtype=tf.int64), 1000).numpy()
    assert np.array_equal(part, orders[1][300:310])


def test_order_works_inside_dataset_map():
    dataset = tf.data.Dataset.range(3).map(lambda epoch: rows_at(5, epoch, tf.range(10, dtype=tf.int64), 10))
    assert all(sorted(order) == list(range(10)) for order in dataset.as_numpy_iterator())


@pytest.mark.parametrize("augmentation", [None, ALL])
def test_starting_late_gives_what_starting_early_gives(store, augmentation):
    whole, rest = batches(store, augmentation=augmentation), batches(store, first=7, augmentation=augmentation)
    for (x, y), (x2, y2) in zip(whole[7:], rest, strict=True):
        assert np.array_equal(x, x2) and np.array_equal(y, y2)


def test_no_iterator_copies_the_samples_for_optimizations_of_the_graph(store):
    for dataset in (
        training_batches(store, np.arange(100), None, batch_size=16, seed=0, first_step=0, last_step=3),
        evaluation_batches(store, np.arange(100), None, batch_size=16),
    ):
        assert dataset.options().experimental_optimization.apply_default_optimizations is False


def test_an_epoch_holds_no_sample_twice(store):
    for epoch in range(2):
        images = np.concatenate([x for x, _ in batches(store, 6 * epoch, 6 * epoch + 6)])
        assert images.shape == (96, 28, 28, 1) and len({image.tobytes() for image in images}) == 96


def test_shorter_epochs_begin_their_orders_earlier(store):
    whole, short = batches(store, last=12), batches(store, last=6, steps_per_epoch=3)
    for (x, y), (x2, y2) in zip(whole[:3] + whole[6:9], short, strict=True):
        assert np.array_equal(x, x2) and np.array_equal(y, y2)
    late = batches(store, first=4, last=6, steps_per_epoch=3)
    assert all(np.array_equal(x, x2) for (x, _), (x2, _) in zip(short[4:], late, strict=True))


def test_targets_fit_the_images(store):
    (images, targets), *_ = batches(store)
    rows = [int(np.flatnonzero((store.array == image).all((1, 2, 3)))[0]) for image in images]
    assert np.array_equal(targets.argmax(1), np.array(rows) % 10) and np.allclose(targets.sum(1), 1)


def test_smoothing_and_weights(store):
    (_, targets, weights), *_ = batches(store, smoothing=0.1, weights=np.arange(10, dtype=np.float32))
    assert np.allclose(np.sort(targets, 1)[:, [0, -1]], [0.01, 0.91])
    assert np.array_equal(weights, targets.argmax(1))


@pytest.mark.parametrize(
    "augmentation",
    [
        changes(rotate=0.1, translate=0.1, zoom=0.2, crop=0.1, flip="both"),
        changes(brightness=0.3, contrast=0.3),
    ],
)
def test_a_samples_change_does_not_depend_on_the_batch(store, augmentation):
    images = tf.constant(store.array[:32], tf.float32)
    targets = tf.zeros([32, 10])
    seed, epoch = 4, tf.constant(2, tf.int64)
    whole = augmentation(images, targets, seed, epoch, tf.constant(0, tf.int64))[0]
    part = augmentation(images[8:16], targets[8:16], seed, epoch, tf.constant(8, tf.int64))[0]
    assert np.allclose(whole[8:16], part, atol=1e-4) and not np.allclose(whole, images)
    other = augmentation(images, targets, seed, tf.constant(3, tf.int64), tf.constant(0, tf.int64))[0]
    assert not np.allclose(whole, other)


def test_uniform_is_one_endless_table():
    epoch = tf.constant(1, tf.int64)
    table = uniform(7, epoch, tf.constant(0, tf.int64), tf.constant(4096)).numpy()
    assert np.array_equal(table[100:130], uniform(7, epoch, tf.constant(100, tf.int64), tf.constant(30)).numpy())
    assert abs(table.mean() - 0.5) < 0.005 and abs(table.var() - 1 / 12) < 0.002
    assert abs(np.corrcoef(table[:, 0], table[:, 1])[0, 1]) < 0.05 and len(np.unique(table)) > 65_000
    assert not np.array_equal(table, uniform(8, epoch, tf.constant(0, tf.int64), tf.constant(4096)).numpy())


def test_beta_has_the_right_moments():
    values = beta(0.4, 1, tf.constant(0, tf.int64), tf.constant(0, tf.int64), tf.constant(20_000)).numpy()
    assert abs(values.mean() - 0.5) < 0.01 and abs(values.var() - 0.25 / 1.8) < 0.01


def one(augmentation, image, position=0):
    images = tf.constant(image, tf.float32)[None]
    return augmentation(
        images, tf.constant([[1.0, 0.0]]), 0, tf.constant(0, tf.int64), tf.constant(position, tf.int64)
    )[0].numpy()[0]


def test_flips_are_exact(digits):
    image = digits["x"][3][..., None]
    for flip, options in (
        ("horizontal", (image, image[:, ::-1])),
        ("vertical", (image, image[::-1])),
        ("both", (image, image[:, ::-1], image[::-1], image[::-1, ::-1])),
    ):
        seen = {
            tuple(np.allclose(one(changes(flip=flip), image, position), option, atol=1e-3) for option in options)
            for position in range(40)
        }
        assert seen == {tuple(i == j for j in range(len(options))) for i in range(len(options))}


def test_translation_moves_by_at_most_its_share():
    image = np.zeros((40, 40, 1))
    image[20, 20] = 255
    places = []
    for position in range(60):
        moved = one(changes(translate=0.1), image, position)
        places.append((moved[..., 0].sum(1) @ np.arange(40) / 255, moved[..., 0].sum(0) @ np.arange(40) / 255))
    shifts = np.array(places) - 20
    assert 3 < np.abs(shifts).max() <= 4.001 and abs(shifts.mean()) < 1


def test_rotation_keeps_the_middle_and_turns_by_at_most_its_share():
    image = np.zeros((41, 41, 1))
    image[20, 35] = image[20, 20] = 255
    angles = []
    for position in range(60):
        turned = one(changes(rotate=0.125), image, position)[..., 0]
        assert turned[20, 20] > 200
        turned[18:23, 18:23] = 0
        y, x = np.unravel_index(turned.argmax(), turned.shape)
        angles.append(np.degrees(np.arctan2(y - 20, x - 20)))
    assert 35 < max(np.abs(angles)) <= 47


def test_crops_stay_inside_the_image():
    image = np.full((30, 30, 1), 200.0)
    for position in range(40):
        assert one(changes(crop=0.4), image, position).min() > 199  # no border comes into view


def test_colour_changes_stay_in_range(digits):
    for position in range(20):
        changed = one(changes(brightness=0.5, contrast=0.9), digits["x"][0][..., None], position)
        assert changed.min() >= 0 and changed.max() <= 255


def test_mixup_and_cutmix_mix_targets_with_the_images():
    images = tf.concat([tf.zeros([8, 16, 16, 1]), tf.fill([8, 16, 16, 1], 255.0)], 0)
    targets = tf.one_hot([0] * 8 + [1] * 8, 2)
    for augmentation in (changes(mixup=1.0), changes(cutmix=1.0), changes(mixup=1.0, cutmix=1.0)):
        mixed, soft = augmentation(images, targets, 0, tf.constant(0, tf.int64), tf.constant(0, tf.int64))
        assert np.allclose(soft.numpy().sum(1), 1)
        assert np.allclose(
            mixed.numpy().mean((1, 2, 3)) / 255, soft.numpy()[:, 1], atol=1e-4
        )  # the share of white is the share of class 1
        assert 0 < soft.numpy()[0, 1] < 1


def test_nothing_switched_on_changes_nothing(store):
    (images, _), *_ = batches(store, augmentation=changes())
    assert images.dtype == np.uint8 and not changes().active and changes(zoom=0.1).active


def test_evaluation_keeps_the_order_and_every_row(store):
    rows = np.array([5, 3, 99, 0, 41])
    parts = list(evaluation_batches(store, rows, Targets(np.arange(5), 10), batch_size=2).as_numpy_iterator())
    assert [len(images) for images, _ in parts] == [2, 2, 1]
    assert np.array_equal(np.concatenate([images for images, _ in parts]), store.array[rows])
    assert np.array_equal(np.concatenate([targets for _, targets in parts]).argmax(1), np.arange(5))


# --- windows
def window_order(windows, seed, epoch, count):
    return windows.places_at(seed, tf.constant(epoch, tf.int64), tf.range(count, dtype=tf.int64)).numpy()


@pytest.mark.parametrize(("sizes", "size"), [([50, 3, 40, 1, 30], 16), ([7], 3), ([1], 4), ([5, 5], 1), ([9, 9], 100)])
def test_windows_hold_each_sample_once_in_an_order_by_seed_and_epoch(sizes, size):
    shards = np.repeat(np.arange(len(sizes)) + 3, sizes)
    windows, count = Windows(shards, size), len(shards)
    order = window_order(windows, 0, 0, count)
    assert sorted(order) == list(range(count))
    np.testing.assert_array_equal(order, window_order(Windows(shards, size), 0, 0, count))
    some = windows.places_at(0, tf.constant(0, tf.int64), tf.constant([count - 1, 0], tf.int64)).numpy()
    np.testing.assert_array_equal(some, [order[-1], order[0]])
    if count > 100:
        assert not np.array_equal(order, window_order(windows, 1, 0, count))
        assert not np.array_equal(order, window_order(windows, 0, 1, count))


def test_windows_read_few_shards_at_a_time_in_another_order_each_epoch():
    shards = np.tile(np.arange(20), 30)  # samples in any order, as repeated ones are
    windows = Windows(shards, 60)
    firsts = []
    for epoch in range(8):
        order = window_order(windows, 0, epoch, 600)
        assert all(len(set(shards[order[start : start + 60]])) <= 3 for start in range(0, 600, 60))
        assert np.corrcoef(np.arange(60), order[:60])[0, 1] < 0.5
        firsts.append(shards[order[0]])
    assert len(set(firsts)) > 3


def test_windowed_batches_go_on_where_they_stopped(store):
    shards = Windows(np.arange(100) // 9, 20)
    whole, rest = batches(store, windows=shards), batches(store, first=8, windows=shards)
    assert len(whole) == 12
    for one, other in zip(whole[8:], rest, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
    assert not np.array_equal(whole[0][0], batches(store, last=1)[0][0])
