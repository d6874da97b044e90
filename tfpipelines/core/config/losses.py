"""The losses of classes and numbers by name, and the fields that they take."""

from types import MappingProxyType
from typing import Any, NamedTuple

from .choices import taken

_NONE: Any = MappingProxyType({})
_NUMBER = ("number",)
_AUTO = {"class": "cross_entropy", "labels": "cross_entropy", "number": "mse"}


class Loss(NamedTuple):
    """What is known of a loss. Probabilities are those of the softmax, or with several labels a row of the sigmoids.

    Args:
        words: its name in words.
        source: where it is described; "" for what needs none.
        takes: {field of `train`: argument of its function in `training.losses`}.
        several: {field of `train`} that goes with several labels a row alone.
        targets: what it goes with, as `data.target` calls it.
    """

    words: str
    source: str = ""
    takes: dict[str, str] = _NONE
    several: tuple[str, ...] = ()
    targets: tuple[str, ...] = ("class", "labels")
    usual: dict[str, Any] = _NONE
    rate: float = 1.0


LOSSES: dict[str, Loss] = {
    "auto": Loss("cross-entropy of classes, mean squared error of numbers", targets=("class", "labels", "number")),
    "cross_entropy": Loss("cross-entropy"),
    "focal": Loss(
        "focal loss", "Lin et al. 2017", {"focal_gamma": "gamma", "focal_alpha": "alpha"}, several=("focal_alpha",)
    ),
    "poly1": Loss("Poly-1 loss", "Leng et al. 2022", {"poly1_epsilon": "epsilon"}),
    "generalized": Loss("generalized cross-entropy", "Zhang & Sabuncu 2018", {"generalized_q": "q"}),
    "asymmetric": Loss(
        "asymmetric loss", "Ridnik et al. 2021",
        {"asymmetric_present": "present", "asymmetric_absent": "absent", "asymmetric_margin": "margin"},
        targets=("labels",),
    ),
    "mse": Loss("mean squared error", targets=_NUMBER),
    "mae": Loss("mean absolute error", targets=_NUMBER),
    "huber": Loss("Huber loss", "Huber 1964", {"huber_delta": "delta"}, targets=_NUMBER),
    "quantile": Loss("quantile loss", "Koenker & Bassett 1978", {"quantile": "quantile"}, targets=_NUMBER),
}  # fmt: skip
FIELDS = tuple(f"train.{name}" for name in ("loss", *(name for entry in LOSSES.values() for name in entry.takes)))


def loss_of(name: str, target: str) -> str:
    """The loss that `train.loss` means for a target."""
    return _AUTO[target] if name == "auto" else name


def of_losses(name: str, default: Any, description: str, **checks: Any) -> Any:
    """A field of `train` that some losses take alone."""
    return taken(LOSSES, name, default, description, **checks)


def losses_in_words() -> str:
    """Each loss with its source."""
    told = lambda name, entry: f"{name} ({entry.source})" if entry.source else name
    of = lambda number: [told(name, entry) for name, entry in LOSSES.items() if (entry.targets == _NUMBER) == number]
    return f"{', '.join(of(False))}; of numbers {', '.join(of(True))}; auto: {LOSSES['auto'].words}"
