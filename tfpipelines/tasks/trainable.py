"""A task whose samples are read, then one that can be trained, and the phases of its training."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from tfpipelines import datasets, models
from tfpipelines.core.config import Pipeline
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.words import counted
from tfpipelines.errors import ConfigError, NothingFitsError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd
    import tensorflow as tf

    from tfpipelines.core.config.train import Training


class Stage:
    """What every step knows.

    Args:
        pipeline: resolved, of the class `Task.schema`.

    Attributes:
        asked: that pipeline, whose network may have to be chosen among candidates.
        pipeline: the same with one network, at first that of the first candidate.
        times: seconds of work between data and training, for metrics.json.
        checking: whether data are read to be checked alone, and nothing is trained.
        share: which part of each batch this process trains on, where there are several; None: all of it.
    """

    checking = False
    share: "datasets.Share | None" = None
    weight_files: ClassVar[tuple[str, ...]] = ("model.keras",)  # of a run, that another may start from

    def __init__(self, pipeline: Pipeline):
        self.asked, self.pipeline = pipeline, pipeline.candidates()[0]
        self.times: dict[str, float] = {}

    @property
    def epochs(self) -> int:
        """Most epochs of all phases together."""
        return self.pipeline.train.epochs

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Adds the seconds of what is inside to `times`."""
        began = time.perf_counter()
        yield
        self.times[name] = round(self.times.get(name, 0.0) + time.perf_counter() - began, 3)


class Loaded(Stage, ABC):
    """A task whose samples are read."""

    def folds(self) -> int:
        """How many folds the run has, 0 for none."""
        return 0

    @abstractmethod
    def check(self, findings: "datasets.Findings", fold: int | None = None) -> "Trainable":
        """Takes the splits of one fold where given, and checks what only labels and splits can show. What it gives
        can be trained if there is no error among the findings.
        """

    @abstractmethod
    def describe(self, findings: "datasets.Findings") -> dict[str, Any]:
        """The content of data.json."""

    @abstractmethod
    def split_table(self) -> "pd.DataFrame":
        """That of splits.csv: item, label, split, fingerprint, uint64."""


class Phase:
    """A stretch of training with a fit call, an optimizer and checkpoints of its own. By default a task has one.

    Args:
        task: whose methods say what the phase does not.
        model: that is trained: the network, or a model made of some of its layers.

    Attributes:
        name: of the phase in history.csv and of the folder of its checkpoints; "" for a task with one phase.
        last: whether none follows.
        quick: whether its epochs take a moment each: then not every one of them is worth a checkpoint.
    """

    name, last, quick = "", True, False

    def __init__(self, task: "Trainable", model: "keras.Model"):
        self.task, self.model = task, model

    @property
    def settings(self) -> "Training":
        """Length, rates and all else of the phase."""
        return self.task.pipeline.train

    def training_batches(self, first_step: int, last_step: int) -> "tf.data.Dataset":
        """As `Trainable.training_batches`."""
        return self.task.training_batches(first_step, last_step)

    def validation_batches(self) -> "tf.data.Dataset | None":
        """As `Trainable.validation_batches`."""
        return self.task.validation_batches()

    @property
    def averaged(self) -> list | None:
        """The weights that `train.ema` averages; None: all of the model's."""
        return None

    def callbacks(
        self,
        folder: RunFolder,
        artifact: "models.Artifact",
        weights: Callable[[], "list[np.ndarray]"],
        note: Callable[[str], None],
    ) -> list:
        """Further callbacks, which come before those that look at the monitored metric.

        Args:
            artifact: to try the model with.
            weights: gives the present weights as they would be saved: raw or averaged.
            note: tells the user something.
        """
        return []

    def rates(self) -> list[float] | None:
        """What the learning rate is multiplied by for each of the model's trainable variables; None: by 1."""
        return None


class Trained(NamedTuple):
    """A candidate that has been trained.

    Args:
        label: by which it is told from other candidates.
        pipeline: with its network's section.
        network: of plain layers and in float32, with the weights of its best epoch.
    """

    label: str
    pipeline: Pipeline
    network: "keras.Model"


class Combination(NamedTuple):
    """A network made of trained candidates, as a further candidate.

    Args:
        network: of plain Keras layers, with the inputs and outputs of those that it is made of; None where the
            weight of all but one is 0.
        fields: what there is to say of it, such as the weight of each, as JSON values.
        sole: the place of that one among the candidates that have not failed; None with a network.
        decides: whether it, or that one, is the network of the run, whatever the objective is on the validation split.
    """

    network: "keras.Model | None"
    fields: dict[str, Any]
    sole: int | None = None
    decides: bool = False


