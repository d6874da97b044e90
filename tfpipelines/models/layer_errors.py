"""What layers of a finished run's model raise when they are called."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.run_files import damaged
from ..errors import ArtifactError, TfpipelinesError

_KERAS = "Exception encountered when calling "  # how Keras begins what it says of an error in a layer


@contextmanager
def errors_of_layers(file: Path, code: str = "") -> Iterator[None]:
    """Turns what a layer raises, such as by a damaged configuration, into an ArtifactError. Exhausted memory is to be
    dealt with inside.

    Args:
        file: of the model.
        code: the network, if its code is the user's own; then an error is the code's.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, TfpipelinesError) or _KERAS not in str(error):
            raise
        where, _, reason = str(error).partition(_KERAS)[2].partition("\n")
        told = next((line for line in re.sub(r"\x1b\[\d*m", "", reason).splitlines() if line.strip()), "")
        what = f"its model cannot be called: {where.rstrip('.')}: {told.strip().rstrip('.')}"
        if code:
            remedy = "Mend the code and train again, or give inputs that it can take."
            raise ArtifactError(f"The code of the network {code} failed: {what}.", remedy) from error
        damaged(file, what, error)
