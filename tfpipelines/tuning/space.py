"""The space of a search, as KerasTuner's oracles know it, and values of theirs as those of fields."""

import math
from typing import Any

from ..core.config import Dimension

_DIGITS = 4  # significant ones of a number from an interval
_NEAR = 1e-6  # steps by which a number may miss its place on a grid


class Space:
    """The fields that a search varies.

    A choice is known to the oracle by the number of its value, since KerasTuner takes no lists, no null and no mixed
    types.

    Args:
        dimensions: {path: dimension}, those that others depend on first.
        left_out: values of a choice that no trial shall have: {path: values}.
    """

    def __init__(self, dimensions: dict[str, Dimension], left_out: dict[str, list[Any]] | None = None):
        self.dimensions = dimensions = _without(dimensions, left_out or {})
        chosen = {path: dimension.values for path, dimension in dimensions.items() if dimension.values is not None}
        self._choices = {path: _ordered(values) for path, values in chosen.items()}

    def hyperparameters(self):
        """The same as a `keras_tuner.HyperParameters`."""
        import keras_tuner

        space = keras_tuner.HyperParameters()
        for path, dimension in self.dimensions.items():
            self._add(space, path, dimension, list(dimension.when.items()))
        return space

    def _add(self, space, path: str, dimension: Dimension, conditions: list[tuple[str, list]]) -> None:
        if conditions:
            (other, values), *rest = conditions
            with space.conditional_scope(other, [self._choices[other].index(value) for value in values]):
                self._add(space, path, dimension, rest)
        elif path in self._choices:
            space.Choice(path, list(range(len(self._choices[path]))))
        elif dimension.whole:
            step = None if dimension.step is None else int(dimension.step)
            space.Int(path, *dimension.ends, step=step, sampling=dimension.scale)
        else:
            low, high = dimension.ends
            if dimension.step is not None and dimension.scale == "linear" and _on_grid(dimension, high):
                high += dimension.step * _NEAR  # which KerasTuner leaves out where 0.3 // 0.1 is 2
            space.Float(path, low, high, step=dimension.step, sampling=dimension.scale)

    def decode(self, encoded: dict[str, Any]) -> dict[str, Any]:
        """Values of the fields, from what an oracle proposes; numbers from intervals are rounded to four digits."""
        return {path: self._decoded(path, encoded[path]) for path in self.dimensions if path in encoded}

    def _decoded(self, path: str, value: Any) -> Any:
        if path in self._choices:
            return self._choices[path][int(value)]
        dimension = self.dimensions[path]
        if dimension.whole:
            return int(value)
        low, high = dimension.ends
        return min(max(float(f"{value:.{_DIGITS}g}"), low), high)

    def encode(self, fields: dict[str, Any]) -> dict[str, Any] | None:
        """What an oracle calls these values; None if the space does not hold them.

        Args:
            fields: {path: value} of at least those fields that vary with these values.
        """
        encoded: dict[str, Any] = {}
        for path, dimension in self.dimensions.items():
            if not all(other in encoded and fields[other] in values for other, values in dimension.when.items()):
                continue
            if path not in fields or not self._holds(path, fields[path]):
                return None
            encoded[path] = self._choices[path].index(fields[path]) if path in self._choices else fields[path]
        return encoded

    def _holds(self, path: str, value: Any) -> bool:
        if path in self._choices:
            return value in self._choices[path]
        dimension = self.dimensions[path]
        low, high = dimension.ends
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            return False
        return dimension.step is None or _on_grid(dimension, value)

    def place(self, path: str, value: Any) -> float:
        """Where a value lies between the lowest, 0, and the highest, 1, as the scale has it; choices lie evenly."""
        if path in self._choices:
            return self._choices[path].index(value) / max(1, len(self._choices[path]) - 1)
        dimension = self.dimensions[path]
        low, high = dimension.ends
        if dimension.scale == "log":
            low, high, value = map(math.log, (low, high, value))
        return (value - low) / (high - low)

    def choices(self, path: str) -> list[Any] | None:
        """The values of a choice in their order; None for an interval."""
        return self._choices.get(path)


def _on_grid(dimension: Dimension, value: float) -> bool:
    """Whether a value is a number of steps from the lowest one, but for rounding."""
    assert dimension.step is not None
    low, _ = dimension.ends
    steps = math.log(value / low, dimension.step) if dimension.scale == "log" else (value - low) / dimension.step
    return abs(steps - round(steps)) < _NEAR


def _ordered(values: tuple[Any, ...]) -> list[Any]:
    """Each value once; numbers, and lists of numbers, by size, so that neighbours are alike."""
    distinct: list[Any] = []
    for value in values:
        if not any(value == other and type(value) is type(other) for other in distinct):
            distinct.append(value)
    try:
        return sorted(distinct) if not any(isinstance(value, (str, bool)) for value in distinct) else distinct
    except TypeError:  # values of several kinds
        return distinct


def _without(dimensions: dict[str, Dimension], left_out: dict[str, list[Any]]) -> dict[str, Dimension]:
    """The dimensions without some values, and without fields that vary only with these."""
    kept: dict[str, Dimension] = {}
    for path, dimension in dimensions.items():
        rest = lambda path, values: tuple(value for value in values if value not in left_out.get(path, ()))
        when = {other: list(rest(other, values)) for other, values in dimension.when.items()}
        if any(other not in kept or not values for other, values in when.items()):
            continue
        values = None if dimension.values is None else rest(path, dimension.values)
        kept[path] = dimension.model_copy(update={"values": values, "when": when})
    return kept


def field_values(pipeline, paths) -> dict[str, Any]:
    """{path: value} of those fields that a pipeline has."""
    found = {}
    for path in paths:
        value = pipeline
        for name in path.split("."):
            value = getattr(value, name, _ABSENT)
        if value is not _ABSENT:
            found[path] = value
    return found


_ABSENT = object()
