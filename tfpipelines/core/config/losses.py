"""The losses of classifiers by name, and the fields that they take."""

from types import MappingProxyType
from typing import Any, NamedTuple

from .choices import taken

_NONE: Any = MappingProxyType({})


class Loss(NamedTuple):
    """What is known of a loss. Probabilities are those of the softmax, or with several labels a row of the sigmoids.

    Args:
        words: its name in words.
        source: where it is described; "" for what needs none.
        takes: {field of `train`: argument of its function in `training.losses`}.
        several: {field of `train`} that goes with several labels a row alone.
        for_one: whether it goes with one label a row.
    """

    words: str
    source: str = ""
    takes: dict[str, str] = _NONE
    several: tuple[str, ...] = ()
    for_one: bool = True
    usual: dict[str, Any] = _NONE
    rate: float = 1.0


LOSSES: dict[str, Loss] = {
    "cross_entropy": Loss("cross-entropy"),
    "focal": Loss(
        "focal loss", "Lin et al. 2017", {"focal_gamma": "gamma", "focal_alpha": "alpha"}, several=("focal_alpha",)
    ),
    "poly1": Loss("Poly-1 loss", "Leng et al. 2022", {"poly1_epsilon": "epsilon"}),
    "generalized": Loss("generalized cross-entropy", "Zhang & Sabuncu 2018", {"generalized_q": "q"}),
    "asymmetric": Loss(
        "asymmetric loss", "Ridnik et al. 2021",
        {"asymmetric_present": "present", "asymmetric_absent": "absent", "asymmetric_margin": "margin"},
        for_one=False,
    ),
}  # fmt: skip
FIELDS = tuple(f"train.{name}" for name in ("loss", *(name for entry in LOSSES.values() for name in entry.takes)))


def of_losses(name: str, default: Any, description: str, **checks: Any) -> Any:
    """A field of `train` that some losses take alone."""
    return taken(LOSSES, name, default, description, **checks)


def losses_in_words() -> str:
    """Each loss with its source."""
    told = (f"{name} ({entry.source})" if entry.source else name for name, entry in LOSSES.items())
    return ", ".join(told)
