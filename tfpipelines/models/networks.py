"""The networks by the name that a pipeline file gives them."""

from .cnn import cnn
from .mlp import mlp
from .resnet import resnet

IMAGE_NETWORKS = {"mlp": mlp, "cnn": cnn, "resnet": resnet}
