"""
Numbers that wait in the process for Prometheus to come.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple
from urllib.parse import SplitResult

from greensdk.errors import ConfigError, SinkError
from greensdk_prometheus.aggregation import Aggregator, Totals

try:
    from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
except ImportError as error:
    raise SinkError('prometheus-client is not installed: pip install "greensdk[prometheus]"') from error

from greensdk_prometheus.exposition import RecordCollector

_aggregators: dict[str, Aggregator] = {}
_served: dict[tuple[int, str], Any] = {}


class Endpoint(NamedTuple):
    """
    A server that Prometheus can scrape.

    Attributes:
        url: Where.
        server: Its HTTP server.
    """

    url: str
    server: Any

    def close(self) -> None:
        """
        Stop it.
        """
        self.server.shutdown()
        self.server.server_close()


def aggregator(place: str = "") -> Aggregator:
    """
    Return what all sinks of this process with one HOST:PORT share; those without one by default.
    """
    return _aggregators.setdefault(place, Aggregator(Totals()))


def collector(place: str = "") -> RecordCollector:
    """
    Return a collector of all that was taken there.
    """
    return RecordCollector(aggregator(place).state)


def serve(port: int, addr: str, place: str = "") -> Endpoint:
    """
    Start a server of what was taken at `place`.

    Raises:
        SinkError: The address can't be listened at.
    """
    registry = CollectorRegistry()
    registry.register(collector(place))
    try:
        server, _ = start_http_server(port, addr, registry)
    except OSError as error:
        raise SinkError(f"{addr}:{port}: {error.strerror or error}") from error
    return Endpoint(f"http://{addr}:{server.server_port}/metrics", server)


def offer(parts: SplitResult) -> Aggregator:
    """
    Have the numbers where a sink's URI says, once in a process, and return where to put records.

    Raises:
        ConfigError: It has a host but no port.
        SinkError: The address can't be listened at.
    """
    place = parts.netloc
    # A forked child has the registry from its parent, but no server: threads don't survive a fork.
    key = os.getpid() if place else 0, place
    if key not in _served:
        if not place:
            REGISTRY.register(collector())
        elif not (parts.hostname and parts.port):
            raise ConfigError(f"{parts.geturl()}: expected prometheus://127.0.0.1:9095")
        _served[key] = serve(parts.port, parts.hostname, place) if parts.port and parts.hostname else None
    return aggregator(place)
