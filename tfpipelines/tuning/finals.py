"""The best values of a search, trained again with several seeds and tested."""

from collections import Counter
from typing import Any

from ..core.run_files import read_json
from ..core.run_shapes import RUN_METRICS
from ..errors import ConfigError, DataError, MemoryExhaustedError, ResourceError, RunInUseError
from .progress import final_seconds
from .state import FINALS
from .supervisor import MOST_DEATHS, POLL_SECONDS, Search
from .workers import ENDS, KILLED, MOST_LOSSES, NO_MEMORY, Workers


def run_finals(search: Search, pool: Workers) -> tuple[dict[int, dict[str, Any] | str], ResourceError | None]:
    """Trains the best values again with each of `search.final_seeds`, each in a run folder of its own, and tests them.

    Returns:
        By seed: the content of metrics.json, or why there is none. And the error by which the search ends once all else
        is written, if memory did not suffice for some seed: another time it may, so the search can be resumed.
    """
    results: dict[int, dict[str, Any] | str] = {}
    lacking: list[int] = []
    deaths: Counter = Counter()
    losses: Counter = Counter()
    queue = list(search.settings.final_seeds)
    search.begin_finals()
    for seed in list(queue):
        if (metrics := _finished(search, seed)) is not None:
            results[seed] = metrics
            queue.remove(seed)
    if queue and search.stop.received is None:
        facts = {"seeds": list(queue), "trial": search.best.number, "epochs": search.final_epochs}
        seconds = final_seconds(len(queue), search.state, search.objective.direction)
        search.observer.finals({**facts, "seconds": seconds})
    while queue or pool.workers:
        while queue and len(pool.workers) < pool.count and search.stop.received is None:
            seed = queue.pop(0)
            folder = search.folder.child(f"{FINALS}/seed-{seed}")
            setup = {"kind": "final", "content": search.state.content, "values": search.best.values, "seed": seed}
            setup["trial"] = str(search.folder / "trials" / search.best.name)
            setup |= {"folder": str(search.folder.path), "run": str(folder.path), "command": search.command}
            setup["token"] = search.folder.token
            pool.start(setup, folder / "logs" / "run.log").assigned = seed
        for worker, kind, content in pool.messages(POLL_SECONDS):
            seed = worker.assigned
            if kind == "epoch":
                search.observer.final_epoch(seed, content["epoch"], content["epochs"])
            elif kind == "done":
                results[seed] = content
                search.observer.final(seed, content)
            elif kind == "fatal":
                of_all = isinstance(content, (ConfigError, DataError, ResourceError, RunInUseError))
                if of_all and not isinstance(content, MemoryExhaustedError):
                    raise content  # the same would happen with every seed
                results[seed] = content.cause
                if of_all:
                    lacking.append(seed)
                search.observer.warning(f"final run with seed {seed} failed: {results[seed]}")
            elif kind in ENDS and seed not in results and (metrics := _finished(search, seed)) is not None:
                results[seed] = metrics  # of which it could not tell any more
                search.observer.final(seed, metrics)
            elif kind in ENDS and seed not in results and search.stop.received is None:
                (deaths if kind == "dead" else losses)[seed] += 1
                if deaths[seed] < MOST_DEATHS and losses[seed] < MOST_LOSSES:
                    queue.append(seed)
                else:
                    results[seed] = f"its worker died {deaths[seed] + losses[seed]} times: {content}"
                    if content in (KILLED, NO_MEMORY):
                        lacking.append(seed)
                    search.observer.warning(f"final run with seed {seed} failed: {results[seed]}")
        if search.stop.received is not None:
            for worker in pool.workers:
                worker.send("halt", "paused")
            if not pool.workers:
                search.stop.raise_if_interrupted()
    search.stop.raise_if_interrupted()
    return dict(sorted(results.items())), _shortage(search, results, lacking)


def _finished(search: Search, seed: int) -> dict[str, Any] | None:
    """The metrics of a final run that is done, else None."""
    folder = search.folder.child(f"{FINALS}/seed-{seed}")
    if folder.status.get("state") != "done":
        return None
    return read_json(folder / "metrics.json", ("time.total",), RUN_METRICS)


def _shortage(search: Search, results: dict[int, Any], seeds: list[int]) -> ResourceError | None:
    if not seeds:
        return None
    cause = f"The final run with seed {seeds[0]} could not be finished: {results[seeds[0]]}"
    remedy = f"Free memory and `tfpipe resume {search.folder}`: trials and other final runs are not repeated."
    return ResourceError(f"{cause.rstrip('.')}.", remedy)
