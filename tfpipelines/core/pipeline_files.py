"""The files of a run folder that say what is run: pipeline.yaml, and the code of a user's own network."""

import difflib

from ..errors import ConfigError
from . import config
from .files import atomic_write
from .run_files import read_json
from .run_folder import RunFolder

_SHOWN = 12  # lines of a difference


def write_pipeline(folder: RunFolder, pipeline: config.Pipeline) -> None:
    """Writes pipeline.yaml, and network.py before it where the network is the user's own, or a search may try one."""
    if pipeline.own_code:
        atomic_write(folder / config.CODE_COPY, pipeline.own_code[0][0].text)
    atomic_write(folder / "pipeline.yaml", config.to_yaml(pipeline))


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
