"""What a network for tables takes over from one of another table."""

from collections.abc import Sequence

import numpy as np


def rows_by_value(
    table: np.ndarray, values: Sequence[str], earlier: np.ndarray, earlier_values: Sequence[str]
) -> np.ndarray | None:
    """The embedding of a category with the rows of an earlier one, of unknown values and of those that both have.

    Args:
        table: float (values + 1, width), whose rows other values keep.
        values, earlier_values: those with the codes from 1 on.
        earlier: float (earlier values + 1, width).

    Returns:
        float (values + 1, width); None if the rows are of another width.
    """
    if table.shape[1] != earlier.shape[1]:
        return None
    places = {value: place for place, value in enumerate(earlier_values, 1)}
    result = table.copy()
    result[0] = earlier[0]
    for place, value in enumerate(values, 1):
        if value in places:
            result[place] = earlier[places[value]]
    return result
