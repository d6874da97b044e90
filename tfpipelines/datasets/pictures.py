"""Images to be learned by a generator, with or without labels, and the batches it is trained by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from ..errors import ConfigError, DataError, counted
from .augment import Augmentation
from .batches import Targets, training_batches, tuned
from .checks import check_classes, check_duplicates
from .findings import Findings
from .samples import Samples, split_and_limit
from .sources import locate, read_image_source
from .table import SampleTable, split_of

_ANY = "image"  # what stands for a label where there are none
_LEAST = 16  # images of a part below which no figure means anything
_MOST_TO_GROUP, _COMPONENTS = 10_000, 40
_LEAST_OF_GROUP = 4  # images, on the average
_NOISE, _DRAWS = 1, 2  # streams of random numbers


def read_pictures(
    path: str,
    findings: Findings,
    *,
    labelled: bool,
    layout: str = "auto",
    item_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    root: str | None = None,
    follow_links: bool = False,
    on_bad: str = "error",
    validation: float | str = "auto",
    test: float = 0.15,
    limit: int | None = None,
    seed: int = 0,
    splitting: bool = True,
) -> SampleTable:
    """The table of images, with their splits unless `splitting` is False.

    Args:
        labelled: whether labels are asked for; without, those there are do not count.
        (others): the fields of the same name in `GeneratedImageData`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    source = {"item_column": item_column, "label_column": label_column if labelled else None, "split_column": split_column, "root": root, "follow_links": follow_links, "on_bad": on_bad}
    try:
        table = read_image_source(path, layout=layout, labelled=labelled, training=splitting, **source)
    except DataError as error:
        if labelled:
            error.remedy = f"{error.remedy} Or learn without labels: model.conditional=false."
        raise
    if not labelled:
        table = replace(table, frame=table.frame.assign(label=_ANY))
        if locate(path).is_dir():
            table = _files(table, layout)
    findings.entries += table.findings.entries
    return split_and_limit(table, validation=validation, test=test, folds=None, limit=limit, seed=seed, splitting=splitting, findings=findings)


def _files(table: SampleTable, layout: str) -> SampleTable:
    """The images among the files of a folder, with the splits that its own folders are named after; the others are reported."""
    paths = [Path(item) for item in table.frame["item"]]
    splits = [split_of(path.parts[0]) if len(path.parts) > 1 else None for path in paths]
    if layout == "classes" or (layout == "auto" and "train" not in splits):
        splits = [None] * len(paths)
    outside = np.array([split is None for split in splits]) & any(splits)
    foreign = np.array([bool(path.suffix) and path.suffix.lower() not in Image.registered_extensions() for path in paths])
    items = table.frame["item"]
    if foreign.any():
        table.findings.add("no_image", "warning", f"{counted(foreign.sum(), 'file')} that by their names are no images, not used", "", items[foreign])
    if (outside & ~foreign).any():
        table.findings.add("beside_splits", "warning", f"{counted((outside & ~foreign).sum(), 'file')} beside the split folders, not used", "Move them into a split folder", items[outside & ~foreign])
    return replace(table, frame=table.frame.assign(split=splits)).keep(~(outside | foreign))


def check_pictures(samples: Samples, labelled: bool, on_leak: str, findings: Findings) -> list[str]:
    """The checks of labels, splits and contents; the classes in order, [] without labels."""
    frame = samples.frame
    if frame["split"].isna().any():  # they could not be split, and a finding says why
        return []
    classes = check_classes(frame, findings)
    if not labelled:
        findings.entries[:] = [entry for entry in findings.entries if entry.code != "one_class"]
    for split in ("train", "validation", "test"):
        count = int((frame["split"] == split).sum())
        if split == "train" and 0 < count < _LEAST:
            findings.add("few", "error", f"There are only {counted(count, 'training image')}", f"A generator needs {_LEAST} at least, and hundreds to be any good.")
        elif 0 < count < _LEAST:
            findings.add("few", "error", f"There are only {counted(count, 'image')} in the {split} part, by which generated ones are to be measured", f"Give {_LEAST} at least, or leave the part out: data.{split}=0.")
        elif split != "train" and 0 < count < 100:
            findings.add("few_to_measure", "warning", f"Figures by {counted(count, 'image')} in the {split} part are rough", "Compare them with real against real alone")
    if "fingerprint" in frame:
        check_duplicates(frame, frame["fingerprint"], on_leak, findings)
    return classes if labelled else []


