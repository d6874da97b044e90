"""Runs side by side: what differs in them, and whether the difference of their metrics is more than chance."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
