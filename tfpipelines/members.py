"""What there is of each kind that installed packages can add to: name, kind and origin of every member."""

from collections.abc import Iterable
from typing import Any

from .core import plugins
from .core.config.kinds import KINDS
from .core.plugins import Plugin
from .metrics import registry

BUILT_IN = "built-in"


def list_members(group: str) -> list[dict[str, Any]]:
    """Every member of a group, the built-in ones first.

    Args:
        group: networks, tasks, sources, exporters or metrics.

    Returns:
        name, kind (of networks, tasks and metrics what they are for; of sources the kinds of samples; of exporters what
        reads the format), origin (built-in, or package and version), and `error`: None, or why a package's member
        cannot be used. Networks are not imported for it.
    """
    found = {
        "networks": _networks, "tasks": _tasks, "sources": _sources, "exporters": _exporters, "metrics": _metrics,
    }[group]()  # fmt: skip
    rows = [
        {"name": name, "kind": kind, "origin": plugin.package if plugin else BUILT_IN, "error": None}
        for name, kind, plugin in found
    ]
    left_out = plugins.failures(group).items()
    return rows + [
        {"name": plugin.name, "kind": "", "origin": plugin.package, "error": error.cause} for plugin, error in left_out
    ]


_Found = Iterable[tuple[str, str, Plugin | None]]


def _networks() -> _Found:
    for kind in KINDS:
        yield from ((name, kind.folder, None) for name in kind.names)
    for kind in KINDS:
        yield from ((name, kind.folder, plugin) for name, (plugin, _) in kind.added.items())


def _tasks() -> _Found:
    from .tasks import TASKS, added, known_class

    for name, plugin in [*dict.fromkeys(TASKS).items(), *added().items()]:
        if task := known_class(name):
            yield name, str(task.kind), plugin


def _sources() -> _Found:
    from .datasets.source import added, built_in

    kinds = lambda member: ", ".join(member.kinds)
    yield from ((member.__module__.rpartition(".")[2], kinds(member), None) for member in built_in())
    yield from ((plugin.name, kinds(member), plugin) for plugin, member in added().items())


def _exporters() -> _Found:
    from .exporting.formats import added, built_in

    yield from ((name, exporter.runs_in, None) for name, exporter in built_in().items())
    yield from ((plugin.name, exporter.runs_in, plugin) for plugin, exporter in added().items())


def _metrics() -> _Found:
    yield from ((entry.name, str(entry.kind), None) for entry in registry.BUILT_IN if entry.kind)
    yield from ((entry.name, str(entry.kind), plugin) for plugin, entry in registry.added())
