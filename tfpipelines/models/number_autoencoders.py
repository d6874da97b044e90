"""Autoencoders of numbers, as rows of a table or as windows of a time series: raw numbers in, see `reconstruction`
for what comes out.
"""

import keras

from .image_autoencoders import dense_stack
from .layers import Builder
from .reconstruction import reconstructor, restore, standardize, variational


def dense_autoencoder(
    input_shape: tuple[int, ...],
    units: tuple[int, ...] = (64, 32),
    latent: int = 8,
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "batch",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    noise: float = 0.0,
    loss: str = "l2",
    centered: bool = False,
    *,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Dense layers down to a few numbers and back (Hinton & Salakhutdinov 2006).

    Args:
        input_shape: (columns,), or (length, channels) of a window, which is flattened.
        units: width of the encoder's layers; the decoder mirrors them.
        latent: numbers that a row has to pass through.
        dropout: share of units dropped after each layer.
        noise: deviation of Gaussian noise on the input while training (Vincent et al. 2008), in deviations of a column.
        loss: see `reconstruction.Reconstructor`.
        centered: windows: their own mean is taken away first, channel by channel, and given back to `restored`.
        activation, initializer, normalization, weight_decay, seed, fused: see `layers.Builder`; `fused` also makes the
            model one that can be trained.

    Returns:
        Model: float32 (batch, *input_shape) -> `target` and `reconstruction` (standardized by what
        `reconstruction.set_statistics` gives it) and `restored` (in the units of the input).
    """
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    inputs, target, x, level = _begin(input_shape, noise, build, centered)
    x = dense_stack(build, _flat(x), units, dropout, "encoder")
    x = keras.layers.Dense(latent, name="latent", **build.kernel())(x)
    x = dense_stack(build, x, units[::-1], dropout, "decoder")
    return reconstructor(inputs, _end(target, _output(build, x, input_shape), level), "dense", loss, fused)


def dense_vae(
    input_shape: tuple[int, ...],
    units: tuple[int, ...] = (64, 32),
    latent: int = 8,
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
    """Variational autoencoder of dense layers (Kingma & Welling 2014).

    Args:
        latent: latent variables.
        beta: weight of the divergence from the prior (Higgins et al. 2017).
        samples: draws of the latent variable that the score is the mean of (An & Cho 2015).
        (others): see `dense_autoencoder`.

    Returns:
        Model: as `dense_autoencoder`, with `log_variance` where it is to be trained, else with `surprise`.
    """
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    inputs, target, *_ = _begin(input_shape, 0.0, build)
    row = keras.Input(input_shape, name="row")
    x = dense_stack(build, _flat(build.noise(row, noise)), units, dropout, "encoder")
    encode = keras.Model(
        row,
        [
            keras.layers.Dense(latent, name=name, **build.kernel("glorot_uniform"))(x)
            for name in ("mean", "log_variance")
        ],
        name="encoder",
    )
    variable = keras.Input((latent,), name="variable")
    x = dense_stack(build, variable, units[::-1], dropout, "decoder")
    decode = keras.Model(
        variable,
        [_output(build, x, input_shape, name) for name in ("output_mean", "output_log_variance")],
        name="decoder",
    )
    outputs = variational(target, encode, decode, beta, samples, build.seed(), fused)
    return reconstructor(
        inputs, outputs | {"restored": restore(outputs["reconstruction"])}, "vae", "probability", fused
    )


def conv1d_autoencoder(
    input_shape: tuple[int, int],
    filters: tuple[int, ...] = (32, 64),
    kernel_size: int = 5,
    latent: int = 8,
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "none",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    noise: float = 0.0,
    loss: str = "l2",
    centered: bool = False,
    *,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """Strided convolutions in time down, transposed ones up.

    Args:
        input_shape: (length, channels).
        filters: channels of the encoder's stages, each half as long; the decoder mirrors them.
        kernel_size: of the convolutions, in points.
        latent: numbers that the window has to pass through; 0: the last stage is the bottleneck.
        dropout: share of numbers dropped on both sides of the bottleneck.
        (others): see `dense_autoencoder`, which says what comes back.
    """
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    inputs, target, x, level = _begin(input_shape, noise, build, centered)
    bias, lengths = normalization == "none", []
    for number, width in enumerate(filters, 1):
        lengths.append(x.shape[1])
        x = keras.layers.Conv1D(width, kernel_size, 2, "same", use_bias=bias, name=f"down{number}", **build.kernel())(x)
        x = build.activate(build.normalize(x, f"down{number}_norm"), f"down{number}_act")
    if latent:
        shape = x.shape[1:]
        x = build.dropout(_flat(x), dropout, "dropout1")
        x = build.dropout(keras.layers.Dense(latent, name="latent", **build.kernel())(x), dropout, "dropout2")
        x = build.activate(keras.layers.Dense(shape[0] * shape[1], name="unfold", **build.kernel())(x), "unfold_act")
        x = keras.layers.Reshape(shape, name="map")(x)
    else:
        x = build.dropout(x, dropout)
    for number in range(len(filters), 0, -1):
        last = number == 1
        width = input_shape[-1] if last else filters[number - 2]
        x = keras.layers.Conv1DTranspose(
            width,
            kernel_size,
            2,
            "same",
            use_bias=last or bias,
            name=f"up{number}",
            **build.kernel("glorot_uniform" if last else None),
        )(x)
        if x.shape[1] > lengths[number - 1]:  # a length that could not be halved
            x = keras.layers.Cropping1D((0, x.shape[1] - lengths[number - 1]), name=f"up{number}_crop")(x)
        if not last:
            x = build.activate(build.normalize(x, f"up{number}_norm"), f"up{number}_act")
    return reconstructor(inputs, _end(target, x, level), "conv1d", loss, fused)


def recurrent_autoencoder(
    input_shape: tuple[int, int],
    units: tuple[int, ...] = (32,),
    latent: int = 8,
    activation: str = "relu",
    initializer: str = "he_normal",
    normalization: str = "none",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    noise: float = 0.0,
    loss: str = "l2",
    centered: bool = False,
    *,
    cell: str,
    seed: int | None = None,
    fused: bool = False,
) -> keras.Model:
    """One recurrent network reads the window backwards, another one writes it (Srivastava et al. 2015; Malhotra et al.
    2016).

    The decoder is told the latent numbers at every step.

    Args:
        input_shape: (length, channels).
        units: width of each stacked layer of the encoder; the decoder mirrors them.
        latent: numbers that the window has to pass through.
        activation: of the latent numbers; the recurrent layers keep to tanh and sigmoid, which cuDNN can do.
        normalization: of the latent numbers.
        dropout: share of numbers dropped on both sides of the bottleneck.
        cell: `lstm` (Hochreiter & Schmidhuber 1997) or `gru` (Cho et al. 2014).
        (others): see `dense_autoencoder`, which says what comes back.
    """
    build = Builder(
        activation=activation,
        initializer=initializer,
        normalization=normalization,
        weight_decay=weight_decay,
        seed=seed,
        fused=fused,
    )
    inputs, target, x, level = _begin(input_shape, noise, build, centered)

    def layer(width: int, sequences: bool, name: str, **settings) -> keras.Layer:
        kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
        start = keras.initializers.Orthogonal(seed=build.seed())
        return kind(
            width,
            return_sequences=sequences,
            recurrent_initializer=start,
            seed=build.seed(),
            name=name,
            **build.kernel("glorot_uniform"),
            **settings,
        )

    x = keras.ops.flip(x, 1)  # what comes first is read last, and remembered best
    for number, width in enumerate(units, 1):
        x = layer(width, number < len(units), f"encoder{number}")(x)
    x = build.dense(latent, "latent")(build.dropout(x, dropout, "dropout1"))
    x = build.activate(build.normalize(x, "latent_norm"), "latent_act")
    x = keras.layers.RepeatVector(input_shape[0], name="repeat")(build.dropout(x, dropout, "dropout2"))
    for number, width in enumerate(units[::-1], 1):
        x = layer(width, True, f"decoder{number}")(x)
    x = keras.layers.Dense(input_shape[-1], name="output", **build.kernel("glorot_uniform"))(x)
    return reconstructor(inputs, _end(target, x, level), cell, loss, fused)


def _begin(input_shape: tuple[int, ...], noise: float, build: Builder, centered: bool = False):
    """The input, what is to be reconstructed, what the encoder sees of it, and the level of each window that was
    taken away.
    """
    inputs = keras.Input(input_shape, name="numbers")
    target, level = standardize(inputs), None
    if centered:
        level = keras.ops.mean(target, 1, keepdims=True)
        target = target - level
    return inputs, target, build.noise(target, noise), level


def _flat(x):
    return keras.layers.Flatten(name="flatten")(x) if len(x.shape) > 2 else x


def _output(build: Builder, x, shape: tuple[int, ...], name: str = "output"):
    size = 1
    for side in shape:
        size *= side
    x = keras.layers.Dense(size, name=name, **build.kernel("glorot_uniform"))(x)
    return keras.layers.Reshape(shape, name=f"{name}_window")(x) if len(shape) > 1 else x


def _end(target, reconstruction, level) -> dict:
    return {
        "target": target,
        "reconstruction": reconstruction,
        "restored": restore(reconstruction if level is None else reconstruction + level),
    }
