"""Plain Keras builders: arguments in, keras.Model out."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "networks": ("IMAGE_NETWORKS", "TEXT_NETWORKS"),
        "preprocessing": ("ImageFront",),
        "text_front": ("Cutter", "TextFront", "rows_by_name", "token_cutter", "wide_cutters"),
        "artifact": ("ClassifierArtifact", "LoadedArtifact", "core_of", "load_artifact"),
    },
)
