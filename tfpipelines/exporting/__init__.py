"""A trained model in formats that others run, each with a manifest and a proof that it answers as the run does."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"entry": ("Exported", "export")})
