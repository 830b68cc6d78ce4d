"""
What sinks of metrics share: numbers that a metric can take, labels of few values, buckets, a sink of
a receiver and its address.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from greensdk.deliver import lifecycle
from greensdk.errors import ConfigError, SinkError

if TYPE_CHECKING:
    from greensdk.deliver.delivery import Delivery

JOULES = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 1e4, 1e5)
SECONDS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds of histograms' buckets; everything above is in a last one."""

STATISTICS = ("min", "mean", "max", "p95")
"""What a sampled quantity has in a record."""

SAMPLED = ("cpu_percent", "rss_bytes", "io_read_bytes_per_s", "io_write_bytes_per_s")
"""The quantities of a record's ``samples`` that are of worker and children."""

OTHER = "other"
TEXT_LIMIT = 120
"""Longest value of a label."""

MAX_VALUES = 100
"""How many values a label may have."""


class Labels:
    """
    Keeps the values of labels few: the first `limit` of each are kept, the others become ``other``.

    Attributes:
        replaced: How often a value of each label was replaced.
    """

    def __init__(self, limit: int = MAX_VALUES) -> None:
        self.limit = limit
        self.replaced: dict[str, int] = {}
        self._known: dict[str, set[str]] = {}

    def of(self, name: str, value: Any) -> str:
        """
        Return the text that stands for a value: short, in Unicode, and one of few.
        """
        if value is None:
            return ""
        text = str(value)[:TEXT_LIMIT].encode("utf-8", "replace").decode()
        known = self._known.setdefault(name, {"", OTHER})
        if text not in known:
            if len(known) >= self.limit + 2:
                self.replaced[name] = self.replaced.get(name, 0) + 1
                return OTHER
            known.add(text)
        return text


def number(value: Any) -> float | None:
    """
    Return `value` if it is a number that a metric can take: finite and not below 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isfinite(value) and value >= 0 else None


def by_process(rows: Any) -> dict[str, list[Mapping[str, Any]]]:
    """
    Return the rows of ``samples.processes`` of the worker itself and of its children; a pid is no label.
    """
    pids = {row.get("pid") for row in rows}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault("children" if row.get("ppid") in pids else "worker", []).append(row)
    return found


class MetricsSink:
    """
    The sink of a receiver to which one :class:`~greensdk.deliver.delivery.Delivery` of the process exports: two would
    export the same series.

    Args:
        uri: As it is configured.
        name: What tells the receiver, and how it is exported to, from others; None where nothing is exported.
    """

    client_side = True
    """Where workers are many and short-lived, this sink belongs to the client that collects their records."""

    def __init__(self, uri: str, name: tuple[Any, ...] | None = None) -> None:
        self.uri = uri
        self._name = name

    def flush(self) -> None:
        """
        Export now.

        Raises:
            SinkError: The receiver did not take it; it goes with the next export.
        """
        delivery: Delivery | None = lifecycle.existing(self._name)
        if delivery is not None and not delivery.flush():
            raise SinkError(f"{self.uri}: {delivery.error}")

    def close(self) -> None:
        """
        Export what has not been exported; where that fails, it is on disk for the next process.

        Raises:
            SinkError: It fails.
        """
        if (delivery := lifecycle.existing(self._name)) is not None:
            delivery.close()


def address_of(uri: str, example: str, credentials: str) -> str:
    """
    Return the ``http`` or ``https`` address in a sink's URI.

    Raises:
        ConfigError: There is no host in it, or a password, which would stand in warnings and logs.

    Example:
        >>> address_of("prometheus+http://gateway:9091/", "", "")
        'http://gateway:9091'
    """
    url = uri.rpartition("+")[2] if "+" in uri.partition(":")[0] else uri
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ConfigError(f"{parts.hostname}: {credentials}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{uri}: expected {example}")
    return url.rstrip("/")
