"""Any source -> sample table -> splits -> checks -> tf.data."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "augment": ("Augmentation",),
        "batches": ("evaluation_batches", "training_batches"),
        "checks": ("class_weights", "oversampled"),
        "findings": ("Finding", "Findings"),
        "images": ("decode_image",),
        "inputs": ("decoded", "raw_images"),
        "prepare": ("ImageSamples", "check_samples", "count_folds", "describe", "read_samples", "split_fold"),
        "sources": ("read_image_source",),
    },
)
