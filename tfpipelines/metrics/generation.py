"""How good generated images are: distances between sets of features, all against the same of real images."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.spatial.distance import cdist
from scipy.stats import norm

_COMPARED = 32  # largest side in pixels of images whose nearest training image is sought
COLLAPSE = 0.5  # diversity below which the alarm goes
_BLOCK = 1000  # rows compared at once
# Quantile of real images' distances to the nearest training image, below half of which a generated one is a copy.
_NEAR = 0.01


class FeatureExtractor:
    """Turns images into features that can be compared: those of a network, standardized by real images.

    Args:
        network: levels 0 to 255 (batch, height, width, channels) -> features (batch, numbers).
        real: uint8 images to train on, whose features are to have mean 0 and deviation 1.
    """

    def __init__(self, network, real: np.ndarray):
        self._network = network
        raw = self._raw(real)
        self._mean, deviation = raw.mean(0), raw.std(0)
        self._deviation = np.where(deviation > 1e-6 * max(deviation.max(), 1e-30), deviation, 1.0)
        self.real = self._standard(raw)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of uint8 images, float64 (images, numbers)."""
        return self._standard(self._raw(images))

    def _standard(self, features: np.ndarray) -> np.ndarray:
        return (features - self._mean) / self._deviation

    def _raw(self, images: np.ndarray) -> np.ndarray:
        batches = [images[start : start + 128] for start in range(0, len(images), 128)]
        return np.concatenate([self._network.predict_on_batch(batch) for batch in batches]).astype(np.float64)


class ReferenceSet(NamedTuple):
    """Real images that generated ones are compared with.

    Args:
        features: float (images, numbers).
        classes: class numbers (images,), or None.
    """

    features: np.ndarray
    classes: np.ndarray | None


def frechet_distance(features: np.ndarray, others: np.ndarray) -> float:
    """Fréchet distance of two normal distributions fitted to features, (rows, numbers) each (FID, Heusel et al. 2017).

    It grows as rows get fewer: compare values of equal counts only.
    """
    features, others = np.asarray(features, np.float64), np.asarray(others, np.float64)
    mean, other = features.mean(0), others.mean(0)
    one, two = np.cov(features, rowvar=False), np.cov(others, rowvar=False)
    # The trace of the root of a product is that of the symmetric product root(one) two root(one), whose eigenvalues are
    # real.
    values, vectors = eigh(one)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    overlap = np.sqrt(np.clip(eigh(root @ two @ root, eigvals_only=True), 0.0, None)).sum()
    return float(np.square(mean - other).sum() + np.trace(one) + np.trace(two) - 2.0 * overlap)


