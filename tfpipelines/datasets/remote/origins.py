"""Which schemes there are, and who fetches from each."""

from ...core.urls import Address, masked
from ...core.words import nearest
from ...errors import ConfigError
from .origin import Origin

_STORES = ("s3", "gs", "gcs", "memory")
SCHEMES = ("https", "http", *_STORES, "hf")


def origin_of(address: Address) -> Origin:
    """Who fetches what an address leads to.

    Raises:
        ConfigError: for a scheme that is not known, or if a package is missing.
    """
    if address.scheme in ("https", "http"):
        from .http import Http

        return Http(address)
    if address.scheme in _STORES:
        from .stores import Store

        return Store(address)
    if address.scheme == "hf":
        from .hub import Hub

        return Hub(address)
    guess = nearest(address.scheme, SCHEMES)
    remedy = f"Did you mean {guess}://? " if guess else ""
    cause = f"{masked(address.url)}: data of the scheme {address.scheme}:// are not read."
    raise ConfigError(cause, f"{remedy}There are: {', '.join(f'{scheme}://' for scheme in SCHEMES)}.")
