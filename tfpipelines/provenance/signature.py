"""manifest.sig: an Ed25519 signature of a manifest, in a file beside it."""

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..core.files import write_json
from ..core.manifest import MANIFEST, SIGNATURE
from ..core.run_files import damaged, read_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "ed25519"
# What is signed is this and the bytes of manifest.json, so that it is no signature of anything else.
PREFIX = b"tfpipelines manifest signature, version 1\n"
_SHAPE = {"algorithm": str, "public_key": str, "signature": str}


class Signature(NamedTuple):
    """The content of a manifest.sig.

    Args:
        raw_key: the 32 bytes of the public key that it names.
        signature: 64 bytes.
    """

    raw_key: bytes
    signature: bytes

    @property
    def public_key(self) -> str:
        """The key in base64."""
        return base64.b64encode(self.raw_key).decode()

    def fits(self, folder: Path) -> bool | None:
        """Whether it is the key's signature of the folder's manifest; None where cryptography is not installed."""
        try:
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        except ImportError:
            return None
        try:
            message = PREFIX + (folder / MANIFEST).read_bytes()
            Ed25519PublicKey.from_public_bytes(self.raw_key).verify(self.signature, message)
        except (InvalidSignature, ValueError, OSError):
            return False
        return True


def read_signature(folder: Path) -> Signature:
    """The content of a folder's manifest.sig.

    Raises:
        ArtifactError: if it is damaged.
    """
    path = folder / SIGNATURE
    content = read_json(path, _SHAPE, _SHAPE)
    if content["algorithm"] != ALGORITHM:
        damaged(path, f"it is of an algorithm that this version does not know, {content['algorithm'][:40]!r}")
    try:
        raw_key, signature = (base64.b64decode(content[name], validate=True) for name in ("public_key", "signature"))
    except (binascii.Error, ValueError) as error:
        damaged(path, "its key or signature is no base64", error)
    if (len(raw_key), len(signature)) != (32, 64):
        damaged(path, "its key or signature is of another length")
    return Signature(raw_key, signature)


def write_signature(folder: Path, private: "Ed25519PrivateKey") -> Signature:
    """Signs the manifest that a folder has.

    Raises:
        ResourceError: if the signature cannot be written.
    """
    signature = private.sign(PREFIX + (folder / MANIFEST).read_bytes())
    made = Signature(private.public_key().public_bytes_raw(), signature)
    content = {"algorithm": ALGORITHM, "public_key": made.public_key}
    write_json(folder / SIGNATURE, {**content, "signature": base64.b64encode(signature).decode()})
    return made
