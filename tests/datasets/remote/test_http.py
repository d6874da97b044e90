"""Files on servers are copied once, go on where they broke off, and come whole or not at all."""

import contextlib
import hashlib
import io
import os
import shutil
import signal
import ssl
import zipfile
from typing import Annotated
from urllib.error import URLError

import pytest

from tfpipelines.core.machine import cache_folder
from tfpipelines.core.urls import Address, with_secrets
from tfpipelines.datasets.remote import copies, http, local_copy, origin, pinned
from tfpipelines.datasets.source import locate, open_source
from tfpipelines.datasets.source.requests import FEATURES, Request
from tfpipelines.errors import ConfigError, DataError, ResourceError

ROWS = b"a,label\n1,x\n2,y\n"


@pytest.fixture
def told():
    return []


def fetched(url, told=None):
    return local_copy(url, (told if told is not None else []).append)


def leftovers():
    return sorted(path.name for path in cache_folder().glob("fetched/*/part/*"))


def test_a_file_is_announced_and_copied_once(served, told):
    served.files["/set.csv"] = ROWS
    copy = fetched(f"{served.url}/set.csv", told)
    assert copy.path.read_bytes() == ROWS and copy.path.name == "set.csv" and copy.bytes == len(ROWS)
    assert copy.sha256 == hashlib.sha256(ROWS).hexdigest()
    assert told == [f"Fetching {served.url}/set.csv, of {len(ROWS)} bytes, once, into {copy.path.parents[1]}"]
    again = fetched(f"{served.url}/set.csv", told)
    assert again == copy and len(told) == 1 and len(served.asked) == 2 and "If-None-Match" in served.asked[1][1]
    served.files["/set.csv"] = ROWS + b"3,x\n"
    newer = fetched(f"{served.url}/set.csv", told)
    assert newer.path.read_bytes() == ROWS + b"3,x\n" and len(told) == 2
    assert copy.path.read_bytes() == ROWS  # a run that began with it can go on


def test_a_source_reads_the_copy_and_says_so(served, capsys):
    served.files["/set.csv"] = ROWS
    table = open_source(f"{served.url}/set.csv", FEATURES).read(Request(FEATURES))
    assert list(table.cells["a"]) == ["1", "2"]
    (note,) = [entry for entry in table.findings.entries if entry.code == "copied"]
    assert note.severity == "note" and f"SHA-256 {hashlib.sha256(ROWS).hexdigest()}" in note.message
    assert "Fetching http://127" in capsys.readouterr().err
    assert locate(f"{served.url}/set.csv").read_bytes() == ROWS


@pytest.mark.parametrize("name", ["set.csv.gz", "set.jsonl", "set.zip", "set.npz"])
def test_every_form_is_read_from_its_copy(served, name):
    import gzip

    import numpy as np

    stream = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("set/rows.csv", ROWS)
    elif name.endswith(".npz"):
        np.savez(stream, x=np.arange(8.0).reshape(2, 4), y=np.array([0, 1]))
    else:
        content = b'{"a": 1, "label": "x"}\n{"a": 2, "label": "y"}\n'
        stream.write(gzip.compress(ROWS) if name.endswith(".gz") else content)
    served.files[f"/{name}"] = stream.getvalue()
    from tfpipelines.datasets.source.requests import IMAGES

    kind = IMAGES if name.endswith(".npz") else FEATURES
    table = open_source(f"{served.url}/{name}", kind).read(Request(kind))
    assert len(table.frame) == 2 and "copied" in [entry.code for entry in table.findings.entries]


def test_a_table_inside_of_an_archive(served):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.csv", ROWS)
        archive.writestr("b.csv", ROWS + b"3,x\n")
    served.files["/two.zip"] = stream.getvalue()
    with pytest.raises(DataError, match="holds 2 tables"):
        open_source(f"{served.url}/two.zip", FEATURES)
    assert len(open_source(f"{served.url}/two.zip#inside=b.csv", FEATURES).read(Request(FEATURES)).frame) == 3
    with pytest.raises(DataError, match="leads out"):
        locate(f"{served.url}/two.zip#inside=../x")
    with pytest.raises(ConfigError, match="behind # is not understood"):
        locate(f"{served.url}/two.zip#branch=x")


