"""Optimizers and learning-rate schedules by name."""

import math
from dataclasses import dataclass

import keras

from ..core.config.optimizers import OPTIMIZERS
from ..core.config.train import Training
from . import own_optimizers

_NOT_DECAYED = ["bias", "gamma", "beta", "scale"]


def build_optimizer(
    settings: Training, steps_per_epoch: int, rates: list[float] | None = None
) -> keras.optimizers.Optimizer:
    """A Keras optimizer with its schedule. Decay touches kernels only, neither biases nor normalization.

    Args:
        settings: its name, and all else of it.
        steps_per_epoch: which schedules need.
        rates: what the rate, and with it the decay, is multiplied by for each trainable variable; None: by 1.
    """
    entry, decay = OPTIMIZERS[settings.optimizer], settings.weight_decay
    if decay == "auto":
        decay = entry.decay
    kind = getattr(own_optimizers, entry.kind, None) or getattr(keras.optimizers, entry.kind)
    fields = {argument: getattr(settings, field) for field, argument in entry.takes.items()}
    if rates is not None:
        kind = _with_rates(keras.optimizers.Adam if kind is keras.optimizers.AdamW else kind, rates, decay)
    # AdamW takes 0 for none, the others None
    own_decay = None if rates is not None else decay if kind is keras.optimizers.AdamW else decay or None
    clips = {"global_clipnorm": settings.clip_norm, "clipvalue": settings.clip_value}
    optimizer = kind(learning_rate=build_schedule(settings, steps_per_epoch), weight_decay=own_decay, **clips, **fields)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return optimizer


def _with_rates(
    kind: type[keras.optimizers.Optimizer], rates: list[float], decay: float
) -> type[keras.optimizers.Optimizer]:
    """The optimizer with a rate for each variable, and decoupled decay at that rate, which Keras' own lacks."""
    shrink = getattr(kind, "shrink", _shrink)

    class WithRates(kind):
        def update_step(self, gradient, variable, learning_rate):
            rate = learning_rate * keras.ops.cast(rates[self._get_variable_index(variable)], learning_rate.dtype)
            if decay and self._use_weight_decay(variable):
                shrink(self, variable, keras.ops.cast(rate * decay, variable.dtype))
            super().update_step(gradient, variable, rate)

    WithRates.__name__ = kind.__name__
    return WithRates


def _shrink(optimizer: keras.optimizers.Optimizer, variable, share) -> None:
    """Decay: takes a share of a variable away."""
    optimizer.assign_sub(variable, share * variable)


def build_schedule(settings: Training, steps_per_epoch: int) -> "float | Schedule":
    """The rate at each step: a number for `constant` without warm-up and for `plateau`, else a `Schedule`."""
    name = settings.schedule
    if name == "plateau" or (name == "constant" and not settings.warmup_epochs):
        return settings.learning_rate
    warmup, total = round(settings.warmup_epochs * steps_per_epoch), settings.epochs * steps_per_epoch
    course = settings.final_rate, settings.decay_epochs * steps_per_epoch, settings.decay_factor
    return Schedule(name, settings.learning_rate, warmup, total, *course)


@dataclass(eq=False)
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0, then one of the usual courses.

    Args:
        name: `constant`; `cosine` (Loshchilov & Hutter 2017) down to `final_rate` of the rate; `step`: times
            `decay_factor` every `decay_steps`; `exponential`: the same, but smoothly.
        learning_rate: after the warm-up.
        warmup_steps, total_steps, decay_steps: in steps.
    """

    name: str
    learning_rate: float
    warmup_steps: int
    total_steps: int
    final_rate: float
    decay_steps: int
    decay_factor: float

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
