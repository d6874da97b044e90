"""Who may ask, and under which name: tokens, hosts and origins."""

import functools
import hmac
import ipaddress
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import ConfigError
from .problems import Problem

TOKEN = "TFPIPE_SERVE_TOKEN"  # name of the environment's variable
_SHORTEST = 16  # characters of a token
_LONGEST = 60  # characters of an address in numbers
OPEN = {"/", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}  # that need no token


@dataclass(frozen=True)
class Access:
    """What a request must show.

    Args:
        token: that it must carry as `Authorization: Bearer TOKEN`; None: none.
        hosts: names, in lower case, that its header Host may have beside addresses in numbers.
    """

    token: bytes | None = None
    hosts: frozenset[str] = frozenset({"localhost"})

    def require(self, path: str, headers: Mapping[str, str]) -> None:
        """Refuses a request.

        A web page of another site could otherwise reach a server on the user's own machine: by a name that leads to it
        (the header Host tells), or by a form (the header Origin does).

        Args:
            headers: name, in lower case -> value.

        Raises:
            Problem: `malformed`, `forbidden` or `unauthorized`.
        """
        host = headers.get("host", "")
        if not self._is_known(host):
            cause = "The header Host names another server."
            raise Problem("malformed", cause, "Start the server with --allow-host NAME if it is one of its names.")
        if (origin := headers.get("origin")) and _place(origin) != host.lower():
            raise Problem("forbidden", "The request comes from the page of another site.", "Call the server itself.")
        if self.token is None or path in OPEN:
            return
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("utf-8", "replace"), self.token):
            what = "The token is wrong." if given else "The server wants a token."
            challenge = {"WWW-Authenticate": "Bearer"}
            raise Problem("unauthorized", what, "Send the header Authorization: Bearer TOKEN.", headers=challenge)

    def _is_known(self, host: str) -> bool:
        name = _host_name(host)
        return bool(name) and (name in self.hosts or _is_address(name))


def access_of(host: str, token_file: str | None, no_auth: bool, allow_hosts: Iterable[str]) -> Access:
    """What the command line and the environment ask for.

    Args:
        host: that is listened on.
        token_file: holds the token.
        no_auth: no token is wanted though others than this machine can reach the server.
        allow_hosts: names of the server.

    Raises:
        ConfigError: if another host can reach the server without a token, or the token is too short or cannot be read.
    """
    token = _token_of(token_file)
    if no_auth and token is not None:
        raise ConfigError(f"--no-auth does not go with a token, from --token-file or {TOKEN}.", "Leave one out.")
    if token is None and not no_auth and not _is_loopback(host):
        cause = f"--host {host} can be reached from other machines, and no token is set."
        raise ConfigError(cause, f"Name a file by --token-file, or set {TOKEN}; or allow all by --no-auth.")
    names = {"localhost", *map(str.lower, allow_hosts)}
    return Access(token, frozenset(names if _is_address(host) else names | {host.lower()}))


def _token_of(file: str | None) -> bytes | None:
    if file is not None:
        path = Path(file)
        try:
            if not stat.S_ISREG(path.stat().st_mode) or path.stat().st_size > 4096:
                raise ConfigError(f"--token-file {file}: not a small file.", "Name a file with one line, the token.")
            text = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "") or "it is no text"
            raise ConfigError(f"--token-file {file} cannot be read: {why}.", "Name a file with the token.") from error
        where = f"--token-file {file}"
    elif (text := os.environ.get(TOKEN, "").strip()) or TOKEN in os.environ:
        where = TOKEN
    else:
        return None
    if len(text) < _SHORTEST or not text.isascii() or not text.isprintable() or " " in text:
        cause = f"{where}: the token must have {_SHORTEST} characters or more, of ASCII and without spaces."
        raise ConfigError(cause, "Make one: python -c 'import secrets; print(secrets.token_urlsafe())'")
    return text.encode()


def _place(origin: str) -> str:
    """Host and port of a header Origin, in lower case; "" if it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _host_name(host: str) -> str:
    """A header Host without the port, in lower case; "" if it is none."""
    if host.startswith("["):
        name, mark, port = host[1:].partition("]")
        port = port.removeprefix(":")
        return name.lower() if mark and (not port or port.isdecimal()) else ""
    name, mark, port = host.partition(":")
    return name.lower().rstrip(".") if not mark or port.isdecimal() else ""


@functools.lru_cache(64)
def _is_address(name: str) -> bool:
    """Whether it is in numbers: names are what a foreign site can let lead here."""
    if len(name) > _LONGEST:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
