"""What is counted while serving, as Prometheus reads it."""

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64)
_SHARES = tuple(number / 10 for number in range(1, 11))
_MOST_CLASSES = 100  # that have a series of their own


class Counters:
    """The metrics of one server.

    Args:
        waiting: gives how many inputs wait for a worker.
    """

    def __init__(self, waiting: Callable[[], int]):
        self.registry = CollectorRegistry()
        of: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("tfpipe_requests", "Requests by route and status.", ["route", "code"], **of)
        self.latency = Histogram("tfpipe_request_seconds", "Time to the answer.", ["route"], buckets=_LATENCIES, **of)
        self.batches = Histogram(
            "tfpipe_batch_inputs", "Inputs that went through the model together.", buckets=_SIZES, **of
        )
        self.restarts = Counter("tfpipe_worker_restarts", "Workers that died and were started again.", **of)
        self.answers = Counter("tfpipe_answers", "Answers by class or verdict.", ["answer"], **of)
        self.scores = Histogram("tfpipe_scores", "Probability of the predicted class, or score.", buckets=_SHARES, **of)
        self.failed = Counter("tfpipe_inputs_failed", "Inputs without a prediction, by code.", ["code"], **of)
        self.versions = Counter("tfpipe_version_loads", "New versions by how it ended.", ["result"], **of)
        self.version = Gauge("tfpipe_version", "Number of the version that is served.", **of)
        self.ready = Gauge("tfpipe_ready", "Whether predictions are answered.", **of)
        Gauge("tfpipe_queue_inputs", "Inputs that wait for a worker.", **of).set_function(lambda: float(waiting()))
        started = Gauge("tfpipe_start_time_seconds", "When the server was started, since the epoch.", **of)
        started.set(time.time())
        self._known: set[str] = set()

    def tell(self, counted: list[list[Any]]) -> None:
        """Counts answers.

        Args:
            counted: of each its class or verdict, and its score; None where it has none.
        """
        for answer, score in counted:
            if answer is not None:
                name = str(answer)
                if name not in self._known and len(self._known) >= _MOST_CLASSES:
                    name = "(others)"
                self._known.add(name)
                self.answers.labels(name).inc()
            if isinstance(score, (int, float)):
                self.scores.observe(score)

    def text(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self.registry)