def test_a_pinned_url_asks_nobody_and_takes_nothing_else(served, told):
    served.files["/set.csv"] = ROWS
    url = pinned(f"{served.url}/set.csv", told.append)
    assert url == f"{served.url}/set.csv#sha256={hashlib.sha256(ROWS).hexdigest()}"
    asked = len(served.asked)
    first = fetched(url)
    served.files["/set.csv"] = ROWS + b"3,x\n"
    fetched(f"{served.url}/set.csv")
    assert fetched(url) == first and len(served.asked) == asked + 1
    for path in first.path.parents[1].iterdir():
        if path.is_dir():
            [file.unlink() for file in path.iterdir()]
    with pytest.raises(DataError, match="has changed: its SHA-256 is"):
        fetched(url)


def test_without_the_server_the_copy_is_used_and_said(served, told):
    served.files["/set.csv"] = ROWS
    url = f"{served.url}/set.csv"
    copy = fetched(url)
    served.status["/set.csv"] = 503
    assert fetched(url, told) == copy and "the server cannot answer now (503" in told[0] and "its copy of" in told[0]
    served.stop()
    assert fetched(url, told) == copy and "cannot be reached" in told[1]
    with pytest.raises(DataError, match="cannot be reached: Connection refused"):
        fetched(f"{served.url}/other.csv")


def test_a_broken_connection_goes_on_where_it_ended(served, told):
    content = os.urandom(300_000)
    served.files["/set.npz"], served.cut["/set.npz"] = content, [100_000, 100_000]
    assert fetched(f"{served.url}/set.npz").path.read_bytes() == content
    assert [headers.get("Range") for _, headers in served.asked] == [None, "bytes=100000-", "bytes=200000-"]
    assert not leftovers()


def test_what_came_before_a_failure_stays(served, told):
    content = os.urandom(300_000)
    served.files["/set.npz"], served.cut["/set.npz"] = content, [100_000, 0]
    with pytest.raises(DataError, match="broke off after 0.10 MB of 0.30 MB: the connection ended") as caught:
        fetched(f"{served.url}/set.npz")
    assert "goes on from there" in caught.value.remedy and leftovers() == ["content", "mark.json"]
    assert not list(cache_folder().glob("fetched/*/*/set.npz"))  # nothing half is used
    assert fetched(f"{served.url}/set.npz", told).path.read_bytes() == content
    assert served.asked[-1][1]["Range"] == "bytes=100000-" and "of 0.30 MB, of which 0.10 MB are there, once" in told[0]
    served.files["/set.npz"], served.cut["/set.npz"] = content[::-1], [100_000, 0]
    with pytest.raises(DataError, match="broke off"):
        fetched(f"{served.url}/set.npz")
    served.files["/set.npz"] = content  # another content: the part of the one before is of no use
    assert fetched(f"{served.url}/set.npz").path.read_bytes() == content and not leftovers()


