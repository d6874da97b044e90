"""Networks made from the section `model` of a pipeline: built-in ones, those of packages, and users' own."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.config.signature import NetworkSection, Origin
from ..errors import ConfigError


def build_network(settings: NetworkSection, **given: Any) -> Any:
    """The network that a pipeline's `model` describes.

    Args:
        settings: made from a network's signature.
        given: what its kind passes to those that ask for it, such as `input_shape`, `classes`, `seed` and
            `for_training`.
    """
    if settings.origin.kind.own:
        from .own import build_own

        return build_own(settings, **given)
    build = imported(settings.origin)
    fields = {name: getattr(settings, name) for name in settings.own}
    passed = {name: given[name] for name in settings.asked if name in given}
    return build(**passed, **dict.fromkeys(settings.whole, settings), **fields)


def probe(settings: Any, shapes: Sequence[tuple[int | None, ...]], texts: Callable[[int], Any] | None = None) -> None:
    """Tries a user's own network before any data are read; others are passed over. See `probing.probe`."""
    if isinstance(settings, NetworkSection) and settings.origin.kind.own:
        from . import probing

        probing.probe(settings, shapes, texts, build_network)


@contextmanager
def user_errors(settings: Any) -> Iterator[None]:
    """Errors inside that come from the code of a user's own network become ConfigErrors with its file and line; for
    other networks it does nothing.

    Args:
        settings: the section `model` of a pipeline.
    """
    if not isinstance(settings, NetworkSection) or not settings.origin.kind.own:
        yield
        return
    from . import own

    with own.errors_of_code(settings):
        yield


def imported(origin: Origin) -> Callable[..., Any]:
    """The function that a section was made from. Its file is run here, and not before.

    Raises:
        ConfigError: if the file of another package cannot be imported.
    """
    try:
        return getattr(importlib.import_module(origin.module), origin.function)
    except (Exception, SystemExit) as error:
        if origin.module.startswith(f"{__package__}."):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        cause = f"The network {origin.name} cannot be built: importing {origin.module} fails: {reason}."
        raise ConfigError(cause, f"Fix {origin.path}, or use another network.") from error
