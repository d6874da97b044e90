"""Task pipelines for Keras 3: from a folder of data to a model you can trust and ship.

    import tfpipelines

    run = tfpipelines.run("image-cls", {"data.path": "photos/"})
    run.metrics["test"]["accuracy"]
    run.predict(["some.jpg", "others/"])

A run prints its course on stderr; where the program has set up `logging` at level INFO, it logs it under the name of
this package instead.

Names are imported when they are first used, so that `import tfpipelines` costs nothing.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *_names]
