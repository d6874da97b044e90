"""Differentiable augmentation of real and generated images (Zhao et al. 2020): few are not learned by heart."""

import keras

KINDS = ("color", "translation", "cutout")
_SHIFT, _HOLE = 0.125, 0.5  # largest shift and side of the hole, as a share of the image's side


def diff_augment(images, draws, kinds: tuple[str, ...]):
    """Changes each image at random; gradients pass through.

    Args:
        images: (batch, height, width, channels), in [-1, 1].
        draws: float32 (batch, 8), uniform in [0, 1): what is drawn for each image.
        kinds: of `color` (brightness, saturation, contrast), `translation` (by an eighth of the side at most, black
            beyond the border) and `cutout` (a hole of half the side).

    Returns:
        The same shape and dtype.

    Raises:
        ValueError: for an unknown kind.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"augment has {unknown[0]!r}; it must be of {', '.join(KINDS)}")
    draws = keras.ops.cast(draws, "float32")  # in half precision the largest would be 1
    if "color" in kinds:
        images = _color(images, draws[:, :3])
    if "translation" in kinds:
        images = _translation(images, draws[:, 3:5])
    if "cutout" in kinds:
        images = _cutout(images, draws[:, 5:7])
    return images


def _color(images, draws):
    ops = keras.ops
    part = lambda number: ops.cast(draws[:, number][:, None, None, None], images.dtype)
    brightness, saturation, contrast = map(part, range(3))
    images = images + (brightness - 0.5)
    if images.shape[-1] > 1:
        grey = ops.mean(images, -1, keepdims=True)
        images = grey + (images - grey) * (2.0 * saturation)
    mean = ops.mean(images, [1, 2, 3], keepdims=True)
    return mean + (images - mean) * (contrast + 0.5)


def _translation(images, draws):
    # One-hot matrices that move rows, then columns: products are differentiable and quick on every backend.
    ops = keras.ops
    height, width = images.shape[1:3]
    moved = ops.einsum("bij,bjwc->biwc", _shift(draws[:, 0], height, images.dtype), images + 1.0)  # black is 0 here
    return ops.einsum("bij,bhjc->bhic", _shift(draws[:, 1], width, images.dtype), moved) - 1.0


def _shift(draws, side: int, dtype):
    """Matrices (batch, side, side) that shift by up to an eighth of the side."""
    most = round(side * _SHIFT)
    offsets = keras.ops.floor(draws * (2 * most + 1)) - most
    places = keras.ops.arange(side, dtype="float32")
    return keras.ops.cast(keras.ops.equal(places[None, None, :] - places[None, :, None], offsets[:, None, None]), dtype)


def _cutout(images, draws):
    ops = keras.ops
    inside = []
    for number, side in enumerate(images.shape[1:3]):
        hole = round(side * _HOLE)
        first = ops.floor(draws[:, number] * (side + 1 - hole % 2)) - hole // 2
        places = ops.arange(side, dtype="float32")[None]
        inside.append(ops.cast((places >= first[:, None]) & (places < first[:, None] + hole), images.dtype))
    return images * (1.0 - inside[0][:, :, None, None] * inside[1][:, None, :, None])
