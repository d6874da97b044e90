"""Images to be learned by a generator, with or without labels, and the batches it is trained by."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from ...core.words import counted
from ...datasets.augmentation import Augmentation
from ...datasets.batches import Targets, prefetched, training_batches
from ...datasets.checks import check_classes, check_duplicates
from ...datasets.findings import Findings
from ...datasets.image_samples import read_image_source
from ...datasets.sample_table import split_of
from ...datasets.samples import Samples, split_and_limit
from ...datasets.source.base import SampleTable
from ...datasets.tracing import no_autograph
from ...errors import ConfigError, DataError
from .config import GeneratedImageData

_ANY = "image"  # what stands for a label where there are none
_LEAST = 16  # images of a split below which no metric means anything
_MORE = f"Add more: {_LEAST} are the least, and a generator needs hundreds to be any good."
_MOST_TO_GROUP, _COMPONENTS = 10_000, 40
_LEAST_OF_GROUP = 4  # images, on the average
_NOISE, _DRAWS = 1, 2  # streams of random numbers


def read_pictures(
    data: GeneratedImageData, findings: Findings, *, labelled: bool, seed: int = 0, splitting: bool = True
) -> SampleTable:
    """The table of images, with their splits unless `splitting` is False.

    Args:
        labelled: whether labels are asked for; without, those there are do not count.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    asked = data if labelled else data.model_copy(update={"label_column": None})
    try:
        table = read_image_source(asked, labelled=labelled, training=splitting)
    except DataError as error:
        if labelled:
            error.remedy = f"Learn without labels: model.conditional=false. Or: {error.remedy}"
        raise
    if not labelled:
        table = replace(table, frame=table.frame.assign(label=_ANY))
        if table.source.tree:
            table = _files(table, data.layout)
    findings.extend(table.findings)
    if splitting and not labelled and table.frame["split"].isna().all() and len(table.frame) < _LEAST:
        raise DataError(f"{data.path} has only {counted(len(table.frame), 'image')}.", _MORE)
    return split_and_limit(table, data, seed, splitting, findings)


def _files(table: SampleTable, layout: str) -> SampleTable:
    """The images among a folder's files, with the splits that its own folders are named after; others are reported."""
    paths = [Path(item) for item in table.frame["item"]]
    splits = [split_of(path.parts[0]) if len(path.parts) > 1 else None for path in paths]
    if layout == "classes" or (layout == "auto" and "train" not in splits):
        splits = [None] * len(paths)
    outside = np.array([split is None for split in splits]) & any(splits)
    known = Image.registered_extensions()
    foreign = np.array([bool(path.suffix) and path.suffix.lower() not in known for path in paths])
    items = table.frame["item"]
    if foreign.any():
        message = f"{counted(foreign.sum(), 'file')} without the name of an image, not used"
        table.findings.add("no_image", "warning", message, "", items[foreign])
    if (outside & ~foreign).any():
        message = f"{counted((outside & ~foreign).sum(), 'file')} beside the split folders, not used"
        remedy = "Move them into a split folder"
        table.findings.add("beside_splits", "warning", message, remedy, items[outside & ~foreign])
    return replace(table, frame=table.frame.assign(split=np.array(splits, object))).keep(~(outside | foreign))


