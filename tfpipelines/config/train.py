"""The `train` and `evaluation` sections."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .fields import field, fixed
from .section import LEFT_TO_RIGHT, Auto, AutoBool, AutoCount, Count, Fraction, NonNegative, Positive, Section


class Training(Section):
    """How the weights of any network are found. Lengths are in epochs, rates per step."""

    epochs: Count = 20
    batch_size: Count = 64
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    learning_rate: Positive = field(1e-3, "the highest rate of the schedule")
    momentum: Fraction = field(0.9, "of sgd (Nesterov) and rmsprop")
    beta_1: Fraction = field(0.9, "adamw and adam: decay of the mean of gradients")
    beta_2: Fraction = field(0.999, "adamw and adam: decay of the mean of their squares")
    weight_decay: Annotated[Auto | NonNegative, LEFT_TO_RIGHT] = field(
        "auto", "decoupled decay of kernels, times the rate; auto: 0.01 for adamw, else 0"
    )
    schedule: Literal["constant", "cosine", "step", "exponential", "plateau"] = "cosine"
    warmup_epochs: NonNegative = field(0.0, "linear rise of the rate from 0")
    final_rate: Fraction = field(0.0, "cosine: where the rate ends, as a share of learning_rate")
    decay_epochs: Count = field(
        10, "step and exponential: epochs per decay; plateau: epochs to wait for an improvement"
    )
    decay_factor: Annotated[float, Field(gt=0, lt=1)] = field(
        0.1, "step, exponential and plateau: the rate is multiplied by this"
    )
    clip_norm: Positive | None = field(None, "largest norm of all gradients together")
    clip_value: Positive | None = field(None, "largest absolute value of one gradient element")
    keep: Literal["best", "last"] = field(
        "best", "which epoch becomes the model: that of the best monitored value, or the last one"
    )
    early_stopping: Count | None = field(None, "stop after so many epochs without a better monitored value")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = field(
        None, "decay per step of the averaged weights that become the model"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    steps_per_execution: AutoCount = fixed("auto", "steps per call into the backend; auto: by device and image size")
    jit_compile: AutoBool = fixed("auto", "XLA; auto: on accelerators, and always with jax")
    deterministic: bool = fixed(False, "deterministic kernels on accelerators (CPU runs are so without it)")
    checkpoint_steps: Count | None = fixed(None, "a checkpoint every so many steps, besides one each epoch")

    @model_validator(mode="after")
    def _consistent(self) -> "Training":
        if self.schedule == "plateau" and self.warmup_epochs:
            goes = "train.warmup_epochs goes with the schedules constant, cosine, step and exponential"
            raise ValueError(f"{goes}, not with plateau")
        if self.warmup_epochs > self.epochs:
            warmup = f"train.warmup_epochs {self.warmup_epochs:g}"
            raise ValueError(f"{warmup} is longer than the run (train.epochs {self.epochs})")
        if self.clip_norm and self.clip_value:
            raise ValueError("train.clip_norm and train.clip_value exclude each other: set one")
        return self


class Train(Training):
    """How the weights of a classifier are found."""

    label_smoothing: Fraction = 0.0


class Evaluation(Section):
    """What is measured once training has ended."""

    calibrate: bool = field(True, "fit a softmax temperature on the validation part (Guo et al. 2017)")
    bootstrap: Annotated[int, Field(ge=0)] = field(1000, "resamples for the 95% intervals; 0: none")
