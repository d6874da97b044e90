"""Which engine answers for a path."""

import os
from pathlib import Path

from .engine import Engine
from .limits import Limits
from .sources import is_export


def open_engine(path: str, version: str, limits: Limits, threads: int) -> Engine:
    """The engine of a run folder or of an export.

    Args:
        version: what the model is called among those of its name.
        threads: that one call may use.

    Raises:
        ConfigError: if it is neither, or a package is missing.
        ArtifactError: if it is damaged or not to be trusted.
    """
    if is_export(Path(path)):
        from .export_engine import ExportEngine

        return ExportEngine(Path(path), version, limits, threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from .run_engine import RunEngine

    return RunEngine(path, version, limits)
