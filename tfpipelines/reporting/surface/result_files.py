"""What a measurement of a loss surface gives, and the files it is written to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# in the run folder
PICTURE, TABLE, FACTS = Path("plots") / "loss_surface.png", Path("loss_surface.csv"), Path("loss_surface.json")


@dataclass(frozen=True)
class LossSurface:
    """The loss on a square of the plane w + alpha * d1 + beta * d2 around the trained weights w.

    Args:
        run: name of the run folder.
        steps: values of alpha and of beta, float64 (points,), 0 in the middle.
        losses: mean loss of the samples at each of them, float64 (points of beta, points of alpha); may hold NaN and
            infinities.
        loss: its name, in words.
        split: that the samples are of.
        samples: how many there are.
        seed: of directions and samples.
        trained: number of weights that a direction moves.
        seconds: that it took, without reading the data.
    """

    run: str
    steps: np.ndarray
    losses: np.ndarray
    loss: str
    split: str
    samples: int
    seed: int
    trained: int
    seconds: float

    @property
    def center(self) -> float:
        """The loss of the trained weights."""
        middle = len(self.steps) // 2
        return float(self.losses[middle, middle])

    def facts(self) -> dict[str, Any]:
        """What there is to say of it, JSON values; `lost` counts the points without a finite loss."""
        finite = self.losses[np.isfinite(self.losses)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
        facts = {name: getattr(self, name) for name in ("loss", "split", "samples", "seed")}
        facts |= {"points": len(self.steps), "radius": float(self.steps[-1]), "center": self.center}
        facts |= {"lowest": low, "highest": high, "lost": int(self.losses.size - len(finite))}
        return {**facts, "trained": self.trained, "seconds": self.seconds, "files": [str(PICTURE), str(TABLE)]}

    def to_csv(self) -> str:
        """alpha, beta, loss: a row for each point, alpha varying fastest."""
        rows = [
            f"{alpha:.6g},{beta:.6g},{self.losses[row, column]:.9g}"
            for row, beta in enumerate(self.steps)
            for column, alpha in enumerate(self.steps)
        ]
        return "\n".join(["alpha,beta,loss", *rows, ""])
