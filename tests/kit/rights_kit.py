"""
Running a function as a user with fewer rights than root, and asking for what a test can't do without.

The child is forked from the test's own process, so that everything it has imported stays usable even where
the other user could not read the files.
"""

import ctypes
import os
import pickle
import struct
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import pytest

NOBODY = 65534
CAP_PERFMON = 38
"""include/uapi/linux/capability.h; both exist since Linux 5.8."""
CAP_BPF = 39

PR_SET_KEEPCAPS = 8
_CAPABILITY_VERSION_3 = 0x20080522


def need(ok: Any, what: str) -> None:
    """
    Skip the test where `what` is missing; on CI, which must have every part, fail it.
    """
    if ok:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {what}")
    pytest.skip(f"needs {what}")


def need_root() -> None:
    """
    Skip the test (on CI fail it) unless it runs as root.
    """
    need(os.geteuid() == 0, "root")


def run_as(
    function: Callable[..., Any], *args: Any, uid: int = NOBODY, groups: Iterable[int] = (), caps: Iterable[int] = ()
) -> Any:
    """
    Return what `function` returns in a forked child of user `uid` with these groups and capabilities alone.

    Raises:
        AssertionError: It raised, or died; the message holds the child's traceback.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        try:
            become(uid, groups, caps)
            answer = (True, function(*args))
        except BaseException:
            answer = (False, traceback.format_exc())
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(pickle.dumps(answer))
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answered = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert answered, f"the child died with status {status}"
    ok, value = pickle.loads(answered)
    assert ok, value
    return value


def become(uid: int, groups: Iterable[int] = (), caps: Iterable[int] = ()) -> None:
    """
    Turn this process into one of user `uid` for good, with `caps` as its only capabilities.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    kept = list(caps)
    if kept:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups(list(groups))
    os.setgid(uid)
    os.setuid(uid)
    if kept:
        bits = sum(1 << cap for cap in kept)
        low, high = bits & 0xFFFFFFFF, bits >> 32
        header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
        data = ctypes.create_string_buffer(struct.pack("=6I", low, low, 0, high, high, 0))
        if libc.capset(header, data) < 0:
            raise OSError(ctypes.get_errno(), "capset")
