"""A run folder as one page to read and as a model card, both made from the same facts; neither TensorFlow nor
matplotlib is needed.
"""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"writing": ("Report", "report", "write_reports")})
