"""The search: KerasTuner's oracles, workers of our own."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"entry": ("carry_out",), "plan": ("Plan", "unchanged_state"), "result": ("SearchResult",)}
)
