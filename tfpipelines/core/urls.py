"""URLs of data: their parts, and what of them is secret.

Names and passwords, tokens and signatures are taken out of a URL where it comes in, and are known to this process
alone: whatever is written, shown or handed on has the URL without them.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from ..errors import ConfigError
from .words import is_url

# Words of the names of parameters that are secret, in small letters
_SECRET = (
    "token secret password passwd passphrase pass pwd pw signature sig credential credentials auth authorization oauth "
    "jwt bearer otp apikey accesskey authkey rlkey resourcekey sessionid jsessionid"
).split()
_ENDS = ("token", "secret", "password", "passwd", "signature", "apikey", "accesskey")  # of words that are run together
_KEYS = "access account api app auth function functions host master private resource secret shared subscription".split()
_PLACES = {"page", "next", "continuation", "cursor", "max", "num"}  # a token of which is none
_LONG = {"key": re.compile(r"[\w-]{20,}"), "code": re.compile(r"[^.]{20,}"), "policy": re.compile(r"[^.]{20,}")}
_OF_STORES = re.compile(r"x-(?:amz|goog)-", re.I)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+://)([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_BEGIN = re.compile(r"(?<![A-Za-z0-9+.-])(?=[A-Za-z][A-Za-z0-9+.-]+://)")
_ONE_SLASH = re.compile(r"^(https?|s3|gs|gcs|hf|memory|s?ftp|ftps|abfss?|az|hdfs):/(?=[^/])", re.I)
_LOCAL = re.compile(r"^file:/(?=[^/])", re.I)
_PORT = re.compile(r"\d*\W*")  # in a text, marks may follow
_HASH, _REVISION = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
_known: dict[str, list[str]] = {}  # URL without its secrets -> with them, the latest two, the latest last


class Url(str):
    """A URL among inputs, where a mere string may be a text, and a `pathlib.Path` would lose slashes."""


@dataclass(frozen=True)
class Address:
    """A URL and what its fragment says, as in https://host/photos.zip#sha256=...&inside=train.

    Args:
        url: without secrets and fragment.
        sha256: of the content that is meant, in hexadecimal; "" for any.
        inside: a file or folder of what the URL leads to; "" for all of it.
        revision: of a dataset of the Hugging Face Hub, 40 hexadecimal digits; "" for that which the URL names.
    """

    url: str
    sha256: str = ""
    inside: str = ""
    revision: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """Takes a URL apart.

        Raises:
            ConfigError: if its fragment says anything else, or it is no URL.
        """
        plain, _, fragment = without_secrets(url).partition("#")
        if "@" in _PARTS.sub(r"\2", plain):
            cause = f"{plain}: its name or password ends too early, by one of the characters / ? #."
            raise ConfigError(cause, "Write them as %2F, %3F and %23.")
        try:
            _ = urlsplit(plain).port
        except ValueError as error:
            raise ConfigError(f"{plain} is no URL: {error}.", "Check its host and port.") from None
        parts = dict(part.partition("=")[::2] for part in fragment.split("&") if part)
        sha256, inside = parts.pop("sha256", "").lower(), unquote(parts.pop("inside", ""))
        revision = parts.pop("revision", "").lower() if plain[:5].lower() == "hf://" else ""
        if parts or (sha256 and not _HASH.fullmatch(sha256)) or (revision and not _REVISION.fullmatch(revision)):
            cause = f"{plain}: what stands behind # is not understood."  # it may be secret, and is not shown
            raise ConfigError(
                cause,
                "There may stand sha256=HASH (64 digits) and inside=PATH, joined by &, of hf:// also revision=HASH.",
            )
        return cls(plain, sha256, inside, revision)

    def __str__(self) -> str:
        parts = [("sha256", self.sha256), ("revision", self.revision), ("inside", quote(self.inside))]
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
    """A path as text; a URL without its secrets, and with both slashes, of which a `pathlib.Path` leaves one; that of a
    local file as its path.
    """
    text = str(path)
    if isinstance(path, Path):
        text = _LOCAL.sub("file:///", _ONE_SLASH.sub(r"\1://", text))
    return unquote(urlsplit(text).path) if is_url(text) and not is_remote(text) else cleaned(text)


def without_secrets(url: str) -> str:
    """The URL without name, password, tokens and signatures; this process remembers them, see `with_secrets`."""
    parts = _PARTS.fullmatch(url)
    if parts is None:
        return url
    scheme, place, path, query, fragment = (part or "" for part in parts.groups())
    if _breaks_off(place):
        return _masked(url) if "@" in url else url
    kept = "".join(f"{sign}{name}{value}" for sign, name, value in _parameters(query) if not _is_secret(name, value))
    kept, told = f"?{kept[1:]}" if kept else "", _starred(fragment)
    clean = f"{scheme}{place.rpartition('@')[2]}{path}{kept}"
    head = f"{scheme}{place}{path}{query}"
    if clean != head:
        _known[clean] = [*(one for one in _known.get(clean, ()) if one != head), head][-2:]
    return f"{clean}{told}"


def with_secrets(url: str) -> str:
    """The URL, which has no fragment, as it came in."""
    return _known.get(url, [url])[-1]


def has_several(url: str) -> bool:
    """Whether URLs have come in that differ from each other only in what is secret, and are this one without it."""
    return len(_known.get(url, ())) > 1


def cleaned(content: Any) -> Any:
    """Nested dicts and lists whose URLs are without their secrets."""
    if isinstance(content, dict):
        return {key: cleaned(value) for key, value in content.items()}
    if isinstance(content, list):
        return list(map(cleaned, content))
    return without_secrets(content) if isinstance(content, str) and is_url(content) else content


def masked(text: str) -> str:
    """A text, such as a message, in whose URLs stars stand for what is secret."""
    return re.sub(r"\S+", lambda word: masked_word(word[0]), text) if "://" in text else text


def masked_word(word: str) -> str:
    """The same of a word of a command, which may have blanks in it."""
    return "".join(map(_masked, _BEGIN.split(word))) if "://" in word else word


def _masked(url: str) -> str:
    """A URL, and what stands behind it."""
    parts = _PARTS.fullmatch(url)
    if parts is None:
        return url
    scheme, place, path, query, fragment = (part or "" for part in parts.groups())
    if _breaks_off(place):
        _, mark, rest = url.rpartition("@")
        return f"{scheme}***{mark}{_masked(f'xx://{rest}')[5:]}" if mark else f"{scheme}***"
    _, mark, host = place.rpartition("@")
    return f"{scheme}{'***@' if mark else ''}{host}{path}{_starred(query + fragment)}"


def _breaks_off(place: str) -> bool:
    """Whether host and port are a name and the beginning of its password, in which / ? or # stands."""
    port = place.rpartition(":")[2]
    return ":" in place and "@" not in place and not (_PORT.fullmatch(port) or place.startswith(("[", "arn:")))


def _parameters(query: str) -> list[tuple[str, str, str]]:
    """The mark before each parameter, its name, and its value with =."""
    return re.findall(r"([?#&;])([^?#&;=]*)((?:=[^#&;]*)?)", query)


def _starred(query: str) -> str:
    """A query or fragment with stars for the values that are secret."""
    hide = lambda name, value: "=***" if _is_secret(name, value) else value
    return "".join(f"{sign}{name}{hide(name, value)}" for sign, name, value in _parameters(query))


def _is_secret(name: str, value: str) -> bool:
    """Whether a parameter is secret, by the words of its name, which hyphens, underscores or capitals begin.

    Args:
        value: with its =, if it has one.
    """
    name, value = unquote(name), unquote(value.removeprefix("="))
    words = [word.lower() for word in _WORDS.findall(name)]
    if not value or (_PLACES.intersection(words) and words[-1] == "token"):
        return False
    if _OF_STORES.match(name) or words == ["key", "pair", "id"]:
        return True
    if any(word in _SECRET or word.endswith(_ENDS) for word in words):
        return True
    if any(first in _KEYS and second == "key" for first, second in pairwise(words)):
        return True
    return len(words) == 1 and words[0] in _LONG and bool(_LONG[words[0]].fullmatch(value))
