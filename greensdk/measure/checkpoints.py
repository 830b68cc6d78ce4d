"""
Calls under way that are to leave a record even if they never end: every so often, and when a signal ends the process.

Only for runtimes that asked for it (``checkpoint_s``, ``signals``): nothing of this module is imported otherwise. The
thread is born when the first call that wants interim records begins, sleeps until one is due, and ends when it
finds no such call. There is no lock, for the reasons that :mod:`greensdk.sample.sampler` gives.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from _thread import allocate_lock
from contextlib import suppress
from time import perf_counter_ns, sleep, thread_time_ns
from typing import Any

from greensdk.errors import Terminated, describe
from greensdk.measure.glimpse import Glimpse, Thread, glimpse
from greensdk.measure.state import current, shared
from greensdk.measure.window import Window

FINAL = (signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a process to end, and of which it dies at once without a handler."""

AT_MOST_S = 10
"""After so many seconds a process that was asked to end does, whatever saving its records waits for."""

LONGEST_WAIT_S = 3600.0
LOOK_AGAIN_S = 0.0005


class Checkpoints:
    """
    The calls of this process that are watched.

    Attributes:
        cpu_ns: CPU time that the thread has taken.
    """

    def __init__(self) -> None:
        self.cpu_ns = 0
        self._listens = False
        self._open: dict[Window, Thread] = {}
        self._due_ns: dict[Window, float] = {}
        self.forget()

    def forget(self) -> None:
        """
        Begin anew, in a forked child too.
        """
        self._open.clear()
        self._due_ns.clear()
        self._thread: threading.Thread | None = None
        self._writing: Window | None = None
        # Not an Event: its lock would be held when a garbage collection, in the same thread, begins another call.
        self._alarm = allocate_lock()
        self._alarm.acquire()

    def join(self, window: Window) -> None:
        """
        Watch a call from now on. With ``every_s`` a window is open between the calls, and makes records anyway.
        """
        if window.cpu_source == "runs":
            return
        self._open[window] = Thread.here()
        # Not when the runtime opens: that may be in another thread, which can't.
        if window.runtime.signals and not self._listens:
            self._listens = listen(self)
        if (every_s := window.runtime.checkpoint_s) is None:
            return
        self._due_ns[window] = window.entered_ns + every_s * 1e9
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="greensdk-checkpoints", daemon=True)
            self._thread.start()
        elif self._due_ns[window] <= min(self._due_ns.copy().values()):
            with suppress(RuntimeError):  # it has been woken already
                self._alarm.release()

    def leave(self, window: Window) -> None:
        """
        Forget a call that is ending, once an interim record that is being written is out: the last one comes last.
        """
        # A garbage collection in our thread may end the very call, and daemon threads stop when the interpreter ends.
        while self._writing is window and threading.current_thread() is not self._thread and not sys.is_finalizing():
            sleep(LOOK_AGAIN_S)
        self._open.pop(window, None)
        self._due_ns.pop(window, None)

    def _run(self) -> None:
        me, before_ns = threading.current_thread(), self.cpu_ns
        while self._thread is me:
            due_ns = min(self._due_ns.copy().values(), default=None)
            if due_ns is None:
                self._thread = None
                if self._due_ns:  # a call that came meanwhile has found the thread still there
                    self._thread = me
                continue
            wait_s = (due_ns - perf_counter_ns()) * 1e-9
            if wait_s > 0:
                self._alarm.acquire(timeout=min(wait_s, LONGEST_WAIT_S))
                continue
            for window in [each for each, due_ns in self._due_ns.copy().items() if due_ns <= perf_counter_ns()]:
                self.cpu_ns = before_ns + thread_time_ns()
                self._write(window)
            self.cpu_ns = before_ns + thread_time_ns()

    def _write(self, window: Window) -> None:
        """
        Write a record of a call for which it is time.
        """
        thread = self._open.get(window)
        self._due_ns[window] = perf_counter_ns() + (window.runtime.checkpoint_s or 0.0) * 1e9
        self._writing = window  # first of all: a call marks its end, then waits for what is being written
        try:
            seen = None if thread is None else glimpse(window, thread, "interim")
            # What was read after the call has begun to end would be more than the last record says.
            if seen is not None and not is_ending(window):
                _hand(seen, window)
        except Exception as error:
            window.errors["checkpoints"] = describe(error)
        finally:
            self._writing = None
        if window not in self._open:
            self._due_ns.pop(window, None)

    def end(self, why: str) -> None:
        """
        Leave a record of every watched call, cancelled: those of this context, the innermost first, then the others.

        Args:
            why: The signal's name.
        """
        window: Any = current.get()
        while window is not None:
            if window in self._open:
                window.close(Terminated(why))
            window = window.parent
        for other, thread in self._open.copy().items():
            seen = glimpse(other, thread, "cancelled")
            if seen is not None and seen.record is not None:
                seen.record["error_type"] = Terminated.__name__
                seen.hand_over()


def is_ending(window: Window) -> bool:
    """
    Return whether the end of a call has begun.
    """
    return window.sampling is None or window.sampling.is_ending


def _hand(seen: Glimpse, window: Window) -> None:
    """
    Give an interim record to the sinks that can do with several of a call: those that set ``takes_interim``.
    """
    for uri, sink in window.runtime.sinks:
        if seen.record is not None and getattr(sink, "takes_interim", False):
            try:
                sink.emit(seen.record)
            except Exception as error:
                window.errors["checkpoints"] = f"{uri}: {describe(error)}"


def listen(checkpoints: Checkpoints) -> bool:
    """
    On SIGTERM and SIGHUP, leave the records of the calls under way, and die of the signal as before.

    A handler of the user's own decides by itself, and an ignored signal stays ignored.

    Returns:
        Whether that is done; only the main thread may do it.
    """
    if threading.current_thread() is not threading.main_thread():
        return False

    def handle(number: int, _: object) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(AT_MOST_S)
        try:
            checkpoints.end(signal.Signals(number).name)
            shared.close()
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    for number in FINAL:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, handle)
    return True
