"""The networks: one file each, in a folder of its kind (`config.kinds`); that it lies there is all it takes.

The file defines a function of its name, whose signature is the network's schema: see `config.signature`. What several
of them are made of stands beside the folders.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
