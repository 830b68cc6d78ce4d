"""
One thread that delivers, again and again, as long as something waits.

It is born with the first thing to deliver and dies when all of it is. Nobody who brings something waits for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class Courier:
    """
    Calls `deliver` every so often, in a thread of its own.

    Args:
        name: The thread's.
        deliver: Delivers what waits and says whether all of it is gone; must not raise.
        waits: Says whether anything waits.
        every_s: Seconds between two deliveries, and before the first.
    """

    def __init__(self, name: str, deliver: Callable[[], bool], waits: Callable[[], bool], every_s: float) -> None:
        self._name = name
        self._deliver = deliver
        self._waits = waits
        self._every_s = every_s
        self._alarm = threading.Event()
        self._asked: deque[threading.Event] = deque()
        self._birth = threading.Lock()
        self._thread: threading.Thread | None = None
        self._leaving = False

    def wake(self) -> None:
        """
        Have a thread. Whoever finds another one busy with that leaves it to it.

        Raises:
            RuntimeError: No thread can be born any more, because the interpreter ends.
        """
        if self._thread is not None or not self._birth.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                self._leaving = False
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        except BaseException:
            self._thread = None
            raise
        finally:
            self._birth.release()

    def finish(self, budget_s: float, *, leave: bool = False) -> bool:
        """
        Deliver now.

        Args:
            budget_s: How long to wait for it.
            leave: The thread dies afterwards, whatever waits still; the next thing to deliver has a new one.

        Returns:
            Whether all is delivered.
        """
        done = threading.Event()
        self._asked.append(done)
        try:
            self.wake()
        except RuntimeError:
            return self._deliver()
        self._leaving = leave
        self._alarm.set()
        done.wait(budget_s)
        return not self._waits()

    def _run(self) -> None:
        while True:
            if self._alarm.wait(self._every_s):
                self._alarm.clear()
            asked = len(self._asked)
            gone = self._deliver()
            for _ in range(asked):
                self._asked.popleft().set()
            if (gone or self._leaving) and not self._asked:
                break
        self._thread = None
        if self._leaving:
            return
        # Somebody may have brought something, and found this thread still there.
        if self._waits() or self._asked:
            self.wake()
            self._alarm.set()
