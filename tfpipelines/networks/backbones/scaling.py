"""What networks expect of pixels: the usual ways to scale them, and which one fits a network that does not say."""

from typing import NamedTuple

import keras
import numpy as np

from .flat import learns

Scaling = tuple[float | list[float], float | list[float], bool]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# What a network expects of RGB levels 0 to 255: (scale, offset, whether the channels are turned to BGR first).
SCALINGS: dict[str, Scaling] = {
    "levels": (1.0, 0.0, False),
    "unit": (1 / 255, 0.0, False),
    "tf": (1 / 127.5, -1.0, False),
    "lite": (1 / 128, -127 / 128, False),
    "torch": (
        [1 / (255 * std) for std in IMAGENET_STD],
        [-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD)],
        False,
    ),
    "caffe": (1.0, [-103.939, -116.779, -123.68], True),
}
OF_COLOURS = ("torch", "caffe")  # which have numbers for each of three channels
_TRIED = ("levels", "unit", "tf", "torch", "caffe")  # lite is all but tf
_SPAN = 255.0
_SIDE = 64  # pixels of an image for a network that takes any size
_FLOOR = 1e-5  # of the mean variance: channels without any are alike in all scalings
# Batch normalization begins with mean 0 and variance 1; the share of it that a short training leaves is to be found.
_LEFT = np.concatenate([[0.0], np.geomspace(1e-5, 0.9, 60)])
_COST = 0.5  # of a share of 1, as a share of the distance: long trainings are likelier


class Unsaid(NamedTuple):
    """A network that does not scale pixels itself.

    Args:
        inputs: of its first batch normalization, as a model: scaled images -> (batch, ..., channels); None if it has
            none, or none that has seen any data.
        mean, variance: that it has kept, float64 (channels,).
        axis: of the channels.
    """

    inputs: keras.Model | None = None
    mean: np.ndarray = np.zeros(0)
    variance: np.ndarray = np.zeros(0)
    axis: int = -1

    def distances(self, images: np.ndarray) -> dict[str, float]:
        """How far what the batch normalization gets of some images is from what it got in training, for each scaling
        that may be meant: the mean over channels of the Bhattacharyya distance of two normal distributions.

        Args:
            images: uint8 (batch, height, width, channels).

        Returns:
            {name: distance}, the nearest first; {} if there are no statistics.
        """
        found: dict[str, float] = {}
        for name in _TRIED if self.inputs is not None else ():
            if name not in OF_COLOURS or images.shape[-1] == 3:
                assert self.inputs is not None
                values = self.inputs.predict(_scaled(images, SCALINGS[name]), verbose=0)
                values = np.moveaxis(values, self.axis, -1).reshape(-1, len(self.mean)).astype(np.float64)
                found[name] = self._distance(values.mean(0), values.var(0))
        return dict(sorted(found.items(), key=lambda entry: entry[1]))

    def _distance(self, mean: np.ndarray, variance: np.ndarray) -> float:
        """From a mean and variance of each channel, of which training may have left the beginnings in place."""
        left, floor = _LEFT[:, None], _FLOOR * self.variance.mean() + 1e-30
        one, other = (1 - left) * variance + left + floor, self.variance + floor
        apart = np.square((1 - left) * mean - self.mean) / (one + other)
        distances = np.mean(0.25 * apart + 0.5 * np.log((one + other) / (2 * np.sqrt(one * other))), 1)
        return float(np.min(distances * (1 + _COST * _LEFT)))


def unsaid(model: keras.Model) -> Unsaid | None:
    """None if a network for images begins with a scaling of its own.

    Args:
        model: Functional, without models inside of it, with one input.
    """
    if _scales(model):
        return None
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not layers:
        return Unsaid()
    mean, variance = _numbers(layers[0].moving_mean), _numbers(layers[0].moving_variance)
    if not (mean.any() or (variance != 1).any()):
        return Unsaid()
    return Unsaid(keras.Model(model.inputs[0], layers[0].input), mean, variance, layers[0].axis)


def _numbers(weight) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(weight), np.float64)


def _scales(model: keras.Model) -> bool:
    """Whether what reaches the first layers that learn are no longer the levels from 0 to 255: they span far less, or
    about as much, but moved.
    """
    raw: set[int] = {id(model.inputs[0])}
    reached: list = []
    for operation in model.operations:
        given = [] if isinstance(operation, keras.layers.InputLayer) else keras.tree.flatten(operation.input)
        if not given or not all(id(tensor) in raw for tensor in given):
            continue
        if isinstance(operation, keras.layers.BatchNormalization) or learns(operation):
            reached += given
        else:
            raw |= {id(tensor) for tensor in keras.tree.flatten(operation.output)}
    shape = [size or _SIDE for size in model.inputs[0].shape[1:]]
    levels = np.stack([np.zeros(shape, np.float32), np.full(shape, 255, np.float32)])
    for tensor in reached:
        low, high = keras.ops.convert_to_numpy(keras.Model(model.inputs[0], tensor)(levels, training=False))
        span, moved = np.abs(high - low).max(), np.abs(low).max()
        if span > _SPAN / 2 and (span > 2 * _SPAN or moved < _SPAN / 16):
            return False
    return True


def _scaled(images: np.ndarray, scaling: Scaling) -> np.ndarray:
    """float32 images as `finetuned.scale` makes them."""
    factor, offset, reverse = scaling
    levels = images[..., ::-1] if reverse else images
    return levels.astype(np.float32) * np.asarray(factor, np.float32) + np.asarray(offset, np.float32)
