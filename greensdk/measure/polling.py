"""
Long calls on meters that wrap around: somebody has to look at the meter before it has wrapped twice.

A meter of 32 bits at the power of a large server wraps within minutes, and its two ends do not tell how often it
did. Nothing can wake a process later without a thread waiting already, so a thread is
born with the call, but only where that matters: for meters that wrap within two minutes
(`EAGER_S` is half of that), and where ``resources="full"`` says that a
millisecond is nothing. For slower meters each new call and each garbage collection polls when it is
due, which a busy function has enough of; a lone call that sleeps through a whole wrap has no
reading, and the reason.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Sequence
from functools import partial
from threading import Event, Thread
from time import perf_counter_ns
from typing import Any

from greensdk.errors import describe
from greensdk.machine.signals import is_from_signal, raise_again
from greensdk.measure.state import ledger, shared
from greensdk.monitor import Monitor

EAGER_S = 60.0
"""A meter that has to be polled this often, in seconds, gets its thread at once."""


class Poller:
    """
    Lets monitors note their meters in the middle of long calls.

    Args:
        monitors: Those whose meters wrap around.
        every_s: How often.
        eager: Have a thread do it while calls are under way.

    Attributes:
        due_ns: When the next poll is due; a call that begins later has to :meth:`watch`.
        errors: By monitor, how its last failed poll failed, and when, in nanoseconds.
    """

    def __init__(self, monitors: Sequence[Monitor], every_s: float, eager: bool) -> None:
        self.due_ns = 0.0
        self.errors: dict[str, tuple[str, int]] = {}
        self._monitors = monitors
        self._every_s = every_s
        self._eager = eager
        self._ticker: Ticker | None = None
        self._callback: Callable[..., Any] | None = None
        if not eager:
            steps = self._at_collections()
            next(steps)
            # Called with two arguments, the phase and a dict. max() is written in C, and makes a step for each.
            self._callback = partial(max, key=steps.send)
            gc.callbacks.append(self._callback)

    def watch(self, now_ns: int) -> None:
        """
        Poll, or have it done; called when a call begins and a poll is due.
        """
        if not self._eager:
            # First, so that threads which come here together don't all poll.
            self.due_ns = now_ns + self._every_s * 1e9
            self.poll()
        elif self._ticker is None:
            self._ticker = Ticker(self, self._every_s)
            shared.threads.append(self)
            self._ticker.start()

    def _at_collections(self) -> Generator[int, Any, None]:
        """
        Poll when it is due, at each step, which is a garbage collection; a busy function has many of them.

        Python lets no exception out of a callback at a collection, not even that of a signal handler. A function could
        not catch one that is raised before its first line; in here there is nothing outside of ``try``.
        """
        while True:
            try:
                try:
                    while True:
                        phase = yield 0
                        now_ns = perf_counter_ns()
                        if phase == "stop" and ledger.open and now_ns > self.due_ns:
                            self.due_ns = now_ns + self._every_s * 1e9
                            self.poll()
                except GeneratorExit:
                    return
                except BaseException as error:
                    raise_again(error)
            except BaseException as error:  # the next signal has come before the last one was passed on
                raise_again(error)

    def poll(self) -> None:
        """
        Let every monitor note its meter.
        """
        for monitor in self._monitors:
            try:
                monitor.poll()
            except BaseException as error:
                if is_from_signal(error):
                    raise
                self.errors[monitor.name] = f"poll: {describe(error)}", perf_counter_ns()

    def rest(self) -> None:
        """
        End the thread.
        """
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop()

    def close(self) -> None:
        """
        Never poll again.
        """
        self.rest()
        gc.callbacks[:] = [callback for callback in gc.callbacks if callback is not self._callback]


class Ticker:
    """
    The thread: has `poller` poll until it is stopped.
    """

    def __init__(self, poller: Poller, every_s: float) -> None:
        self._poller = poller
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

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            self._poller.poll()
