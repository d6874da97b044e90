from .building import build_network as build_network
from .building import probe as probe
from .building import user_errors as user_errors
from .reconstruction import reconstruction_loss as reconstruction_loss
from .reconstruction import set_statistics as set_statistics
from .text_layers import Texts as Texts
