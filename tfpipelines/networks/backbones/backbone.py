"""A pretrained network as others see it, wherever it came from; and what loaders of such networks share."""

import random
from contextlib import contextmanager
from typing import NamedTuple

import keras

from .scaling import SCALINGS, Scaling, Unsaid
from .tiles import Tiles

_NO_NETWORK = (
    *("Name or service not known", "Failed to resolve", "Temporary failure in name resolution", "Max retries exceeded"),
    *("Connection refused", "Network is unreachable", "couldn't connect", "LocalEntryNotFound"),
)


class Backbone(NamedTuple):
    """A network without its classifier.

    Args:
        model: what `scaling` makes of images (batch, height, width, channels), or token ids -> features: a map (batch,
            rows, columns, channels), a sequence (batch, length, width) or a vector (batch, width).
        scaling: (scale, offset, to BGR) of levels 0 to 255; None for texts.
        name: in words.
        max_length: most tokens of a text; None without a bound, and for images.
        unsaid: what there is to tell the scaling by, if it is assumed alone; None if it is known.
        tiles: of larger images, each of which it sees by itself; None: it sees images as a whole.
    """

    model: keras.Model
    scaling: Scaling | None
    name: str
    max_length: int | None = None
    unsaid: Unsaid | None = None
    tiles: Tiles | None = None

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(height, width) that the network is fixed to, or None."""
        size = self.model.inputs[0].shape[1:3]
        return tuple(size) if None not in size else None

    @property
    def channels(self) -> int:
        """Channels of its images."""
        return self.model.inputs[0].shape[-1]

    def scaled_as(self, name: str | None) -> "Backbone":
        """The same, taken to expect what a name of `scaling.SCALINGS` stands for; None: what it is known to expect."""
        return self if name is None else self._replace(scaling=SCALINGS[name])

    @property
    def freezes_statistics(self) -> bool:
        """Whether it has batch statistics, which fine-tuning leaves as they are: then it runs in inference mode."""
        return any(isinstance(layer, keras.layers.BatchNormalization) for layer in self.model._flatten_layers())


@contextmanager
def random_state(seed: int):
    """Layers without a seed of their own take theirs from Python's random numbers, which are as before afterwards."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def first_sentence(error: BaseException) -> str:
    """What an error says, cut short."""
    return " ".join(str(error).split()).split(". ")[0].rstrip(".")[:300] or type(error).__name__


def fetch_reason(error: BaseException) -> str:
    """Why something did not come from a hub, in few words."""
    text = str(error)
    if any(sign in text for sign in _NO_NETWORK):
        return "there is no internet connection, or the host does not answer"
    if "has no config.json" in text:  # KerasHub's words for a handle that it did not get an answer for
        return "nothing was found there, or there is no internet connection"
    return first_sentence(error)