@pytest.mark.parametrize("ends", ["in hashing", "too long"])
def test_what_is_there_to_the_last_byte(served, monkeypatch, ends):
    content = os.urandom(300_000)
    served.files["/set.npz"] = content
    with monkeypatch.context() as patch:
        patch.setattr(copies, "_hash", lambda path: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            fetched(f"{served.url}/set.npz")
    assert leftovers() == ["content", "mark.json"]
    if ends == "too long":
        with open(next(cache_folder().glob("fetched/*/part/content")), "ab") as file:
            file.write(b"x")
    assert fetched(f"{served.url}/set.npz").path.read_bytes() == content and not leftovers()
    assert [headers.get("Range") for _, headers in served.asked] == [None, None]


def test_a_server_that_has_no_such_range(served):
    served.files["/a.csv"] = bytes(100)
    server = http.Http(Address.of(f"{served.url}/a.csv"))
    version = server.look("")
    response, begin = server._from(100, version)  # answered by 416
    assert begin == 0 and response.read() == bytes(100) and len(served.asked) == 3


def test_the_same_content_again_stays_where_it_is(served):
    served.tags, served.files["/a.csv"] = False, ROWS
    first = fetched(f"{served.url}/a.csv")
    facts = first.path.stat()
    again = fetched(f"{served.url}/a.csv")
    assert again.path == first.path and len(served.asked) == 2
    assert (again.path.stat().st_ino, again.path.stat().st_mtime_ns) == (facts.st_ino, facts.st_mtime_ns)
    for _ in range(2):
        for headers in ({}, {"Content-Disposition": "attachment; filename=c.csv"}):
            served.headers["/a.csv"] = headers
            assert fetched(f"{served.url}/a.csv").path == first.path
            assert first.path.stat().st_mtime_ns == facts.st_mtime_ns
    again.path.write_bytes(b"x")
    assert fetched(f"{served.url}/a.csv").path.read_bytes() == ROWS


def test_a_part_that_another_process_fetches_stays(served):
    import fcntl

    served.files["/a.csv"] = ROWS
    folder = fetched(f"{served.url}/a.csv").path.parents[1]
    (folder / "part").mkdir()
    with open(folder / ".lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetched(f"{served.url}/a.csv")
        assert (folder / "part").is_dir()
    fetched(f"{served.url}/a.csv")
    assert not (folder / "part").exists()


def test_another_content_is_not_fetched_to_see_that_it_is_another(served, told):
    served.files["/a.csv"] = ROWS
    first = fetched(f"{served.url}/a.csv", told)
    for _ in range(2):
        with pytest.raises(DataError, match="has changed"):
            fetched(f"{served.url}/a.csv#sha256={'0' * 64}", told)
    served.files["/a.csv"] = ROWS * 2
    fetched(f"{served.url}/a.csv", told)
    served.files["/a.csv"] = ROWS  # back again
    assert fetched(f"{served.url}/a.csv", told).path == first.path and len(told) == 2


def test_a_touched_copy_is_hashed_once(served, monkeypatch):
    served.files["/a.csv"] = ROWS
    copy = fetched(f"{served.url}/a.csv")
    hashed, before = [], copies._hash
    monkeypatch.setattr(copies, "_hash", lambda path: hashed.append(path) or before(path))
    for _ in range(2):
        os.utime(copy.path, (9e9, 9e9))
        assert fetched(str(copy.address)) == fetched(str(copy.address)) == copy
    assert len(hashed) == 2


@pytest.mark.parametrize("name", ["数据" * 60 + ".csv", "日" * 75 + ".csv", "a" * 250 + ".csv"])
def test_long_names(served, name):
    from urllib.parse import quote

    served.files[f"/{quote(name)}"] = ROWS
    path = fetched(f"{served.url}/{quote(name)}").path
    assert path.read_bytes() == ROWS and name.endswith(path.name) and path.suffix == ".csv"


def test_a_body_without_an_end(served, monkeypatch):
    monkeypatch.setattr(http, "_LOOK", 1000)
    served.headers["/a.csv"], served.files["/a.csv"] = {"Content-Length": "unknown"}, bytes(2_000_000)
    assert fetched(f"{served.url}/a.csv").bytes == 2_000_000
    served.files["/a.csv"] = bytes(2_000_001)
    usage = shutil.disk_usage
    monkeypatch.setattr(http.shutil, "disk_usage", lambda path: usage(path)._replace(free=10_000_000))
    with pytest.raises(ResourceError, match="does not say how large it is"):
        fetched(f"{served.url}/a.csv")
    assert not leftovers()


def test_a_server_that_cannot_go_on(served):
    served.tags, served.files["/a.csv"], served.cut["/a.csv"] = False, bytes(1000), [10]
    with pytest.raises(DataError, match="broke off") as caught:
        fetched(f"{served.url}/a.csv")
    assert "fetched anew" in caught.value.remedy and not leftovers()
    assert fetched(f"{served.url}/a.csv").bytes == 1000 and "Range" not in served.asked[-1][1]
    first = len(served.asked)
    fetched(f"{served.url}/a.csv")  # nothing tells whether it has changed
    assert len(served.asked) == first + 1


REFUSED = {401: "is refused by the server", 403: "is refused by the server", 404: "does not exist", 400: "cannot be"}


@pytest.mark.parametrize("status", REFUSED)
def test_refusals(served, status):
    served.status["/set.csv"] = status
    with pytest.raises(DataError, match=f"/set.csv {REFUSED[status]}"):
        fetched(f"{served.url}/set.csv")
    assert not cache_folder().exists()


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/x.csv", "file:///etc/passwd", "data:text/csv,a"])
def test_a_redirect_to_another_scheme_is_refused(served, place):
    served.status["/set.csv"], served.headers["/set.csv"] = 302, {"Location": place}
    with pytest.raises(DataError, match=f"redirects from http to {place.partition(':')[0]}"):
        fetched(f"{served.url}/set.csv")


def test_redirects(served):
    served.files["/b/real.csv"] = ROWS
    served.status["/download"], served.headers["/download"] = 302, {"Location": "/b/real.csv"}
    assert fetched(f"{served.url}/download?id=1").path.name == "real.csv"
    served.status["/round"], served.headers["/round"] = 302, {"Location": "/round"}
    with pytest.raises(DataError, match="redirects in a circle"):
        fetched(f"{served.url}/round")
    redirects = http._Redirects()
    with pytest.raises(DataError, match="redirects from https to http"):
        from urllib.request import Request as Asked

        redirects.http_error_302(Asked("https://x.org/a"), io.BytesIO(), 302, "", {"Location": "http://x.org/a"})
    moved = redirects.redirect_request(
        Asked("https://x.org/a", headers={"Authorization": "Basic x"}), None, 302, "", {}, "https://y.org/a"
    )
    assert "Authorization" not in moved.headers


def test_a_password_is_sent_and_written_nowhere(served, told):
    served.files["/set.csv"] = ROWS
    url = f"{served.url}/set.csv?v=2&token=geheim1".replace("://", "://anna:gehe%20im2@")
    copy = fetched(url, told)
    path, headers = served.asked[0]
    assert path == "/set.csv?v=2&token=geheim1" and headers["Authorization"] == "Basic YW5uYTpnZWhlIGltMg=="
    assert copy.name == f"{served.url}/set.csv?v=2" == str(Address.of(url))
    everything = "".join(told) + "".join(
        f"{path}{path.read_text(errors='replace') if path.is_file() else ''}" for path in cache_folder().rglob("*")
    )
    assert "gehe" not in everything and "anna" not in everything
    assert fetched(copy.name) == copy  # this process remembers them
    assert "geheim1" in with_secrets(copy.name)
    served.status["/no.csv"] = 403
    with pytest.raises(DataError) as caught:
        fetched(f"{served.url}/no.csv?sig=geheim".replace("://", "://anna:geheim@"))
    assert "geheim" not in str(caught.value) and "anna" not in str(caught.value)


def test_urls_that_differ_only_in_what_is_secret(served, told):
    from types import SimpleNamespace

    from tfpipelines.core.config.images import ImageData
    from tfpipelines.core.config.section import Role
    from tfpipelines.datasets.remote.pipelines import with_copies

    served.tags, served.headers["/two.csv"] = False, {"Last-Modified": "Sun, 29 Nov 2026 00:00:00 GMT"}
    served.files["/two.csv"] = ROWS
    first = fetched(f"{served.url}/two.csv?token=a")
    served.files["/two.csv"] = ROWS + b"3,x\n"
    served.headers["/two.csv"] = {"Last-Modified": "Sat, 28 Nov 2026 00:00:00 GMT"}
    second = fetched(f"{served.url}/two.csv?token=b")
    assert second.sha256 != first.sha256 and served.asked[-1][0] == "/two.csv?token=b"
    served.status["/two.csv"] = 503
    with pytest.raises(DataError, match="the server cannot answer"):  # which of them its copy is, nobody knows
        fetched(f"{served.url}/two.csv?token=a")

    class Two(ImageData):
        other: Annotated[str | None, Role.PATH] = None

    data = Two(path=f"{served.url}/two.csv", other=f"{served.url}/two.csv#inside=x")
    with pytest.raises(ConfigError, match="The URLs of data.path, data.other differ only in what is secret"):
        with_copies(SimpleNamespace(data=data), told.append)


@pytest.mark.parametrize("status", [401, 403])
def test_what_to_do_about_a_refusal(served, status):
    served.status["/a.csv"] = status
    with pytest.raises(DataError) as caught:
        fetched(f"{served.url}/a.csv#sha256={'0' * 64}")
    assert "netrc" not in caught.value.remedy and "tfpipe check URL" in caught.value.remedy  # netrc: https alone


def test_a_web_page_is_no_data(served):
    served.files["/set.csv"] = b"\n<!DOCTYPE html><html>log in</html>"
    with pytest.raises(DataError, match="is a web page"):
        fetched(f"{served.url}/set.csv")
    assert not list(cache_folder().glob("fetched/*/*/set.csv"))


def test_names_of_files(served):
    served.files["/get"] = ROWS
    served.headers["/get"] = {"Content-Disposition": 'attachment; filename="../../.a b.csv"'}
    path = fetched(f"{served.url}/get").path
    assert path.suffix == ".csv" and "/.." not in str(path) and not path.name.startswith(".")


def test_a_name_that_is_written_in_two_ways(served):
    served.files["/get"] = ROWS
    served.headers["/get"] = {"Content-Disposition": 'attachment; filename*="a"; filename*0="b"'}
    assert fetched(f"{served.url}/get").path.name == "get"


def test_compressed_without_being_asked(served):
    served.files["/set.csv"], served.headers["/set.csv"] = b"\x1f\x8b", {"Content-Encoding": "gzip"}
    with pytest.raises(DataError, match="sends it compressed"):
        fetched(f"{served.url}/set.csv")


def test_no_room_and_a_cache_that_cannot_be_written(served, monkeypatch, tmp_path):
    served.files["/set.csv"] = ROWS
    with monkeypatch.context() as patch:
        patch.setattr(copies.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 3}))
        with pytest.raises(ResourceError, match="has room for 3 bytes"):
            fetched(f"{served.url}/set.csv")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TFPIPE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="cannot be written"):
        fetched(f"{served.url}/set.csv")


