"""
Functions that Lithops workers in a Lambda import by name, and ways to end that only a sandbox has.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from glob import glob
from typing import Any

from greensdk import energy_tracked


def burn(cpu_s: float) -> float:
    """
    Use so many CPU seconds.
    """
    end = time.thread_time() + cpu_s
    while time.thread_time() < end:
        sum(range(200))
    return cpu_s


@energy_tracked(label="decorated")
def decorated(cpu_s: float) -> float:
    """
    Be measured by any executor.
    """
    return burn(cpu_s)


def place(_: Any) -> dict[str, Any]:
    """
    Tell what the sandbox looks like from inside, and what came from where.
    """
    import greensdk

    return {
        "uid": os.getuid(),
        "writable": [path for path in ("/", "/var/task", "/opt/python", "/dev/shm") if os.access(path, os.W_OK)],
        "loader": type(greensdk.__spec__.loader).__name__,
        "kept": glob("/tmp/greensdk-code-993/*"),
        "has_sys": os.path.exists("/sys"),
    }


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


def _leaves() -> str:
    os._exit(3)


def _needs_more_memory() -> str:
    return str(len(b"x" * (2 << 30)))


def _ends_the_sandbox() -> str:
    time.sleep(1)  # the handler says first that the call has begun
    os.kill(os.getppid(), signal.SIGKILL)
    return _hangs()


def _stops_the_handler() -> str:
    time.sleep(1)
    os.kill(os.getppid(), signal.SIGSTOP)
    return _hangs()


ENDS: dict[str, Callable[[], str]] = {
    "ok": lambda: "ok",
    "raises": _raises,
    "exits": _exits,
    "left": _leaves,
    "hangs": _hangs,
    "killed": _is_killed,
    "oom": _needs_more_memory,
    "sandbox died": _ends_the_sandbox,
    "lambda timed out": _stops_the_handler,
}


def ends(how: str) -> str:
    """
    End in one of the ways in which calls end in a Lambda.
    """
    burn(0.01)
    return ENDS[how]()
