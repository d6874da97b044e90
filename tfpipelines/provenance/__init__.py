"""Whether the files of a run, a search or an export are those that it has left, and who vouches for that."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
