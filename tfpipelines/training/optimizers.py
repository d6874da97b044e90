"""Optimizers and learning-rate schedules by name."""

import math

import keras

OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop")
_NOT_DECAYED = ["bias", "gamma", "beta", "scale"]


def build_optimizer(
    name: str,
    *,
    steps_per_epoch: int,
    epochs: int,
    learning_rate: float = 1e-3,
    momentum: float = 0.9,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    weight_decay: float | str = "auto",
    schedule: str = "cosine",
    warmup_epochs: float = 0.0,
    final_rate: float = 0.0,
    decay_epochs: int = 10,
    decay_factor: float = 0.1,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    rates: list[float] | None = None,
) -> keras.optimizers.Optimizer:
    """A Keras optimizer with its schedule. Decay touches kernels only, neither biases nor normalization.

    Args:
        name: `adamw` (Loshchilov & Hutter 2019), `adam`, `sgd` (with Nesterov momentum) or `rmsprop`.
        steps_per_epoch, epochs: the length of the run, which schedules need.
        rates: what the rate, and with it the decay, is multiplied by for each trainable variable; None: by 1.
        (others): the fields of the same name in `config.train.Train`.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer is {name!r}; it must be one of {', '.join(OPTIMIZERS)}")
    decay = (0.01 if name == "adamw" else 0.0) if weight_decay == "auto" else float(weight_decay)
    common = {
        "learning_rate": build_schedule(
            schedule, learning_rate, steps_per_epoch=steps_per_epoch, epochs=epochs, warmup_epochs=warmup_epochs,
            final_rate=final_rate, decay_epochs=decay_epochs, decay_factor=decay_factor,
        ),
        "weight_decay": decay or None,
        "global_clipnorm": clip_norm,
        "clipvalue": clip_value,
    }  # fmt: skip
    if name == "adamw":
        kind, more = keras.optimizers.AdamW, {"weight_decay": decay, "beta_1": beta_1, "beta_2": beta_2}
    elif name == "adam":
        kind, more = keras.optimizers.Adam, {"beta_1": beta_1, "beta_2": beta_2}
    elif name == "sgd":
        kind, more = keras.optimizers.SGD, {"momentum": momentum, "nesterov": momentum > 0}
    else:
        kind, more = keras.optimizers.RMSprop, {"momentum": momentum}
    if rates is not None:
        kind = _with_rates(keras.optimizers.Adam if name == "adamw" else kind, rates, decay)
        more["weight_decay"] = None
    optimizer = kind(**{**common, **more})
    if decay:
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return optimizer


def optimizer_of(settings, steps_per_epoch: int, rates: list[float] | None = None) -> keras.optimizers.Optimizer:
    """The optimizer that a `config.train.Train` describes."""
    names = (
        "epochs", "learning_rate", "momentum", "beta_1", "beta_2", "weight_decay", "schedule", "warmup_epochs",
        "final_rate", "decay_epochs", "decay_factor",
        "clip_norm", "clip_value",
    )  # fmt: skip
    return build_optimizer(
        settings.optimizer,
        steps_per_epoch=steps_per_epoch,
        rates=rates,
        **{name: getattr(settings, name) for name in names},
    )


def _with_rates(
    kind: type[keras.optimizers.Optimizer], rates: list[float], decay: float
) -> type[keras.optimizers.Optimizer]:
    """The optimizer with a rate of its own for each variable, and decoupled decay at that rate, which Keras' would
    not heed.
    """

    class WithRates(kind):
        def update_step(self, gradient, variable, learning_rate):
            rate = learning_rate * keras.ops.cast(rates[self._get_variable_index(variable)], learning_rate.dtype)
            if decay and self._use_weight_decay(variable):
                self.assign_sub(variable, keras.ops.cast(rate * decay, variable.dtype) * variable)
            super().update_step(gradient, variable, rate)

    WithRates.__name__ = kind.__name__
    return WithRates


def build_schedule(
    name: str,
    learning_rate: float,
    *,
    steps_per_epoch: int,
    epochs: int,
    warmup_epochs: float = 0.0,
    final_rate: float = 0.0,
    decay_epochs: int = 10,
    decay_factor: float = 0.1,
):
    """The rate at each step: a number for `constant` without warm-up and for `plateau`, else a `Schedule`."""
    if name == "plateau" or (name == "constant" and not warmup_epochs):
        return learning_rate
    return Schedule(
        name, learning_rate, warmup_steps=round(warmup_epochs * steps_per_epoch), total_steps=epochs * steps_per_epoch,
        final_rate=final_rate, decay_steps=decay_epochs * steps_per_epoch, decay_factor=decay_factor,
    )  # fmt: skip


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0, then one of the usual courses.

    Args:
        name: `constant`; `cosine` (Loshchilov & Hutter 2017) down to `final_rate` of the rate; `step`: times
            `decay_factor` every `decay_steps`; `exponential`: the same, but smoothly.
        learning_rate: after the warm-up.
        warmup_steps, total_steps, decay_steps: in steps.
    """

    def __init__(
        self,
        name: str,
        learning_rate: float,
        warmup_steps: int,
        total_steps: int,
        final_rate: float,
        decay_steps: int,
        decay_factor: float,
    ):
        self.name, self.learning_rate = name, learning_rate
        self.warmup_steps, self.total_steps = warmup_steps, total_steps
        self.final_rate, self.decay_steps, self.decay_factor = final_rate, decay_steps, decay_factor

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        done = keras.ops.maximum(step - self.warmup_steps, 0.0)
        if self.name == "cosine":
            share = keras.ops.minimum(done / max(self.total_steps - self.warmup_steps, 1), 1.0)
            factor = self.final_rate + (1.0 - self.final_rate) * 0.5 * (1.0 + keras.ops.cos(math.pi * share))
        elif self.name == "step":
            factor = self.decay_factor ** keras.ops.floor(done / self.decay_steps)
        elif self.name == "exponential":
            factor = self.decay_factor ** (done / self.decay_steps)
        else:
            factor = keras.ops.ones_like(done)
        warmup = keras.ops.minimum((step + 1.0) / max(self.warmup_steps, 1), 1.0)
        return self.learning_rate * factor * warmup

    def get_config(self):
        return dict(vars(self))
