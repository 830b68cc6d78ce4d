"""
What a plugin author needs to test a monitor without the hardware.

:class:`PowercapTree` is a powercap directory whose counters a test turns by hand, :func:`ticking` has them
turn by themselves, :class:`FakePmu` is a sysfs whose energy counters are real counters of the kernel,
:class:`FakeHwmon` and :class:`MsrTree` are sensors and registers in files,
:class:`FakeMonitor`, :class:`FakeCpuClock` and :class:`FakeClock` stand in for a meter, for CPU seconds and for time,
:func:`tracked_by` puts a monitor into a real window, whose record ``capture()`` hands out, :func:`check_monitor`
says whether a monitor or estimator keeps to its contract, and :func:`check_faults` whether calls survive all that it
may do wrong.

.. code-block:: python

    def test_my_monitor(tmp_path):
        tree = PowercapTree(tmp_path)
        package = tree.package(0)
        monitor = RaplMonitor(root=tree.root, update_interval_s=0)
        check_monitor(monitor)
        monitor.open()
        token = monitor.start()
        package.add_j(20.0)
        assert 20.0 == monitor.stop(token)["energy_j"]
        monitor.close()
"""

from __future__ import annotations

from greensdk.measure.blocks import capture
from greensdk.testing.conformance import check_monitor
from greensdk.testing.fakes import FakeClock, FakeCpuClock, FakeMonitor
from greensdk.testing.faults import check_faults
from greensdk.testing.hwmon import FakeHwmon
from greensdk.testing.msr import MsrTree
from greensdk.testing.pmu import FakePmu
from greensdk.testing.powercap import FakeZone, PowercapTree
from greensdk.testing.ticker import Truth, ticking
from greensdk.testing.tracking import tracked_by

__all__ = [
    "FakeClock",
    "FakeCpuClock",
    "FakeHwmon",
    "FakeMonitor",
    "FakePmu",
    "FakeZone",
    "MsrTree",
    "PowercapTree",
    "Truth",
    "capture",
    "check_faults",
    "check_monitor",
    "ticking",
    "tracked_by",
]
