"""Model files as backbones: every kind of Sequential and nested model, what cannot be one and why, and how pixels are
scaled where a file does not say.
"""

import shutil

import keras
import numpy as np
import pytest
from keras import layers

from tfpipelines.core import config
from tfpipelines.core.config.finetuned import FinetunedImages
from tfpipelines.errors import ArtifactError, ConfigError
from tfpipelines.networks import backbones
from tfpipelines.networks.backbones.flat import flattened
from tfpipelines.networks.backbones.loading import load_backbone
from tfpipelines.networks.backbones.scaling import SCALINGS, unsaid

SHAPE = (16, 16, 3)


def block(name="", filters=4):
    """Convolution, batch normalization and activation, of set names where one is given."""
    names = [f"{name}{part}" if name else None for part in ("conv", "bn", "act")]
    convolution = layers.Conv2D(filters, 3, 2, "same", bias_initializer="random_normal", name=names[0])
    return [convolution, layers.BatchNormalization(name=names[1]), layers.ReLU(name=names[2])]


def head():
    return [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]


def functional(name):
    inputs = x = keras.Input(SHAPE)
    for layer in block():
        x = layer(x)
    return keras.Model(inputs, layers.Add()([x, layers.Conv2D(4, 3, padding="same")(x)]), name=name)


def called(*parts):
    model = keras.Sequential(parts)
    model(np.zeros((8, *SHAPE), np.float32))
    return model


def around(*parts):
    """A Functional model that calls some layers one after the other, models among them in inference mode."""
    inputs = x = keras.Input(SHAPE)
    for part in parts:
        x = part(x, training=False) if isinstance(part, keras.Model) else part(x)
    return keras.Model(inputs, x)


