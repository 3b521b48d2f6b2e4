"""Serves the metrics on a port of their own, in the process that starts the server's workers.

Several workers count in files, which are added up for each scrape. A single worker serves its own counters. Both add
what the database knows.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from core.metrics import REGISTRY
from monitoring.database_state import DatabaseStateCollector

FILES = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads this when it is imported


class WorkerCollector(Collector):
    """The sums of all workers, including what those that have ended had counted."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def collect(self) -> Iterable[Metric]:
        for file in Path(self.folder).glob("gauge_live*.db"):
            ended = re.search(r"_(\d+)\.db$", file.name)
            if ended and not psutil.pid_exists(int(ended[1])):
                mark_process_dead(int(ended[1]), self.folder)  # type: ignore[no-untyped-call]
        files: Collector = MultiProcessCollector(None, self.folder)  # type: ignore[no-untyped-call]
        return files.collect()


@contextmanager
def serve_metrics(host: str, port: int, workers: int) -> Iterator[None]:
    """Serves while the block lasts. Enter it before the workers start; they inherit the environment."""
    with TemporaryDirectory(prefix="gokart-metrics-") as folder:
        if workers > 1:
            os.environ[FILES] = folder
            registry = CollectorRegistry()
            registry.register(WorkerCollector(folder))
        else:
            registry = REGISTRY
        state = DatabaseStateCollector()
        registry.register(state)
        server, thread = start_http_server(port, host, registry)
        state.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
