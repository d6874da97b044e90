"""The command that serves a model: serve."""

import click

from .command import command
from .group import cli, whole


@command(cli)
@click.argument("model", metavar="RUN|EXPORT")
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--workers", **whole(1, 1), help="Processes that hold the model.")
@click.option("--name", help="What the model is called; default: as its run.")
@click.option("--token-file", metavar="FILE", help="The token that requests must carry; or set TFPIPE_SERVE_TOKEN.")
@click.option("--no-auth", is_flag=True, help="Want no token though other machines can reach the server.")
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME",
    help="A name under which the server is called, beside localhost and addresses in numbers.",
)  # fmt: skip
@click.option(
    "--limit", "limits", multiple=True, metavar="NAME=VALUE",
    help="Change a limit: body (bytes), items, pixels, side, request_pixels, text (bytes), rows (of a series), "
    "queue (inputs), seconds, body_seconds, connections, batch (inputs), batch_ms, memory (bytes).",
)  # fmt: skip
@click.option(
    "--dockerfile", is_flag=True,
    help="Serve nothing; write Dockerfile, .dockerignore and kserve.yaml beside the numbered folder of an export.",
)  # fmt: skip
def serve(terminal, model, host, port, workers, name, token_file, no_auth, hosts, limits, dockerfile):
    """Answer predictions over HTTP, from a run or an export, until SIGTERM or Ctrl-C.

    Only this machine can reach the server unless --host names another address, which needs a token. An export is
    answered by its own runtime, without TensorFlow; a folder of numbered exports by the highest number.
    """
    from ..serve.access import access_of
    from ..serve.limits import parse_limits
    from ..serve.server import Settings, require_packages
    from ..serve.server import serve as serve_model
    from ..serve.sources import find

    if dockerfile:
        from ..serve.container import write_container_files

        paths = write_container_files(find(model, name))
        if terminal.results:
            for path in paths:
                click.echo(path)
        return {"files": [str(path) for path in paths]}
    require_packages()
    access = access_of(host, token_file, no_auth, hosts)
    settings = Settings(host, port, workers, access, parse_limits(limits))
    serve_model(find(model, name), settings, terminal.messages.print)
