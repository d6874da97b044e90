"""Which code of users' own networks may run: what this user has named on a command line or in a call of their own.

The trust store is the folder `trusted` in `~/.config/tfpipelines` (or where XDG_CONFIG_HOME or TFPIPE_CONFIG say). It
has a file for each text of code, called after its SHA-256. Whoever deletes the file takes the trust back.
"""

from collections.abc import Callable

from ..errors import ArtifactError, ResourceError
from .config import Code, Pipeline, short_name, trust_store
from .files import atomic_write, now


def asking(everything: bool = False) -> Callable[[Code, bool], None]:
    """What `config.load` asks where a user starts something: remembers code that an override names.

    Args:
        everything: also code that the pipeline's file or the run folder names.
    """

    def ask(code: Code, named: bool) -> None:
        if (named or everything) and not code.trusted:
            remember(code)

    return ask


def remember(code: Code) -> None:
    """Puts code into the trust store.

    Raises:
        ResourceError: if that cannot be written.
    """
    folder = trust_store()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        cause = f"{folder}, which records the code that you trust, cannot be made: {error.strerror}."
        raise ResourceError(cause, "Set TFPIPE_CONFIG to a folder that you may write to.") from error
    atomic_write(folder / code.sha256, f"{code.name}\n{now()}\n")


def require(pipeline: Pipeline) -> None:
    """Refuses a pipeline whose networks are code that the user does not trust.

    Raises:
        ArtifactError: with what it would mean to run it.
    """
    for code, trusted in pipeline.own_code:
        if not trusted:
            raise untrusted(code)


def untrusted(code: Code) -> ArtifactError:
    """That code is not trusted, and what it would mean to run it."""
    return ArtifactError(
        f"The network {short_name(code.name)} is code, {code.path}, that you have not trusted: building it means "
        "running it, with all your permissions.",
        "Read it; if you trust it, add --trust (in Python: trust=True).",
    )