# name -> (function that gives the layers before the head, function that makes the model of layers)
SEQUENTIAL = lambda *parts: keras.Sequential([keras.Input(SHAPE), *parts])
inner = lambda name, shape: keras.Sequential([keras.Input(shape), *block("same_")], name=name)
KINDS = {
    "with an input": (lambda: [*block(), *block()], SEQUENTIAL),
    "built by a call of 8": (lambda: [*block(), *block()], called),
    "of a fixed batch": (
        lambda: block(),
        lambda *parts: keras.Sequential([keras.Input(batch_shape=(4, *SHAPE)), *parts]),
    ),
    "of bytes": (
        lambda: [layers.Rescaling(1 / 255), *block()],
        lambda *parts: keras.Sequential([keras.Input(SHAPE, dtype="uint8"), *parts]),
    ),
    "in Sequential, with equal names": (lambda: [inner("one", SHAPE), inner("two", (8, 8, 4))], SEQUENTIAL),
    "in Functional": (lambda: [layers.Rescaling(1 / 255), keras.Sequential([*block(), *block()])], around),
    "Functional in Sequential": (lambda: [functional("residual")], SEQUENTIAL),
    "Functional in Functional": (lambda: [functional("residual")], around),
    "augmenting": (lambda: [layers.RandomFlip(), layers.RandomCrop(12, 12), *block()], SEQUENTIAL),
    "augmenting by a model": (lambda: [keras.Sequential([layers.RandomRotation(0.2)]), *block()], around),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_gives_its_features_in_one_graph(kind, tmp_path):
    keras.utils.set_random_seed(1)
    make, whole = KINDS[kind]
    parts = make()
    whole(*parts, *head()).save(tmp_path / "mine.keras")
    images = np.random.default_rng(0).uniform(0, 255, (3, *SHAPE)).astype(np.float32)
    expected = images
    for part in parts:
        expected = part(expected, training=False)
    backbone = load_backbone(config.backbone_source(str(tmp_path / "mine.keras")))
    assert not [layer for layer in backbone.model.layers if isinstance(layer, keras.Model)]
    assert not [layer for layer in backbone.model.layers if layer.name.startswith("random")]
    convolutions = sum(isinstance(layer, layers.Conv2D) for layer in backbone.model.layers)
    blocks = backbones.layer_blocks(backbone.model)
    assert sum(isinstance(layer, layers.Conv2D) for block in blocks for layer in block) == convolutions > 0
    backbone.model.save(tmp_path / "features.keras")
    for network in (backbone.model, keras.saving.load_model(tmp_path / "features.keras")):
        np.testing.assert_allclose(network(images), expected, rtol=1e-5, atol=1e-5)


def test_layers_of_nested_models_are_found_by_their_names(tmp_path):
    SEQUENTIAL(inner("one", SHAPE), inner("two", (8, 8, 4)), *head()).save(tmp_path / "mine.keras")
    backbone = load_backbone(config.backbone_source(str(tmp_path / "mine.keras")))
    assert [layer.name for layer in backbone.model.layers[1:]] == [
        *("same_conv", "same_bn", "same_act", "two_same_conv", "two_same_bn", "two_same_act")
    ]
    network = backbones.finetuned_images(backbone, SHAPE, 2, FinetunedImages(), seed=0)
    assert backbones.unfreeze(network, 1) == 2
    trained = {variable.path.split("/")[-2] for variable in backbones.backbone_of(network).trainable_variables}
    assert len(trained) == 2 and len(backbones.backbone_of(network).trainable_variables) == 4


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A model whose layers are called by its own code."""

    def __init__(self, **options):
        super().__init__(**options)
        self.convolution = layers.Conv2D(4, 3)

    def call(self, images):
        return self.convolution(images)


class Foreign(layers.Layer):
    """A layer of nobody's package."""

    def call(self, inputs):
        return inputs * 2


Subclassed.__module__ = Foreign.__module__ = "__main__"  # as of a notebook, which names no module in the file


@keras.saving.register_keras_serializable("tests")
class Packaged(Subclassed):
    """The same in a package that can be imported."""


def doubled(inputs):
    return inputs * 2


def two_outputs():
    inputs = keras.Input(SHAPE)
    maps = layers.Conv2D(4, 3)(inputs)
    return keras.Model(inputs, {"maps": maps, "mean": layers.GlobalAveragePooling2D()(maps)})


def two_inputs():
    one, other = keras.Input(SHAPE), keras.Input((2,))
    return keras.Model([one, other], layers.Concatenate()([layers.Flatten()(layers.Conv2D(4, 3)(one)), other]))


REFUSED = {
    "never built": (lambda: keras.Sequential([*block(), *head()]), ConfigError, "saved before it was built"),
    "two outputs": (two_outputs, ConfigError, "has 2 outputs"),
    "two inputs": (two_inputs, ConfigError, "has 2 inputs"),
    "no features": (lambda: SEQUENTIAL(layers.Flatten(), layers.Dense(2)), ConfigError, "no learned features"),
    "rows": (lambda: keras.Sequential([keras.Input((5,)), layers.Dense(2)]), ConfigError, "does not take images"),
    "channels first": (
        lambda: keras.Sequential([keras.Input((3, 16, 16)), layers.Permute((2, 3, 1)), *block()]),
        ConfigError,
        "images of 16 channels",
    ),
    "subclassed": (lambda: called(Subclassed()).layers[0], ArtifactError, "is a subclassed model"),
    "of a package": (lambda: called(Packaged()).layers[0], ArtifactError, r"not to be trusted: .* \(Packaged\)"),
    "foreign layer": (
        lambda: SEQUENTIAL(Foreign(), *block()),
        ArtifactError,
        "asks for Foreign, a subclassed model, layer",
    ),
    "foreign function": (
        lambda: SEQUENTIAL(layers.Conv2D(2, 3, activation=doubled)),
        ArtifactError,
        "asks for doubled, a subclassed model, layer",
    ),
    "lambda": (lambda: SEQUENTIAL(layers.Lambda(lambda x: x / 255), *block()), ArtifactError, "not to be trusted"),
}


@pytest.mark.filterwarnings("ignore")  # Keras': of a model that is saved before it is built
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_a_backbone_is_told_why(kind, tmp_path):
    make, error, message = REFUSED[kind]
    make().save(tmp_path / "mine.keras")
    with pytest.raises(error, match=message) as caught:
        load_backbone(config.backbone_source(str(tmp_path / "mine.keras")))
    assert caught.value.remedy and caught.value.exit_code == (7 if error is ArtifactError else 2)


@pytest.mark.filterwarnings("ignore")
def test_files_of_other_formats_are_known_by_their_content(tmp_path):
    model = SEQUENTIAL(*block(), *head())
    model.save(tmp_path / "old.h5")
    model.save_weights(tmp_path / "some.weights.h5")
    model.save(tmp_path / "new.keras")
    shutil.copy(tmp_path / "old.h5", tmp_path / "old.keras")
    shutil.copy(tmp_path / "old.h5", tmp_path / "old.hdf5")
    shutil.copy(tmp_path / "new.keras", tmp_path / "new.h5")
    (tmp_path / "foreign.h5").write_bytes(b"no model")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "old.h5").read_bytes()[:900])
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "saved_model.pb").touch()
    for name, error, message in (
        *((name, ConfigError, "whole model in Keras' old HDF5 format") for name in ("old.h5", "old.keras", "old.hdf5")),
        ("some.weights.h5", ConfigError, "holds only weights"),
        ("new.h5", ConfigError, "a .keras file under another name"),
        ("foreign.h5", ArtifactError, "is no HDF5 file"),
        ("cut.h5", ArtifactError, "cannot be read"),
        ("exported", ConfigError, "SavedModel of TensorFlow"),
    ):
        with pytest.raises(error, match=message) as caught:
            config.backbone_source(str(tmp_path / name))
        assert caught.value.remedy
    with pytest.raises(ConfigError) as caught:
        config.backbone_source(str(tmp_path / "old.h5"))
    convert = caught.value.remedy.split(": ")[1].split(";")[0]
    eval(convert, {"keras": keras})  # the remedy works as it stands
    assert load_backbone(config.backbone_source(str(tmp_path / "old.keras"))).model.count_params() > 0


