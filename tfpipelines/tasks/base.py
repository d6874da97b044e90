"""What a task has to say. The route that every run takes (tfpipelines/route.py) asks for it, station by station."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from tfpipelines import datasets, models, training
from tfpipelines.config import Pipeline
from tfpipelines.errors import ConfigError
from tfpipelines.runs import RunFolder


class Phase:
    """A stretch of training with a fit call, an optimizer and checkpoints of its own. By default a task has one.

    Args:
        task: whose methods say what the phase does not.
        model: that is trained: the core, or a model made of some of its layers.

    Attributes:
        name: of the phase in history.csv and of the folder of its checkpoints; "" for a task with one phase.
        last: whether none follows.
        quick: whether its epochs take a moment each: then not every one of them is worth a checkpoint.
    """

    name, last, quick = "", True, False

    def __init__(self, task: "Task", model):
        self.task, self.model = task, model

    @property
    def settings(self):
        """Length, rates and all else of the phase: a `config.train.Train`."""
        return self.task.pipeline.train

    def training_batches(self, first_step: int, last_step: int):
        """As `Task.training_batches`."""
        return self.task.training_batches(first_step, last_step)

    def validation_batches(self):
        """As `Task.validation_batches`."""
        return self.task.validation_batches()

    @property
    def averaged(self) -> list | None:
        """The weights that `train.ema` averages; None: all of the model's."""
        return None

    def callbacks(self, folder: RunFolder, artifact, weights: Callable[[], list], note: Callable[[str], None]) -> list:
        """Further callbacks, which come before those that look at the monitored figure.

        Args:
            artifact: to try the model with.
            weights: gives the present weights as they would be saved: raw or averaged.
            note: tells the user something.
        """
        return []

    def rates(self) -> list[float] | None:
        """What the learning rate is multiplied by for each of the model's trainable variables; None: by 1."""
        return None


