"""A run folder as one page and as a model card, from the same facts; TensorFlow and matplotlib are not needed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
