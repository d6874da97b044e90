"""The networks by the name that a pipeline file gives them."""

from functools import partial

from .bow import bow
from .cnn import cnn
from .image_autoencoders import conv_autoencoder, dense_image_autoencoder, image_vae
from .mlp import mlp
from .number_autoencoders import conv1d_autoencoder, dense_autoencoder, dense_vae, recurrent_autoencoder
from .recurrent import recurrent
from .resnet import resnet
from .text_cnn import text_cnn
from .transformer import transformer

IMAGE_NETWORKS = {"mlp": mlp, "cnn": cnn, "resnet": resnet}
TEXT_NETWORKS = {
    "rnn": partial(recurrent, cell="rnn"),
    "lstm": partial(recurrent, cell="lstm"),
    "gru": partial(recurrent, cell="gru"),
    "bilstm": partial(recurrent, cell="lstm", bidirectional=True),
    "cnn": text_cnn,
    "transformer": transformer,
    "bow": bow,
}
IMAGE_AUTOENCODERS = {
    "dense": dense_image_autoencoder,
    "conv": conv_autoencoder,
    "vae": image_vae,
}  # and `feature_autoencoder`, which needs a backbone
ROW_AUTOENCODERS = {"dense": dense_autoencoder, "vae": dense_vae}
SERIES_AUTOENCODERS = {
    "dense": dense_autoencoder,
    "conv1d": conv1d_autoencoder,
    "lstm": partial(recurrent_autoencoder, cell="lstm"),
    "gru": partial(recurrent_autoencoder, cell="gru"),
}
