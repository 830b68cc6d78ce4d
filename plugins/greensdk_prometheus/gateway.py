"""
The numbers of one process on their way to one Pushgateway.
"""

from __future__ import annotations

import atexit
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Any, NamedTuple

from greensdk.errors import SinkError, warn_once
from greensdk_prometheus import slots
from greensdk_prometheus.courier import Courier
from greensdk_prometheus.numbers import Intake, Numbers

BEFORE_OTHERS = 10
"""The exit priority in a child of multiprocessing: before the finalizers of the user's own managers and pools."""


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


class Gateway:
    """
    Adds records up and pushes the sums.

    Numbers that the gateway does not take stay in the sums and go with the next push, of this process or of the next
    one on the machine.

    Args:
        target: Where to.
        every_s: Seconds between two pushes.
        max_values: How many values a label may have.

    Attributes:
        error: Why the gateway did not take the last numbers; empty when it did.
    """

    def __init__(self, target: Target, every_s: float, max_values: int) -> None:
        self.error = ""
        self._target = target
        self._pid = os.getpid()
        self._intake = Intake(Numbers(max_values))
        self._courier = Courier("greensdk-prometheus", self._deliver, self._waits, every_s)
        self._fresh = self._open = False
        self._warned = False
        self._slot: slots.Slot | None = None
        self._saving = Lock()
        atexit.register(self.finish, target.timeout_s)
        if "multiprocessing.util" in sys.modules:  # its children end without atexit
            from multiprocessing.util import Finalize

            Finalize(None, self.finish, args=(target.timeout_s,), exitpriority=BEFORE_OTHERS)

    def put(self, record: Mapping[str, Any]) -> None:
        """
        Take one record.
        """
        self._intake.put(record)
        self._fresh = True
        with suppress(RuntimeError):  # the interpreter ends: finish() is yet to come
            self._courier.wake()

    def finish(self, budget_s: float, *, leave: bool = False) -> bool:
        """
        Push now; what the gateway does not take in time is on disk when this returns.

        Args:
            budget_s: How long to wait for it.
            leave: Don't go on trying afterwards.

        Returns:
            Whether nothing waits any more.
        """
        if not self._waits() or os.getpid() != self._pid:
            return True
        if not self._courier.finish(budget_s, leave=leave):
            try:
                self._save()
            except (OSError, SinkError) as error:
                self._warn(f"lost numbers for {self._target.url}: {self.error or 'no answer'}; {error}")
            else:
                self._tell(self.error or "no answer in time")
        return not self._waits()

    def _waits(self) -> bool:
        """
        Say whether there are numbers that the gateway has not confirmed.
        """
        return self._fresh or self._open

    def _deliver(self) -> bool:
        self._open, self._fresh = True, False
        try:
            state = self._save()
            self._push(state)
        except Exception as error:
            self.error = _reason(error)
            self._tell(self.error)
            return False
        self._open = False
        self.error = ""
        return not self._fresh

    def _save(self) -> dict[str, Any]:
        """
        Write the sums to disk, with what an earlier process left there; returns them.
        """
        with self._saving:
            if self._slot is None:
                slot = slots.take(self._target.url, self._target.job, self._target.instance)
                self._intake.merge(slot.load())
                self._slot = slot
            state = self._intake.state()
            self._slot.save(state)
            return state

    def _push(self, state: Mapping[str, Any]) -> None:
        from prometheus_client import push_to_gateway

        from greensdk_prometheus.exposition import Shown, handler

        assert self._slot is not None
        target, number = self._target, self._slot.number
        push_to_gateway(
            target.url,
            job=target.job,
            registry=Shown(lambda: state),
            grouping_key={"instance": f"{target.instance}-{number}" if number else target.instance},
            timeout=target.timeout_s,
            handler=handler(target.username, target.password_file),
        )

    def _tell(self, problem: str) -> None:
        where = f"its numbers wait in {self._slot.path} and go with the next push" if self._slot else "they wait"
        self._warn(f"could not push to {self._target.url}: {problem}; {where}")

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            warn_once(f"greensdk {text}")


def machine() -> str:
    """
    Return what tells this machine and user from others, as a group's instance.
    """
    return f"{socket.gethostname()}-{os.getuid()}"


def _reason(error: Exception) -> str:
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        with suppress(OSError):
            return f"HTTP {error.code}: {error.read(300).decode('utf-8', 'replace').strip() or error.reason}"
    if isinstance(error, URLError):
        return str(error.reason)
    if isinstance(error, ImportError):
        return 'prometheus-client is not installed: pip install "greensdk[prometheus]"'
    return str(error) or type(error).__name__
