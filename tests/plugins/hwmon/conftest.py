"""
A board without sensors, and monitors on it.
"""

from __future__ import annotations

import pytest
from greensdk_hwmon import HwmonMonitor

from greensdk.testing import FakeClock
from greensdk.testing.hwmon import FakeHwmon


@pytest.fixture
def board(tmp_path):
    """
    A sysfs without sensors.
    """
    return FakeHwmon(tmp_path)


@pytest.fixture
def opened(board):
    """
    Open monitors with a clock of the test, and close them.
    """
    made = []

    def make(**options):
        monitor = HwmonMonitor(root=board.root, **options)
        monitor.clock = clock = FakeClock()
        monitor.open()
        made.append(monitor)
        return monitor, clock

    yield make
    for monitor in made:
        monitor.close()