def image_groups(pixels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Groups of images that look alike, by k-means of their first principal components, int64 (images,).

    Args:
        pixels: float (images, numbers).
        count: groups; at least one image is in each.
    """
    rng = np.random.default_rng([seed, 4])
    some = np.sort(rng.choice(len(pixels), min(len(pixels), _MOST_TO_GROUP), replace=False))
    with threadpool_limits(1):  # so that sums are made in one order
        projection = PCA(min(_COMPONENTS, pixels.shape[1], len(some)), svd_solver="full").fit(pixels[some])
        groups = KMeans(count, n_init=4, random_state=seed).fit(projection.transform(pixels[some]))
        return groups.predict(projection.transform(pixels)).astype(np.int64)


def told_groups(labels: np.ndarray | None, count: int, clusters: int, pixels: np.ndarray | None, seed: int) -> tuple[np.ndarray | None, dict[str, list]]:
    """What a generator is told of each training image.

    Args:
        labels: class number of each, int (count,); None without classes.
        count: of images.
        clusters: groups of each class, or of all images without classes; 1: no division.
        pixels: of the images, float (count, numbers), by which they are divided.

    Returns:
        The group of each image, int64 (count,), None where nothing is told; and of the groups, those of one class in
        succession, their `shares` of the images and their `classes` (0 without any).

    Raises:
        ConfigError: if there are too few images for so many groups.
    """
    if labels is None and clusters == 1:
        return None, {"shares": [], "classes": []}
    of_class = np.zeros(count, np.int64) if labels is None else labels
    sizes = np.bincount(of_class)
    if clusters > 1 and clusters * _LEAST_OF_GROUP > sizes.min():
        of_one = "" if labels is None else " of one class"
        raise ConfigError(f"model.clusters: got {clusters}, but there are only {sizes.min()} training images{of_one}.", f"Set model.clusters={max(1, int(sizes.min()) // 50)}.")
    told = of_class * clusters
    if clusters > 1:
        for number in range(len(sizes)):
            told[of_class == number] += image_groups(pixels[of_class == number], clusters, seed)
    shares = np.bincount(told, minlength=len(sizes) * clusters) / count
    return told, {"shares": shares.tolist(), "classes": np.repeat(np.arange(len(sizes)), clusters).tolist()}


def adversarial_batches(
    store,
    rows: np.ndarray,
    labels: np.ndarray | None,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    latent: int,
    augmentation: Augmentation | None = None,
    draws: bool = False,
) -> tf.data.Dataset:
    """The batches of `training_batches` with the noise and draws of each step, functions of (seed, step) as they are.

    Args:
        labels: class numbers of the rows, int (rows,); None without.
        latent: numbers of noise for each image.
        draws: whether to add `draws`.
        (others): see `training_batches`.

    Returns:
        Dicts of what `models.gan.GAN` says of a batch.
    """
    targets = None if labels is None else Targets(labels, int(labels.max()) + 1)
    batches = training_batches(store, rows, targets, batch_size=batch_size, seed=seed, first_step=first_step, last_step=last_step, augmentation=augmentation)

    def finish(step, batch):
        images, wanted = (batch, None) if labels is None else batch
        key = lambda stream: tf.stack([tf.constant(4 * seed + stream, tf.int64), step])
        x = {"images": images, "noise": tf.random.stateless_normal([batch_size, latent], key(_NOISE))}
        if wanted is not None:
            x["labels"] = tf.argmax(wanted, -1, tf.int32)
        if draws:
            x["draws"] = tf.random.stateless_uniform([batch_size, 16], key(_DRAWS))
        return x

    return tuned(tf.data.Dataset.zip(tf.data.Dataset.range(first_step, last_step), batches).map(finish, num_parallel_calls=1))
