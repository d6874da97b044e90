"""Signatures: whose they are, and that they hold for nothing else."""

import builtins
import json

import pytest

import tfpipelines
from tfpipelines.core.manifest import MANIFEST, SIGNATURE, renew
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import ArtifactError, ConfigError, RunInUseError

from .conftest import as_before, fill, put
from .test_verifying import flip, problems

pytest.importorskip("cryptography")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder of key files."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )  # fmt: skip

    folder = tmp_path_factory.mktemp("keys")
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    pem, ssh, locked = (Encoding.PEM, PrivateFormat.PKCS8), (Encoding.PEM, PrivateFormat.OpenSSH), b"secret"
    public = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in {
        "key.pem": key.private_bytes(*pem, NoEncryption()),
        "public.pem": key.public_key().public_bytes(*public),
        "key": key.private_bytes(*ssh, NoEncryption()),
        "key.pub": key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" me@here\n",
        "locked.pem": key.private_bytes(*pem, BestAvailableEncryption(locked)),
        "other.pem": other.public_key().public_bytes(*public),
        "rsa.pem": rsa.generate_private_key(65537, 2048).private_bytes(*pem, NoEncryption()),
        "none.pem": b"hello\n",
        "large.pem": b"x" * 10**6,
    }.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", ["run", "search", "export"])
def test_a_signed_folder_is_verified_by_the_public_key(kind, request, keys):
    folder = request.getfixturevalue(kind)
    signed = tfpipelines.sign(folder, keys / "key.pem")
    assert signed.file == folder / SIGNATURE and not signed.made_manifest
    found = tfpipelines.verify(folder, key=keys / "public.pem")
    assert found.ok and found.trusted and found.signed_by == signed.public_key and not found.notes
    unknown = tfpipelines.verify(folder)
    assert unknown.ok and not unknown.trusted and unknown.signed_by == signed.public_key
    assert problems(folder, key=keys / "other.pem") == [("changed", SIGNATURE)]


def test_an_unsigned_folder_is_not_good_for_a_key(run, keys):
    assert problems(run, key=keys / "public.pem") == [("missing", SIGNATURE)]


@pytest.mark.parametrize(("private", "public"), [("key", "key.pub"), ("key.pem", "key.pub"), ("key", "public.pem")])
def test_keys_of_openssh(run, keys, private, public):
    tfpipelines.sign(run, keys / private)
    assert tfpipelines.verify(run, key=keys / public).trusted


def test_a_manifest_that_is_made_to_fit_changed_files_is_not_signed(run, keys):
    tfpipelines.sign(run, keys / "key.pem")
    put(run / "metrics.json", '{"test": {"accuracy": 1.0}}')
    renew(run, ("metrics.json",))
    assert problems(run) == problems(run, key=keys / "public.pem") == [("changed", SIGNATURE)]
    tfpipelines.sign(run, keys / "key.pem")  # by who has the key
    assert tfpipelines.verify(run, key=keys / "public.pem").ok


def test_a_state_that_hides_the_manifest_hides_it_from_no_key(run, keys):
    tfpipelines.sign(run, keys / "key.pem")
    flip(run / "metrics.json")
    status = json.loads((run / "status.json").read_text())
    put(run / "status.json", json.dumps({**status, "state": "running"}))
    assert ("changed", "metrics.json") in problems(run, key=keys / "public.pem")


def test_a_signature_of_the_bytes_alone_does_not_hold(run, keys):
    import base64

    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    tfpipelines.sign(run, keys / "key.pem")
    key = load_pem_private_key((keys / "key.pem").read_bytes(), None)
    content = json.loads((run / SIGNATURE).read_text())
    without_prefix = base64.b64encode(key.sign((run / MANIFEST).read_bytes())).decode()
    put(run / SIGNATURE, json.dumps({**content, "signature": without_prefix}))
    assert problems(run, key=keys / "public.pem") == [("changed", SIGNATURE)]


@pytest.mark.parametrize("change", [{"algorithm": "none"}, {"public_key": "%"}, {"signature": "QUJD"}, None])
def test_a_damaged_signature_is_a_changed_file(run, keys, change):
    tfpipelines.sign(run, keys / "key.pem")
    content = json.loads((run / SIGNATURE).read_text())
    put(run / SIGNATURE, json.dumps({**content, **change}) if change else "[]")
    assert problems(run) == problems(run, key=keys / "public.pem") == [("changed", SIGNATURE)]


def test_every_bit_of_a_signature_counts(run, keys):
    tfpipelines.sign(run, keys / "key.pem")
    flip(run / MANIFEST)
    assert ("changed", SIGNATURE) in problems(run, key=keys / "public.pem")


