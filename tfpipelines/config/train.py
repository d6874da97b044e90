"""The `train` and `evaluation` sections."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .section import FIXED, LEFT_TO_RIGHT, Auto, Count, Fraction, NonNegative, Positive, Section


class Training(Section):
    """How the weights of any network are found. Lengths are in epochs, rates per step."""

    epochs: Count = 20
    batch_size: Count = 64
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    learning_rate: Positive = Field(1e-3, description="the highest rate of the schedule")
    momentum: Fraction = Field(0.9, description="of sgd (Nesterov) and rmsprop")
    beta_1: Fraction = Field(0.9, description="adamw and adam: decay of the mean of gradients")
    beta_2: Fraction = Field(0.999, description="adamw and adam: decay of the mean of their squares")
    weight_decay: Annotated[Auto | NonNegative, LEFT_TO_RIGHT] = Field(
        "auto", description="decoupled decay of kernels, times the rate; auto: 0.01 for adamw, else 0"
    )
    schedule: Literal["constant", "cosine", "step", "exponential", "plateau"] = "cosine"
    warmup_epochs: NonNegative = Field(0.0, description="linear rise of the rate from 0")
    final_rate: Fraction = Field(0.0, description="cosine: where the rate ends, as a share of learning_rate")
    decay_epochs: Count = Field(
        10, description="step and exponential: epochs per decay; plateau: epochs to wait for an improvement"
    )
    decay_factor: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="step, exponential and plateau: the rate is multiplied by this"
    )
    clip_norm: Positive | None = Field(None, description="largest norm of all gradients together")
    clip_value: Positive | None = Field(None, description="largest absolute value of one gradient element")
    keep: Literal["best", "last"] = Field(
        "best", description="which epoch becomes the model: that of the best monitored value, or the last one"
    )
    early_stopping: Count | None = Field(None, description="stop after so many epochs without a better monitored value")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="decay per step of the averaged weights that become the model"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    steps_per_execution: Annotated[Auto | Count, LEFT_TO_RIGHT] = Field(
        "auto", description="steps per call into the backend; auto: by device and image size", json_schema_extra=FIXED
    )
    jit_compile: Annotated[Auto | bool, LEFT_TO_RIGHT] = Field(
        "auto", description="XLA; auto: on accelerators, and always with jax", json_schema_extra=FIXED
    )
    deterministic: bool = Field(
        False, description="deterministic kernels on accelerators (CPU runs are so without it)", json_schema_extra=FIXED
    )
    checkpoint_steps: Count | None = Field(
        None, description="a checkpoint every so many steps, besides one each epoch", json_schema_extra=FIXED
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Training":
        if self.schedule == "plateau" and self.warmup_epochs:
            raise ValueError(
                "train.warmup_epochs goes with the schedules constant, cosine, step and exponential, not with plateau"
            )
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"train.warmup_epochs {self.warmup_epochs:g} is longer than the run (train.epochs {self.epochs})"
            )
        if self.clip_norm and self.clip_value:
            raise ValueError("train.clip_norm and train.clip_value exclude each other: set one")
        return self


class Train(Training):
    """How the weights of a classifier are found."""

    label_smoothing: Fraction = 0.0


class Evaluation(Section):
    """What is measured once training has ended."""

    calibrate: bool = Field(True, description="fit a softmax temperature on the validation part (Guo et al. 2017)")
    bootstrap: Annotated[int, Field(ge=0)] = Field(1000, description="resamples for the 95% intervals; 0: none")
