"""What generated images are compared by: the bundled backbone, or the classifier of an earlier run."""

from pathlib import Path

from tfpipelines import models
from tfpipelines.errors import ConfigError
from tfpipelines.runs import read_json


def features_run(named: str) -> Path | None:
    """The run folder that `evaluation.features` names; None for the bundled backbone.

    Raises:
        ConfigError: if it is no run of an image classifier with a model.
    """
    if named == "backbone":
        return None
    folder = Path(named).expanduser()
    if not (folder / "model.keras").is_file() or read_json(folder / "status.json").get("task") not in ("image-cls", "finetune"):
        raise ConfigError(f"evaluation.features: {named} is no run of an image classifier that has a model.", "Give backbone, or the folder of such a run.")
    return folder


def features_name(named: str) -> str:
    """What the figures call them."""
    return "the bundled backbone (EfficientNet-Lite0, means of the maps at 1/8 and 1/16)" if named == "backbone" else f"the classifier {named} (what its last layer sees)"


def features_network(named: str, shape: tuple[int, int, int]):
    """A keras.Model: levels 0 to 255 (batch, *shape) -> features (batch, numbers)."""
    run = features_run(named)
    if run is None:
        return models.pooled_features(shape)
    facts = read_json(run / "data.json")
    return models.classifier_features(models.load_artifact(run / "model.keras").model, facts["size"], facts["channels"], shape)
