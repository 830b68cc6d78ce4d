"""
Records into Prometheus: added up and pushed to a Pushgateway, or kept for Prometheus to scrape.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from greensdk.configure.builtin import LAMBDA
from greensdk.deliver import lifecycle
from greensdk.deliver.metrics import MAX_VALUES, MetricsSink, address_of
from greensdk.errors import SinkError

if TYPE_CHECKING:
    from greensdk_prometheus.gateway import Gateway
    from greensdk_prometheus.scrape import Endpoint

__all__ = ["PushgatewaySink", "RegistrySink", "collector", "push", "serve"]

SCHEME = "prometheus"
JOB = "greensdk"
EVERY_S = 15.0
TIMEOUT_S = 2.0
EXAMPLE = "prometheus+http://host:9091"
CREDENTIALS = "put the user into username and the password into password_file"

FROZEN = (
    "a Lambda's sandbox is frozen after each call and can't push: write to stdout: or s3://, "
    "and push what you read back with greensdk_prometheus.push"
)


class PushgatewaySink(MetricsSink):
    """
    Adds records up and pushes the sums to a Pushgateway, every now and then and when the process ends.

    In a Lithops worker it does nothing: the client pushes what it has collected; see
    :mod:`greensdk_prometheus.lithops`.

    Args:
        uri: ``prometheus+http://host:9091`` or ``prometheus+https://...``.
        job: The group's job.
        instance: The group's instance; empty for the machine's name and the user's number. Further processes at
            the same time get a number behind it.
        push_every_s: Seconds between two pushes.
        timeout_s: How long the gateway may take, also when the process ends.
        max_values: How many values a label may have; the others become ``other``.
        username: For basic authentication.
        password_file: A file with the password.

    Raises:
        ConfigError: The URI has no host, or has a password in it.
        SinkError: We are in a Lambda, which can't push.
    """

    def __init__(
        self,
        uri: str,
        *,
        job: str = JOB,
        instance: str = "",
        push_every_s: float = EVERY_S,
        timeout_s: float = TIMEOUT_S,
        max_values: int = MAX_VALUES,
        username: str = "",
        password_file: str = "",
    ) -> None:
        super().__init__(uri)
        url = address_of(uri, EXAMPLE, CREDENTIALS)
        if lifecycle.is_lithops_worker():
            return
        if LAMBDA in os.environ:
            raise SinkError(FROZEN)
        from greensdk_prometheus.gateway import Target, machine

        target = Target(url, job, instance or machine(), username, password_file, timeout_s)
        self._name = SCHEME, target
        self._limits = push_every_s, max_values

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Add one record to the sums. Touches neither network nor disk.
        """
        if self._name is not None:
            lifecycle.shared(self._name, self._open).put(record)

    def _open(self) -> Gateway:
        from greensdk_prometheus.gateway import Gateway

        assert self._name is not None
        return Gateway(self.uri, self._name[1], *self._limits)


class RegistrySink:
    """
    Adds records up where Prometheus scrapes them: in prometheus-client's registry, or at an address of its own.

    Args:
        uri: ``prometheus:`` for prometheus-client's default registry, which the program serves itself;
            ``prometheus://127.0.0.1:9095`` to have it served there.

    Raises:
        SinkError: The address is in use, or prometheus-client is not installed.
    """

    client_side = True

    def __init__(self, uri: str = f"{SCHEME}:") -> None:
        self.uri = uri
        self.emit: Callable[[Mapping[str, Any]], None] = _nothing
        if lifecycle.is_lithops_worker():
            return
        from greensdk_prometheus import scrape

        self.emit = scrape.offer(urlsplit(uri)).put

    def flush(self) -> None:
        """
        Nothing is held back: Prometheus comes for it.
        """

    def close(self) -> None:
        """
        The numbers stay where Prometheus finds them, as long as the process lives.
        """


def push(records: Iterable[Mapping[str, Any]], url: str, **settings: Any) -> None:
    """
    Push records that were collected or read back, once.

    Args:
        records: As ``collect`` or :func:`greensdk.logs.read` give them. Each is counted every time it is passed.
        url: The gateway's: ``http://host:9091``, or as a sink has it.
        settings: As for :class:`PushgatewaySink`.

    Raises:
        SinkError: The gateway did not take the numbers. They go with the next push from this machine: don't repeat it.
    """
    sink = PushgatewaySink(url, **settings)
    for record in records:
        sink.emit(record)
    sink.flush()


def serve(port: int = 0, addr: str = "127.0.0.1") -> Endpoint:
    """
    Serve what ``prometheus:`` sinks have counted, on a thread of its own.

    Returns:
        An object with ``url`` and ``close()``.
    """
    from greensdk_prometheus import scrape

    return scrape.serve(port, addr)


def collector() -> Any:
    """
    Return a collector of what ``prometheus:`` sinks have counted, for a registry of your own.
    """
    from greensdk_prometheus import scrape

    return scrape.collector()


def _nothing(_: Mapping[str, Any]) -> None:
    """Leave a record to the client."""
