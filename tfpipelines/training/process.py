"""What the process is like: device, precision, and the choices that hang on them."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import keras
import tensorflow as tf

from ..errors import MemoryExhaustedError


def on_accelerator() -> bool:
    """Whether the backend computes on something else than the CPU."""
    return not keras.distribution.list_devices()[0].startswith("cpu")


def accelerators() -> int:
    """How many devices there are that are no CPUs, of all processes."""
    return len(keras.distribution.list_devices()) if on_accelerator() else 0


def describe_device() -> str:
    """The device in words, such as `2 CPU cores`."""
    if on_accelerator():
        return ", ".join(keras.distribution.list_devices())
    return f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} CPU cores"


def jit_compile(setting: bool | Literal["auto"], model: keras.Model) -> bool:
    """Whether XLA compiles the steps. `auto`: on jax always, as there nothing else does; with tensorflow on
    accelerators, unless a layer has kernels of its own there, as recurrent ones do.
    """
    if setting != "auto":
        return setting
    if keras.backend.backend() == "jax":
        return True
    return on_accelerator() and all(getattr(layer, "supports_jit", True) for layer in model.layers)


def compiles_every_shape(setting: bool | Literal["auto"]) -> bool:
    """Whether a batch of another shape may be compiled anew, which takes seconds: where XLA is, or may be, at work."""
    return keras.backend.backend() != "tensorflow" or (on_accelerator() if setting == "auto" else setting)


def threads() -> dict[str, int]:
    """TensorFlow's thread settings; 0: its own choice, by cores."""
    return {
        "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
    }


def limit_threads(count: int) -> None:
    """TensorFlow takes so many threads for one operation and for several at a time. Only before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def make_deterministic() -> None:
    """Deterministic kernels of TensorFlow on accelerators, for the rest of the process: it knows no way back. Those of
    XLA, and with them all of jax, are chosen before: see `core.machine.choose_deterministic_kernels`.
    """
    if keras.backend.backend() == "tensorflow" and on_accelerator():
        tf.config.experimental.enable_op_determinism()


# How Python and its extensions word it that there is no memory for a thread, or for the very error.
_NO_MEMORY = ("RESOURCE_EXHAUSTED", "can't start new thread", "error return without exception set")


@contextmanager
def memory_errors() -> Iterator[None]:
    """Errors of an exhausted memory, which each library words in its own way, as MemoryExhaustedError."""
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError, OSError, RuntimeError, SystemError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENOMEM:
            raise
        if isinstance(error, (RuntimeError, SystemError)) and not any(words in str(error) for words in _NO_MEMORY):
            raise
        remedy = "Use a smaller train.batch_size or data.size."
        raise MemoryExhaustedError("The device ran out of memory.", remedy) from error


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made inside have this dtype policy; the process' own comes back afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def hardware_precision() -> str:
    """What `train.precision=auto` stands for on this machine: a matter of the device's instructions, not of timing.

    mixed_bfloat16 on TPUs, on GPUs whose tensor cores take bfloat16 (compute capability 8.0 and later) and, with
    tensorflow, on processors with AMX (flag amx_bf16); else float32.
    """
    if on_accelerator():
        return "mixed_bfloat16" if _compute_capability() >= 8.0 else "float32"
    amx = keras.backend.backend() == "tensorflow" and "amx_bf16" in _processor_flags()
    return "mixed_bfloat16" if amx else "float32"


def _compute_capability() -> float:
    """Of the first GPU; 0 where it has none to tell; that of a TPU is infinite."""
    if keras.distribution.list_devices()[0].startswith("tpu"):
        return float("inf")
    if keras.backend.backend() == "jax":
        import jax

        with suppress(ValueError):  # of an AMD GPU it is a name, such as gfx942
            return float(getattr(jax.devices()[0], "compute_capability", 0) or 0)
        return 0.0
    found = tf.config.list_physical_devices("GPU")
    told = tf.config.experimental.get_device_details(found[0]).get("compute_capability") if found else None
    return float("{}.{}".format(*told)) if told else 0.0


def _processor_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Those of the first processor; none where the system does not tell them in this file."""
    with suppress(OSError, UnicodeDecodeError), path.open(encoding="ascii") as lines:
        for line in lines:
            if line.startswith("flags"):
                return frozenset(line.partition(":")[2].split())
    return frozenset()


def forget_networks() -> None:
    """Frees what Keras keeps of networks that are used no more, and lets names of layers begin anew; the process' own
    dtype policy and distribution stay.
    """
    policy, distribution = keras.config.dtype_policy(), keras.distribution.distribution()
    keras.utils.clear_session()
    keras.config.set_dtype_policy(policy)
    if distribution is not None:
        keras.distribution.set_distribution(distribution)


def steps_per_execution(setting: int | Literal["auto"], steps_per_epoch: int, values_per_batch: int) -> int:
    """How many steps one call into the backend takes: a divisor of the epoch's steps.

    `auto` is up to 32 on an accelerator; on a CPU up to 16 for small inputs, where Python takes a visible share of the
    step, else 1, so that a signal is handled soon.

    Args:
        setting: `auto`, or the most steps.
        values_per_batch: numbers in one batch of inputs.
    """
    if setting == "auto":
        setting = 32 if on_accelerator() else 16 if values_per_batch <= 2**18 else 1
    return max(n for n in range(1, min(setting, steps_per_epoch) + 1) if steps_per_epoch % n == 0)
