"""Multilayer perceptron over embedded columns."""

import math
from typing import Annotated, Literal

import keras
import numpy as np
from pydantic import Field

from tfpipelines.core.config.networks import TableLayers
from tfpipelines.core.config.section import Count, Counts
from tfpipelines.networks.layers import Builder
from tfpipelines.networks.table_layers import Inputs, Table, clipped, rescaled


def mlp(
    table: Table,
    common: TableLayers,
    units: Counts = (256, 256, 256),
    numbers: Literal["plain", "piecewise", "periodic"] = "piecewise",
    bins: Annotated[int, Field(ge=2, le=128)] = 16,
    frequencies: Count = 16,
    embedding: Count = 16,
    *,
    seed: int | None = None,
    for_training: bool = False,
) -> keras.Model:
    """Multilayer perceptron over the embedded columns of a table.

    Numbers are scaled by median and quartiles of the training rows and clipped smoothly (Holzmueller et al. 2024), then
    embedded (Gorishniy et al. 2022).

    Args:
        units: width of each hidden layer.
        numbers: how numbers are embedded: plain: as they are; piecewise: also by their place among quantiles of the
            training rows; periodic: by cosines with trained frequencies.
        bins: numbers=piecewise: quantiles of each column.
        frequencies: numbers=periodic: cosines of each column.
        embedding: most dimensions of the embedding of a category; of few values half as many as there are.
    """
    build, inputs = Builder(common, seed=seed, for_training=for_training), Inputs(table)
    parts = [part for part in (inputs.numbers, inputs.gaps) if part is not None]
    if inputs.numbers is not None and numbers == "piecewise":
        parts.append(_piecewise(table, inputs.numbers, bins))
    elif inputs.numbers is not None and numbers == "periodic":
        parts.append(_periodic(build, inputs.numbers, frequencies))
    width = lambda cardinality: min(embedding, math.ceil((cardinality + 1) / 2))
    parts += inputs.embedded(width, lambda: keras.initializers.RandomNormal(stddev=0.1, seed=build.seed()))
    x = keras.ops.concatenate(parts, 1) if len(parts) > 1 else parts[0]
    for number, count in enumerate(units, 1):
        x = build.dense(count, f"dense{number}")(x)
        x = build.activate(build.normalize(x, f"norm{number}"), f"act{number}")
        x = build.dropout(x, common.dropout, f"dropout{number}")
    return inputs.model(build.logits(table.outputs)(x))


def _piecewise(table: Table, numbers: keras.KerasTensor, bins: int) -> keras.KerasTensor:
    """The place of each number in each bin between quantiles: 0 below, 1 above, linear inside; (batch, all bins)."""
    places, scales, offsets = [], [], []
    center, spread = table.center, table.spread
    for column in range(table.width):  # one at a time: there may be millions of rows
        values = clipped((table.numbers[:, column].astype(np.float64) - center[column]) / spread[column])
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)).astype(np.float32))
        for low, high in zip(edges[:-1], edges[1:]):
            scale = 1.0 / max(float(high) - float(low), 1e-6)
            places.append(column)
            scales.append(scale)
            offsets.append(-float(low) * scale)
    if not places:
        return numbers
    repeated = keras.ops.take(numbers, places, axis=1)
    return keras.ops.clip(rescaled(repeated, np.array(scales), np.array(offsets), "bins"), 0.0, 1.0)


def _periodic(build: Builder, numbers: keras.KerasTensor, frequencies: int) -> keras.KerasTensor:
    """cos(2 pi (w x + b)) of each number by trained w and b, and a dense layer of each number's; (batch, 4 columns)."""
    columns = numbers.shape[1]
    wave = keras.layers.EinsumDense(
        "bn,nk->bnk",
        (columns, frequencies),
        bias_axes="nk",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=build.seed()),
        bias_initializer=keras.initializers.RandomUniform(-0.5, 0.5, seed=build.seed()),
        name="waves",
    )
    mix = keras.layers.EinsumDense(
        "bnk,nkd->bnd",
        (columns, 4),
        bias_axes="nd",
        kernel_initializer=keras.initializers.RandomNormal(stddev=frequencies**-0.5, seed=build.seed()),
        name="mix",
    )
    return keras.ops.reshape(mix(keras.ops.cos(wave(numbers) * (2 * math.pi))), (-1, columns * 4))
