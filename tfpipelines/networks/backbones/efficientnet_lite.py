"""EfficientNet-Lite0: the backbone that comes with the package."""

from importlib import resources

import keras
import numpy as np

# repeats, kernel size, strides, expansion, channels out
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280
SMALLEST = 64  # side in pixels below which the last feature map has a single position


def efficientnet_lite0(
    input_shape: tuple[int, int, int] = (224, 224, 3), *, weights: str | None = "imagenet"
) -> keras.Model:
    """EfficientNet-Lite0 without its classifier: 3.4 million parameters, made for devices without wide memory.

    Tan & Le 2019 (EfficientNet), as simplified by Liu 2020 (EfficientNet-Lite): no squeeze-and-excitation, ReLU6
    everywhere but after a projection. Layers bear the names `stem_*`, `block0_*` to `block15_*` and `head_*`.

    Args:
        input_shape: (height, width, 3), each side at least 64 pixels.
        weights: `imagenet`, which come with the package, or None for random ones.

    Returns:
        Model: float32 levels (x - 127) / 128 (batch, height, width, 3) -> features (batch, height / 32, width / 32,
            1280).

    Raises:
        ValueError: for another number of channels, too small a side, or unknown weights.
    """
    if input_shape[-1] != 3 or any(side is not None and side < SMALLEST for side in input_shape[:2]):
        wanted = f"(height, width, 3) with sides of at least {SMALLEST}"
        raise ValueError(f"input_shape is {input_shape}; it must be {wanted}")
    if weights not in ("imagenet", None):
        raise ValueError(f"weights is {weights!r}; it must be 'imagenet' or None")

    kernel = "zeros" if weights else "glorot_uniform"  # drawing numbers only to replace them takes half of the time

    # === Layers ===
    inputs = keras.Input(input_shape, name="image")
    x = _conv(inputs, _STEM, 3, "stem_conv", kernel, strides=2)
    x = _activate(_normalize(x, "stem_bn"), "stem_act")
    number = 0
    for repeats, size, strides, expansion, filters in _STAGES:
        for repeat in range(repeats):
            x = _block(x, filters, size, 1 if repeat else strides, expansion, f"block{number}", kernel)
            number += 1
    x = _conv(x, _HEAD, 1, "head_conv", kernel)
    x = _activate(_normalize(x, "head_bn"), "head_act")

    # === Functional model ===
    model = keras.Model(inputs, x, name="efficientnet-lite0")
    if weights:
        _load(model)
    return model


def _block(
    x: keras.KerasTensor, filters: int, size: int, strides: int, expansion: int, name: str, kernel: str
) -> keras.KerasTensor:
    """An inverted residual block (Sandler et al. 2018)."""
    shortcut = x
    if expansion > 1:
        x = _conv(x, x.shape[-1] * expansion, 1, f"{name}_expand_conv", kernel)
        x = _activate(_normalize(x, f"{name}_expand_bn"), f"{name}_expand_act")
    x = keras.layers.DepthwiseConv2D(
        size, strides, "same", use_bias=False, depthwise_initializer=kernel, name=f"{name}_dwconv"
    )(x)
    x = _activate(_normalize(x, f"{name}_dw_bn"), f"{name}_dw_act")
    x = _normalize(_conv(x, filters, 1, f"{name}_project_conv", kernel), f"{name}_project_bn")
    return keras.layers.Add(name=f"{name}_add")([x, shortcut]) if strides == 1 and shortcut.shape[-1] == filters else x


def _conv(x: keras.KerasTensor, filters: int, size: int, name: str, kernel: str, strides: int = 1) -> keras.KerasTensor:
    return keras.layers.Conv2D(filters, size, strides, "same", use_bias=False, kernel_initializer=kernel, name=name)(x)


def _normalize(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.BatchNormalization(epsilon=1e-3, name=name)(x)


def _activate(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(6.0, name=name)(x)


def _load(model: keras.Model) -> None:
    """Assigns the weights that come with the package: arrays named layer/weight, kernels in float16."""
    file = resources.files("tfpipelines.networks.backbones") / "weights" / "efficientnet_lite0.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        for layer in model.layers:
            for weight in layer.weights:
                weight.assign(arrays[f"{layer.name}/{weight.name}"].astype(np.float32))
