"""Small networks of random weights that stand for pretrained ones: plain functions, so that scripts can make them,
too.
"""

import json
from pathlib import Path

REVIEWS = Path(__file__).resolve().parents[1] / "data" / "reviews" / "reviews.csv"


def tiny_backbone(path: Path) -> Path:
    """Writes a .keras file with a network of three blocks with batch normalization, for images of any size."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((None, None, 3))
    for number, filters in enumerate((8, 16, 24), 1):
        x = keras.layers.Conv2D(filters, 3, 2, "same", use_bias=False, name=f"block{number}_conv")(x)
        x = keras.layers.ReLU(name=f"block{number}_act")(keras.layers.BatchNormalization(name=f"block{number}_bn")(x))
    keras.Model(inputs, x, name="tiny").save(path)
    return path


def unscaled_backbone(path: Path, images, statistics: bool = True) -> Path:
    """Writes a .keras file with a Sequential model for images of 32 x 32 pixels, its first layers in one of their own.

    It expects pixels from 0 to 1 and does not say so: but for the statistics of its first batch normalization, where
    these are asked for.

    Args:
        images: uint8 (batch, 32, 32, 3), whose statistics they are.
    """
    import keras

    keras.utils.set_random_seed(0)
    first = [keras.layers.Conv2D(8, 3, 2, "same", name="conv"), keras.layers.BatchNormalization(name="bn")]
    stem = keras.Sequential([*first, keras.layers.ReLU(name="act")], name="stem")
    last = [keras.layers.Conv2D(8, 3, 2, "same", name="conv"), keras.layers.ReLU(name="act")]
    head = [keras.layers.GlobalAveragePooling2D(name="mean"), keras.layers.Dense(4, "softmax", name="told")]
    model = keras.Sequential([keras.Input((32, 32, 3)), stem, *last, *head], name="mine")
    if statistics:
        x = keras.ops.convert_to_numpy(first[0](images.astype("float32") / 255))
        first[1].moving_mean.assign(x.mean((0, 1, 2)))
        first[1].moving_variance.assign(x.var((0, 1, 2)))
    model.save(path)
    return path


def image_network(name, shape, classes, seed=None, for_training=False, **fields):
    """A built-in network for images."""
    from tfpipelines.core.config.kinds import IMAGES
    from tfpipelines.networks import build_network

    return build_network(
        IMAGES.section(name)(**fields), input_shape=shape, classes=classes, seed=seed, for_training=for_training
    )


def tiny_classifier(folder: Path) -> Path:
    """Writes what an image-cls run leaves of its model, for grey images of 16 x 16 pixels."""
    from tfpipelines.models import ClassifierArtifact, ImagePreprocessor

    folder.mkdir()
    network = image_network("cnn", (16, 16, 1), 3, filters=(4, 8), convolutions=(1,), seed=0)
    ClassifierArtifact(ImagePreprocessor((16, 16), 1), network, ["a", "b", "c"]).save(folder / "model.keras")
    (folder / "status.json").write_text(json.dumps({"task": "image-cls", "state": "done"}))
    (folder / "data.json").write_text(json.dumps({"size": [16, 16], "channels": 1}))
    return folder


def tiny_bert(folder: Path) -> Path:
    """Writes a KerasHub preset: a BERT of two small layers, whose vocabulary are words of the reviews."""
    import keras
    import keras_hub
    import pandas as pd

    words = pd.read_csv(REVIEWS)["text"].str.lower().str.findall(r"[a-z]+").explode().value_counts()
    letters = "abcdefghijklmnopqrstuvwxyz"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = [*special, *dict.fromkeys([*words.index[:500], *letters, *(f"##{letter}" for letter in letters)])]
    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(vocabulary),
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=64,
    )
    tokenizer = keras_hub.models.BertTokenizer(vocabulary, lowercase=True)
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=64)
    backbone.save_to_preset(str(folder))
    preprocessor.save_to_preset(str(folder))
    return folder
