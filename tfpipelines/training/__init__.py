"""Optimizers, callbacks, checkpoints and the fit call."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "callbacks": (
            "BestModel",
            "EarlyStopping",
            "History",
            "Progress",
            "ReduceLROnPlateau",
            "StopOnNaN",
            "TensorBoardScalars",
        ),
        "checkpoints": ("Checkpoint", "Checkpoints", "whole_weights"),
        "ema": ("AveragedWeights",),
        "environment": ("environment_facts",),
        "loop": ("fit",),
        "optimizers": ("build_optimizer",),
        "losses": ("RowAccuracy", "LossOfParts", "OfWhole"),
        "objective": ("Objective", "compiled"),
        "process": (
            "compiles_every_shape",
            "jit_compile",
            "limit_threads",
            "make_deterministic",
            "memory_errors",
            "on_accelerator",
            "precision",
            "steps_per_execution",
        ),
        "two_optimizers": ("TwoOptimizers",),
        "watch": ("PROGRESS", "Watch"),
        "signals": ("StopSignals",),
    },
)
