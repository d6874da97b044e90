"""The networks: one file each, in a folder of its kind (`config.kinds`); that it lies there is all it takes.

The file defines a function of its name, whose signature is the network's schema: see `config.signature`. What several
of them are made of stands beside the folders, and in `tfpipelines.models`.
"""

import importlib
from typing import Any

from ..config.signature import NetworkSection


def build_network(settings: NetworkSection, **given: Any) -> Any:
    """The network that a pipeline's `model` describes.

    Args:
        settings: made from the signature of a built-in network.
        given: what its kind passes to those that ask for it, such as `input_shape`, `classes`, `seed` and `fused`.
    """
    _, _, function, kind, _ = settings.origin
    module = importlib.import_module(f"{__name__}.{kind.folder}.{function}")
    fields = {name: getattr(settings, name) for name in settings.own}
    passed = {name: given[name] for name in settings.asked if name in given}
    return getattr(module, function)(**passed, **dict.fromkeys(settings.whole, settings), **fields)
