"""Metrics: the registry of all of them, and the functions that make those of classifiers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