# --- scaling
def images_of(channels=3):
    smooth = np.random.default_rng(0).uniform(0, 255, (24, 4, 4, channels)).repeat(4, 1).repeat(4, 2)
    return smooth.astype(np.uint8)


def trained_on(scaling, left=0.0, channels=3, before=()):
    """A network whose first batch normalization has seen images in some scaling, for a training of some length."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((16, 16, channels)), *before, *block(filters=16), *block()])
    convolution, normalization = model.layers[len(before) : len(before) + 2]
    factor, offset, reverse = SCALINGS[scaling]
    levels = images_of(channels)[..., ::-1] if reverse else images_of(channels)
    x = (levels * np.float32(factor) + np.float32(offset)).astype(np.float32)
    for layer in (*before, convolution):
        x = keras.ops.convert_to_numpy(layer(x))
    normalization.moving_mean.assign((1 - left) * x.mean((0, 1, 2)))
    normalization.moving_variance.assign((1 - left) * x.var((0, 1, 2)) + left)
    return flattened(model)


@pytest.mark.parametrize("left", [0.3, pytest.param(0.0, marks=pytest.mark.slow)])  # the harder one is quick
@pytest.mark.parametrize("scaling", ["levels", "unit", "tf", "torch", "caffe"])
def test_the_first_batch_normalization_tells_the_scaling(scaling, left):
    distances = unsaid(trained_on(scaling, left)).distances(images_of())
    assert next(iter(distances)) == scaling and [*distances.values()] == sorted(distances.values())
    assert 3 * distances[scaling] < [*distances.values()][1]


def test_grey_images_are_never_scaled_by_colours():
    distances = unsaid(trained_on("tf", channels=1)).distances(images_of(1))
    assert [*distances][0] == "tf" and set(distances) == {"levels", "unit", "tf"}


def test_a_network_that_has_seen_no_data_tells_nothing():
    model = flattened(SEQUENTIAL(*block(), *head()))
    assert unsaid(model).distances(images_of()) == {}
    assert unsaid(flattened(SEQUENTIAL(layers.Conv2D(2, 3), *head()))).distances(images_of()) == {}


def test_what_scales_by_itself_is_not_asked():
    normalization = layers.Normalization(mean=[120.0] * 3, variance=[3600.0] * 3, name="own")
    for first in (layers.Rescaling(1 / 255), layers.Rescaling(1 / 127.5, -1), normalization):
        assert unsaid(flattened(SEQUENTIAL(layers.ZeroPadding2D(), first, *block()))) is None
    inputs = keras.Input(SHAPE)
    for scaled in (inputs / 255, inputs - np.array([123.0, 117.0, 104.0], np.float32)):
        assert unsaid(keras.Model(inputs, layers.Conv2D(2, 3)(scaled))) is None
    # Their input is not levels, whatever they make of it.
    for first in (
        layers.Rescaling(2.0, -1.0),
        layers.Normalization(mean=[0.5] * 3, variance=[0.08] * 3, name="of_unit"),
    ):
        distances = unsaid(trained_on("unit", before=(first,))).distances(images_of())
        assert next(iter(distances)) == "unit"


def test_a_scaling_of_colours_is_refused_for_grey_images(tmp_path):
    keras.Sequential([keras.Input((16, 16, 1)), *block(), *head()]).save(tmp_path / "grey.keras")
    with pytest.raises(ConfigError, match="torch is for 3 channels"):
        load_backbone(config.backbone_source(str(tmp_path / "grey.keras")), scaling="torch")