def test_a_full_disk_is_told(served, monkeypatch):
    import errno

    served.tags, served.files["/set.csv"] = False, ROWS

    def full(self, *arguments):
        arguments[1].write_bytes(b"x")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(http.Http, "_receive", full)
    with pytest.raises(ResourceError, match="The disk is full"):
        fetched(f"{served.url}/set.csv")
    assert not leftovers()


def test_copies_are_in_the_list_of_the_cache(served):
    from tfpipelines.core.cache import list_cache

    served.files["/set.csv"] = ROWS
    fetched(f"{served.url}/set.csv")
    (entry,) = list_cache()
    assert (entry.kind, entry.name[:8]) == ("fetched", "set.csv-") and entry.bytes > len(ROWS)


def test_inputs_of_predictions(served, photos):
    from pathlib import Path

    from tfpipelines.datasets import raw_images

    served.files["/a.png"] = (photos / "zero" / "000.png").read_bytes()
    url = f"{served.url}/a.png"
    for given in (url, Path(url), url.replace("://", "://anna:geheim@")):  # a `Path` has one slash
        (found,) = raw_images([given])
        assert found.item == url and not found.error and found.source.path(0).read_bytes() == served.files["/a.png"]
    (found,) = raw_images(["ftp://anna:geheim@x.org/a.png"])
    assert found.item == "ftp://x.org/a.png" and "geheim" not in found.error
    (found,) = raw_images([f"file://{photos}/zero/000.png"])
    assert not found.error and len(found.source.path(0).read_bytes())
    (found,) = raw_images([f"{served.url}/no.png"])
    assert found.item == f"{served.url}/no.png" and "does not exist (404" in found.error


