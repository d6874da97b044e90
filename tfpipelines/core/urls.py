"""URLs of data: their parts, and what of them is secret.

Names and passwords, tokens and signatures are taken out of a URL where it comes in, and are known to this process
alone: whatever is written, shown or handed on has the URL without them.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ..errors import ConfigError
from .words import is_url

_SECRET = re.compile(
    r"token|secret|passw|signature|credential|api[_-]?key|access_?key|auth(?!or)|^(?:sig|pwd)$|^x-(?:amz|goog)-", re.I
)
_LONG_KEY = re.compile(r"[\w-]{20,}")  # the value of a parameter `key` that is no name of a file
_USER = re.compile(r"(?<=://)[^/\s@?#]*@")
_PARAMETER = re.compile(r"([?&])([^=&\s#]+)=([^&\s#'\"]*)")
_ONE_SLASH = re.compile(r"^((?:https?|s3|gs|gcs|hf|memory):)/(?=[^/])")
_HASH = re.compile(r"[0-9a-f]{64}")
_known: dict[str, str] = {}  # URL without its secrets -> with them


@dataclass(frozen=True)
class Address:
    """A URL and what its fragment says, as in https://host/photos.zip#sha256=...&inside=train.

    Args:
        url: without secrets and fragment.
        sha256: of the content that is meant, in hexadecimal; "" for any.
        inside: a file or folder of what the URL leads to; "" for all of it.
    """

    url: str
    sha256: str = ""
    inside: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """Takes a URL apart.

        Raises:
            ConfigError: if its fragment says anything else.
        """
        plain, _, fragment = without_secrets(url).partition("#")
        parts = dict(part.partition("=")[::2] for part in fragment.split("&") if part)
        sha256, inside = parts.pop("sha256", "").lower(), unquote(parts.pop("inside", ""))
        if parts or (sha256 and not _HASH.fullmatch(sha256)):
            cause = f"{masked(url)}: #{fragment} is not understood."
            raise ConfigError(cause, "Behind # may stand sha256=HASH (64 digits) and inside=PATH, joined by &.")
        return cls(plain, sha256, inside)

    def __str__(self) -> str:
        parts = [("sha256", self.sha256), ("inside", quote(self.inside))]
        fragment = "&".join(f"{name}={value}" for name, value in parts if value)
        return f"{self.url}#{fragment}" if fragment else self.url

    @property
    def scheme(self) -> str:
        """In small letters."""
        return self.url.partition("://")[0].lower()


def is_remote(path: str) -> bool:
    """Whether a path is a URL whose content is copied; that of a local file is not."""
    return is_url(path) and path[:8].lower() != "file:///"


def as_text(path: str | Path) -> str:
    """A path as text; a URL without its secrets, and with both slashes, of which a `pathlib.Path` leaves one."""
    return cleaned(_ONE_SLASH.sub(r"\1//", str(path)) if isinstance(path, Path) else path)


def without_secrets(url: str) -> str:
    """The URL without name, password, tokens and signatures; this process remembers them, see `with_secrets`."""
    head, mark, fragment = url.partition("#")
    try:
        parts = urlsplit(head)
    except ValueError:  # such as a bracket in the host
        return url
    query = "&".join(part for part in parts.query.split("&") if not _is_secret(*part.partition("=")[::2]))
    netloc = parts.netloc.rpartition("@")[2]
    if (netloc, query) == (parts.netloc, parts.query):
        return url
    clean = urlunsplit((parts.scheme, netloc, parts.path, query, ""))
    _known[clean] = head
    return f"{clean}{mark}{fragment}"


def with_secrets(url: str) -> str:
    """The URL, which has no fragment, as it came in."""
    return _known.get(url, url)


def cleaned(content: Any) -> Any:
    """Nested dicts and lists whose URLs are without their secrets."""
    if isinstance(content, dict):
        return {key: cleaned(value) for key, value in content.items()}
    if isinstance(content, list):
        return list(map(cleaned, content))
    return without_secrets(content) if isinstance(content, str) and is_url(content) else content


def masked(text: str) -> str:
    """A text, such as a command or a message, in whose URLs stars stand for what is secret."""
    if "://" not in text:
        return text
    hide = lambda match: f"{match[1]}{match[2]}=***" if _is_secret(match[2], match[3]) else match[0]
    return _PARAMETER.sub(hide, _USER.sub("***@", text))


def _is_secret(name: str, value: str) -> bool:
    return bool(value) and bool(_SECRET.search(name) or (name.lower() == "key" and _LONG_KEY.fullmatch(value)))
