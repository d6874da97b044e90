"""The kinds of networks, and what the `model` of a pipeline may be.

The unions are read from `tfpipelines/networks`, and from what packages add, when they are asked for; a type checker
sees what their members share.
"""

from collections.abc import Sequence
from typing import Any

from ..plugins import Plugin
from .candidates import auto_of, one_of
from .family import Family
from .networks import (
    Adversarial,
    AnyTextNetwork,
    Columns,
    Conditional,
    ImageAutoencoder,
    ImageNetwork,
    ImageScores,
    PretrainedOnImages,
    RowScores,
    SeriesAutoencoder,
    SeriesScores,
    TableNetwork,
    TextNetwork,
)
from .own import AUTO, Code
from .plugged import plugged
from .signature import NetworkSection, Origin, read_network, section_of


class Kind(Family):
    """A family with the sections of its networks."""

    @property
    def union(self) -> Any:
        """What `model` may be, by its `name`: one of the built-in networks or of those that packages add, or `auto`."""
        return self._one_of(self._sections)

    @property
    def _sections(self) -> list[type[NetworkSection]]:
        return [self.section(name) for name in self.names] + [section for _, section in self.added.values()]

    def _one_of(self, sections: Sequence[type[NetworkSection]]) -> Any:
        return one_of([*sections, auto_of(tuple(sections))] if self.chosen else sections)

    @property
    def added(self) -> dict[str, tuple[Plugin, type[NetworkSection]]]:
        """The networks that installed packages add: name -> who brings it, and its section."""
        return plugged(KINDS)[self.folder]

    def section(self, name: str) -> type[NetworkSection]:
        """The section of a built-in network."""
        module = f"tfpipelines.networks.{self.folder}.{name}"
        return read_network(self.home / f"{name}.py", name, self, trusted=True, module=module)

    def default(self, name: str, candidates: Sequence[Any] = ()) -> Any:
        """The same with all of its defaults; of `auto`, with these candidates."""
        return auto_of(tuple(self._sections))(candidates=candidates) if name == AUTO else self.section(name)()

    def with_own(self, codes: Sequence[tuple[Code, bool]]) -> Any:
        """The union, and the networks of the user's own.

        Args:
            codes: (of each, whether it is trusted).
        """
        family = _OWN[self.folder]
        own = [section_of(Origin(code.path, code.text, code.function, family, trusted, code.name, code.module))
               for code, trusted in codes]  # fmt: skip
        return self._one_of([*self._sections, *own])

    @property
    def takes_own(self) -> bool:
        """Whether a network of the kind may be the user's own: it is one network."""
        return self.folder in _OWN


IMAGES = Kind("images", ("input_shape", "classes", "seed", "for_training"), ImageNetwork)
TEXTS = Kind("texts", ("texts", "seed", "for_training"), AnyTextNetwork)
TABLES = Kind("tables", ("table", "seed", "for_training"), TableNetwork)
IMAGE_AUTOENCODERS = Kind(
    "image_autoencoders",
    ("input_shape", "backbone", "normals", "seed", "for_training"),
    ImageAutoencoder,
    (("backbone", PretrainedOnImages),),
)
ROW_AUTOENCODERS = Kind("row_autoencoders", ("input_shape", "normals", "seed", "for_training"), Columns)
SERIES_AUTOENCODERS = Kind("series_autoencoders", ("input_shape", "normals", "seed", "for_training"), SeriesAutoencoder)
GANS = Kind(
    "gans", ("image_shape", "classes", "seed", "for_training"), Adversarial, (("classes", Conditional),), chosen=False
)
_SHAPE = ("input_shape", "seed")
_OWN = {  # what users' own networks of a kind are given, and which fields they have besides their own
    family.folder: family
    for family in (
        Family("images", ("input_shape", "classes", "seed"), ImageNetwork, own=True),
        Family("texts", ("vocabulary", "classes", "vectors", "seed"), TextNetwork, own=True),
        Family("tables", ("numbers", "cardinalities", "classes", "seed"), TableNetwork, own=True),
        Family("image_autoencoders", _SHAPE, ImageAutoencoder, always=(ImageScores,), own=True),
        Family("row_autoencoders", _SHAPE, Columns, always=(RowScores,), own=True),
        Family("series_autoencoders", _SHAPE, SeriesAutoencoder, always=(SeriesScores,), own=True),
    )
}
KINDS = (IMAGES, TEXTS, TABLES, IMAGE_AUTOENCODERS, ROW_AUTOENCODERS, SERIES_AUTOENCODERS, GANS)

_UNIONS = {
    "ImageNetworks": IMAGES, "TextNetworks": TEXTS, "TableNetworks": TABLES, "ImageAutoencoders": IMAGE_AUTOENCODERS,
    "RowAutoencoders": ROW_AUTOENCODERS, "SeriesAutoencoders": SERIES_AUTOENCODERS, "GenerativeNetworks": GANS,
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _UNIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _UNIONS[name].union
