"""What answers items in a worker: a run by its model.keras, or an export by its own runtime."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from .items import Answer, Item


class Engine(ABC):
    """Answers items of one model.

    Attributes:
        facts: what clients are told of it, JSON values: `name`, `version`, `task`, `kind` (classifier, regressor,
            detector or generator), `takes` (see `items.KINDS`), `classes`, `columns` (of rows), `threshold`,
            `explains`, `runtime`, `sha256` (of the model file), `created`,
            `interval` (whether numbers are answered with `low` and `high`),
            `resize` (of a run of images: how they are brought to the network's size),
            `together` (whether several items go through the model at once).
    """

    facts: dict[str, Any]

    @abstractmethod
    def answer(self, items: Sequence[Item], explain: bool, until: float = math.inf) -> list[Answer]:
        """The answer to each, in their order.

        Args:
            items: of the kind that the model takes; the headers of images have been looked at.
            explain: add to each record what moved it; only asked for where the model `explains`.
            until: when no client waits any more, on the clock of `time.monotonic`; what has not begun by then is
                answered by `items.too_late`.
        """

    def warm_up(self) -> None:
        """Does once what the first call takes time for."""
        return
