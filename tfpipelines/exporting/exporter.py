"""What an exporter is: one class in a file of its own in `formats`, which is found there by the file's name.

Light: its file imports what is heavy, such as TensorFlow, where it is used.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from .script import Runner

if TYPE_CHECKING:
    import numpy as np

    from ..models import Served

Arrays = dict[str, "np.ndarray"]
Runtime = Callable[[Arrays], Arrays]  # inputs of one sample, as a batch of one -> outputs
Feeds = Callable[[], Iterator[Arrays]]


class Quantized(NamedTuple):
    """Numbers smaller than float32.

    Args:
        numbers: what they are, in words.
        limit: the loss of accuracy that is allowed unless said; see `proof.require_equal`.
        calibrated: whether ranges of values are made of training samples. Images then have the network's size: resized
            in such numbers they would be other ones.
    """

    numbers: str
    limit: float
    calibrated: bool = False


def keywords(arguments: Mapping[str, str]) -> str:
    """Arguments of a call, {name: expression}, as Python writes them."""
    if all(name.isidentifier() and not iskeyword(name) for name in arguments):
        return ", ".join(f"{name}={value}" for name, value in arguments.items())
    return f"**{{{', '.join(f'{name!r}: {value}' for name, value in arguments.items())}}}"


class Exporter(ABC):
    """Writes a model in a format that others run, and runs it.

    Attributes:
        name: of its file, which is that of the format; of a package's the name of its entry point.
        runs_in: what the format is for, in words.
        file: that which holds the model.
        packages: that have a say in the result.
        whole: whether the format takes raw samples, and so has strings and resizing; see `models.ServedInput`.
        any_size: whether images of any size can be asked for where the format does not take raw samples.
        batch: samples of a call; None: any number.
        quantized: {name: numbers} that it can be written in besides float32.
    """

    name: ClassVar[str]
    runs_in: ClassVar[str]
    file: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    whole: ClassVar[bool] = False
    any_size: ClassVar[bool] = False
    batch: ClassVar[int | None] = None
    quantized: ClassVar[Mapping[str, Quantized]] = {}

    def __init_subclass__(cls) -> None:
        cls.name = cls.__module__.rpartition(".")[2]

    def require(self) -> None:
        """Refuses where a package is missing that nothing else needs.

        Raises:
            ConfigError: naming it.
        """
        return

    @abstractmethod
    def write(self, served: "Served", folder: Path, quantize: str | None, calibration: Feeds | None) -> None:
        """Writes the model into an existing folder.

        Args:
            quantize: a name of `quantized`; None: float32.
            calibration: gives samples as `served.input.feed` makes them, for what is calibrated.
        """

    def call(self, path: Path, arguments: dict[str, str]) -> list[str]:
        """Lines of Python that load an export and call it; [] where there is nothing to show.

        Args:
            path: of its folder.
            arguments: {input: expression of an array}, with numpy as `np`; strings are lists.
        """
        return []

    def runner(self) -> Runner | None:
        """How the predict.py beside an export runs it; None: there is none."""
        return None

    @abstractmethod
    def open_runtime(self, folder: Path) -> Runtime:
        """What the format's own runtime says of the file."""
