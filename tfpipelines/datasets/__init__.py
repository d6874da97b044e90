"""Any source -> sample table -> splits -> checks -> tf.data."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "arrays": ("pixels",),
        "augment": ("Augmentation",),
        "batches": ("Targets", "evaluation_batches", "training_batches"),
        "checks": ("class_weights", "oversampled"),
        "features": ("FeatureCache", "FeatureStore"),
        "findings": ("Finding", "Findings"),
        "images": ("decode_image",),
        "inputs": ("decoded", "raw_images"),
        "image_samples": ("ImageSamples", "decode_images", "read_labelled_images", "scan_images"),
        "normal_images": ("read_masks", "read_normal_images"),
        "normals": ("check_normals", "describe_normals", "normal_of"),
        "pictures": ("adversarial_batches", "check_pictures", "read_pictures", "told_groups"),
        "points": ("Points",),
        "replays": ("Replay", "replay"),
        "row_inputs": ("raw_rows", "raw_series"),
        "rows": ("column_statistics", "read_rows"),
        "samples": (
            "Samples",
            "check_samples",
            "count_folds",
            "describe",
            "encode_labels",
            "known_from",
            "split_fold",
            "take_part",
        ),
        "series": ("WindowStore", "read_series", "windows_of"),
        "text_batches": ("TextStore", "evaluation_text_batches", "training_text_batches"),
        "text_inputs": ("raw_texts",),
        "text_samples": ("check_pieces", "check_tokens", "has_content", "read_text_samples"),
        "texts": ("is_unspaced",),
        "tokens": ("Sequences", "Tokens", "log_count_ratios", "wide_sequences"),
        "vectors": ("read_vectors", "require_vectors"),
        "table": ("is_multi_label", "label_names"),
    },
)
