"""The files of a run folder that say what is run: pipeline.yaml, and the code of a user's own network."""

import difflib
from typing import Any

from ..errors import ConfigError
from . import config
from .files import atomic_write
from .run_files import read_json
from .run_folder import RunFolder

_SHOWN = 12  # lines of a difference
# Fields of `train` that a run may decide by the machine it is on, before its first step.
_BY_TIME = ("time", "epochs", "head_epochs", "steps_per_epoch", "warmup_epochs", "decay_epochs")
DECIDED = ("precision", *_BY_TIME)


def write_pipeline(folder: RunFolder, pipeline: config.Pipeline) -> None:
    """Writes pipeline.yaml, and network.py before it where the network is the user's own, or a search may try one."""
    if pipeline.own_code:
        atomic_write(folder / config.CODE_COPY, pipeline.own_code[0][0].text)
    atomic_write(folder / "pipeline.yaml", config.to_yaml(pipeline))


def undecided(pipeline: config.Pipeline) -> dict[str, Any]:
    """What is asked of the machine: fields of `train` by which it decides others before the first step."""
    wished = {"precision": "auto"} if pipeline.train.precision == "auto" else {}
    return wished | ({} if pipeline.train.time is None else {"time": pipeline.train.time})


def with_train(pipeline: config.Pipeline, fields: dict[str, Any]) -> config.Pipeline:
    """The pipeline with other values of fields of `train`."""
    return pipeline.model_copy(update={"train": pipeline.train.model_copy(update=fields)})


def with_decisions(folder: RunFolder, pipeline: config.Pipeline) -> config.Pipeline:
    """The pipeline with what an earlier process has decided of it, as pipeline.yaml of the folder tells."""
    path = folder / "pipeline.yaml"
    if not undecided(pipeline) or not path.is_file():
        return pipeline
    raw = config.read_yaml(path).get("train", {})
    kind = type(pipeline.train)
    there = [name for name in DECIDED if name in raw and name in kind.model_fields]
    decided = kind.model_validate({name: raw[name] for name in there})
    done = ["precision"] if pipeline.train.precision == "auto" and "precision" in there else []
    if pipeline.train.time is not None and "time" in there and decided.time is None:
        done += [name for name in there if name in _BY_TIME]
    return with_train(pipeline, {name: getattr(decided, name) for name in done})


def code_facts(pipeline: config.Pipeline) -> dict[str, str]:
    """What environment.json says of the code of an own network; {} without one."""
    codes = [code for code, _ in pipeline.own_code]
    return {"name": codes[0].name, "sha256": codes[0].sha256} if codes else {}


def require_same_code(folder: RunFolder, pipeline: config.Pipeline) -> None:
    """Refuses to go on where the code of an own network, or the copy of it in the run folder, is not what it was.

    Raises:
        ConfigError: with the difference.
    """
    for code, _ in pipeline.own_code[:1]:
        began = read_json(folder / "environment.json").get("code", {})
        remedy = f"Undo the change, or start a new run: {folder.as_new_run()}"
        if began and began["sha256"] != code.sha256:
            raise ConfigError(f"{folder / config.CODE_COPY} has changed since the run began.", remedy)
        now = config.current_text(code)
        if now is not None and now != code.text:
            told = difflib.unified_diff(code.text.splitlines(), now.splitlines(), "then", "now", n=0, lineterm="")
            lines = [line for line in told if not line.startswith(("---", "+++"))]
            more = [f"and {len(lines) - _SHOWN} more lines"] if len(lines) > _SHOWN else []
            cause = f"The code of {config.short_name(code.name)} has changed since the run began."
            raise ConfigError(cause, remedy, [*lines[:_SHOWN], *more])
