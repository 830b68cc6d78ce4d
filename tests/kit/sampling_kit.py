"""
What the tests of sampling share.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from greensdk.deliver.lines import encode
from greensdk.measure.state import shared
from greensdk.schema.check import problems
from greensdk.testing import FakeMonitor

THREAD = "greensdk-sampler"
PATIENCE_S = 600.0

CHILD = """
import subprocess, sys, time
if sys.argv[1:]:
    grandchild = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE)
    print(grandchild.pid, flush=True)
else:
    print(0, flush=True)
while time.process_time() < 0.3:
    sum(range(500))
sys.stdin.read()
"""


def threads() -> list[str]:
    """
    Return the sampling threads there are.
    """
    return [thread.name for thread in threading.enumerate() if thread.name == THREAD]


def taken() -> int:
    """
    Return how many samples this process has taken so far.
    """
    sampler = shared.sampler
    assert sampler is not None
    return sampler.ring.dropped + len(sampler.ring.samples)


def until(happened: Callable[[], bool]) -> None:
    """
    Sleep until something has happened, which a test that works never waits long for.
    """
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.002)


def wait_for(samples: int) -> None:
    """
    Sleep until so many samples more have been taken.
    """
    wanted = taken() + samples
    until(lambda: taken() >= wanted)


def good(record: dict[str, Any]) -> dict[str, Any]:
    """
    Return the samples of a record that is as the schema says, also when it comes out of a file.
    """
    line = json.loads(encode(record))
    assert [] == problems(line)
    assert line["samples"] == record["samples"]
    return record["samples"]


def child(*arguments: str) -> subprocess.Popen[str]:
    """
    Start a process that burns 0.3 CPU seconds and then waits until its input ends.
    """
    command = [sys.executable, "-c", CHILD, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class SteadyMonitor(FakeMonitor):
    """
    A meter whose machine draws 40 W.
    """

    WATTS = 40.0

    def __init__(self) -> None:
        super().__init__("steady")

    def start(self) -> Any:
        """
        Note the time.
        """
        return time.perf_counter_ns()

    def stop(self, token: Any) -> Any:
        """
        Count the joules since.
        """
        self.joules = [self.WATTS * (time.perf_counter_ns() - token) * 1e-9]
        return super().stop(0)


class ShyMonitor(SteadyMonitor):
    """
    A meter that fails whenever the sampling thread reads it.
    """

    def stop(self, token: Any) -> Any:
        """
        Raise, or count.
        """
        if threading.current_thread().name == THREAD:
            raise SystemExit("not for you")
        return super().stop(token)


class BlindMonitor(FakeMonitor):
    """
    A meter that never has a number.
    """

    def __init__(self) -> None:
        super().__init__("blind", joules=None)


class CallMonitor(FakeMonitor):
    """
    A meter of the call alone.
    """

    def __init__(self) -> None:
        super().__init__("own", scope="call")


class Place:
    """
    An adapter to a place that samples by itself.
    """

    resources = "none"
    sample_every_s = 5.0

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def worker(self) -> dict[str, Any]:
        """
        Say nothing of it.
        """
        return {}

    def sinks(self, settings: Any) -> list[Any]:
        """
        Have none.
        """
        return []
