"""The unit in which a network learns numbers, and the way back from it."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class NumberScale:
    """What numbers go through before a network learns them: a logarithm where asked, then standardization.

    Args:
        center, spread: mean and standard deviation of the training targets, or of their logarithms.
        log: whether it is the logarithm that is learned.
    """

    center: float = 0.0
    spread: float = 1.0
    log: bool = False

    @classmethod
    def of(cls, values: np.ndarray, log: bool) -> "NumberScale":
        """That of some targets, float (n,); a spread of 0 counts as 1."""
        values = np.log(values) if log else values
        return cls(float(values.mean()), float(values.std()) or 1.0, log)

    def learned(self, values: np.ndarray) -> np.ndarray:
        """Targets in the network's unit, float64."""
        values = np.asarray(values, np.float64)
        return ((np.log(values) if self.log else values) - self.center) / self.spread

    def restored(self, outputs: np.ndarray) -> np.ndarray:
        """What a network tells in the target's unit, float64."""
        values = np.asarray(outputs, np.float64) * self.spread + self.center
        return np.exp(values) if self.log else values

    def restored_tensor(self, outputs: Any) -> Any:
        """The same of a tensor."""
        values = outputs * self.spread + self.center
        return keras.ops.exp(values) if self.log else values

    def bounds(self, values: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """What lies `radius` below and above some values in the network's unit, all in the target's unit."""
        middle = self.learned(values)
        return self.restored(middle - radius), self.restored(middle + radius)

    def facts(self) -> dict[str, Any]:
        """JSON values for `of_facts`."""
        return {"center": self.center, "spread": self.spread, "log": self.log}

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> "NumberScale":
        """That which `facts` has told."""
        return cls(float(facts["center"]), float(facts["spread"]), bool(facts["log"]))
