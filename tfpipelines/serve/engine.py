"""What answers items in a worker: a run by its model.keras, or an export by its own runtime."""

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
    def answer(self, items: Sequence[Item], explain: bool) -> list[Answer]:
        """The answer to each, in their order.

        Args:
            items: of the kind that the model takes.
            explain: add to each record what moved it; only asked for where the model `explains`.
        """

    def warm_up(self) -> None:
        """Does once what the first call takes time for."""
        return
