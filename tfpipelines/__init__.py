"""Task pipelines for Keras 3: from a folder of data to a model you can trust and ship.

    import tfpipelines

    run = tfpipelines.run("image-cls", {"data.path": "photos/"})
    run.metrics["test"]["accuracy"]
    run.predict(["some.jpg", "others/"])

A run prints its course on stderr; where the program has set up `logging` at level INFO, it logs it under the name of
this package instead.

Names are imported when they are first used, so that `import tfpipelines` costs nothing.
"""

import logging

from .lazy import attach

__version__ = "0.1.0"
logging.getLogger(__name__).addHandler(logging.NullHandler())

__getattr__, __dir__, _names = attach(
    __name__,
    {
        "api": ("CheckReport", "Run", "check", "load", "resume", "run", "tune"),
        "catalogue": ("list_pipelines",),
        "comparing": ("compare",),
        "listing": ("list_runs",),
        "exporting": ("Exported", "export"),
        "reporting": ("Report", "report"),
        "tuning": ("SearchResult",),
        "datasets.images": ("decode_image",),
        "errors": (
            "ArtifactError",
            "ConfigError",
            "DataError",
            "DivergedError",
            "ExportError",
            "Interrupted",
            "ResourceError",
            "RunInUseError",
            "SearchError",
            "TfpipelinesError",
            "WorseError",
        ),
        "logs": ("LogObserver",),
        "observer": ("Observer",),
        "surfaces": ("LossSurface", "loss_surface"),
    },
)
__all__ = ["__version__", *_names]
