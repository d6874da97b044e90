"""Images that are nearly equal: resized, recompressed or slightly cropped copies."""

import numpy as np
from threadpoolctl import threadpool_limits

from .alignment import fit, tangent_residuals, zoom
from .thumbnails import area_means

_COARSE = 12  # side of what candidates are found and ranked by
_WAVES = 6  # lowest frequencies of each axis that candidates share
_GROUP = 64  # training images of which the nearest alone is a candidate
_CANDIDATES = 8
_USUAL = 3  # rank, from 0, of the candidate by which it is told how alike images of these data are
_ALIGNED = 2  # candidates that are aligned
_ZOOM = 0.11  # of a crop of 5% at each border
_LOOKS = ((0, 0), (0, 1), (1, 0))  # whether the image, and whether the training image, is zoomed
_TRAIN = 100_000  # training images that are looked at
_PRODUCTS = 10**9  # pairs of images that are looked at for candidates
_BLOCK, _TILE = 256, 4096  # images, and training images, compared at once
_FLAT = 4.0  # variance of images without content
_FIRST = (0.4, 0.65)  # residuals, as they are and as a share of the usual one, that are worth an alignment
_HALFWAY = (0.25, 0.8)
_ALIKE = (0.06, 0.25)
_CROP = (-0.05, 0.11)  # shares of each side within which borders of a cropped image lie
_LOCAL = 0.35  # what may be left anywhere


