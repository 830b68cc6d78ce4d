"""
The numbers of one process on their way to one Pushgateway.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from greensdk.deliver.delivery import Delivery, Refused
from greensdk.errors import SinkError
from greensdk_prometheus import groups
from greensdk_prometheus.aggregation import Aggregator, Totals


class Target(NamedTuple):
    """
    Where to push, and how.

    Attributes:
        url: The gateway's, http or https.
        job: Of the group.
        instance: Of the group, without the slot's number.
        username: For basic authentication; empty for none.
        password_file: Where the password is.
        timeout_s: For one push.
    """

    url: str
    job: str
    instance: str
    username: str
    password_file: str
    timeout_s: float


class Gateway(Delivery):
    """
    Adds records up and pushes the sums.

    Numbers that the gateway does not take stay in the sums and go with the next push, of this process or of the next
    one on the machine.
    """

    thread_name = "greensdk-prometheus"

    def __init__(self, uri: str, target: Target, every_s: float, max_values: int) -> None:
        super().__init__(uri, target.timeout_s)
        self._target = target
        self._every_s = every_s
        self._aggregator = Aggregator(Totals(max_values))
        self._waiting = self._sending = False
        self._group: groups.Group | None = None
        self._saving = Lock()

    def put(self, record: Mapping[str, Any]) -> None:
        """
        Take one record.
        """
        self._aggregator.put(record)
        self._waiting = True
        self.wake()

    def due_s(self) -> float | None:
        """
        Return in how many seconds the next push is; None when the gateway has everything.
        """
        return self.since_s + self._every_s - monotonic() if self._waiting or self._sending else None

    def send(self) -> None:
        """
        Push everything; it is on disk before.

        Raises:
            SinkError: The gateway did not take it.
        """
        self._sending, self._waiting = True, False
        try:
            self._push(self._save())
        except Exception as error:
            self._waiting = True
            raise _fault(error) from error
        finally:
            self._sending = False

    def rest(self) -> str:
        """
        Say where the numbers wait.
        """
        where = self._group.path if self._group else "memory"
        return f"its numbers wait in {where} and go with the next push"

    def abandon(self) -> str:
        """
        See that the numbers are on disk, for the next push.
        """
        self._save()
        self._waiting = self._sending = False
        return self.rest()

    def _save(self) -> dict[str, Any]:
        """Write the sums to disk, with what an earlier process left there; returns them."""
        with self._saving:
            if self._group is None:
                group = groups.take(self._target.url, self._target.job, self._target.instance)
                self._aggregator.merge(group.load())
                self._group = group
            state = self._aggregator.state()
            self._group.save(state)
            return state

    def _push(self, state: Mapping[str, Any]) -> None:
        from prometheus_client import push_to_gateway

        from greensdk_prometheus.exposition import RecordCollector, handler

        assert self._group is not None
        target, number = self._target, self._group.number
        push_to_gateway(
            target.url,
            job=target.job,
            registry=RecordCollector(lambda: state),
            grouping_key={"instance": f"{target.instance}-{number}" if number else target.instance},
            timeout=target.timeout_s,
            handler=handler(target.username, target.password_file),
        )


def machine() -> str:
    """
    Return what tells this machine and user from others, as a group's instance.
    """
    return f"{socket.gethostname()}-{os.getuid()}"


def _fault(error: Exception) -> SinkError:
    """Return what an error of a push means, in one line."""
    from urllib.error import HTTPError, URLError

    if isinstance(error, SinkError):
        return error
    if isinstance(error, HTTPError):
        said = ""
        with suppress(OSError):
            said = error.read(300).decode("utf-8", "replace").strip()
        lasts = error.code < 500 and error.code not in {408, 429}
        return (Refused if lasts else SinkError)(f"HTTP {error.code}: {said or error.reason}")
    if isinstance(error, URLError):
        return SinkError(str(error.reason))
    if isinstance(error, ImportError):
        return Refused('prometheus-client is not installed: pip install "greensdk[prometheus]"')
    return SinkError(str(error) or type(error).__name__)
