"""Facts for environment.json."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras

from .. import __version__
from ..core.files import now
from .process import describe_device, threads

_PACKAGES = ("tensorflow", "keras", "numpy", "jax", "pandas", "scikit-learn", "Pillow")


def environment_facts(seed: int, command: str, packages: dict[str, str]) -> dict[str, Any]:
    """Versions, device, threads, seed, git commit of the working directory, command and time.

    Args:
        packages: what of the pipeline is of which package, if anything is: see `config.packages_of`.
    """
    machine = {"platform": platform.platform(), "device": describe_device(), "threads": threads()}
    call = {"seed": seed, "git_commit": _git_commit(), "command": command, "started": now()}
    return {"versions": _versions(), **({"plugins": packages} if packages else {}), **machine, **call}


def versions() -> str:
    """Those of all that weights depend on, in words."""
    return ", ".join(f"{name} {found}" for name, found in _versions().items())


def _versions() -> dict[str, str]:
    found = {"tfpipelines": __version__, "python": platform.python_version(), "backend": keras.backend.backend()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git_commit() -> str | None:
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None if result.returncode == 0 else None
