"""A search from its state to its report."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core.observer import Observer
from ..core.run_folder import RunFolder, ending
from .cluster import Cluster
from .finals import run_finals
from .pool import Pool
from .state import State
from .supervisor import Search
from .workers import Workers


def carry_out(
    folder: RunFolder, state: State, observer: Observer, stop, command: str, cluster: Cluster | None = None
) -> dict[str, Any]:
    """Runs the trials that are left, trains the best values again, and writes what there is to tell.

    Args:
        folder: of the search, locked.
        state: of it.
        observer: is told how it goes.
        stop: a `training.StopSignals`, entered and held.
        command: to be recorded.
        cluster: where the trials run; None: in this machine.

    Returns:
        The content of metrics.json.

    Raises:
        SearchError, ConfigError, DataError, ResourceError, Interrupted: status.json then says so.
    """
    with ending(folder):
        if not state.workers_given:
            state.workers = cluster.room if cluster else 1
        search = Search(folder, state, observer, stop, command)
        with _workers(search, cluster) as pool:
            if not search.ended:
                search.run(pool)
            search.require_best()
            from .summary import write_metrics, write_pictures  # sklearn and matplotlib take seconds

            write_pictures(search)
            finals, shortage = run_finals(search, pool)
            metrics = write_metrics(search, finals)
            if shortage:
                raise shortage
    observer.searched(folder, metrics)
    return metrics


@contextmanager
def _workers(search: Search, cluster: Cluster | None) -> Iterator[Workers]:
    state = search.state
    if cluster is not None:
        versions = state.fingerprint["versions"]
        with cluster.workers(search.folder.path, state.workers, versions, search.observer.note) as actors:
            yield actors
        return
    pool = Pool(state.workers, search.settings.resources.cpus)
    try:
        yield pool
    finally:
        pool.close()