def kernel_distance(features: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Squared maximum mean discrepancy under the kernel (x y / d + 1)^3, unbiased (KID, Binkowski et al. 2018).

    Returns:
        The distance, which may be a little below 0, and its standard error by the jackknife over rows of both sets.
    """
    features, others = np.asarray(features, np.float64), np.asarray(others, np.float64)
    kernel = lambda a, b: (a @ b.T / a.shape[1] + 1.0) ** 3
    n, m = len(features), len(others)
    within, without, across = kernel(features, features), kernel(others, others), kernel(features, others)
    np.fill_diagonal(within, 0.0)
    np.fill_diagonal(without, 0.0)
    sums = within.sum(1), without.sum(1), across.sum(1), across.sum(0)
    one, two, three = sums[0].sum(), sums[1].sum(), sums[2].sum()
    value = one / (n * (n - 1)) + two / (m * (m - 1)) - 2.0 * three / (n * m)
    if min(n, m) < 3:
        return float(value), float("nan")
    here, there = one / (n * (n - 1)), two / (m * (m - 1))
    left_out = (one - 2.0 * sums[0]) / ((n - 1) * (n - 2)) + there - 2.0 * (three - sums[2]) / ((n - 1) * m)
    or_there = here + (two - 2.0 * sums[1]) / ((m - 1) * (m - 2)) - 2.0 * (three - sums[3]) / (n * (m - 1))
    spread = lambda values: (len(values) - 1) / len(values) * np.square(values - values.mean()).sum()
    return float(value), float(np.sqrt(spread(left_out) + spread(or_there)))


def precision_recall(features: np.ndarray, real: np.ndarray, neighbours: int = 3) -> tuple[float, float]:
    """Share of generated images within the manifold of real ones, and the other way round (Kynkäänniemi et al. 2019).

    Args:
        features, real: float (rows, numbers).
        neighbours: a manifold is the balls about its points that reach to their neighbour of this number.
    """
    return _inside(features, real, neighbours), _inside(real, features, neighbours)


def _inside(points: np.ndarray, manifold: np.ndarray, neighbours: int) -> float:
    neighbours = min(neighbours, len(manifold) - 1)
    reach = lambda part: np.partition(cdist(part, manifold), neighbours, 1)[:, neighbours]  # 0 is the point itself
    radii = np.concatenate([reach(part) for part in _parts(manifold)])
    return float(np.mean(np.concatenate([(cdist(part, manifold) <= radii).any(1) for part in _parts(points)])))


def nearest(
    features: np.ndarray, blocks: Iterable[np.ndarray], own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest training image and its row, for each row of `features`.

    Args:
        features: float (rows, numbers).
        blocks: of the training images, one after another, float (some, numbers) each.
        own: where the features are training images, their rows: not compared with themselves.
    """
    distances, start = np.full(len(features), np.inf), 0
    places: np.ndarray = np.zeros(len(features), np.int64)
    for block in blocks:
        table = cdist(features, block)
        if own is not None:
            here = np.flatnonzero((own >= start) & (own < start + len(block)))
            table[here, own[here] - start] = np.inf
        closest = table.argmin(1)
        values = table[np.arange(len(features)), closest]
        better = values < distances
        distances[better], places[better] = values[better], start + closest[better]
        start += len(block)
    return distances, places


def usual_distance(distances: np.ndarray) -> float:
    """The median distance of unseen real images to training images; those that are among them do not count."""
    return float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0


def copies(distances: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Which images are copies of training images: at most half as far from one as all but 1 % of unseen real images
    are.

    Args:
        distances: of generated images to the nearest training image, (images,).
        usual: the same of real images that were not trained on; those that are among the training images do not count.
    """
    unseen = usual[usual > 0]
    return distances <= (0.5 * np.quantile(unseen, _NEAR) if len(unseen) else 0.0)


def diversity(
    features: np.ndarray, real: np.ndarray, classes: np.ndarray | None = None, real_classes: np.ndarray | None = None
) -> float:
    """Mean distance of two generated images, as a share of that of two real ones; with classes, of two of one class."""
    if classes is None or real_classes is None:
        return _spread(features) / max(_spread(real), 1e-12)
    several = lambda labels, number: (labels == number).sum() > 1
    shared = [n for n in np.unique(real_classes) if several(real_classes, n) and several(classes, n)]
    if not shared:
        return diversity(features, real)
    usual = float(np.mean([_spread(real[real_classes == number]) for number in shared]))
    return float(np.mean([_spread(features[classes == number]) for number in shared]) / max(usual, 1e-12))


def _spread(features: np.ndarray) -> float:
    sums = np.concatenate([cdist(part, features).sum(1) for part in _parts(features)])
    return float(sums.mean() / max(len(features) - 1, 1))


def generation_metrics(features: np.ndarray, real: np.ndarray, neighbours: int = 3) -> dict[str, float]:
    """`kid`, `fid`, `precision` and `recall` of generated images, by features (rows, numbers) of them and real ones."""
    precision, recall = precision_recall(features, real, neighbours)
    distances = {"kid": kernel_distance(features, real)[0], "fid": frechet_distance(features, real)}
    return {**distances, "precision": precision, "recall": recall}


def kernel_interval(features: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """95% interval of `kid`."""
    value, error = kernel_distance(features, real)
    reach = norm.ppf(0.975) * error
    return value - reach, value + reach


def small_pixels(images: np.ndarray) -> np.ndarray:
    """Pixels by which nearest images are sought, in [0, 1], (images, numbers): means over squares, so that no side is
    above 32.

    Args:
        images: uint8 (images, side, side, channels).
    """
    side = images.shape[1]
    factor = next(factor for factor in range(1, side + 1) if side % factor == 0 and side // factor <= _COMPARED)
    small = images.reshape(len(images), side // factor, factor, side // factor, factor, -1).mean((2, 4))
    return (small.reshape(len(images), -1) / 255.0).astype(np.float32)


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
