"""The model file: preprocessing, format, safe loading, signatures for serving."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
