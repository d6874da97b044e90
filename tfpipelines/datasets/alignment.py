"""How much two images differ if one is slightly shifted and scaled along each axis, and blurred."""

import math
from dataclasses import dataclass

import numpy as np

_REACH = 0.25  # how far a border may move, in halves of the side; a crop of 12%
_BLUR = (-0.2, 0.3)
_DARK = 4.0  # the least variance of a pixel that residuals are shares of


@dataclass(frozen=True)
class Fit:
    """How well pairs of images fit.

    Args:
        moves: shift and scale of rows and of columns, float32 (pairs, 4), in halves of the side.
        whole: share of the energy of the first image that is left, float32 (pairs,).
        local: the same in the 3 x 3 pixels where most is left, as a multiple of the mean energy.
    """

    moves: np.ndarray
    whole: np.ndarray
    local: np.ndarray

    def crops(self, limits: tuple[float, float]) -> np.ndarray:
        """Whether one image of each pair is the other without borders, bool (pairs,).

        Args:
            limits: least and largest share of a side that a border may be.
        """
        shifts, scales = self.moves[:, ::2], self.moves[:, 1::2]
        borders = np.concatenate([shifts - scales, -shifts - scales], 1) / 2
        inside = lambda shares: ((shares >= limits[0]) & (shares <= limits[1])).all(1)
        return inside(borders) | inside(-borders)


def tangent_residuals(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The share of the energy of images that is left by others, to first order, float32 (pairs,).

    Args:
        one, other: float32 (pairs, side, side, channels).
    """
    changes, difference = _changes(other), (one - other).reshape(len(one), math.prod(one.shape[1:]))
    transposed = changes.transpose(0, 2, 1)
    right = (transposed @ difference[..., None])[..., 0]
    explained = (right * _solve(transposed @ changes, right)).sum(1)
    return np.maximum((difference**2).sum(1) - explained, 0) / _energy(one)


def fit(one: np.ndarray, other: np.ndarray, moves: np.ndarray, steps: int) -> Fit:
    """Gauss-Newton steps (Lucas & Kanade 1981) from the `moves` of another fit; arguments as above."""
    side, moves = one.shape[1], moves.copy()
    for step in range(steps + 1):
        warped, mask = _warp(other, moves)
        changes = _changes(warped) * mask[..., None]
        difference = (one - warped).reshape(mask.shape) * mask
        transposed = changes.transpose(0, 2, 1)
        best = _solve(transposed @ changes, (transposed @ difference[..., None])[..., 0])
        if step < steps:
            moves = np.clip(moves + np.clip(best[:, :4] * 2 / side, -0.1, 0.1), -_REACH, _REACH)
    left = (difference - changes[:, :, 4] * np.clip(best[:, 4:], *_BLUR)) ** 2
    energy = _energy(one, mask)
    windows = left.reshape(one.shape).sum(3)
    windows = windows[:, :-2] + windows[:, 1:-1] + windows[:, 2:]
    windows = windows[:, :, :-2] + windows[:, :, 1:-1] + windows[:, :, 2:]
    return Fit(moves, left.sum(1) / energy, windows.max((1, 2)) / 9 * side**2 / energy)


def zoom(images: np.ndarray, share: float) -> np.ndarray:
    """The middle of images enlarged: a share of each side is left out."""
    return _warp(images, np.tile(np.array([0, -share, 0, -share], np.float32), (len(images), 1)))[0]


def _energy(images: np.ndarray, mask: np.ndarray | float = 1.0) -> np.ndarray:
    """The sum of squares of each about its mean where the mask, (images, pixels), is 1; as of two levels at least."""
    flat = images.reshape(len(images), math.prod(images.shape[1:]))
    count = np.broadcast_to(mask, flat.shape).sum(1)
    return np.maximum((((flat - flat.mean(1, keepdims=True)) * mask) ** 2).sum(1), _DARK * count)


def _changes(images: np.ndarray) -> np.ndarray:
    """What images change by if rows or columns are shifted and scaled, and by blur, float32 (images, pixels, 5)."""
    place = _places(images.shape[1])
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    above, below, before, after = (
        padded[:, :-2, 1:-1],
        padded[:, 2:, 1:-1],
        padded[:, 1:-1, :-2],
        padded[:, 1:-1, 2:],
    )
    rows, columns = (below - above) / 2, (after - before) / 2
    blur = above + below + before + after - 4 * images
    parts = [rows, rows * place[:, None, None], columns, columns * place[:, None], blur]
    return np.stack([part.reshape(len(images), math.prod(images.shape[1:])) for part in parts], 2)


def _places(side: int) -> np.ndarray:
    """Where pixels are, from -1 to 1, float32 (side,)."""
    return ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)


def _solve(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions of small normal equations, which flat images leave open, float32 (pairs, unknowns)."""
    size = right.shape[1]
    ridge = 1e-3 * (np.trace(matrices, axis1=1, axis2=2) / size + 1)
    return np.linalg.solve(matrices + ridge[:, None, None] * np.eye(size, dtype=np.float32), right[..., None])[..., 0]


def _warp(images: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images moved, and for each value 1 where it comes from within the image, float32 (images, pixels)."""
    side, pixels = images.shape[1], np.arange(images.shape[1], dtype=np.float32)
    weights, inside = [], []
    for shift, scale in ((moves[:, :1], moves[:, 1:2]), (moves[:, 2:3], moves[:, 3:])):
        place = _places(side) * (1 + scale) + shift
        pixel = np.clip((place + 1) * side / 2 - 0.5, 0, side - 1)
        weights.append(np.maximum(1 - np.abs(pixel[..., None] - pixels), 0))
        inside.append(np.abs(place) <= 1)
    half = (weights[0] @ images.reshape(len(images), side, images.shape[2] * images.shape[3])).reshape(images.shape)
    mask = (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
    return weights[1][:, None] @ half, np.broadcast_to(mask, images.shape).reshape(
        len(images), math.prod(images.shape[1:])
    ).astype(np.float32)
