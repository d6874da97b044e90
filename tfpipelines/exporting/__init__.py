"""A trained model in formats that others run, each with a manifest and a proof that it answers as the run does."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
