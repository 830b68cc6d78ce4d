"""
Work of a known number of CPU seconds, and comparing with it on a machine where others work too.

A hypervisor that takes the CPU away in the middle is seen by a thread's CPU clock alone: the thread has used more then
than it meant to. So much more is allowed.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

_over_s: list[float] = []


def begin() -> None:
    """
    Forget what earlier tests have burnt.
    """
    _over_s.clear()


def burn(seconds: float) -> float:
    """
    Burn CPU seconds of this thread.
    """
    end_s = time.thread_time() + seconds
    while (now_s := time.thread_time()) < end_s:
        sum(range(200))
    _over_s.append(now_s - end_s)
    return seconds


def near(expected_s: float, within_s: float = 0.02) -> Any:
    """
    Equal within the jitter of a busy machine, and what was burnt beyond what was asked for.
    """
    return pytest.approx(expected_s, abs=within_s + sum(_over_s))
