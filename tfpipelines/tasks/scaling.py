"""What `model.scaling=auto` stands for where a backbone's file does not say what it expects of pixels."""

from typing import Literal

import numpy as np

from tfpipelines import config, datasets, models
from tfpipelines.errors import ConfigError

_IMAGES = 64  # of the training part, whose statistics are compared
_CLEAR = 2.0  # how much farther than the nearest the second one is where the answer is clear
_WORDS = {
    "levels": "levels 0 to 255",
    "unit": "numbers from 0 to 1",
    "tf": "numbers from -1 to 1",
    "torch": "mean 0 and deviation 1 by the statistics of ImageNet",
    "caffe": "BGR levels less the means of ImageNet",
}
_REMEDY = (
    "Set model.scaling to what it was trained on: levels (0 to 255), unit (0 to 1), tf (-1 to 1), torch or caffe (as "
    "in keras.applications)"
)


def require_scaling(source: "config.BackboneSource", scaling: str) -> None:
    """Refuses `model.scaling` for a backbone that says itself what it expects.

    Raises:
        ConfigError: naming the field.
    """
    if scaling != "auto" and source.kind != "file":
        cause = f"model.scaling: {source.name} says itself what it expects of pixels."
        raise ConfigError(cause, "Leave model.scaling out; it is for .keras files.")


def find_scaling(backbone: "models.Backbone", samples: "datasets.Samples", findings: "datasets.Findings") -> str | None:
    """The scaling that a backbone is taken to expect, a pure function of its file and the training images; a finding
    says what it is, and why.

    Returns:
        A name of `models.SCALINGS`; None where the backbone says it itself, or the pipeline does.
    """
    if backbone.unsaid is None:
        return None
    rows = samples.rows("train")
    some = rows[np.unique(np.linspace(0, len(rows) - 1, min(_IMAGES, len(rows))).round().astype(int))]
    distances = backbone.unsaid.distances(samples.store.images(some)) if len(some) else {}
    name = next(iter(distances), "levels")
    begins = f"model.scaling=auto: {backbone.name} has no Rescaling or Normalization of levels 0 to 255"
    if not distances:
        why = "nor a BatchNormalization whose statistics tell what it expects"
        findings.add("scaling", "warning", f"{begins}, {why}: {_WORDS[name]} are assumed ({name})", _REMEDY)
        return name
    told = ", ".join(f"{other} {distance:.3f}" for other, distance in distances.items())
    why = f"the statistics of its first BatchNormalization fit {_WORDS[name]} best (distances: {told})"
    nearest, second = [*distances.values()][:2]
    severity: Literal["note", "warning"] = "note" if second > _CLEAR * nearest else "warning"
    findings.add("scaling", severity, f"{begins}; {why}", "" if severity == "note" else f"This is not clear. {_REMEDY}")
    return name
