"""
How often a worker hands its records over.

Lithops makes a process for each call and throws it away. Most calls leave one record, which is handed over at
once, so that it is safe whatever comes after. A function that is not measured itself but calls a measured one
a thousand times leaves a thousand: these go out once a second, and the rest when the process ends.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

EVERY_S = 1.0
BEFORE_OTHERS = 10
"""The exit priority: before the finalizers of the user's own managers and pools, whose priority is 0 to 5."""


class Pace:
    """
    Says when to hand over, and does it at the end of the process.

    Args:
        hand_over: What to call when the process ends; must not raise.
    """

    def __init__(self, hand_over: Callable[[], None]) -> None:
        self._due_s = 0.0
        # A worker's process ends without atexit: multiprocessing runs its own finalizers only.
        from multiprocessing.util import Finalize

        Finalize(None, hand_over, exitpriority=BEFORE_OTHERS)

    def is_due(self) -> bool:
        """
        Say whether to hand over now; if so, the next time is a second from now.
        """
        now_s = monotonic()
        if now_s < self._due_s:
            return False
        self._due_s = now_s + EVERY_S
        return True
