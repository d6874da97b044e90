"""A run folder as one page to read and as a model card, both made from the same facts; neither TensorFlow nor
matplotlib is needed.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
