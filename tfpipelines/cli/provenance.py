"""Commands about where files come from: verify, sign."""

import sys
from dataclasses import asdict

import click

from .command import command
from .group import cli

_FOLDER = "RUN|EXPORT"


@command(cli)
@click.argument("folder", metavar=_FOLDER)
@click.option(
    "--key", metavar="FILE",
    help="Ed25519 public key, PEM or OpenSSH: exit with 7 unless the folder is signed by it.",
)  # fmt: skip
def verify(terminal, folder, key):
    """Verify that the files of a run, a search or an export are as they were left.

    Compares them with every hash that was recorded, and prints a line for each file that is missing, changed or extra;
    then the exit code is 7. Files that commands write later, such as the report, are not compared.
    """
    from .. import provenance
    from ..core.words import counted, megabytes, plain_text
    from ..errors import ArtifactError

    found = provenance.verify(folder, key=key)
    problems = [asdict(problem) for problem in found.problems]
    checked = f"{counted(found.files, 'file')}, {megabytes(found.bytes)}"
    if terminal.results:
        for problem in found.problems:
            click.echo(plain_text(f"{problem.kind:<8} {problem.file}: {problem.reason}"))
        for note in found.notes:
            click.echo(plain_text(f"note: {note}"))
        if found.ok:
            click.echo(plain_text(f"{folder}: {checked}: as they were left; {_signed(found)}"))
    facts = {"folder": str(found.folder), "kind": found.kind, "ok": found.ok, "files": found.files}
    facts |= {"bytes": found.bytes, "problems": problems, "notes": found.notes}
    facts |= {"signed_by": found.signed_by, "trusted": found.trusted}
    if not found.ok:
        kinds = [problem.kind for problem in found.problems]
        told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        cause = f"{folder} is not as it was left: {told}; {checked} were compared."
        error = ArtifactError(cause, "Restore it from a copy, or make it again.")
        error.result = facts
        raise error
    return facts


def _signed(found) -> str:
    if found.signed_by is None:
        return "not signed"
    return f"signed by {found.signed_by}, " + (
        "the key given" if found.trusted else "not checked against a key you trust: --key FILE"
    )


@command(cli)
@click.argument("folder", metavar=_FOLDER)
@click.option("--key", metavar="FILE", required=True, help="Ed25519 private key, PEM or OpenSSH.")
def sign(terminal, folder, key):
    """Sign a finished run or search, or an export, so that others can verify who vouches for its files.

    Its files are verified first. The signature is written beside its manifest, as manifest.sig. A key is made by

    \b
    openssl genpkey -algorithm ed25519 -out key.pem
    openssl pkey -in key.pem -pubout -out public.pem
    """
    from .. import provenance
    from ..core.words import plain_text
    from ..errors import ConfigError

    try:
        signed = provenance.sign(folder, key)
    except provenance.EncryptedKeyError as error:
        if not sys.stdin.isatty():
            raise ConfigError(error.cause, "Run this where it can ask for the passphrase, on a terminal.") from error
        passphrase = click.prompt(f"Passphrase of {key}", hide_input=True, err=True)
        signed = provenance.sign(folder, key, passphrase=passphrase)
    if terminal.results:
        if signed.made_manifest:
            click.echo("note: it had no manifest.json, so one was made of its files as they are now")
        click.echo(plain_text(f"{signed.file}: signed by {signed.public_key}"))
    facts = {"file": str(signed.file), "public_key": signed.public_key}
    return {**facts, "made_manifest": signed.made_manifest}
