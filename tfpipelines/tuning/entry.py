"""A search from its state to its report."""

from typing import Any

from ..errors import Interrupted, TfpipelinesError
from ..observer import Observer
from ..runs import RunFolder, record_end
from .finals import run_finals
from .pool import Pool
from .search import Search
from .state import State


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
        search = Search(folder, state, observer, stop, command)
        if not state.stopped or any(not trial.ended for trial in state.trials):
            search.run(pool)
        search.require_best()
        from .report import write_metrics, write_pictures  # sklearn and matplotlib take seconds

        write_pictures(search)
        metrics = write_metrics(search, run_finals(search, pool))
        folder.set_status("done")
    except Interrupted as signal:
        signal.remedy = f"Go on with: tfpipe resume {folder}"
        record_end(folder, "interrupted", signal.cause)
        raise
    except BaseException as error:
        record_end(folder, "failed", error.cause if isinstance(error, TfpipelinesError) else f"{type(error).__name__}: {error}")
        raise
    finally:
        pool.close()
    observer.searched(folder, metrics)
    return metrics
