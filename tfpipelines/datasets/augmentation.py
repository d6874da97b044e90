"""Augmentation of image batches in tf.data.

Every number drawn for a sample is a pure function of (seed, epoch, position).
"""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..core.config.images import Augment, Distortion

_DRAWS = 16  # uniform numbers of a sample; each use has a column of its own, so that one setting never shifts another
_FLIP_X, _FLIP_Y, _SHIFT_X, _SHIFT_Y, _TURN, _ZOOM, _CROP = range(7)
_CROP_X, _CROP_Y, _BRIGHT, _CONTRAST, _BOX_X, _BOX_Y, _WHICH = range(7, 14)


@dataclass(frozen=True)
class Augmentation:
    """Random changes of images, those of the settings."""

    settings: Distortion

    def __call__(
        self,
        images: tf.Tensor,
        targets: tf.Tensor,
        seed: int,
        epoch: tf.Tensor,
        start: tf.Tensor,
        part: tuple[np.ndarray, int] | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Changes a batch.

        Args:
            images: float32 (batch, height, width, channels), levels 0 to 255.
            targets: float32 (batch, classes).
            seed: of the run.
            epoch, start: int64 scalars; the batch holds positions start, start + 1, ... of the epoch.
            part: which samples of a batch these are, int64, and its size; None: all. If samples are mixed, the first
                one is only what is before the next.

        Returns:
            Images and targets of the same shapes, without that first one.
        """
        change = self.settings
        draws = uniform(seed, epoch, start, tf.shape(images)[0] if part is None else part[1])
        if part is not None:
            draws = tf.gather(draws, part[0])
        if self._moves:
            images = self._move(images, draws)
        if change.contrast:
            factor = (1.0 + change.contrast * (2.0 * draws[:, _CONTRAST] - 1.0))[:, None, None, None]
            mean = tf.reduce_mean(images, [1, 2, 3], keepdims=True)
            images = mean + factor * (images - mean)
        if change.brightness:
            images += 255.0 * change.brightness * (2.0 * draws[:, _BRIGHT] - 1.0)[:, None, None, None]
        if change.contrast or change.brightness:
            images = tf.clip_by_value(images, 0.0, 255.0)
        if self.mixes:
            images, targets = self._mix(images, targets, draws, seed, epoch, start, part)
            if part is not None:
                images, targets = images[1:], targets[1:]
        return images, targets

    @property
    def mixes(self) -> bool:
        """Whether samples are mixed with each other."""
        return bool(self.mixup or self.cutmix)

    @property
    def mixup(self) -> float:
        """Alpha of mixup; 0: none."""
        return self.settings.mixup if isinstance(self.settings, Augment) else 0.0

    @property
    def cutmix(self) -> float:
        """Alpha of cutmix; 0: none."""
        return self.settings.cutmix if isinstance(self.settings, Augment) else 0.0

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return self._moves or self.mixes or any((self.settings.brightness, self.settings.contrast))

    @property
    def _moves(self) -> bool:
        change = self.settings
        return change.flip != "none" or any((change.crop, change.translate, change.rotate, change.zoom))

    def _move(self, images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """All geometric changes as one projective transform, so that pixels are interpolated once."""
        change = self.settings
        height, width = images.shape[1:3]
        signed = 2.0 * draws - 1.0
        angle = 2.0 * math.pi * change.rotate * signed[:, _TURN]
        scale = (1.0 + change.zoom * signed[:, _ZOOM]) * (1.0 - change.crop * draws[:, _CROP])
        mirror_x = tf.where((draws[:, _FLIP_X] < 0.5) & (change.flip in ("horizontal", "both")), -1.0, 1.0)
        mirror_y = tf.where((draws[:, _FLIP_Y] < 0.5) & (change.flip in ("vertical", "both")), -1.0, 1.0)
        # What a crop leaves to choose its place from.
        free = tf.maximum(1.0 - scale, 0.0) if change.crop else tf.zeros_like(scale)
        center_x, center_y = (width - 1) / 2.0, (height - 1) / 2.0
        shift_x = width * change.translate * signed[:, _SHIFT_X] + center_x * free * signed[:, _CROP_X]
        shift_y = height * change.translate * signed[:, _SHIFT_Y] + center_y * free * signed[:, _CROP_Y]
        # Output pixel (x, y) shows input pixel A (x - cx, y - cy) + (cx, cy) + shift, A = scale * rotation * mirror.
        a, b = scale * tf.cos(angle) * mirror_x, -scale * tf.sin(angle) * mirror_y
        c, d = scale * tf.sin(angle) * mirror_x, scale * tf.cos(angle) * mirror_y
        move_x = center_x - a * center_x - b * center_y + shift_x
        move_y = center_y - c * center_x - d * center_y + shift_y
        zero = tf.zeros_like(a)
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack([a, b, move_x, c, d, move_y, zero, zero], 1),
            output_shape=[height, width],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode=change.fill.upper(),
        )

    def _mix(
        self,
        images: tf.Tensor,
        targets: tf.Tensor,
        draws: tf.Tensor,
        seed: int,
        epoch: tf.Tensor,
        start: tf.Tensor,
        part: tuple[np.ndarray, int] | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mixes each image with the one before it in the batch; with both kinds on, each has one of them at random."""
        partner = lambda batch: tf.roll(batch, 1, 0)
        count = tf.shape(images)[0]
        height, width = images.shape[1:3]
        drawn = lambda alpha, stream: beta(alpha, seed, stream, start, count)
        if part is not None:
            drawn = lambda alpha, stream: tf.gather(beta(alpha, seed, stream, start, tf.constant(part[1])), part[0])
        share = drawn(self.mixup or 1.0, 2 * epoch)
        mixed = share[:, None, None, None] * images + (1.0 - share[:, None, None, None]) * partner(images)
        area = drawn(self.cutmix or 1.0, 2 * epoch + 1)
        box_h, box_w = tf.sqrt(1.0 - area) * height, tf.sqrt(1.0 - area) * width
        spots = lambda size: tf.range(size, dtype=tf.float32)[None] + 0.5
        inside = lambda size, middle, extent: tf.abs(spots(size) - middle[:, None]) < extent[:, None] / 2.0
        rows, columns = inside(height, draws[:, _BOX_Y] * height, box_h), inside(width, draws[:, _BOX_X] * width, box_w)
        box = rows[:, :, None] & columns[:, None, :]
        pasted = tf.where(box[..., None], partner(images), images)
        kept = 1.0 - tf.reduce_mean(tf.cast(box, tf.float32), [1, 2])
        use_mixup = draws[:, _WHICH] < 0.5 if self.mixup and self.cutmix else tf.fill([count], bool(self.mixup))
        weight = tf.where(use_mixup, share, kept)[:, None]
        images = tf.where(use_mixup[:, None, None, None], mixed, pasted)
        return images, weight * targets + (1.0 - weight) * partner(targets)


def uniform(seed: int, epoch: tf.Tensor, start: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Rows start, start + 1, ... of an endless table of numbers in [0, 1), one table for each (seed, epoch).

    The table is the Philox counter generator (Salmon et al. 2011), whose counter is the place in the table: which rows
    come in one call makes no difference.

    Returns:
        float32 (count, 16).
    """
    key = tf.bitcast(tf.stack([tf.constant(seed, tf.uint32), tf.cast(epoch, tf.uint32)])[None], tf.uint64)
    counter = tf.stack([tf.cast(start * (_DRAWS // 4), tf.uint64), tf.constant(0, tf.uint64)])  # a count: four numbers
    return tf.raw_ops.StatelessRandomUniformV2(shape=[count, _DRAWS], key=key, counter=counter, alg=1)


def beta(alpha: float, seed: int, stream: tf.Tensor, start: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Beta(alpha, alpha) numbers for the batch that begins at `start`, float32 (count,)."""
    gamma = tf.random.stateless_gamma([2, count], [tf.cast(seed, tf.int64) * 2**31 + stream, start], alpha)
    return gamma[0] / tf.maximum(gamma[0] + gamma[1], 1e-20)
