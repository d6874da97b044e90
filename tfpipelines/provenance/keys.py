"""Ed25519 keys in the usual files: PEM, as openssl writes them, and OpenSSH's. Needs the package cryptography."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_LARGEST = 2**16  # bytes of a key file
_MAKE = "Make one: openssl genpkey -algorithm ed25519 -out key.pem"
_EXTRACT = "Extract it: openssl pkey -in key.pem -pubout -out public.pem"
_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"


def require_cryptography() -> None:
    """Refuses where the package is missing.

    Raises:
        ConfigError: with the extra that brings it.
    """
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        cause = "Signatures need a package that is not installed: cryptography."
        raise ConfigError(cause, "pip install 'tfpipelines[sign]'") from error


def read_private(path: str | Path, passphrase: str | None = None) -> "Ed25519PrivateKey":
    """The private key of a file.

    Raises:
        ConfigError: if it is no Ed25519 private key; EncryptedKeyError if it is encrypted, and there is no passphrase.
    """
    require_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    content = _content(path)
    load = serialization.load_ssh_private_key if _OPENSSH in content else serialization.load_pem_private_key
    try:
        key: Any = load(content, passphrase.encode() if passphrase else None)
    except (TypeError, ValueError) as error:
        if "not encrypted" in str(error):
            return read_private(path)
        if passphrase is None and _is_encrypted(content, error):
            cause = f"The key {path} is encrypted."
            raise EncryptedKeyError(cause, "Give its passphrase: passphrase=... in Python.") from error
        if passphrase is not None:
            raise ConfigError(f"The key {path} cannot be decrypted.", "Is the passphrase right?") from error
        raise ConfigError(f"{path} is no private key in PEM or OpenSSH form.", _MAKE) from error
    except Exception as error:  # kinds that the package knows and does not support
        raise ConfigError(f"{path} cannot be used as a key: {error}.", _MAKE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} is a key of another kind than Ed25519.", _MAKE)
    return key


class EncryptedKeyError(ConfigError):
    """A private key needs its passphrase."""


def read_public(path: str | Path) -> bytes:
    """The 32 bytes of the public key of a file.

    Raises:
        ConfigError: if it is no Ed25519 public key.
    """
    require_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    content = _content(path)
    if b"PRIVATE KEY" in content:
        raise ConfigError(f"{path} is a private key, and the public one is needed.", _EXTRACT)
    pem = content.lstrip().startswith(b"-----")
    load = serialization.load_pem_public_key if pem else serialization.load_ssh_public_key
    try:
        key: Any = load(content.strip() if not pem else content)
    except Exception as error:
        raise ConfigError(f"{path} is no public key in PEM or OpenSSH form.", _EXTRACT) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path} is a key of another kind than Ed25519.", _MAKE)
    return key.public_bytes_raw()


def _content(path: str | Path) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"The key {path} cannot be read: {error.strerror}.", "Name the file of a key.") from error
    if len(content) > _LARGEST:
        raise ConfigError(f"{path} is larger than any key.", "Name the file of a key.")
    return content


def _is_encrypted(content: bytes, error: Exception) -> bool:
    return isinstance(error, TypeError) or b"ENCRYPTED" in content or "encrypted" in str(error)