def near_images(small: np.ndarray, train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, bool]:
    """The training image that each other image is nearly equal to.

    Candidates share low frequencies, also if one is zoomed. They are ranked by what is left of the difference if one is
    slightly shifted, scaled and blurred, and the best are aligned. A near-copy leaves little of the energy, in no place
    much, and far less than other images of these data do.

    Args:
        small: thumbnails of all rows, uint8 (rows, side, side, channels).
        train, others: rows.

    Returns:
        For each of `others` the row of the training image that fits best, int64, -1 where none fits well; and whether
        all were compared.
    """
    found = np.full(len(others), -1, np.int64)
    if not (len(train) and len(others)):
        return found, True
    some_train = _spread(len(train), _TRAIN)
    which = _spread(len(others), _PRODUCTS // len(some_train))
    with threadpool_limits(1):  # the matrices are small
        search = _Search(small, np.concatenate([train[some_train], others[which]]), len(some_train))
        for start in range(0, len(which), _BLOCK):
            number = np.arange(start, min(start + _BLOCK, len(which)))
            found[which[number]] = search.copied(number + len(some_train))
    return found, len(some_train) == len(train) and len(which) == len(others)


def _spread(count: int, most: int) -> np.ndarray:
    """At most `most` of so many numbers, evenly spread, int64."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


class _Search:
    """What is known of images that are compared, the first `train` of them to train on.

    Args:
        small: see `near_images`.
        rows: in it, of all images.
    """

    def __init__(self, small: np.ndarray, rows: np.ndarray, train: int):
        self.small, self.rows, self.train = small, rows, train
        side = min(_COARSE, small.shape[1])
        self.flat, self.waves, self.looks = np.zeros(len(rows), bool), [], []
        for _ in range(2):
            self.waves.append(np.empty((len(rows), min(_WAVES, side) ** 2 - 1), np.float32))
            self.looks.append(np.empty((len(rows), side, side, small.shape[3]), np.uint8))
        for start in range(0, len(rows), _TILE):  # in float32 they take four times as much memory
            some = slice(start, start + _TILE)
            coarse = area_means(small[rows[some]], side)
            self.flat[some] = coarse.reshape(len(coarse), -1).var(1) < _FLAT
            for waves, looks, look in zip(self.waves, self.looks, (coarse, zoom(coarse, _ZOOM))):
                waves[some], looks[some] = _waves(look), look.round().astype(np.uint8)

    def copied(self, numbers: np.ndarray) -> np.ndarray:
        """The row of the training image that each of the images of these numbers is a copy of, int64, or -1."""
        copies, best = np.full(len(numbers), -1, np.int64), np.full(len(numbers), np.inf)
        candidates, looks = self._candidates(numbers)
        residuals = self._residuals(numbers, candidates, looks)
        order = np.argsort(residuals, 1)
        usual = np.take_along_axis(residuals, order, 1)[:, _USUAL] if order.shape[1] > _USUAL else best
        usual = np.where(self.flat[numbers], 0, usual)
        every = np.arange(len(numbers))
        for place in order.T[:_ALIGNED]:
            left = np.flatnonzero(_below(_FIRST, residuals[every, place], usual))
            chosen, look = candidates[left, place[left]], looks[left, place[left]]
            scale = np.array([0, -_ZOOM, _ZOOM], np.float32)[look]
            moves = np.stack([0 * scale, scale, 0 * scale, scale], 1)
            pair = self._looks(0, numbers[left]), self._looks(0, chosen)
            moves = fit(*pair, moves, 4).moves
            one, other = (self.small[self.rows[some]].astype(np.float32) for some in (numbers[left], chosen))
            halfway = fit(one, other, moves, 1)
            kept = np.flatnonzero(_below(_HALFWAY, halfway.whole, usual[left]))
            last = fit(one[kept], other[kept], halfway.moves[kept], 3)
            left, chosen = left[kept], chosen[kept]
            alike = (
                _below(_ALIKE, last.whole, usual[left])
                & (last.local < _LOCAL)
                & last.crops(_CROP)
                & (last.whole < best[left])
            )
            copies[left[alike]], best[left[alike]] = self.rows[chosen[alike]], last.whole[alike]
        return copies

    def _looks(self, zoomed: int, numbers: np.ndarray) -> np.ndarray:
        return self.looks[zoomed][numbers].astype(np.float32)

    def _residuals(self, numbers: np.ndarray, candidates: np.ndarray, looks: np.ndarray) -> np.ndarray:
        """What is left of the difference to each candidate, float32 (numbers, candidates)."""
        residuals = np.empty(candidates.shape, np.float32)
        for look, (one, other) in enumerate(_LOOKS):
            number, place = np.nonzero(looks == look)
            pair = self._looks(one, numbers[number]), self._looks(other, candidates[number, place])
            residuals[number, place] = tangent_residuals(*pair)
        return residuals

    def _candidates(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The training images whose waves are nearest, and by which of the looks, int64 (numbers, candidates)."""
        waves = [(self.waves[one][numbers], self.waves[other][: self.train]) for one, other in _LOOKS]
        nearest = _nearest(waves, min(_CANDIDATES, self.train))
        by_look = [np.einsum("nw,ncw->nc", one, other[nearest]) for one, other in waves]
        return nearest, np.argmax(by_look, 0)


def _below(limits: tuple[float, float], residual: np.ndarray, usual: np.ndarray) -> np.ndarray:
    return (residual < limits[0]) & (residual < limits[1] * usual)


def _waves(coarse: np.ndarray) -> np.ndarray:
    """The lowest frequencies of coarse images in grey, of length 1, float32 (images, numbers)."""
    side = coarse.shape[1]
    angles = np.pi * (np.arange(side) + 0.5) / side
    basis = np.cos(np.arange(min(_WAVES, side))[:, None] * angles).astype(np.float32)
    waves = (basis @ coarse.mean(3) @ basis.T).reshape(len(coarse), -1)[:, 1:]
    return waves / np.maximum(np.linalg.norm(waves, axis=1, keepdims=True), 1e-6)


def _nearest(waves: list[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """The training images whose waves are nearest by any look, int64 (images, count).

    In large data at most one of each group of images is among them, so that groups are compared, not images: the
    lowest bits of a product are replaced by the place in its group, and go along with the largest one.

    Args:
        waves: those of the images and of the training images, by look.
    """
    train = len(waves[0][1])
    group = _GROUP if train >= _GROUP * count else 1
    places = np.arange(group, dtype=np.int32)[:, None]
    values, columns = [], []
    for start in range(0, train, _TILE):
        tile = min(_TILE, train - start)
        products = [one @ other[start : start + tile].T for one, other in waves]
        product = np.maximum(np.maximum(products[0], products[1]), products[2])
        groups = -(-tile // group)
        if tile % group:
            product = np.pad(product, ((0, 0), (0, groups * group - tile)), constant_values=-1)
        grouped = product.view(np.int32).reshape(len(product), group, groups)
        grouped &= -group
        grouped |= places
        highest = grouped.view(np.float32).max(1)
        values.append(highest)
        columns.append(start + (highest.view(np.int32) & (group - 1)) * groups + np.arange(groups))
    value, column = np.concatenate(values, 1), np.concatenate(columns, 1)
    best = np.argpartition(-value, count - 1, 1)[:, :count]
    return np.minimum(np.take_along_axis(column, best, 1), train - 1)
