"""
Loops of measured calls into which signals come, in a process of their own; see test_signals.py.

    python interrupted.py KIND MICROSECONDS SIGNAL NUMBER LOG

Prints as JSON what became of the signals and of the calls. Each signal comes at a moment of its own, and its handler
raises; what has not arrived after so long a time as no machine needs, is lost.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

from greensdk import energy_tracked, reset
from greensdk.measure.state import current, ledger
from greensdk.testing import PowercapTree

PATIENCE_S = 300.0


class Late(TimeoutError):
    """
    What the handler of SIGALRM raises: an OSError to those who read files.
    """


class Loop:
    """
    Calls of a function of one kind that takes some time.
    """

    def __init__(self, kind: str, seconds: float, tracked) -> None:
        self.seconds = seconds
        self.finished = 0
        self.call = getattr(self, kind)(tracked)

    def body(self) -> None:
        """
        Be busy, and count the runs that came to their end.
        """
        end = time.perf_counter() + self.seconds
        while self.seconds and time.perf_counter() < end:
            pass
        self.finished += 1

    def function(self, tracked):
        """
        A plain one.
        """
        return tracked(self.body)

    def generator(self, tracked):
        """
        One that yields once before it is busy.
        """

        @tracked
        def steps():
            yield 1
            self.body()

        return lambda: list(steps())

    def coroutine(self, tracked):
        """
        One that is awaited by another.
        """

        @tracked
        async def work():
            self.body()

        async def main():
            await work()

        return lambda: run(main())

    def items(self, tracked):
        """
        An asynchronous generator.
        """

        @tracked
        async def steps():
            yield 1
            self.body()

        async def main():
            async for _ in steps():
                pass

        return lambda: run(main())


def run(coroutine) -> None:
    """
    Drive a coroutine that waits for nothing.
    """
    try:
        coroutine.send(None)
    except StopIteration:
        return
    finally:
        coroutine.close()


def late(*_) -> None:
    """
    Raise the user's time-out.
    """
    raise Late


def campaign(loop: Loop, number: int) -> dict[str, int]:
    """
    Let so many signals come, one after the other.
    """
    arrived = lost = left_open = 0
    for _ in range(number):
        end = time.monotonic() + PATIENCE_S
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0002 + random.random() * (0.002 + loop.seconds))
            while time.monotonic() < end:
                loop.call()
            lost += 1
        except (Late, KeyboardInterrupt):
            arrived += 1
        left_open += ledger.open != 0 or current.get() is not None
    return {"arrived": arrived, "lost": lost, "left_open": left_open, "finished": loop.finished}


def main() -> None:
    """
    Do what the command line says.
    """
    kind, microseconds, name, number, log = sys.argv[1:]
    random.seed(f"{kind} {microseconds} {name}")
    tree = PowercapTree(Path(log).parent / "tree")
    tree.package(0)
    plugins = {"rapl": {"root": str(tree.root)}, "psutil-tdp": {"tdp_w": 65}}
    tracked = energy_tracked(monitors=["rapl", "psutil-tdp"], sink=log, plugins=plugins)
    loop = Loop(kind, int(microseconds) * 1e-6, tracked)
    loop.call()
    # Python warns of a coroutine that a signal has kept from beginning with a function that lets no exception out.
    warnings._warn_unawaited_coroutine = id
    # The default handler of Ctrl-C is written in C and has no frame of its own.
    signal.signal(signal.SIGALRM, late if name == "SIGALRM" else signal.default_int_handler)
    descriptors = len(os.listdir("/dev/fd"))
    found = campaign(loop, int(number))
    found["descriptors"] = len(os.listdir("/dev/fd")) - descriptors
    reset()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