class Trainable(Loaded):
    """A task whose splits are known and checked."""

    loading_fields: ClassVar[tuple[str, ...] | None] = None  # of `model`, on which samples depend; None: all of them

    def reuse_data(self, pipeline: Pipeline) -> bool:
        """Makes another pipeline the task's own, if what was loaded and checked serves it as well; whether it did."""
        before, after = self.pipeline, pipeline
        same = (before.data, before.seed, before.split_seed) == (after.data, after.seed, after.split_seed)
        if not same or not self.samples_serve(after.model):
            return False
        self.pipeline = pipeline
        return True

    def samples_serve(self, model: Any) -> bool:
        """Whether the samples are what another network needs, too.

        Args:
            model: the section of that network.
        """
        mine, named = self.pipeline.model, self.loading_fields
        if named is None and type(mine) is not type(model):
            return False
        names = type(model).model_fields if named is None else named
        return all(getattr(mine, name, None) == getattr(model, name, None) for name in names)

    def prepare_training(self) -> None:
        """Makes what only training needs of the samples, once they are checked and stand; a check does without."""

    @property
    def learns(self) -> bool:
        """Whether the network is trained by epochs; else it is fitted at once."""
        return True

    # --- batches
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """Training steps of an epoch; 0 if a batch is larger than the training split."""

    @property
    def fitting_batch_size(self) -> int:
        """A power of 2 of which an epoch has at least four steps; 1 for fewer than eight training samples."""
        count = int((self.split_table()["split"] == "train").sum())
        return 2 ** max(0, (count // 4).bit_length() - 1)

    def require_steps(self) -> None:
        """Refuses batches that are larger than the training split.

        Raises:
            ConfigError: naming a size that would do.
        """
        if self.steps_per_epoch() < 1:
            count, batch_size = int((self.split_table()["split"] == "train").sum()), self.pipeline.train.batch_size
            raise ConfigError(
                f"train.batch_size: got {batch_size}, but there are only {counted(count, 'training sample')}.",
                f"Set train.batch_size={self.fitting_batch_size}, for example.",
            )

    @abstractmethod
    def training_batches(self, first_step: int, last_step: int) -> "tf.data.Dataset":
        """The steps from the first to the one before the last, counted over all epochs."""

    @abstractmethod
    def validation_batches(self) -> "tf.data.Dataset | None":
        """The validation split, or None without one."""

    # --- model
    @abstractmethod
    def build(self, for_training: bool) -> "keras.Model":
        """The network; `for_training` allows layers that plain Keras cannot load."""

    def phases(self, network: "keras.Model", note: Callable[[str], None]) -> Iterator[Phase]:
        """The phases of training in their order; each is asked for when the one before it has ended.

        Args:
            network: to be trained.
            note: tells the user something.
        """
        yield Phase(self, network)

    @abstractmethod
    def compile(self, model: "keras.Model", optimizer: "keras.optimizers.Optimizer", **settings: Any) -> None:
        """Compiles a phase's model with the task's loss and metrics; `settings` go to `compile` as they are."""

    @property
    def monitored(self) -> str:
        """The metric by which the best epoch is chosen, as the logs name it; that of the validation split where
        there is one.
        """
        return "loss"

    @abstractmethod
    def artifact(self, network: "keras.Model") -> "models.Artifact":
        """The model file around a network: raw input -> the task's output."""

    # --- a choice among candidates
    def validation_figures(self, artifact: "models.Artifact") -> dict[str, float]:
        """Metrics of the validation split, measured with the artifact as it is; nothing is fitted, nothing written.

        Those that training tells of each epoch need not be among them.
        """
        return {}

    def combine(self, trained: list[Trained]) -> Combination | None:
        """A combination of the candidates of `model.name=auto`, which competes with them; None: there is none.

        What it is made of is chosen on the validation rows, as the best epoch of a network is.

        Args:
            trained: those that have not failed, in their order, two at least.
        """
        return None

    # --- weights of an earlier run
    def start_from(self, network: "keras.Model", files: dict[str, Path]) -> list[str]:
        """Takes weights over from an earlier run's model, layer by layer, where names and shapes agree.

        Args:
            network: to be trained.
            files: {name: path} of those of `weight_files` that the run has.

        Returns:
            The names of the layers that start anew.

        Raises:
            NothingFitsError: if no layer fits.
        """
        earlier = models.load_artifact(files["model.keras"])
        taken, left = 0, []
        for part, other in self.parts(network, earlier, files):
            layers = {layer.name: layer for layer in other.layers} if other else {}
            for layer in part.layers:
                weights = layers[layer.name].get_weights() if layer.name in layers else []
                weights = self.transfer_weights(layer, weights, earlier)
                if [array.shape for array in weights] == [tuple(weight.shape) for weight in layer.weights]:
                    layer.set_weights(weights)
                    taken += len(weights)
                else:
                    left.append(layer.name)
        if not taken:
            raise NothingFitsError(
                "--from: no layer of that run's model fits this pipeline's network.",
                "Use the same model fields as that run.",
            )
        return left

    def parts(
        self, network: "keras.Model", earlier: "models.LoadedArtifact", files: dict[str, Path]
    ) -> "list[tuple[keras.Model, keras.Model | None]]":
        """(new network, earlier one whose layers of the same names it starts from, or None); arguments as
        in `start_from`.
        """
        return [(network, models.network_of(earlier.model))]

    def transfer_weights(
        self, layer: "keras.Layer", weights: "list[np.ndarray]", earlier: "models.LoadedArtifact"
    ) -> "list[np.ndarray]":
        """The initial weights of a layer when a run starts from another one's model.

        Args:
            layer: of the new network.
            weights: of the layer of that name in the earlier network; [] without one.
            earlier: model and facts of that run.

        Returns:
            Arrays for `layer.set_weights`; [] to let it start anew.
        """
        return weights

    # --- results
    @abstractmethod
    def validate(self, artifact: "models.Artifact", folder: RunFolder) -> dict[str, float]:
        """Fits to the validation split what belongs to the artifact; metrics of that part which training has not
        told.
        """

    @abstractmethod
    def evaluate(
        self, artifact: "models.Artifact", folder: RunFolder, history: list[dict], best_epoch: int
    ) -> dict[str, Any]:
        """Measures the artifact, fits what belongs to it, writes predictions.csv and plots; the content of
        metrics.json.

        Args:
            history: rows of history.csv; none of a combination of candidates.
            best_epoch: from 1; 0 of such a combination.
        """