def check_pictures(samples: Samples, labelled: bool, on_leak: str, findings: Findings) -> list[str]:
    """The checks of labels, splits and contents; the classes in order, [] without labels."""
    frame = samples.frame
    if frame["split"].isna().any():  # they could not be split, and a finding says why
        return []
    if labelled:
        classes = check_classes(frame, found := Findings())
        findings.entries += [entry for entry in found.entries if entry.code != "one_class"]
        if len(classes) == 1:
            message = f"The training images are all of one class, {classes[0]!r}"
            findings.add("one_class", "error", message, "Learn without labels: model.conditional=false.")
    elif not (frame["split"] == "test").any() and (frame["split"] == "validation").any():
        findings.add("no_test", "note", "There is no test split, so metrics will be of the validation split only")
    for split in ("train", "validation", "test"):
        count = int((frame["split"] == split).sum())
        if count < _LEAST and (count or split == "train"):
            remedy = _MORE
            if split != "train":
                where = f"data.{split}=0 where it was cut off here, else move its images into the training split."
                remedy = f"Give {_LEAST} at least, or leave the split out: {where}"
            findings.add("few", "error", f"There are only {counted(count, 'image')} in the {split} split", remedy)
        elif split != "train" and 0 < count < 100:
            message = f"Metrics from {counted(count, 'image')} in the {split} split are rough"
            findings.add("few_to_measure", "warning", message, "Compare them with those of real images alone")
        elif split == "validation" and not count:
            what, share = "There is no validation split", max(0.15, np.ceil(100 * _LEAST / max(len(frame), 1)) / 100)
            message = f"{what}: the epoch is chosen by images that were trained on, so copies look best"
            remedy = f"Set data.validation={share:g}" if len(frame) > 2 * _LEAST else ""
            findings.add("no_validation", "warning", message, remedy)
    if "fingerprint" in frame:
        check_duplicates(frame, frame["fingerprint"], on_leak, findings)
    return classes if labelled else []


def image_groups(pixels: Callable[[np.ndarray], np.ndarray], places: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Groups of images that look alike, by k-means of their first principal components, int64 (images,).

    Args:
        pixels: function of positions to float (positions, numbers).
        places: positions of the images.
        count: groups; where fewer images differ, some stay empty.
    """
    rng = np.random.default_rng([seed, 4])
    some = np.sort(rng.choice(places, min(len(places), _MOST_TO_GROUP), replace=False))
    with threadpool_limits(1):  # so that sums are made in one order
        content = pixels(some)
        projection = PCA(min(_COMPONENTS, *content.shape), svd_solver="covariance_eigh").fit(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of images that are all alike
            groups = KMeans(count, n_init=4, random_state=seed).fit(projection.transform(content))
        blocks = [places[start : start + _MOST_TO_GROUP] for start in range(0, len(places), _MOST_TO_GROUP)]
        told = [groups.predict(projection.transform(pixels(block))) for block in blocks]
        return np.concatenate(told).astype(np.int64)


def conditioning_labels(
    labels: np.ndarray | None, count: int, clusters: int, pixels: Callable[[np.ndarray], np.ndarray], seed: int
) -> tuple[np.ndarray | None, dict[str, list]]:
    """What a generator is told of each training image.

    Args:
        labels: class number of each, int (count,); None without classes.
        count: of images.
        clusters: groups of each class, or of all images without classes; 1: no division.
        pixels: function of positions among the images to float (positions, numbers), by which they are divided.

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
        message = f"model.clusters: got {clusters}, but there are only {sizes.min()} training images{of_one}."
        raise ConfigError(message, f"Set {int(sizes.min()) // _LEAST_OF_GROUP} at most.")
    told = of_class * clusters
    if clusters > 1:
        for number in range(len(sizes)):
            told[of_class == number] += image_groups(pixels, np.flatnonzero(of_class == number), clusters, seed)
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
        Dicts of what `tasks.generation.gan.GAN` says of a batch.
    """
    targets = None if labels is None else Targets(labels, int(labels.max()) + 1)
    batches = training_batches(
        store,
        rows,
        targets,
        batch_size=batch_size,
        seed=seed,
        first_step=first_step,
        last_step=last_step,
        augmentation=augmentation,
    )

    def finish(step, batch):
        images, wanted = (batch, None) if labels is None else batch
        key = lambda stream: tf.stack([tf.constant(4 * seed + stream, tf.int64), step])
        x = {"images": images, "noise": tf.random.stateless_normal([batch_size, latent], key(_NOISE))}
        if wanted is not None:
            x["labels"] = tf.argmax(wanted, -1, tf.int32)
        if draws:
            x["draws"] = tf.random.stateless_uniform([batch_size, 16], key(_DRAWS))
        return x

    steps = tf.data.Dataset.range(first_step, last_step)
    return prefetched(tf.data.Dataset.zip(steps, batches).map(no_autograph(finish), num_parallel_calls=1))
