"""The optimizers by name. An entry here, and a field of `train` for what no other one takes, is all that one needs."""

from types import MappingProxyType
from typing import Any, NamedTuple

from .choices import taken

_NONE: Any = MappingProxyType({})


class Optimizer(NamedTuple):
    """What is known of an optimizer.

    Args:
        kind: its class, of `training.own_optimizers` or else of `keras.optimizers`.
        source: where it is described.
        takes: {field of `train`: argument of the class}.
        usual: {field of `train`: its default with this optimizer}, where that is not the section's.
        rate: what is usual as learning rate, as a multiple of AdamW's.
        decay: what `weight_decay=auto` means.
        averages: whether it has averaged weights of its own, which become the model: no schedule, and no `train.ema`.
        positive: fields that must not be 0.
    """

    kind: str
    source: str
    takes: dict[str, str]
    usual: dict[str, Any] = _NONE
    rate: float = 1.0
    decay: float = 0.0
    averages: bool = False
    positive: tuple[str, ...] = ()


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_MOMENTS = _same("beta_1", "beta_2", "epsilon")

OPTIMIZERS: dict[str, Optimizer] = {
    "adamw": Optimizer("AdamW", "Loshchilov & Hutter 2019", _MOMENTS | _same("amsgrad"), decay=0.01),
    "adam": Optimizer("Adam", "Kingma & Ba 2015", _MOMENTS | _same("amsgrad")),
    "sgd": Optimizer("SGD", "Sutskever et al. 2013", _same("momentum", "nesterov")),
    "rmsprop": Optimizer("RMSprop", "Tieleman & Hinton 2012", _same("momentum", "rho", "centered", "epsilon")),
    "nadam": Optimizer("Nadam", "Dozat 2016", _MOMENTS),
    "adamax": Optimizer("Adamax", "Kingma & Ba 2015", _MOMENTS, rate=2.0),
    "adagrad": Optimizer(
        "Adagrad", "Duchi et al. 2011",
        {"initial_accumulator": "initial_accumulator_value", "epsilon": "epsilon"}, rate=10.0,
    ),
    "adadelta": Optimizer("Adadelta", "Zeiler 2012", _same("rho", "epsilon"), {"rho": 0.95, "epsilon": 1e-6}, 1000.0),
    "adafactor": Optimizer(
        "Adafactor", "Shazeer & Stern 2018", _same("beta_2_decay", "clip_threshold"), rate=10.0
    ),
    "lamb": Optimizer("Lamb", "You et al. 2020", _MOMENTS, rate=5.0, decay=0.01),
    "lion": Optimizer(
        "Lion", "Chen et al. 2023", _same("beta_1", "beta_2"), {"beta_2": 0.99}, 0.3, 0.03, positive=("beta_1",)
    ),
    "muon": Optimizer(
        "Muon", "Jordan et al. 2024; Liu et al. 2025",
        {"beta_1": "adam_beta_1", "beta_2": "adam_beta_2", **_same("momentum", "nesterov", "epsilon", "ns_steps")},
        {"momentum": 0.95}, decay=0.01,
    ),
    "schedule_free_adamw": Optimizer(
        "ScheduleFreeAdamW", "Defazio et al. 2024", _MOMENTS,
        {"epsilon": 1e-8, "schedule": "constant", "ema": None}, 2.5, 0.01, averages=True, positive=("beta_1",),
    ),
}  # fmt: skip

PLAIN = tuple(name for name, entry in OPTIMIZERS.items() if not entry.averages)  # whose weights are the model's


def of_optimizers(name: str, default: Any, description: str, **checks: Any) -> Any:
    """A field of `train` that some optimizers take alone."""
    return taken(OPTIMIZERS, name, default, description, **checks)


def rates_in_words() -> str:
    """What the usual rates are multiples of AdamW's by, where they are not 1."""
    return ", ".join(f"{name} {entry.rate:g}" for name, entry in OPTIMIZERS.items() if entry.rate != 1)


def decays_in_words() -> str:
    """What `weight_decay=auto` means."""
    return ", ".join(f"{entry.decay:g} for {name}" for name, entry in OPTIMIZERS.items() if entry.decay) + ", else 0"


def sources_in_words() -> str:
    """Where the optimizers are described."""
    return "; ".join(f"{name} ({entry.source})" for name, entry in OPTIMIZERS.items())
