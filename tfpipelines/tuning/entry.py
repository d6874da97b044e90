"""A search from its state to its report."""

from typing import Any

from ..core.observer import Observer
from ..core.run_folder import RunFolder, ending
from .finals import run_finals
from .pool import Pool
from .state import State
from .supervisor import Search


def carry_out(folder: RunFolder, state: State, observer: Observer, stop, command: str) -> dict[str, Any]:
    """Runs the trials that are left, trains the best values again, and writes what there is to tell.

    Args:
        folder: of the search, locked.
        state: of it.
        observer: is told how it goes.
        stop: a `training.StopSignals`, entered and held.
        command: to be recorded.

    Returns:
        The content of metrics.json.

    Raises:
        SearchError, ConfigError, DataError, ResourceError, Interrupted: status.json then says so.
    """
    pool = Pool(state.workers)
    try:
        with ending(folder):
            search = Search(folder, state, observer, stop, command)
            if not search.ended:
                search.run(pool)
            search.require_best()
            from .summary import write_metrics, write_pictures  # sklearn and matplotlib take seconds

            write_pictures(search)
            finals, shortage = run_finals(search, pool)
            metrics = write_metrics(search, finals)
            if shortage:
                raise shortage
    finally:
        pool.close()
    observer.searched(folder, metrics)
    return metrics
