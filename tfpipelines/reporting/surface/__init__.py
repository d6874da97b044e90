"""The loss around the trained weights of a run, as a surface and a contour picture."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
