"""
Functions that Lithops workers import by name, and a monitor that only a test knows.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from importlib import import_module
from typing import Any

from greensdk import energy_tracked
from greensdk.monitor import CALL, ESTIMATED, Availability, Metric, Reading, reading

lock = threading.Lock()  # can't be pickled: a function beside it that travelled by value would fail


def busy(seconds: float = 0.02) -> float:
    """
    Burn CPU seconds.
    """
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(200))
    return seconds


def plus_one(x: int) -> int:
    """
    Work a little, undecorated.
    """
    with lock:
        busy()
    return x + 1


@energy_tracked(label="by name", monitors=["lithops_functions:FixedMeter"])
def times_two(x: int) -> int:
    """
    Work a little, decorated: the module's name for it is the wrapper, so it travels by name.
    """
    with lock:
        busy()
    return x * 2


@energy_tracked(label="inner")
def inner() -> float:
    """
    Be called from functions that are measured, or not.
    """
    return busy()


def calls_inner(times: int) -> int:
    """
    Call a measured function, without being measured by itself.
    """
    for _ in range(times):
        inner()
    return times


class FixedMeter:
    """
    An estimator that always says 7 J.
    """

    name = "fixed"
    cheap = True

    def probe(self) -> Availability:
        """
        Work everywhere.
        """
        return Availability(True)

    def open(self) -> list[Metric]:
        """
        Need nothing.
        """
        return [Metric("package", "J", "package", CALL, ESTIMATED)]

    def estimate(self, usage: Any) -> Reading:
        """
        Say 7 J.
        """
        domains = {"package": 7.0}
        return reading("fixed", scope=CALL, quality=ESTIMATED, boundary="package", energy_j=7.0, domains=domains)

    def close(self) -> None:
        """
        Give nothing back.
        """


def nap(seconds: float) -> None:
    """
    Sleep.
    """
    time.sleep(seconds)


def ends(how: str) -> str:
    """
    End in one of the ways in which calls end.
    """
    busy()
    return ENDS[how]()


def _raises() -> str:
    raise ValueError("no")


def _exits() -> str:
    raise SystemExit("enough")


def _hangs() -> str:
    time.sleep(60)
    return "slept"


def _is_killed() -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def _is_terminated() -> str:
    os.kill(os.getpid(), signal.SIGTERM)
    return "survived"


def _takes_all_along() -> str:
    # The handler, which is the parent, and then this process.
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def _leaves() -> str:
    os._exit(3)


def _lacks_memory() -> str:
    # What a limit of the address space lets the allocator say: the function can't have it.
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
    return str(len(bytearray(4 << 30)))


def _is_out_of_memory() -> str:
    # The kernel's choice when the machine has no more: this process first.
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    group = os.environ["OOM_GROUP"]
    with open(os.path.join(group, "cgroup.procs"), "w") as members:
        members.write(str(os.getpid()))
    return str(len(bytearray(os.urandom(1 << 20) * 512)))


def _lacks_package() -> str:
    return str(import_module("a_package_that_nobody_has"))


ENDS = {
    "ok": lambda: "ok",
    "raises": _raises,
    "exits": _exits,
    "hangs": _hangs,
    "killed": _is_killed,
    "terminated": _is_terminated,
    "left": _leaves,
    "worker": _takes_all_along,
    "memory": _lacks_memory,
    "oom": _is_out_of_memory,
    "package": _lacks_package,
}


def decides_on_sigterm(seconds: float) -> str:
    """
    Have a handler of one's own for SIGTERM, which ends the sleep.
    """

    def handle(number: int, frame: Any) -> None:
        raise TimeoutError("mine")

    signal.signal(signal.SIGTERM, handle)
    time.sleep(seconds)
    return "slept"


def flaky(folder: str, name: str, failures: int) -> str:
    """
    Fail so many times, then give back one's name.
    """
    busy()
    tries = len([each for each in os.listdir(folder) if each.startswith(f"{name}-")])
    with open(os.path.join(folder, f"{name}-{tries}"), "w"):
        pass
    if tries < failures:
        raise OSError(f"not yet: {tries}")
    return name


def starts_a_job(config: dict[str, Any], numbers: list[int]) -> list[dict[str, Any]]:
    """
    Be a call that starts calls, and give back their records.
    """
    from greensdk_lithops import EnergyFunctionExecutor

    with EnergyFunctionExecutor(config=config, log_level=None) as executor:
        futures = executor.map(plus_one, numbers)
        executor.get_result(futures, show_progressbar=False)
        records: list[dict[str, Any]] = executor.energy_report().records
        return records
