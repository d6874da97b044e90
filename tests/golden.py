"""The bits of small runs: their hashes, and those recorded in golden.json for a processor, its threads and versions."""

import hashlib
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")
# What the kernels of TensorFlow, oneDNN and numpy are chosen by
_INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "sve", "asimd")
_VARIABLES = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "ONEDNN_MAX_CPU_ISA",
)


def key_of(folder: Path) -> str:
    """What the bits of a run depend on besides the code: processor, device, threads and versions, in words.

    Args:
        folder: of the run; its environment.json counts the threads (0: as many as there are cores).
    """
    environment = json.loads((folder / "environment.json").read_text())
    versions = {name: found for name, found in environment["versions"].items() if name not in ("tfpipelines", "jax")}
    try:
        versions["keras-hub"] = version("keras-hub")
    except PackageNotFoundError:
        pass
    threads = "/".join(str(count) for count in environment["threads"].values())
    set_here = [f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    named = [f"{name} {found}" for name, found in sorted(versions.items())]
    return "; ".join([processor(), environment["device"], f"threads {threads}", *set_here, ", ".join(named)])


def processor() -> str:
    """The processor's name, family, model and stepping, and the instructions that numbers are computed with."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.processor()} {platform.machine()}"
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    numbers = "/".join(facts.get(name, "?") for name in ("cpu family", "model", "stepping"))
    flags = facts.get("flags", facts.get("Features", "")).split()
    return f"{facts.get('model name', platform.machine())} {numbers} {' '.join(f for f in _INSTRUCTIONS if f in flags)}"


def bits_of(run) -> dict[str, str]:
    """SHA-256 of what a run has come to: `weights` and `predictions`, of a generator its drawn `samples`.

    Weights are hashed by their order, types, shapes and values, so names and dates in the file play no part.
    """
    import keras

    models, beside = [run.model], run.folder / "discriminator.keras"
    if beside.is_file():
        models.append(keras.saving.load_model(beside, compile=False))
    weights = [keras.ops.convert_to_numpy(weight) for model in models for weight in model.weights]
    if (run.folder / "predictions.csv").is_file():
        predictions = hashlib.sha256((run.folder / "predictions.csv").read_bytes()).hexdigest()
        return {"weights": _hash(weights), "predictions": predictions}
    return {"weights": _hash(weights), "samples": _hash(_pictures(run.folder / "samples"))}


def recorded(key: str) -> dict[str, dict[str, str]]:
    """The recorded bits, {task: bits}; {} for a key that is unknown."""
    return (json.loads(FILE.read_text()) if FILE.is_file() else {}).get(key, {})


def record(key: str, bits: dict[str, dict[str, str]]) -> None:
    """Writes the bits of one key; those of others stay."""
    content = json.loads(FILE.read_text()) if FILE.is_file() else {}
    FILE.write_text(json.dumps({**content, key: bits}, indent=1, sort_keys=True) + "\n")


def _hash(arrays) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _pictures(folder: Path):
    from PIL import Image

    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as image:
            yield np.asarray(image)
