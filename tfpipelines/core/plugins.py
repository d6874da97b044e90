"""What installed packages add to this one, by entry points of their names.

    [project.entry-points."tfpipelines.networks"]
    mixer = "my_package.mixer:mixer"

Entry points are read once, when somebody asks for what a plugin might bring. A plugin that cannot be used is told of
once, and left out; who asks for it by name is given the reason.
"""

import importlib
from collections.abc import Callable, Container, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUPS = ("networks", "tasks", "sources", "exporters", "metrics")


class Plugin(NamedTuple):
    """One entry point.

    Args:
        group: of `GROUPS`.
        label: its name as the package gives it.
        target: `module:attribute`.
        package: the distribution's name and version.
    """

    group: str
    label: str
    target: str
    package: str

    @property
    def name(self) -> str:
        """By which it is asked for; of a network without the kind, which may stand before a dot."""
        return self.label.rpartition(".")[2] if self.group == "networks" else self.label

    @property
    def called(self) -> str:
        """What and which it is."""
        return f"{self.group.removesuffix('s')} {self.name}"

    @property
    def module(self) -> str:
        """What is imported for it."""
        return self.target.partition(":")[0]

    @property
    def attribute(self) -> str:
        """What is taken from the module."""
        return self.target.partition(":")[2]

    def load(self, fault: Callable[[Any], str]) -> Any:
        """What the entry point names, imported.

        Args:
            fault: see `members`.

        Raises:
            ConfigError: if that fails, whatever it fails by, or it is not what it should be.
        """
        found = self.guarded(
            "cannot be imported", lambda: getattr(importlib.import_module(self.module), self.attribute)
        )
        if wrong := self.guarded("is not what it should be", lambda: fault(found)):
            raise ConfigError(f"{self.target} {wrong}.", self.remedy)
        return found

    def guarded(self, failed: str, call: Callable[[], Any]) -> Any:
        """What a call of the package's code gives; nothing that it does is to end us.

        Args:
            failed: what is the matter if it fails, in words that follow "it".
            call: without arguments.

        Raises:
            ConfigError: if it fails, whatever by.
        """
        try:
            return call()
        except (Exception, SystemExit) as error:
            raise ConfigError(f"{self.target} {failed}: {_words(error)}.", self.remedy) from error

    @property
    def remedy(self) -> str:
        """What to do about one that is of no use."""
        return f"Fix the package {self.package.partition(' ')[0]}, or uninstall it."


def _words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _log(text: str) -> None:
    import logging

    logging.getLogger(__name__).warning("%s", text)


_failures: dict[Plugin, ConfigError] = {}
_receivers: list[Callable[[str], None]] = [_log]


@cache
def _all() -> tuple[Plugin, ...]:
    """Every plugin, by package and name, so that the order is always the same."""
    found = set()
    for entry in _entries():
        parent, _, group = entry.group.rpartition(".")
        if parent == "tfpipelines" and group in GROUPS:
            package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"
            found.add(Plugin(group, entry.name, entry.value.partition("[")[0].strip(), package))
    return tuple(sorted(found, key=lambda plugin: (plugin.package, plugin.label, plugin.target)))


def _entries() -> "Iterable[EntryPoint]":
    """The entry points of all packages but those whose list cannot be read, which are named."""
    from importlib.metadata import distributions, entry_points

    try:
        every = entry_points()  # of all groups at once: each call reads the lists of all packages
        return [entry for group in GROUPS for entry in every.select(group=f"tfpipelines.{group}")]
    except Exception:  # one package's list cannot be read: each is read by itself, and that one is named
        found: list[EntryPoint] = []
    for distribution in distributions():
        try:
            found += distribution.entry_points
        except Exception as error:
            for receiver in _receivers:
                receiver(f"the entry points of the package {distribution.name} cannot be read: {_words(error)}.")
    return found


def plugins(group: str) -> list[Plugin]:
    """Those of a group; nothing of them is imported."""
    return [plugin for plugin in _all() if plugin.group == group]


def members(group: str, fault: Callable[[Any], str]) -> dict[Plugin, Any]:
    """What the entry points of a group name, imported. What is of no use is left out.

    Args:
        fault: what is wrong with it, in words that follow "it"; "" if nothing is.
    """
    found = {}
    for plugin in plugins(group):
        try:
            found[plugin] = plugin.load(fault)
        except ConfigError as error:
            leave_out(plugin, error)
    return found


def is_free(plugin: Plugin, name: str, taken: Container[str]) -> bool:
    """Whether nothing else has the name; a plugin that would take that of another one is left out."""
    if name not in taken:
        return True
    leave_out(plugin, ConfigError(f"the name {name} is already taken.", plugin.remedy))
    return False


def leave_out(plugin: Plugin, error: ConfigError) -> None:
    """Remembers why a plugin is not used, and says so, once."""
    if plugin not in _failures:
        _failures[plugin] = error
        for receiver in _receivers:
            receiver(_told(plugin))


def failures(group: str) -> dict[Plugin, ConfigError]:
    """The plugins of a group that have been left out so far, and why."""
    return {plugin: error for plugin, error in _failures.items() if plugin.group == group}


def reason(group: str, name: Any) -> str:
    """Why the plugin of that name is not used, in a sentence; "" if there is none."""
    found = [plugin for plugin in failures(group) if plugin.name == name]
    return _told(found[0]) if found else ""


def require(where: object, recorded: dict[str, str]) -> None:
    """Refuses to go on with what began with plugins that are not there.

    Args:
        where: it is.
        recorded: what `Plugin.called` says -> package and version.

    Raises:
        ConfigError: naming the first package that is not installed.
    """
    there = {plugin.called for plugin in _all()}
    for called, package in recorded.items():
        if called not in there:
            cause = f"{where} has the {called} of the package {package}, which is not installed here."
            raise ConfigError(cause, "Install it and try again; the results of the run can be used without it.")


def tell(receiver: Callable[[str], None]) -> None:
    """From now on `receiver` is told of plugins that are left out, instead of the log."""
    _receivers[:] = [receiver]


def _told(plugin: Plugin) -> str:
    return f"the {plugin.called} of the package {plugin.package} cannot be used: {_failures[plugin].cause}"
