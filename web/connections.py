"""How many connections clients may hold open in this process: in total, and from one address.

Addresses in GOKART_TRUSTED_PROXIES count in total only: all clients of a proxy have its address. Each process counts
separately.
"""

import resource
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from time import monotonic

import structlog

from core.metrics import Refusal, connections_open, connections_refused
from settings import settings
from web.requests import client_network, parse_address

MAX_DESCRIPTORS = 65_536  # more are not used; some programs loop over all that they may open
RESERVED = 100  # descriptors for files, listeners and refused connections that have not closed yet
LOG_EVERY = 10.0  # seconds

log = structlog.get_logger()


class ConnectionCounts:
    def __init__(self) -> None:
        self.total = 0
        self.refused_open = 0  # refused connections that have not closed yet
        self.limit = settings.connections
        self._by_network: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()  # by reason, since the last log line
        self._logged_at = -LOG_EVERY

    def open(self, address: str | None) -> str | None:
        """Counts a connection. None, or why it is refused and not counted."""
        network = limited_network(address)
        if self.total >= self.limit:
            return self.log_refusal("too many connections in all", address)
        if network is not None and self._by_network[network] >= settings.connections_per_address:
            return self.log_refusal("too many connections from one address", address)
        self.total += 1
        connections_open.inc()
        if network is not None:
            self._by_network[network] += 1
        return None

    def close(self, address: str | None) -> None:
        self.total -= 1
        connections_open.dec()
        network = limited_network(address)
        if network is not None:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    def log_refusal(self, reason: Refusal, address: str | None) -> str:
        """Logs how many connections were refused, and why, at most once in LOG_EVERY: a flood must not fill the log."""
        connections_refused.labels(reason).inc()
        self._refused[reason] += 1
        if monotonic() >= self._logged_at + LOG_EVERY:
            counts = {reason.replace(" ", "_"): count for reason, count in self._refused.items()}
            log.warning("connections refused", last_from=address, open=self.total, **counts)
            self._refused.clear()
            self._logged_at = monotonic()
        return reason


@lru_cache(4_096)
def limited_network(address: str | None) -> str | None:
    """The network that counts as one client; None for a trusted proxy, or without an address."""
    parsed = parse_address(address) if address is not None else None
    if parsed is None or any(parsed in network for network in settings.trusted_proxies):
        return None
    return client_network(parsed)


connection_counts = ConnectionCounts()


@asynccontextmanager
async def limit_connections() -> AsyncIterator[None]:
    """Raises the process's limit of descriptors, lowers the limit of connections to what they allow, and logs both."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    databases = 2 if settings.replica_url else 1
    reserved = RESERVED + databases * (settings.database_pool + settings.streams)
    available = settings.connections if soft == resource.RLIM_INFINITY else soft - reserved
    connection_counts.limit = max(1, min(settings.connections, available))
    log.info(
        "connection limits",
        descriptors=soft,
        connections=connection_counts.limit,
        connections_per_address=settings.connections_per_address,
    )
    yield
