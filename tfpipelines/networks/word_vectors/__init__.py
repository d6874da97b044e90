"""Word vectors that come with the package, and those of other words by their pieces; numpy alone.

How they were made is said in `weights/README.md`, and done by `benchmarks/make_word_vectors.py`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
