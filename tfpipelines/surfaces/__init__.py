"""The loss around the trained weights of a run, as a surface and a contour picture."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"directions": ("random_direction",), "surface": ("loss_surface",), "values": ("LossSurface",)}
)
