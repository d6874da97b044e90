"""The `train` and `evaluation` sections."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from .amounts import Duration
from .choices import Choices, check, usual_values
from .fields import field, fixed
from .losses import LOSSES, losses_in_words, of_losses
from .optimizers import OPTIMIZERS, decays_in_words, of_optimizers, rates_in_words, sources_in_words
from .section import LEFT_TO_RIGHT, Auto, AutoBool, AutoCount, Count, Fraction, NonNegative, Positive, Section, Share

if TYPE_CHECKING:
    OptimizerName = str
    LossName = str
else:
    OptimizerName = Literal[tuple(OPTIMIZERS)]
    LossName = Literal[tuple(LOSSES)]


class Training(Section):
    """How the weights of any network are found. Lengths are in epochs, rates per step."""

    choices: ClassVar[Choices] = {"optimizer": OPTIMIZERS}  # fields that decide which others count

    epochs: Count = 20
    batch_size: Count = 64
    steps_per_epoch: AutoCount = field(
        "auto", "at most so many steps in an epoch, which then sees a part of the training split; auto: all of it, once"
    )
    time: Duration | None = fixed(
        None,
        "time that the whole run may take, in seconds or such as 10m, 2 h; in a search each trial. The number of "
        "epochs, and with it the schedule, is fitted to it before the first step, and written into the run's "
        "pipeline.yaml; null: no limit",
    )
    optimizer: OptimizerName = field("adamw", sources_in_words())
    learning_rate: Positive = field(
        1e-3,
        "peak learning rate of the schedule; if not given, the default times a factor for some optimizers: "
        + rates_in_words(),
    )
    momentum: Fraction = of_optimizers("momentum", 0.9, "share of the last step, or of the mean of gradients, kept")
    nesterov: bool = of_optimizers("nesterov", True, "use Nesterov momentum (Nesterov 1983)")
    rho: Fraction = of_optimizers("rho", 0.9, "decay of the mean of squared gradients")
    centered: bool = of_optimizers("centered", False, "divide by the standard deviation of gradients, not their RMS")
    beta_1: Fraction = of_optimizers("beta_1", 0.9, "decay of the mean of gradients")
    beta_2: Fraction = of_optimizers("beta_2", 0.999, "decay of the mean of their squares, or of lion's momentum")
    amsgrad: bool = of_optimizers(
        "amsgrad", False, "divide by the maximum of the second moments so far (Reddi et al. 2018)"
    )
    epsilon: Positive = of_optimizers("epsilon", 1e-7, "added to the denominator")
    initial_accumulator: Positive = of_optimizers("initial_accumulator", 0.1, "initial value of the sums of squares")
    beta_2_decay: Annotated[float, Field(lt=0)] = of_optimizers(
        "beta_2_decay", -0.8, "the squares' decay at step t is 1 - t to this power"
    )
    clip_threshold: Positive = of_optimizers("clip_threshold", 1.0, "maximum root mean square of an update")
    ns_steps: Count = of_optimizers("ns_steps", 5, "Newton-Schulz iterations that make an update orthogonal")
    weight_decay: Annotated[Auto | NonNegative, LEFT_TO_RIGHT] = field(
        "auto", f"decoupled weight decay of kernels, multiplied by the learning rate; auto: {decays_in_words()}"
    )
    schedule: Literal["constant", "cosine", "step", "exponential", "plateau"] = "cosine"
    warmup_epochs: NonNegative = field(0.0, "epochs of linear warm-up of the learning rate from 0")
    final_rate: Fraction = field(0.0, "cosine: final learning rate, as a share of learning_rate")
    decay_epochs: Count = field(
        10, "step and exponential: epochs per decay; plateau: epochs to wait for an improvement"
    )
    decay_factor: Annotated[float, Field(gt=0, lt=1)] = field(
        0.1, "step, exponential and plateau: factor of the learning rate at each decay"
    )
    clip_norm: Positive | None = field(None, "maximum global norm of the gradients")
    clip_value: Positive | None = field(None, "maximum absolute value of a gradient's elements")
    keep: Literal["best", "last"] = field(
        "best", "epoch whose weights become the model: that of the best monitored value, or the last one"
    )
    early_stopping: Count | None = field(None, "stop after this many epochs without a better monitored value")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = field(
        None, "exponential moving average of the weights, which becomes the model: its decay per step"
    )
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = field(
        "float32",
        "types of weights and computation; auto: mixed_bfloat16 where the device has instructions for it (GPUs from "
        "compute capability 8.0 on, TPUs, with tensorflow also processors with AMX), else float32; what it was is "
        "written into the run's pipeline.yaml",
    )
    distribute: Literal["data"] | None = fixed(
        None,
        "data: all processes that were started together and all their devices train one network, each on its share of "
        "every batch (jax backend); null: one device",
    )
    steps_per_execution: AutoCount = fixed(
        "auto", "training steps per call of the compiled function; auto: by device and image size"
    )
    jit_compile: AutoBool = fixed("auto", "XLA; auto: on accelerators, and always with jax")
    deterministic: bool = fixed(False, "deterministic kernels on accelerators (CPU runs always are)")
    checkpoint_steps: Count | None = fixed(None, "steps between checkpoints, besides the one of each epoch")

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, raw: Any) -> Any:
        return {**usual_values(cls, cls.choices, raw), **raw} if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _consistent(self) -> "Training":
        check(self, self.choices)
        entry = OPTIMIZERS[self.optimizer]
        if zero := next((name for name in entry.positive if not getattr(self, name)), None):
            raise ValueError(f"train.{zero} must be above 0 with train.optimizer={self.optimizer}")
        if entry.averages and self.schedule != "constant":
            needs = f"train.optimizer={self.optimizer} needs no schedule"
            raise ValueError(f"{needs}: set train.schedule=constant, with train.warmup_epochs if you like")
        if entry.averages and self.ema is not None:
            raise ValueError(f"train.optimizer={self.optimizer} averages weights itself: set train.ema=null")
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
    """How the weights of a network that learns from labels are found."""

    choices: ClassVar[Choices] = {**Training.choices, "loss": LOSSES}

    label_smoothing: Fraction = 0.0
    loss: LossName = field(
        "auto",
        f"{losses_in_words()}; on the validation split it selects the epoch and drives schedule plateau and early "
        "stopping",
    )
    focal_gamma: NonNegative = of_losses(
        "focal_gamma", 2.0, "how much well-classified samples are down-weighted; 0: cross-entropy"
    )
    focal_alpha: Annotated[float, Field(gt=0, lt=1)] | None = of_losses(
        "focal_alpha",
        None,
        "with several labels per row: weight of a present label; an absent one gets 1 minus it; null: equal weights",
    )
    poly1_epsilon: Annotated[float, Field(ge=-1)] = of_losses(
        "poly1_epsilon", 1.0, "weight of 1 - p added to the cross-entropy, p being the probability of the true class"
    )
    generalized_q: Share = of_losses(
        "generalized_q",
        0.7,
        "near 0: cross-entropy; 1: the mean absolute error, which is less sensitive to wrong labels",
    )
    asymmetric_present: NonNegative = of_losses(
        "asymmetric_present", 1.0, "how much present labels that are predicted well are down-weighted"
    )
    asymmetric_absent: NonNegative = of_losses(
        "asymmetric_absent", 4.0, "how much absent labels that are predicted well are down-weighted"
    )
    asymmetric_margin: Fraction = of_losses(
        "asymmetric_margin", 0.05, "probability up to which a label that is absent does not count at all"
    )
    huber_delta: Positive = of_losses(
        "huber_delta", 1.0, "error from which on the loss grows linearly, in standard deviations of the target"
    )
    quantile: Annotated[float, Field(gt=0, lt=1)] = of_losses("quantile", 0.5, "which quantile is predicted")


class Evaluation(Section):
    """What is measured once training has ended."""

    coverage: Annotated[float, Field(gt=0, lt=1)] | None = field(
        0.9, "of numbers: share of new samples whose value a prediction interval is to hold; null: no intervals"
    )
    baselines: bool = field(
        True,
        "also measure baselines: of numbers the mean, ridge regression and boosting on simple features; of classes of "
        "texts logistic regression on TF-IDF vectors",
    )
    threshold: Annotated[Auto | Annotated[float, Field(gt=0, lt=1)], LEFT_TO_RIGHT] = field(
        "auto",
        "with several labels per row: probability from which on a label is predicted; auto: for each label that of the "
        "highest F1 on the validation split",
    )
    calibrate: bool = field(True, "fit a softmax temperature on the validation split (Guo et al. 2017)")
    bootstrap: Annotated[int, Field(ge=0)] = field(1000, "resamples for the 95% intervals; 0: none")
