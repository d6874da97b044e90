"""The kinds of networks, and what the `model` of a pipeline may be.

The unions are read from `tfpipelines/networks`, and from what packages add, when they are asked for; a type checker
sees what their members share.
"""

import operator
from functools import reduce
from typing import Annotated, Any

from pydantic import Field

from ..plugins import Plugin
from .family import Family
from .networks import (
    Adversarial,
    Columns,
    Conditional,
    ImageAutoencoder,
    ImageNetwork,
    Pretrained,
    SeriesAutoencoder,
    TextNetwork,
)
from .plugged import plugged
from .signature import NetworkSection, read_network


class Kind(Family):
    """A family with the sections of its networks."""

    @property
    def union(self) -> Any:
        """What `model` may be, by its `name`: one of the built-in networks, or of those that packages add."""
        sections = [self.section(name) for name in self.names] + [section for _, section in self.added.values()]
        union = reduce(operator.or_, sections)
        return Annotated[union, Field(discriminator="name")] if len(sections) > 1 else union

    @property
    def added(self) -> dict[str, tuple[Plugin, type[NetworkSection]]]:
        """The networks that installed packages add: name -> who brings it, and its section."""
        return plugged(KINDS)[self.folder]

    def section(self, name: str) -> type[NetworkSection]:
        """The section of a built-in network."""
        module = f"{__package__.rpartition('.')[0]}.networks.{self.folder}.{name}"
        return read_network(self.home / f"{name}.py", name, self, trusted=True, module=module)

    def default(self, name: str) -> Any:
        """The same with all of its defaults."""
        return self.section(name)()


IMAGES = Kind("images", ("input_shape", "classes", "seed", "fused"), ImageNetwork)
TEXTS = Kind("texts", ("texts", "seed", "fused"), TextNetwork)
IMAGE_AUTOENCODERS = Kind(
    "image_autoencoders",
    ("input_shape", "backbone", "seed", "fused"),
    ImageAutoencoder,
    (("backbone", Pretrained),),
)
ROW_AUTOENCODERS = Kind("row_autoencoders", ("input_shape", "seed", "fused"), Columns)
SERIES_AUTOENCODERS = Kind("series_autoencoders", ("input_shape", "seed", "fused"), SeriesAutoencoder)
GANS = Kind("gans", ("image_shape", "classes", "seed", "fused"), Adversarial, (("classes", Conditional),))
KINDS = (IMAGES, TEXTS, IMAGE_AUTOENCODERS, ROW_AUTOENCODERS, SERIES_AUTOENCODERS, GANS)

_UNIONS = {
    "ImageNetworks": IMAGES, "TextNetworks": TEXTS, "ImageAutoencoders": IMAGE_AUTOENCODERS,
    "RowAutoencoders": ROW_AUTOENCODERS, "SeriesAutoencoders": SERIES_AUTOENCODERS, "GenerativeNetworks": GANS,
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _UNIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _UNIONS[name].union
