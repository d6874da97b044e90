"""Pretrained networks: where they come from, what they expect of pixels, and new heads on them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
