"""What networks are made of, and what is made of them: layers, backbones, artifacts."""

from ..lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "efficientnet_lite": ("SMALLEST",),
        "backbones": ("Backbone", "layer_blocks", "load_backbone", "weights_hash"),
        "detector": ("DetectorArtifact", "NumbersFront", "part_of", "scores_only"),
        "deep_features": (
            "classifier_features",
            "feature_extractor",
            "feature_network",
            "pooled_features",
            "reconstructing_part",
        ),
        "finetuned": (
            "backbone_of",
            "features_model",
            "finetuned_images",
            "finetuned_texts",
            "head_model",
            "map_and_rest",
            "rates_by_depth",
            "unfreeze",
        ),
        "gan": ("GAN", "IMAGE_STEP", "LARGEST_IMAGE", "SMALLEST_IMAGE"),
        "generator": ("GeneratorArtifact", "draw_classes", "draw_noise", "generate_images", "noise_between"),
        "grad_cam": ("GradCam",),
        "hub": ("HubFront", "HubTokens", "hub_presets", "load_text_preset"),
        "preprocessing": ("ImageFront",),
        "answers": ("ServedAnswer", "ServedClasses", "ServedPictures", "ServedScores"),
        "serving": ("Served", "ServedImages", "ServedInput", "ServedNoise", "ServedNumbers", "ServedTexts"),
        "reconstruction": ("reconstruction_loss", "set_statistics"),
        "text_layers": ("Texts",),
        "text_front": ("Cutter", "TextFront", "rows_by_name", "token_cutter", "wide_cutters"),
        "artifact": ("ClassifierArtifact", "LoadedArtifact", "core_of", "load_artifact", "take_weights"),
    },
)
