"""
Does a signal's exception get through a plugin? A user's time-out is an OSError to whoever reads files.

The places are found, not written down: the plugin's method is run once for each of its lines, and interrupted there.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

STDLIB = os.path.dirname(os.__file__)


class Late(TimeoutError, FileNotFoundError, ProcessLookupError, PermissionError, LookupError, ValueError):
    """
    The user's time-out, as what plugins are used to handling.
    """


def late(*_: object) -> None:
    """
    Be the user's signal handler.

    Raises:
        Late: Always.
    """
    raise Late


@contextmanager
def handled() -> Iterator[None]:
    """
    Have SIGTERM, which there is everywhere, raise :class:`Late` while the block runs; in the main thread only.

    No garbage is collected meanwhile: Python lets nothing out of what a collection calls.
    """
    before, collects = signal.signal(signal.SIGTERM, late), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if collects:
            gc.enable()


class Interruption:
    """
    A signal at one line of what a method runs, that of the standard library left out.

    Args:
        seen: The places where one has come already; this one's is added.

    Attributes:
        place: Where it came; empty when there is no other place.
    """

    def __init__(self, seen: set[str]) -> None:
        self.place = ""
        self._seen = seen

    def into(self, right: Callable[..., Any]) -> Callable[..., Any]:
        """
        Return a method that does what `right` does until it is interrupted; once it has been, it is `right`.
        """

        def wrong(*given: Any) -> Any:
            before = sys.gettrace()
            if self.place:
                return right(*given)
            sys.settrace(self._trace)
            try:
                return right(*given)
            finally:
                sys.settrace(before)

        return wrong

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        if path.startswith("<") or (path.startswith(STDLIB) and "site-packages" not in path):
            return None
        place = f"{os.path.basename(path)}:{frame.f_lineno}"
        if event == "line" and not self.place and place not in self._seen:
            self.place = place
            self._seen.add(place)
            signal.raise_signal(cast("Any", signal.SIGTERM))
        return self._trace
