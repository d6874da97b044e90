"""What networks for tables begin with: numbers brought to one scale, missing ones imputed, and codes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np

from .tables.regression.fitting import Coefficients
from .tables.trees.arrays import Trees
from .tables.trees.fitting import BoostingSettings
from .tables.trees.graph import NETWORK

ScaledColumns = Callable[[np.ndarray], np.ndarray]  # numbers of rows, as the first layers of a network give them

_REACH = 3.0  # of scaled numbers; where the smooth clipping begins to tell (Holzmueller et al. 2024)


@dataclass(frozen=True)
class Table:
    """What a network for tables is made for.

    Args:
        numbers: of the training rows, float32 (rows, columns), NaN where there is none.
        cardinalities: values of each category.
        outputs: of the network.
        fit_trees: gives trees fitted to the training rows.
        fit_linear: gives a linear model fitted to the training rows, for these columns, with this weight decay; None
            where it is to be trained.
    """

    numbers: np.ndarray
    cardinalities: tuple[int, ...]
    outputs: int
    fit_trees: Callable[[BoostingSettings], Trees]
    fit_linear: Callable[[ScaledColumns, float | None], Coefficients | None]

    @property
    def width(self) -> int:
        """Columns of numbers."""
        return self.numbers.shape[1]

    @property
    def center(self) -> np.ndarray:
        """Median of each column of numbers, float64; 0 where there is none."""
        with np.errstate(all="ignore"):
            known = np.isfinite(self.numbers).any(0)
            return np.where(known, np.nanmedian(np.where(known, self.numbers, 0.0), axis=0), 0.0)

    @property
    def spread(self) -> np.ndarray:
        """Robust deviation of each: quartile distance / 1.349; where that is 0 the deviation, or 1; float64."""
        if not self.width:
            return np.ones(0)
        known = np.isfinite(self.numbers).any(0)
        filled = lambda columns: np.where(known[columns], self.numbers[:, columns], 0.0).astype(np.float64)
        each = [[place] for place in range(self.width)]  # one column at a time: there may be millions of rows
        low, high = np.concatenate([np.nanpercentile(filled(column), [25, 75], axis=0) for column in each], 1)
        spread = (high - low) / 1.349
        if (spread > 0).all():
            return spread
        spread = np.where(spread > 0, spread, np.nanstd(filled(slice(None)), axis=0))
        return np.where(spread > 0, spread, 1.0)

    @property
    def gaps(self) -> list[int]:
        """Columns of numbers where training rows have none."""
        return np.flatnonzero(np.isnan(self.numbers).any(0)).tolist()


@dataclass
class Inputs:
    """The inputs of a network, and what its first layers make of them.

    Args:
        table: that the network is made for.
        clip: whether large numbers are clipped smoothly.

    Attributes:
        numbers: scaled, clipped where asked, and imputed, float32 (batch, columns); None without.
        gaps: 1 where a number was missing, of columns where training rows have gaps, float32 (batch, gaps); None
            without.
        codes: int32 (batch, categories); None without.
    """

    table: Table
    clip: bool = True
    tensors: list[keras.KerasTensor] = field(default_factory=list)
    numbers: keras.KerasTensor | None = None
    gaps: keras.KerasTensor | None = None
    codes: keras.KerasTensor | None = None

    def __post_init__(self):
        if self.table.width:
            self.tensors.append(keras.Input((self.table.width,), dtype="float32", name="numbers"))
            self.numbers, self.gaps = _scaled(self.table, self.tensors[0], self.clip)
        if self.table.cardinalities:
            self.codes = keras.Input((len(self.table.cardinalities),), dtype="int32", name="codes")
            self.tensors.append(self.codes)

    @property
    def columns(self) -> keras.KerasTensor | None:
        """Numbers with gaps behind them, float32 (batch, columns + gaps); None without."""
        return self.numbers if self.gaps is None else keras.ops.concatenate([self.numbers, self.gaps], 1)

    @property
    def parts(self) -> list[keras.KerasTensor]:
        """`columns` and `codes`, or that of both which there is."""
        return [part for part in (self.columns, self.codes) if part is not None]

    def model(self, outputs: keras.KerasTensor) -> keras.Model:
        """The network."""
        return keras.Model(self.tensors if len(self.tensors) > 1 else self.tensors[0], outputs, name=NETWORK)

    def embedded(
        self,
        width: Callable[[int], int],
        initializer: Callable[[], keras.initializers.Initializer],
        regularizer: "keras.regularizers.Regularizer | None" = None,
    ) -> list[keras.KerasTensor]:
        """Embeddings of the categories, float32 (batch, width) each.

        Args:
            width: of a category with so many values.
            regularizer: of their weights.
        """
        found = []
        for number, cardinality in enumerate(self.table.cardinalities):
            options = {"embeddings_initializer": initializer(), "embeddings_regularizer": regularizer}
            layer = keras.layers.Embedding(cardinality + 1, width(cardinality), name=f"embedding{number}", **options)
            found.append(layer(self.tensors[-1][:, number]))
        return found


def _scaled(table: Table, numbers: keras.KerasTensor, clip: bool) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
    """Numbers by median and quartiles of the training rows, large ones clipped smoothly where asked; missing ones
    become 0, the median. And where they were.
    """
    ops = keras.ops
    missing = ops.not_equal(numbers, numbers)
    filled = ops.where(missing, ops.zeros_like(numbers), numbers)
    # Columns are centred before the zeros are put in place of missing ones: 0 then is the median.
    scaled = rescaled(filled, 1.0 / table.spread, -table.center / table.spread, "scale")
    scaled = ops.where(missing, ops.zeros_like(scaled), clipped(scaled) if clip else scaled)
    gaps = table.gaps
    if not gaps:
        return scaled, None
    return scaled, ops.cast(ops.take(missing, gaps, axis=1), "float32")


def rescaled(x: keras.KerasTensor, scale: np.ndarray, offset: np.ndarray, name: str) -> keras.KerasTensor:
    """x * scale + offset by column, in float32."""
    values = lambda array: np.asarray(array, np.float32).astype(float).tolist()
    return keras.layers.Rescaling(values(scale), values(offset), name=name, dtype="float32")(x)


def clipped(x):
    """x / sqrt(1 + (x / 3)^2): small numbers as they are, large ones towards 3 (Holzmueller et al. 2024)."""
    return x / (1.0 + (x / _REACH) ** 2) ** 0.5


def scaled_columns(table: Table, numbers: np.ndarray, clip: bool = True) -> np.ndarray:
    """The numbers of rows as `_scaled` has them, but for missing ones: float64 (rows, columns), NaN there."""
    scaled = (numbers.astype(np.float64) - table.center) / table.spread
    return clipped(scaled) if clip else scaled


def columns_of(table: Table, clip: bool) -> ScaledColumns:
    """What `_scaled` gives for rows, and where they had gaps: float64 (rows, columns + gaps)."""

    def columns(numbers: np.ndarray) -> np.ndarray:
        missing = np.isnan(numbers)
        filled = np.where(missing, 0.0, scaled_columns(table, numbers, clip))
        return np.concatenate([filled, missing[:, table.gaps]], axis=1)

    return columns
