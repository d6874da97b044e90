"""The networks by the name that a pipeline file gives them."""

from functools import partial

from .bow import bow
from .cnn import cnn
from .mlp import mlp
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
