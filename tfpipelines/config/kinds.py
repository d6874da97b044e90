"""The kinds of networks, and what the `model` of a pipeline may be.

The unions are read from `tfpipelines/networks` when they are asked for; a type checker sees what their members share.
"""

from typing import TYPE_CHECKING, Any

from .networks import Conditional, Pretrained
from .signature import Kind

IMAGES = Kind("images", ("input_shape", "classes", "seed", "fused"))
TEXTS = Kind("texts", ("texts", "seed", "fused"))
IMAGE_AUTOENCODERS = Kind(
    "image_autoencoders", ("input_shape", "backbone", "seed", "fused"), (("backbone", Pretrained),)
)
ROW_AUTOENCODERS = Kind("row_autoencoders", ("input_shape", "seed", "fused"))
SERIES_AUTOENCODERS = Kind("series_autoencoders", ("input_shape", "seed", "fused"))
GANS = Kind("gans", ("image_shape", "classes", "seed", "fused"), (("classes", Conditional),))

if TYPE_CHECKING:
    from .networks import Adversarial, Autoencoder, ImageNetwork, SeriesAutoencoder, TextNetwork
    from .signature import NetworkSection

    class ImageNetworks(ImageNetwork, NetworkSection):
        name: str

    class TextNetworks(TextNetwork, NetworkSection):
        name: str

    class ImageAutoencoders(Autoencoder, NetworkSection):
        name: str

    class RowAutoencoders(Autoencoder, NetworkSection):
        name: str

    class SeriesAutoencoders(SeriesAutoencoder, NetworkSection):
        name: str

    class GenerativeNetworks(Adversarial, Conditional, NetworkSection):
        name: str
else:
    _UNIONS = {
        "ImageNetworks": IMAGES,
        "TextNetworks": TEXTS,
        "ImageAutoencoders": IMAGE_AUTOENCODERS,
        "RowAutoencoders": ROW_AUTOENCODERS,
        "SeriesAutoencoders": SERIES_AUTOENCODERS,
        "GenerativeNetworks": GANS,
    }

    def __getattr__(name: str) -> Any:
        if name not in _UNIONS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return _UNIONS[name].union
