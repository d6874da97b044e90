"""Autoencoders of images: levels 0 to 255 in, see `reconstruction` for what comes out."""

import keras

from .layers import Builder, scaled_input
from .reconstruction import reconstructor, variational


def dense_image_autoencoder(
    input_shape: tuple[int, int, int],
    units: tuple[int, ...] = (256,),
    latent: int = 32,
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "batch",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    noise: float = 0.0,
    loss: str = "l2",
    *,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Dense layers over the flattened image (Hinton & Salakhutdinov 2006).

    Args:
        input_shape: (height, width, channels).
        units: width of the encoder's layers; the decoder mirrors them.
        latent: numbers that the image has to pass through.
        dropout: share of units dropped after each layer.
        noise: deviation of Gaussian noise on the input while training (Vincent et al. 2008); pixels go from 0 to 1.
        loss: see `reconstruction.Reconstructor`.
        activation, initializer, normalization, weight_decay, seed, fused: see `layers.Builder`; `fused` also makes the
            model one that can be trained.

    Returns:
        Model: levels 0 to 255 (batch, height, width, channels) -> `target`, `reconstruction` (0 to 1) and `restored` (0
            to 255).
    """
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    inputs, target = scaled_input(input_shape)
    x = keras.layers.Flatten(name="flatten")(build.noise(target, noise))
    x = dense_stack(build, x, units, dropout, "encoder")
    x = keras.layers.Dense(latent, name="latent", **build.kernel())(x)
    x = dense_stack(build, x, units[::-1], dropout, "decoder")
    x = keras.layers.Dense(
        input_shape[0] * input_shape[1] * input_shape[2], name="output", **build.kernel("glorot_uniform")
    )(x)
    reconstruction = keras.layers.Reshape(input_shape, name="image")(x)
    return reconstructor(inputs, _with_levels(target, reconstruction), "dense", loss, fused)


def conv_autoencoder(
    input_shape: tuple[int, int, int],
    filters: tuple[int, ...] = (32, 64),
    kernel_size: int = 3,
    latent: int = 32,
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "batch",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    noise: float = 0.0,
    loss: str = "l2",
    *,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Strided convolutions down, transposed ones up (Masci et al. 2011).

    Args:
        filters: channels of the encoder's stages, each half as high and wide; the decoder mirrors them.
        kernel_size: side of the convolutions, in pixels.
        latent: numbers that the image has to pass through; 0: the last feature map is the bottleneck.
        dropout: share of numbers dropped on both sides of the bottleneck.
        input_shape, noise, loss and all others: see `dense_image_autoencoder`, which says what comes back.
    """
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    inputs, target = scaled_input(input_shape)
    x, sides = _down(build, build.noise(target, noise), filters, kernel_size)
    if latent:
        shape = x.shape[1:]
        x = build.dropout(keras.layers.Flatten(name="flatten")(x), dropout, "dropout1")
        x = keras.layers.Dense(latent, name="latent", **build.kernel())(x)
        x = _from_latent(build, build.dropout(x, dropout, "dropout2"), shape)
    else:
        x = build.dropout(x, dropout)
    reconstruction = _up(build, x, sides, filters, kernel_size, input_shape[-1])
    return reconstructor(inputs, _with_levels(target, reconstruction), "conv", loss, fused)


def image_vae(
    input_shape: tuple[int, int, int],
    filters: tuple[int, ...] = (32, 64),
    kernel_size: int = 3,
    latent: int = 16,
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "batch",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    noise: float = 0.0,
    beta: float = 1.0,
    samples: int = 8,
    *,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Variational autoencoder of convolutions (Kingma & Welling 2014).

    Args:
        latent: latent variables.
        beta: weight of the divergence from the prior (Higgins et al. 2017).
        samples: draws of the latent variable that the score is the mean of (An & Cho 2015).
        (others): see `conv_autoencoder`.

    Returns:
        Model: levels 0 to 255 (batch, height, width, channels) -> `target`, `reconstruction` (0 to 1), `log_variance`
            where it
        is to be trained, else `surprise` and `restored` (0 to 255).
    """
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    inputs, target = scaled_input(input_shape)
    image = keras.Input(input_shape, name="image")
    x, sides = _down(build, build.noise(image, noise), filters, kernel_size)
    shape = x.shape[1:]
    x = build.dropout(keras.layers.Flatten(name="flatten")(x), dropout)
    encode = keras.Model(
        image,
        [
            keras.layers.Dense(latent, name=name, **build.kernel("glorot_uniform"))(x)
            for name in ("mean", "log_variance")
        ],
        name="encoder",
    )
    variable = keras.Input((latent,), name="variable")
    x = _up(build, _from_latent(build, variable, shape), sides, filters, kernel_size, 2 * input_shape[-1])
    decode = keras.Model(variable, keras.ops.split(x, 2, -1), name="decoder")
    outputs = variational(target, encode, decode, beta, samples, build.seed(), fused)
    if not fused:
        outputs |= _with_levels(target, outputs["reconstruction"])
    return reconstructor(inputs, outputs, "vae", "probability", fused)


def dense_stack(build: Builder, x, units: tuple[int, ...], dropout: float, name: str, kernel_size: int | None = None):
    """Dense layers, or convolutions of that size, with normalization, activation and dropout, (batch, ..., width)."""
    for number, width in enumerate(units, 1):
        layer = (
            build.dense(width, f"{name}{number}")
            if kernel_size is None
            else build.conv(width, kernel_size, f"{name}{number}")
        )
        x = build.activate(build.normalize(layer(x), f"{name}{number}_norm"), f"{name}{number}_act")
        x = build.dropout(x, dropout, f"{name}{number}_dropout")
    return x


def _with_levels(target, reconstruction) -> dict:
    levels = keras.layers.Rescaling(255.0, name="levels_back")(keras.ops.clip(reconstruction, 0.0, 1.0))
    return {"target": target, "reconstruction": reconstruction, "restored": levels}


def _down(build: Builder, x, filters: tuple[int, ...], size: int):
    """Halves height and width by each stage; also (height, width) before each."""
    sides = []
    for number, width in enumerate(filters, 1):
        sides.append(x.shape[1:3])
        x = build.conv(width, size, f"down{number}", strides=2)(x)
        x = build.activate(build.normalize(x, f"down{number}_norm"), f"down{number}_act")
    return x, sides


def _from_latent(build: Builder, x, shape: tuple[int, int, int]):
    x = keras.layers.Dense(shape[0] * shape[1] * shape[2], name="unfold", **build.kernel())(x)
    return keras.layers.Reshape(shape, name="map")(build.activate(x, "unfold_act"))


def _up(build: Builder, x, sides: list[tuple[int, int]], filters: tuple[int, ...], size: int, channels: int):
    """Back through the sides; the last stage gives `channels`, linear."""
    for number in range(len(filters), 0, -1):
        height, width = sides[number - 1]
        last = number == 1
        bias = last or build.normalization_name == "none"
        x = keras.layers.Conv2DTranspose(
            channels if last else filters[number - 2],
            size,
            2,
            "same",
            use_bias=bias,
            name=f"up{number}",
            **build.kernel("glorot_uniform" if last else None),
        )(x)
        extra = (x.shape[1] - height, x.shape[2] - width)
        if any(extra):  # a side that could not be halved
            x = keras.layers.Cropping2D(((0, extra[0]), (0, extra[1])), name=f"up{number}_crop")(x)
        if not last:
            x = build.activate(build.normalize(x, f"up{number}_norm"), f"up{number}_act")
    return x
