"""The base of every section of a pipeline file, and the field types that sections and signatures of networks use."""

from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# json_schema_extra of a field that a hyperparameter search must not touch
FIXED: dict[str, Any] = {"searchable": False}


class Role(Enum):
    """What else a field is than its name, type and default say; it stands in the field's annotation."""

    PATH = "a path, which is absolute in a run's pipeline.yaml"
    BACKBONE = "the same, or the name of a backbone or of its weights"
    RUN = "the same, of a run folder, or a word of the field's own"
    VECTORS = "the same, of word vectors, or `bundled`, those of the package; a file of that name is ./bundled"
    ENCODER = "a backbone for texts or `words`; in a run's pipeline.yaml not `auto`, but what that means there"
    OF_SOURCE = "true of one source alone: left out where an override names other data"
    READING = "tells how to read: may be another for new data than it was in training"
    ANEW = "one of these that begins at its default for new data"


class Section(BaseModel):
    """A part of a pipeline file: unknown keys are errors, values cannot be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


def fields_that(section: Any, role: Role) -> list[str]:
    """The names of the fields that have a role, of a class derived from `Section`."""
    return [name for name, field in section.model_fields.items() if role in field.metadata]


# Of a union that takes the first member a value fits, so that `5` in a file is a number before it is a name.
LEFT_TO_RIGHT = Field(union_mode="left_to_right")


def as_list(value: Any) -> Any:
    """One value as a list of it."""
    return value if isinstance(value, (list, tuple)) else [value]


Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Names = Annotated[
    tuple[str, ...], Field(min_length=1), BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...])
]
Counts = Annotated[  # one number stands for a list of one
    tuple[Count, ...], BeforeValidator(as_list, json_schema_input_type=Count | tuple[Count, ...])
]
Share = Annotated[float, Field(gt=0, le=1)]
Encoder = Annotated[str, Role.ENCODER, Field(min_length=1)]
Components = Annotated[Count | Annotated[float, Field(gt=0, lt=1)], LEFT_TO_RIGHT]  # their number, or share
Auto = Literal["auto"]
AutoBool = Annotated[Auto | bool, LEFT_TO_RIGHT]
AutoCount = Annotated[Auto | Count, LEFT_TO_RIGHT]
AutoFraction = Annotated[Auto | Fraction, LEFT_TO_RIGHT]
AutoNames = Annotated[Auto | Names, LEFT_TO_RIGHT]

# of layers
Activation = Literal[
    "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid", "linear"
]
Initializer = Literal[
    "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform",
    "orthogonal", "random_normal", "truncated_normal",
]  # fmt: skip
Normalization = Literal["none", "batch", "layer", "group", "instance", "rms"]
MapNormalization = Literal[Normalization, "local_response"]  # of maps (batch, height, width, channels)