def test_silence_ends(served, monkeypatch):
    import socket

    monkeypatch.setattr(http, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(DataError, match="cannot be reached: nothing came for"):
            fetched(f"http://127.0.0.1:{silent.getsockname()[1]}/set.csv")


def test_a_trickle_ends(served, monkeypatch):
    served.files["/set.csv"] = bytes(1000)
    monkeypatch.setattr(http, "_CHUNK", 10)
    clock = iter(range(10_000))
    monkeypatch.setattr(origin.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(origin, "SLOW", 1.0)
    with pytest.raises(DataError, match="less than 1 kB a second"):
        fetched(f"{served.url}/set.csv")


def test_headers_that_drip_end(monkeypatch):
    import socket
    import threading
    import time

    monkeypatch.setattr(http, "SLOW", 0.3)

    def drips():
        connection, _ = server.accept()
        with connection:
            connection.recv(9999)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            with contextlib.suppress(OSError):
                for _ in range(50):
                    connection.sendall(b"a")
                    time.sleep(0.05)
                connection.sendall(b"\r\nContent-Length: 2\r\n\r\nok")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drips)
        thread.start()
        with pytest.raises(DataError, match="cannot be reached: nothing came"):
            fetched(f"http://127.0.0.1:{server.getsockname()[1]}/set.csv")
        thread.join()


def test_how_far_it_is(monkeypatch):
    clock = iter([0.0, 5.0, 11.0, 12.0, 61.0, 130.0])
    monkeypatch.setattr(origin.time, "monotonic", lambda: next(clock))
    pace = origin.Pace(4_000_000, 0, (told := []).append)
    assert [pace.too_slow(there) for there in (1_000_000, 2_000_000, 3_000_000)] == ["", "", ""]
    assert told == ["2.00 MB of 4.00 MB are there"]
    assert pace.too_slow(3_000_001) == "" and "less than 1 kB" in pace.too_slow(3_000_002)


def test_certificates():
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_message = "self-signed certificate"
    found = http.Http(Address.of("https://x.org/set.csv"))._unanswered(URLError(error))
    assert "certificate of the server is not trusted: self-signed" in found.cause and "SSL_CERT_FILE" in found.remedy


@pytest.fixture
def secure(served, tmp_path):
    """The server again, by TLS, and the file of its own certificate."""
    pytest.importorskip("cryptography", reason="needs the extra sign")
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(1))
    builder = builder.not_valid_after(now + datetime.timedelta(1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(place, critical=True).sign(key, hashes.SHA256())
    file, coding = tmp_path / "own.pem", serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    file.write_bytes(
        certificate.public_bytes(coding) + key.private_bytes(coding, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    served.server.socket = context.wrap_socket(served.server.socket, server_side=True)
    served.url = served.url.replace("http:", "https:")
    return served, file


def test_tls(secure, monkeypatch):
    served, own = secure
    served.files["/set.csv"] = ROWS
    with pytest.raises(DataError, match="certificate of the server is not trusted: .*self.signed"):
        fetched(f"{served.url}/set.csv")
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    assert fetched(f"{served.url}/set.csv").bytes == len(ROWS)
    plain = served.url.replace("https:", "http:")
    served.status["/down"], served.headers["/down"] = 302, {"Location": f"{plain}/set.csv"}
    with pytest.raises(DataError, match="redirects from https to http"):
        fetched(f"{served.url}/down")


def test_names_and_passwords_of_netrc(tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine x.org login anna password geheim\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert http._without_user("https://x.org/a")[1] == "Basic YW5uYTpnZWhlaW0="
    assert http._without_user("http://x.org/a")[1] == "" == http._without_user("https://y.org/a")[1]


def test_unknown_schemes(tmp_path):
    with pytest.raises(ConfigError, match="data of the scheme htps:// are not read") as caught:
        fetched("htps://u:geheim@x.org/a.csv")
    assert "Did you mean https://?" in caught.value.remedy and "hf://" in caught.value.remedy
    assert "geheim" not in str(caught.value)
    with pytest.raises(ConfigError, match="ftp://"):
        locate("ftp://x.org/a.csv")
    (tmp_path / "a b.csv").write_bytes(ROWS)
    assert locate(f"file://{tmp_path}/a%20b.csv") == tmp_path / "a b.csv"
    assert open_source(f"file://{tmp_path}/a%20b.csv", FEATURES).through is None  # it is in no archive


def test_another_process_is_waited_for(served, told):
    import fcntl
    import shutil
    import threading

    served.files["/set.csv"] = ROWS
    first = fetched(f"{served.url}/set.csv")
    folder = first.path.parents[1]
    folder.rename(kept := folder.with_name("kept"))
    folder.mkdir()

    def ends():  # the other process has fetched it
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        fcntl.flock(lock, fcntl.LOCK_UN)

    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        timer = threading.Timer(0.3, ends)
        timer.start()
        assert fetched(f"{served.url}/set.csv", told) == first
        timer.join()
    assert told == [f"Another process fetches {served.url}/set.csv; this one waits for it"]


def test_a_copy_that_was_changed_is_not_used(served):
    served.files["/set.csv"] = ROWS
    copy = fetched(f"{served.url}/set.csv")
    os.utime(copy.path, (1, 1))
    assert fetched(f"{served.url}/set.csv", told := []) == copy and not told  # the same bytes
    copy.path.write_bytes(ROWS.replace(b"x", b"z"))
    assert fetched(f"{served.url}/set.csv", told).path.read_bytes() == ROWS and len(told) == 1