class Task(ABC):
    """What a pipeline's `task` names. One object serves one run, or all folds of a cross-validation.

    Args:
        pipeline: resolved, of the class `Pipeline`.
    """

    Pipeline: ClassVar[type[Pipeline]]
    reading_fields: ClassVar[
        tuple[str, ...]
    ] = ()  # of `data`, that tell how to read: may be others for new data than they were in training
    place_fields: ClassVar[
        tuple[str, ...]
    ] = ()  # those of them that speak of one place: for new data they start at their defaults

    loading_fields: ClassVar[tuple[str, ...] | None] = (
        None  # of `model`, on which what `load` and `check` make depends; None: all of them
    )

    explains: ClassVar[bool] = False  # whether `predict` can say why
    one_loss: ClassVar[bool] = False  # whether there is one network that is trained by one loss, as `objective` tells

    def __init__(self, pipeline: Pipeline):
        self.pipeline = pipeline
        self.times: dict[str, float] = {}  # seconds of work between data and training, for metrics.json

    def take_over(self, pipeline: Pipeline) -> bool:
        """Makes another pipeline the task's own, if what was loaded and checked serves it as well; whether it did."""
        named = type(pipeline.model).model_fields if self.loading_fields is None else self.loading_fields
        before, after = self.pipeline, pipeline
        same = (before.data, before.seed, before.split_seed) == (after.data, after.seed, after.split_seed)
        if self.loading_fields is None:
            same = same and type(before.model) is type(after.model)
        if not same or any(getattr(before.model, name, None) != getattr(after.model, name, None) for name in named):
            return False
        self.pipeline = pipeline
        return True

    @property
    def epochs(self) -> int:
        """Most epochs of all phases together."""
        return self.pipeline.train.epochs

    def preflight(self) -> list[str]:
        """Refuses what can be told before anything is made on disk or trained; what the user should know before the
        run.

        Raises:
            ConfigError, DataError: if the run could not begin.
        """
        return []

    def begin(self) -> None:
        """Fetches and loads what a run needs besides data, so that it fails before they are read."""
        return

    # --- data
    @abstractmethod
    def load(self, findings) -> None:
        """Reads and decodes the samples, and splits them unless there are folds; adds what there is to say to
        `findings`.
        """

    def folds(self) -> int:
        """How many folds the run has, 0 for none. Asked after `load`."""
        return 0

    @abstractmethod
    def check(self, findings, fold: int | None = None) -> None:
        """Takes the splits of one fold where given, and checks what only labels and splits can show."""

    @abstractmethod
    def describe(self, findings) -> dict[str, Any]:
        """The content of data.json."""

    @abstractmethod
    def split_table(self):
        """The DataFrame of splits.csv: item, label, split, fingerprint."""

    @abstractmethod
    def recall(self, facts: dict[str, Any]) -> None:
        """Takes what `predict` and `evaluate_new` need from an earlier run, instead of `load` and `check`.

        Args:
            facts: the run's data.json, what its model file says of itself, `trained_on` (the fingerprints of the
                training samples, frozenset) and `folder` (the run's, a Path).
        """

    @abstractmethod
    def steps_per_epoch(self) -> int:
        """Training steps of an epoch; 0 if a batch is larger than the training part."""

    @abstractmethod
    def training_batches(self, first_step: int, last_step: int):
        """tf.data of the steps from the first to the one before the last, counted over all epochs."""

    @abstractmethod
    def validation_batches(self):
        """tf.data of the validation part, or None without one."""

    # --- model
    @abstractmethod
    def build(self, fused: bool):
        """The core, a keras.Model; `fused` allows layers that plain Keras cannot load."""

    def phases(self, core, note: Callable[[str], None]) -> Iterator[Phase]:
        """The phases of training in their order; each is asked for when the one before it has ended.

        Args:
            core: to be trained.
            note: tells the user something.
        """
        yield Phase(self, core)

    @abstractmethod
    def compile(self, model, optimizer, **settings) -> None:
        """Compiles a phase's model with the task's loss and metrics; `settings` go to `compile` as they are."""

    def start_from(self, core, files: dict[str, Path]) -> list[str]:
        """Takes weights over from an earlier run's model, layer by layer, where names and shapes agree.

        Args:
            core: to be trained.
            files: {name: path} of that run: `model.keras`, and what it left beside it.

        Returns:
            The names of the layers that start anew.

        Raises:
            ConfigError: if no layer fits.
        """
        earlier = models.load_artifact(files["model.keras"])
        taken, left = 0, []
        for part, other in self.parts(core, earlier, files):
            layers = {layer.name: layer for layer in other.layers} if other else {}
            for layer in part.layers:
                weights = layers[layer.name].get_weights() if layer.name in layers else []
                weights = self.carry_over(layer, weights, earlier)
                if [array.shape for array in weights] == [tuple(weight.shape) for weight in layer.weights]:
                    layer.set_weights(weights)
                    taken += len(weights)
                else:
                    left.append(layer.name)
        if not taken:
            raise ConfigError(
                "--from: no layer of that run's model fits this pipeline's network.",
                "Use the same model fields as that run.",
            )
        return left

    def parts(self, core, earlier, files: dict[str, Path]) -> list[tuple]:
        """(network of the core, earlier one whose layers of the same names it starts from, or None); arguments as
        in `start_from`.
        """
        return [(core, models.core_of(earlier.model))]

    def carry_over(self, layer, weights: list, earlier) -> list:
        """What a layer of the core begins with when a run starts from another one's model.

        Args:
            layer: of the new core.
            weights: of the layer of that name in the earlier core; [] without one.
            earlier: `models.LoadedArtifact` of that run.

        Returns:
            Arrays for `layer.set_weights`; [] to let it start anew.
        """
        return weights

    @property
    def monitored(self) -> str:
        """The figure by which the best epoch is chosen, as the logs name it; that of the validation part where
        there is one.
        """
        return "loss"

    @abstractmethod
    def artifact(self, core):
        """Wraps a core into an object with `model` (raw input -> the task's output), `core`, `set_weights` and
        `save`.
        """

    def objective(self, model) -> "training.Objective":
        """What the training made small. Asked after `check`, and only where `one_loss` is True.

        Args:
            model: a model.keras of the run, which may be changed.
        """
        raise NotImplementedError

    # --- results
    @abstractmethod
    def validate(self, artifact, folder: RunFolder) -> dict[str, float]:
        """Fits to the validation part what belongs to the artifact; figures of that part which training has not
        told.
        """

    @abstractmethod
    def evaluate(self, artifact, folder: RunFolder, history: list[dict], best_epoch: int) -> dict[str, Any]:
        """Measures the artifact, fits what belongs to it, writes predictions.csv and plots; the content of
        metrics.json.
        """

    @abstractmethod
    def evaluate_new(self, model, path: str, split: str | None, out: Path | None) -> dict[str, Any]:
        """Figures of a loaded model on other labelled data; with `out`, an existing folder, also its tables and
        plots.
        """

    @abstractmethod
    def predict(self, model, inputs: Any, batch_size: int, explain: bool):
        """A DataFrame of predictions for raw inputs, with a column `error` if some could not be read.

        Args:
            model: the artifact's.
            explain: add a column `explanation`; only asked for where `explains` is True.
        """

    # --- export
    @abstractmethod
    def served(self, model) -> "models.Served":
        """What is exported of a loaded model. Asked for after `recall`."""

    @abstractmethod
    def replayed(self, splits, parts: tuple[str, ...], count: int) -> "datasets.Replay":
        """Samples of the run's own data as raw input. Asked for after `recall`.

        Args:
            splits: the run's splits.csv, a DataFrame of strings.
            parts: names of splits; the first ones come first.
            count: most samples.
        """

    def draw_explanations(self, table, path: Path) -> None:
        """Writes what `predict` has explained as a picture: an HTML page at `path`."""
        raise NotImplementedError
