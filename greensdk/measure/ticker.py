"""
The one thread that may exist beside a measured call: it polls meters that wrap around.

A meter of 32 bits at the power of a large server wraps within minutes, and nobody can tell from its
two ends how often it did. Nothing can wake a process later without a thread waiting already, so the
thread is born with the window, but only where that matters: for meters that wrap within two minutes
(:data:`greensdk.measure.runtime.EAGER_S` is half of that), and where ``resources="full"`` says that a
millisecond is nothing. For slower meters each new call and each garbage collection polls when it is
due, which a busy function has enough of; a lone call that sleeps through a whole wrap has no
reading, and the reason.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greensdk.measure.runtime import Runtime


class Ticker:
    """
    Polls the monitors of `runtime` until it is stopped, or until another ticker has taken its place.
    """

    def __init__(self, runtime: Runtime, every_s: float) -> None:
        self._runtime = runtime
        self._every_s = every_s
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="greensdk-ticker", daemon=True)

    def start(self) -> None:
        """
        Begin to poll.
        """
        self._thread.start()

    def stop(self) -> None:
        """
        End the thread and wait until it is gone.
        """
        self._stopped.set()
        self._thread.join(1.0)
        if self._runtime.ticker is self:
            self._runtime.ticker = None

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s) and self._runtime.ticker is self:
            self._runtime.poll()
