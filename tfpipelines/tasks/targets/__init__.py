"""What a network learns to tell of a sample: its class, several labels, or a number."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
