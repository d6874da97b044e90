from .building import build_network as build_network
from .building import imported as imported
from .building import probe as probe
from .building import user_errors as user_errors