def test_the_exports_of_a_signed_run_are_signed_apart(run, export, keys):
    tfpipelines.sign(run, keys / "key.pem")
    notes = tfpipelines.verify(run, key=keys / "public.pem").notes
    assert len(notes) == 1 and "onnx/1 is not signed by the key given" in notes[0]
    tfpipelines.sign(export, keys / "key.pem")
    assert tfpipelines.verify(run, key=keys / "public.pem").notes == []


def test_a_recalibrated_run_is_to_be_signed_again(run, keys):
    tfpipelines.sign(run, keys / "key.pem")
    put(run / "threshold.json", '{"threshold": 0.9}')
    assert renew(run, ("threshold.json",)) is True
    assert problems(run) == [("changed", SIGNATURE)]


# --- what is not signed
def test_only_what_is_as_it_was_left_is_signed(run, keys):
    flip(run / "model.keras")
    with pytest.raises(ArtifactError, match="so it is not signed") as caught:
        tfpipelines.sign(run, keys / "key.pem")
    assert caught.value.details[0].startswith("changed model.keras") and not (run / SIGNATURE).exists()


def test_a_run_of_an_earlier_version_gets_a_manifest(run, keys):
    as_before(run)
    assert tfpipelines.sign(run, keys / "key.pem").made_manifest
    assert tfpipelines.verify(run, key=keys / "public.pem").trusted and not tfpipelines.verify(run).notes


def test_unfinished_and_busy_runs_and_parts_are_not_signed(tmp_path, run, search, keys):
    unfinished = fill(RunFolder.create(tmp_path / "runs", "image-cls"))
    with pytest.raises(ConfigError, match="is not finished"):
        tfpipelines.sign(unfinished.path, keys / "key.pem")
    with pytest.raises(ConfigError, match="part of a search"):
        tfpipelines.sign(search / "trials" / "0001", keys / "key.pem")
    with RunFolder(run).locked(), pytest.raises(RunInUseError):
        tfpipelines.sign(run, keys / "key.pem")


# --- keys
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rsa.pem", "of another kind than Ed25519"),
        ("none.pem", "no private key"),
        ("public.pem", "no private key"),
        ("large.pem", "larger than any key"),
        ("absent.pem", "cannot be read: No such file"),
        ("locked.pem", "is encrypted"),
    ],
)
def test_other_private_keys_are_refused(run, keys, name, reason):
    with pytest.raises(ConfigError, match=reason):
        tfpipelines.sign(run, keys / name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("key.pem", "is a private key"), ("none.pem", "no public key"), ("rsa.pem", "is a private key")],
)
def test_other_public_keys_are_refused(run, keys, name, reason):
    with pytest.raises(ConfigError, match=reason):
        tfpipelines.verify(run, key=keys / name)


def test_a_passphrase_opens_a_key(run, keys, tfpipe, monkeypatch):
    with pytest.raises(ConfigError, match="Is the passphrase right"):
        tfpipelines.sign(run, keys / "locked.pem", passphrase="wrong")
    assert tfpipelines.sign(run, keys / "locked.pem", passphrase="secret").public_key
    refused = tfpipe("sign", run, "--key", keys / "locked.pem")
    assert refused.code == 2 and "is encrypted" in refused.err and "on a terminal" in refused.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", lambda *_, **__: "secret")
    assert tfpipe("sign", run, "--key", keys / "locked.pem").code == 0


def test_the_commands(run, keys, tfpipe):
    signed = tfpipe("sign", run, "--key", keys / "key.pem")
    assert signed.code == 0 and "manifest.sig: signed by " in signed.out
    key = json.loads(tfpipe("sign", run, "--key", keys / "key.pem", "--json").out)["public_key"]
    assert f"signed by {key}, not checked against a key you trust" in tfpipe("verify", run).out
    good = tfpipe("verify", run, "--key", keys / "public.pem")
    assert good.code == 0 and good.out.endswith(f"signed by {key}, the key given\n")
    assert tfpipe("verify", run, "--key", keys / "other.pem").code == 7
    assert tfpipe("verify", run, "--key", keys / "none.pem").code == 2


def test_without_the_package_one_sentence_says_so(run, keys, tfpipe, monkeypatch):
    tfpipelines.sign(run, keys / "key.pem")
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for words in (("sign", run, "--key", keys / "key.pem"), ("verify", run, "--key", keys / "public.pem")):
        result = tfpipe(*words)
        assert result.code == 2 and "pip install 'tfpipelines[sign]'" in result.err
    unchecked = tfpipe("verify", run)
    assert unchecked.code == 0 and "needs the package cryptography" in unchecked.out
