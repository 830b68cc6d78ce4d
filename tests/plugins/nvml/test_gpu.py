"""
A real GPU, where there is one.
"""

from __future__ import annotations

import time

import pytest
from greensdk_nvml import NvmlMonitor

from greensdk.testing import check_monitor


@pytest.fixture
def monitor():
    """
    The monitor on this machine's GPUs.
    """
    made = NvmlMonitor()
    ok, reason, _ = made.probe()
    if not ok:
        pytest.skip(reason)
    return made


def test_it_keeps_to_the_contract(monitor):
    """
    On the driver itself.
    """
    assert check_monitor(monitor)


def test_its_joules_are_those_of_the_watts(monitor):
    """
    Two seconds of the driver's own power readings, to a fifth.
    """
    monitor.open()
    handle = monitor._handles[0]
    token = monitor.start()
    watts = []
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        watts.append(monitor.nvml.nvmlDeviceGetPowerUsage(handle) / 1000)
        time.sleep(0.02)
    found = monitor.stop(token)
    monitor.close()

    assert pytest.approx(2.0 * sum(watts) / len(watts), rel=0.2) == found["domains"]["gpu-0"]
