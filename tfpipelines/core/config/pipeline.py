"""The base of every task's pipeline."""

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import model_validator

from .candidates import AutoNetwork, incomparable
from .data import SampleData
from .fields import field
from .losses import FIELDS as OF_LOSSES
from .own import AUTO, Code
from .search import Objective, Search, typed_space
from .section import Section
from .targets import TARGETS, misfit
from .train import Evaluation, Train, Training


class Pipeline(Section):
    """A resolved pipeline file: immutable, complete, valid. Each task adds its `task`, `data` and `model` fields."""

    default_network: ClassVar[str | None] = None
    default_candidates: ClassVar[tuple[Any, ...]] = ()  # of model.name=auto; (): they must be given
    objective: ClassVar[str] = "val_loss"  # what a search looks for unless told otherwise; of numbers, val_rmse
    # what its model is given, in words, for the model card
    takes: ClassVar[str] = "samples of the kind that it was trained on"
    gives: ClassVar[str] = "an answer for each"
    hub_task: ClassVar[str] = ""  # what the Hugging Face Hub calls the task; "" where it has no name for it
    hub_tags: ClassVar[tuple[str, ...]] = ()  # further tags there
    call: ClassVar[str] = ""  # Python that calls the loaded model, where its inputs are no plain arrays
    use: ClassVar[str] = "predict {} FILE..."  # what a run of it is for, as a command with a place for the run folder

    own_code: ClassVar[tuple[tuple[Code, bool], ...]] = ()  # of users' own networks that `model` may be, see `load`
    restored_by: ClassVar[Any] = None  # what unpickles those that have own code: (function, class of the task)

    if TYPE_CHECKING:  # every task's own class has them, the sections of classes of their own
        task: str
        data: SampleData
        model: Any  # a section made from a network's signature

    name: str = field(
        "", "prefix of the run folder; default: the file's name", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$|^$"
    )
    seed: int = field(0, "seed of splits, initial weights, order of batches, augmentation and dropout", ge=0, lt=2**31)
    split_seed: int | None = field(
        None, "seed of the splits alone, so that they stay the same with another seed; null: seed", ge=0, lt=2**31
    )
    train: Train = Train()
    evaluation: Evaluation = Evaluation()
    search: Search = Search()

    @model_validator(mode="before")
    @classmethod
    def _default_network(cls, raw: Any) -> Any:
        model = raw.get("model", {}) if isinstance(raw, dict) else None
        if not isinstance(model, dict):
            return raw
        usual: dict[str, Any] = {"name": cls.default_network} if cls.default_network else {}
        if (usual | model).get("name") == AUTO and cls.default_candidates:
            usual["candidates"] = list(cls.default_candidates)
        return {**raw, "model": usual | model} if usual else raw

    @model_validator(mode="after")
    def _typed_search(self) -> "Pipeline":
        objective = self.search.objective or Objective.model_validate(self.usual_objective)
        of_losses = [path for path in self.search.space if path in OF_LOSSES]
        if of_losses and objective.metric == "val_loss":
            cannot = "values of different losses cannot be compared: set search.objective=val_log_loss or val_accuracy"
            raise ValueError(f"search.space: with {of_losses[0]}, val_loss is no objective, since {cannot}")
        if self.chooses and objective.metric == "val_loss" and (name := incomparable(self.model.candidates)):
            cannot = f"val_loss of the candidates cannot be compared, since they differ in {name}"
            raise ValueError(f"model.candidates: {cannot}: make it the same, or set another search.objective")
        search = self.search.model_copy(update={"space": typed_space(self.search, type(self)), "objective": objective})
        return self.model_copy(update={"search": search})

    @model_validator(mode="after")
    def _one_length(self) -> "Pipeline":
        if self.train.time is not None and self.chooses:
            one = "it fits the number of epochs of one network"
            raise ValueError(
                f"train.time does not go with model.name=auto, since {one}: name one, as in model.name=NAME"
            )
        return self

    @model_validator(mode="after")
    def _fields_go_with_target(self) -> "Pipeline":
        target: str = getattr(self.data, "target", "")
        wrong, remedy = misfit(self, target) if target in TARGETS else ("", "")  # else the data tell it
        if wrong:
            raise ValueError(f"{wrong}, and data.target is {target}. {remedy}")
        return self

    @classmethod
    def training(cls) -> type[Training]:
        """The class of its section `train`."""
        return type(cls.model_fields["train"].default)

    def __reduce__(self) -> Any:
        if not self.own_code:
            return super().__reduce__()
        function, of_task = self.restored_by
        return function, (of_task, self.own_code, self.__getstate__())

    @property
    def usual_objective(self) -> str:
        """What a search or a choice looks for unless told otherwise."""
        return "val_rmse" if getattr(self.data, "target", None) == "number" else self.objective

    @property
    def chooses(self) -> bool:
        """Whether the network is to be chosen among candidates."""
        return isinstance(self.model, AutoNetwork)

    def candidates(self) -> tuple[Self, ...]:
        """The pipeline with each of the networks to choose from; itself where it names one."""
        if not self.chooses:
            return (self,)
        return tuple(self.model_copy(update={"model": network}) for network in self.model.candidates)

    @property
    def network(self) -> str | None:
        """The name of the network, which may be `auto`; None where it is a backbone with a new head."""
        return dict(self.model).get("name")

    @property
    def code(self) -> Code | None:
        """Of the network, if it is the user's own."""
        return next((code for code, _ in self.own_code if code.name == self.network), None)

    @property
    def backbone(self) -> str | None:
        """The pretrained network that the pipeline's own stands on; None without one."""
        return dict(self.model).get("backbone")

    @property
    def seed_of_splits(self) -> int:
        """By which samples are split."""
        return self.seed if self.split_seed is None else self.split_seed
