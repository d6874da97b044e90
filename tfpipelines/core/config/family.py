"""Networks that do the same: what their functions are given, and which come with this package."""

from dataclasses import dataclass
from pathlib import Path

from .section import Section


@dataclass(frozen=True)
class Family:
    """Networks that do the same, and what their functions are given.

    Args:
        folder: of `tfpipelines/networks`; each file in it is a network, and defines a function of its name.
        given: names of the arguments that the task passes to those that ask for them.
        shared: the section of the fields that all of them have; a network of a package that takes it is of this kind.
        brings: (one of `given`, the section of the fields that it is made by), which a network has that asks for it.
        always: sections whose fields every network has.
        chosen: whether `model.name=auto` may choose among them: each is trained alone, by one loss.
        own: whether these are users' own: then arguments behind `*` are fields, too, and some names are not free.
    """

    folder: str
    given: tuple[str, ...]
    shared: type[Section]
    brings: tuple[tuple[str, type[Section]], ...] = ()
    always: tuple[type[Section], ...] = ()
    chosen: bool = True
    own: bool = False

    @property
    def names(self) -> list[str]:
        """The built-in networks."""
        return sorted(path.stem for path in self.home.glob("[!_]*.py"))

    @property
    def home(self) -> Path:
        """The folder of their files."""
        return Path(__file__).parents[2] / "networks" / self.folder
