"""The kinds of networks, and what the `model` of a pipeline may be.

The unions are read from `tfpipelines/networks` when they are asked for; a type checker sees what their members share.
"""

import operator
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from .networks import Conditional, PretrainedOnImages
from .signature import Family, NetworkSection, read_network


class Kind(Family):
    """A family with its built-in networks."""

    @property
    def names(self) -> list[str]:
        """The built-in networks."""
        return sorted(path.stem for path in self._home.glob("[!_]*.py"))

    @property
    def union(self) -> Any:
        """What `model` may be: one of the built-in networks, by its `name`."""
        sections = [self.section(name) for name in self.names]
        union = reduce(operator.or_, sections)
        return Annotated[union, Field(discriminator="name")] if len(sections) > 1 else union

    def section(self, name: str) -> type[NetworkSection]:
        """The section of a built-in network."""
        return read_network(self._home / f"{name}.py", name, self, trusted=True)

    def default(self, name: str) -> Any:
        """The same with all of its defaults."""
        return self.section(name)()

    @property
    def _home(self) -> Path:
        return Path(__file__).parents[1] / "networks" / self.folder


IMAGES = Kind("images", ("input_shape", "classes", "seed", "fused"))
TEXTS = Kind("texts", ("texts", "seed", "fused"))
IMAGE_AUTOENCODERS = Kind(
    "image_autoencoders", ("input_shape", "backbone", "seed", "fused"), (("backbone", PretrainedOnImages),)
)
ROW_AUTOENCODERS = Kind("row_autoencoders", ("input_shape", "seed", "fused"))
SERIES_AUTOENCODERS = Kind("series_autoencoders", ("input_shape", "seed", "fused"))
GANS = Kind("gans", ("image_shape", "classes", "seed", "fused"), (("classes", Conditional),))

_UNIONS = {
    "ImageNetworks": IMAGES, "TextNetworks": TEXTS, "ImageAutoencoders": IMAGE_AUTOENCODERS,
    "RowAutoencoders": ROW_AUTOENCODERS, "SeriesAutoencoders": SERIES_AUTOENCODERS, "GenerativeNetworks": GANS,
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _UNIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _UNIONS[name].union
