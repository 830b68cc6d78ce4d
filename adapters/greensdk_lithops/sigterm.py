"""
A record saved when its call is ended from outside.

Lithops ends a call that is out of time with SIGTERM, and Python processes die of that without another word. Where
the user has asked for it, the calls under way are closed first, and their records brought to storage.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import Any

from greensdk.deliver.lifecycle import finish_all
from greensdk_lithops.storage import BUDGET_S

AT_MOST_S = int(BUDGET_S) + 2
"""After so many seconds the process ends, whatever the saving waits for."""


class Terminated(BaseException):
    """
    What the record of such a call says was the matter.
    """


def flush_on_sigterm() -> None:
    """
    Save the open calls of this process when SIGTERM comes, then die of it as before.

    Does nothing where somebody has said already what happens on SIGTERM: a handler of the user's own decides, and
    when it raises, the call ends as by any exception.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return
    pid = os.getpid()

    def handle(number: int, _frame: Any) -> None:
        if os.getpid() == pid:  # and not a process that the call has forked
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(AT_MOST_S)
            save()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handle)


def save() -> None:
    """
    Close the calls under way on this thread, the innermost first, and write what is held back.
    """
    from greensdk.measure.state import current
    from greensdk.measure.window import Window

    window, runtimes = current.get(), set()
    while isinstance(window, Window):
        window.close(Terminated("SIGTERM"))
        runtimes.add(window.runtime)
        window = window.parent
    finish_all()
    for runtime in runtimes:
        for _, sink in runtime.sinks:
            with suppress(Exception):  # the process is about to end, and the other sinks may do better
                sink.flush()
