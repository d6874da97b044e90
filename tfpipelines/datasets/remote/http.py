"""Files behind https:// and http://, fetched by Python's own client."""

import base64
import http.client
import netrc
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from ...core.files import write_json
from ...core.run_files import found_json
from ...core.urls import masked, with_secrets
from ...core.words import megabytes
from ...errors import DataError, ResourceError
from ..compressed import ending_of
from .origin import PATIENCE, SLOW, Origin, Pace, Tell, UnreachableError, Version

ATTEMPTS = 3  # of a connection that breaks off, where the server can go on
_CHUNK = 2**20
_LOOK, _SPARE = 2**24, 2**27  # bytes after which room is looked for, and that are left
_CODINGS = {"gzip": ".gz", "x-gzip": ".gz", "bzip2": ".bz2", "xz": ".xz"}
_PAGES = (b"<!doctype html", b"<html")
_SAFE = "%/:=&?~+!$,;'@()*[]"
_HIDDEN = re.compile(r"[\x00-\x1f\x7f/\\]")


class Http(Origin):
    """A file on a server."""

    _response: Any = None

    def look(self, known: str) -> Version:
        self.close()
        kind, _, mark = known.partition(":")  # not If-Modified-Since: what is older may be another content, too
        response = self._open({"If-None-Match": mark} if kind == "etag" else {})
        if response is None:
            return Version("", mark=known)
        self._response, headers = response, response.headers
        size, name = _length(response), _name(self.address.url, response)
        coding = headers.get("Content-Encoding", "identity").lower()
        if coding != "identity" and not ending_of(name).endswith(_CODINGS.get(coding, "\0")):
            cause = f"{self.address.url}: the server sends it compressed ({coding}), which nobody has asked for."
            raise DataError(cause, "Download it by a browser, and give the local file.")
        return Version(name, size, 1, _mark(headers, size))

    def goes_on(self, version: Version) -> bool:
        return bool(version.mark) and not version.mark.startswith("etag:W/") and version.bytes is not None

    def fetch(self, version: Version, part: Path, tell: Tell) -> Path:
        file, facts = part / "content", part / "mark.json"
        if not version.mark or found_json(facts).get("mark") != version.mark:
            file.unlink(missing_ok=True)
        write_json(facts, {"mark": version.mark})
        reason = ""
        for _ in range(ATTEMPTS):
            before = self._whence(version, file)
            if before and before == version.bytes:  # of a process that was killed before it had moved it
                break
            response, begin = self._from(before, version)
            reason = self._receive(response, file, begin, version, tell)
            if not reason or self._whence(version, file) <= before:
                break
        if reason:
            self._broken(reason, version, file)
        with open(file, "rb") as content:
            head = content.read(_CHUNK).lstrip().lower()
        if head.startswith(_PAGES) and not version.name.lower().endswith((".html", ".htm")):
            file.unlink()
            cause = (
                f"{self.address.url} is a web page (HTML) and no {version.name}: perhaps one to log in or to preview."
            )
            raise DataError(cause, "Give the URL of the file itself, as its download link has it.")
        return file

    def close(self) -> None:
        if self._response is not None:
            self._response.close()

    def _open(self, headers: Mapping[str, str]) -> Any:
        """The answer to a request; None if there is nothing newer, or nothing in the range that is asked for."""
        url, authorization = _without_user(with_secrets(self.address.url))
        asked = {"User-Agent": "tfpipelines", "Accept-Encoding": "identity", **headers}
        asked |= {"Authorization": authorization} if authorization else {}
        try:
            return _opener().open(request.Request(quote(url, safe=_SAFE), headers=asked), timeout=PATIENCE)
        except HTTPError as error:
            with error:
                if error.code == 304 or (error.code == 416 and "Range" in headers):
                    return None
                raise self._refused(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise self._unanswered(error) from None

    def _refused(self, error: HTTPError) -> DataError:
        url, what = self.address.url, f"{error.code} {error.reason}".strip()
        if error.code in (401, 403, 407):
            own = urlsplit(url).scheme == "https"
            remedy = "A name, password or token is missing or not accepted: give a URL with a right one"
            remedy += f"{', or name and password in ~/.netrc' if own else ''}."
            if self.address.sha256:  # such as that of a run, which does not keep them
                remedy += " A run goes on once `tfpipe check URL` with such a URL has fetched the data again."
            return DataError(f"{url} is refused by the server ({what}).", remedy)
        if error.code in (404, 410):
            return DataError(f"{url} does not exist ({what}).", "Check the URL.")
        if 300 <= error.code < 400:
            return DataError(f"{url} redirects in a circle, or nowhere ({what}).", "Give the URL of the file itself.")
        if error.code >= 500 or error.code == 429:
            return UnreachableError(f"{url}: the server cannot answer now ({what}).", "Try again later.")
        return DataError(f"{url} cannot be fetched ({what}).", "Check the URL.")

    def _unanswered(self, error: Exception) -> DataError:
        url, reason = self.address.url, error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            cause = f"{url}: the certificate of the server is not trusted: {reason.verify_message}."
            remedy = "Check the URL; SSL_CERT_FILE names a file of certificates of your own that are trusted."
            return DataError(cause, remedy)
        cause = f"{url} cannot be reached: {_words(reason)}."
        return UnreachableError(cause, "Check the URL and the connection, then try again.")

    def _whence(self, version: Version, file: Path) -> int:
        """Bytes that are there and that the server can go on from."""
        there = file.stat().st_size if self.goes_on(version) and file.is_file() else 0
        return there if there <= (version.bytes or 0) else 0

    def _from(self, begin: int, version: Version) -> tuple[Any, int]:
        """An answer that goes on from a byte, or, where the server cannot, begins anew; and which."""
        response, self._response = self._response, None
        if begin or response is None:
            if response is not None:
                response.close()
            kind, _, mark = version.mark.partition(":")
            mark = mark if kind == "etag" else mark.partition(";")[0]
            response = self._open({"Range": f"bytes={begin}-", "If-Range": mark}) if begin else None
            response = response or self._open({})
        goes_on, last = response.status == 206, (version.bytes or 0) - 1
        if goes_on and response.headers.get("Content-Range", "") != f"bytes {begin}-{last}/{version.bytes}":
            response.close()
            raise DataError(
                f"{self.address.url}: the server sends another part than was asked for.", "Try again later."
            )
        if not goes_on and _mark(response.headers, _length(response)) != version.mark:
            response.close()
            raise DataError(f"{self.address.url} has changed while it was fetched.", "Try again.")
        return response, begin if goes_on else 0

    def _receive(self, response: Any, file: Path, begin: int, version: Version, tell: Tell) -> str:
        """Writes what comes behind the first `begin` bytes; why that ended too early, or ""."""
        done, room_at, pace = begin, _LOOK, Pace(version.bytes, begin, tell)
        with closing(response), open(file, "r+b" if begin else "wb") as target:
            target.seek(begin)
            target.truncate()
            while True:
                try:
                    piece = response.read1(_CHUNK)
                except (OSError, http.client.HTTPException, ValueError) as error:
                    return _words(error)
                target.write(piece)
                done += len(piece)
                if not piece:
                    break
                if version.bytes is None and done > room_at:
                    room_at = done + _LOOK
                    self._require_spare(file, done)
                if reason := pace.too_slow(done):
                    return reason
        return "the connection ended too early" if done < (version.bytes or 0) else ""

    def _require_spare(self, file: Path, done: int) -> None:
        """Raises ResourceError if a body of unknown length is about to fill the disk."""
        if shutil.disk_usage(file.parent).free < _SPARE:
            cause = f"{self.address.url} does not say how large it is: after {megabytes(done)} the disk is nearly full."
            raise ResourceError(cause, "Name a folder with more room in the environment variable TFPIPE_CACHE.")

    def _broken(self, reason: str, version: Version, file: Path) -> None:
        there = file.stat().st_size if file.is_file() else 0
        size = "" if version.bytes is None else f" of {megabytes(version.bytes)}"
        cause = f"{self.address.url} broke off after {megabytes(there)}{size}: {reason}."
        if self._whence(version, file):
            raise DataError(cause, "Try again: what was fetched stays in the cache, and it goes on from there.")
        file.unlink(missing_ok=True)
        raise DataError(cause, "Try again: the server does not say how to go on, so it is fetched anew.")


class _Patient(http.client.HTTPConnection):
    """A connection whose answer must have begun after a while, however slowly it drips."""

    def getresponse(self) -> http.client.HTTPResponse:
        late = threading.Event()
        timer = threading.Timer(SLOW, self._end, [self.sock, late])
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        except Exception:
            if late.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
        if late.is_set():  # what has come may be less than all headers
            response.close()
            raise TimeoutError
        return response

    @staticmethod
    def _end(connected: socket.socket, late: threading.Event) -> None:
        late.set()
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


class _PatientByTls(_Patient, http.client.HTTPSConnection):
    """The same by TLS."""


class _Plain(request.HTTPHandler):
    def http_open(self, req: request.Request) -> Any:
        return self.do_open(_Patient, req)


class _Tls(request.HTTPSHandler):
    def https_open(self, req: request.Request) -> Any:
        return self.do_open(_PatientByTls, req, context=ssl.create_default_context())


class _Redirects(request.HTTPRedirectHandler):
    """Follows redirects to the same scheme, or from http to https, and takes no password to another host."""

    def http_error_302(self, req, fp, code, msg, headers):
        place = headers.get("Location") or headers.get("URI") or ""
        before, after = urlsplit(req.full_url).scheme, urlsplit(urljoin(req.full_url, place)).scheme
        if after not in (before, "https"):
            fp.close()
            cause = f"{masked(_without_user(req.full_url)[0])} redirects from {before} to {after}: {masked(place)}."
            raise DataError(cause, "It is not followed; give that URL itself if you trust it.")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        after = super().redirect_request(req, fp, code, msg, headers, newurl)
        if after is not None and urlsplit(after.full_url).netloc != urlsplit(req.full_url).netloc:
            after.headers.pop("Authorization", None)
        return after


def _opener() -> request.OpenerDirector:
    """Of http and https alone, so that no redirect leads to a local file."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        _Plain(),
        _Tls(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _without_user(url: str) -> tuple[str, str]:
    """A URL without name and password, and the header that says them; those of ~/.netrc where it has none."""
    parts = urlsplit(url)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if not user and parts.scheme == "https":
        with suppress(OSError, netrc.NetrcParseError):
            if found := netrc.netrc().authenticators(parts.hostname or ""):
                user, password = quote(found[0]), quote(found[2] or "")
    plain = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], *parts[2:]))
    code = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    return plain, f"Basic {code}" if user else ""


def _mark(headers: Any, size: int | None) -> str:
    """What tells this content from another one: the entity tag, or the time of modification and the size."""
    if tag := headers.get("ETag"):
        return f"etag:{tag}"
    modified = headers.get("Last-Modified")
    return f"modified:{modified};{size}" if modified and size is not None else ""


def _length(response: Any) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _name(url: str, response: Any) -> str:
    """What a file is to be called: by its URL, by what the server says, or by where a redirect has led to."""
    path = lambda url: unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    try:
        told = response.headers.get_filename() or ""
    except (TypeError, ValueError, LookupError):  # of a header that mixes the ways of writing a name
        told = ""
    given = [path(url), told, path(response.url)]
    names = [_HIDDEN.sub("_", name).lstrip(".") for name in given]
    return next((name for name in names if Path(name).suffix), names[0] or "data")


def _words(reason: Any) -> str:
    if isinstance(reason, TimeoutError):
        return f"nothing came for {PATIENCE:.0f} s"
    if isinstance(reason, http.client.IncompleteRead):
        return "the connection ended too early"
    return masked(str(getattr(reason, "strerror", None) or reason or type(reason).__name__)).rstrip(".")
