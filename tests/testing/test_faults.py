"""
Every fault of every kind of plugin, in a call of its own: the matrix of :mod:`greensdk.testing.faults`.
"""

from __future__ import annotations

import time

import pytest

from greensdk import capture
from greensdk.monitor import CALL, ESTIMATED, Availability, Metric, reading
from greensdk.testing import FakeCpuClock, FakeMonitor, PowercapTree, check_faults, tracked_by
from greensdk.testing.faults import check_fault


class Model:
    """
    An estimator of 10 W.
    """

    name = "model"
    cheap = True

    def probe(self):
        """
        It works everywhere.
        """
        return Availability(True)

    def open(self):
        """
        Name one metric.
        """
        return [Metric("vcpu", "J", "vcpu", CALL, ESTIMATED)]

    def close(self):
        """
        Give nothing back.
        """

    def estimate(self, usage):
        """
        Count the seconds.
        """
        energy_j = 10.0 * usage.duration_s
        return reading(self.name, scope=CALL, quality=ESTIMATED, boundary="vcpu", energy_j=energy_j)


@pytest.mark.parametrize("make", [FakeMonitor, FakeCpuClock, Model], ids=["monitor", "CPU clock", "estimator"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_call_survives_every_fault_of_a_plugin(make):
    """
    Some 300 each: no fault costs the result, the record, or the next call.
    """
    assert check_faults(make) > 250


def test_the_faults_of_a_real_meter(tmp_path):
    """
    RAPL on a tree of files: what it keeps between the calls is none of the faulty call's.
    """
    from greensdk_rapl import RaplMonitor

    tree = PowercapTree(tmp_path)
    tree.package(0)
    assert check_faults(lambda: RaplMonitor(root=tree.root, update_interval_s=0)) > 250


def test_a_plugin_that_remembers_a_fault_is_found():
    """
    A window that never ended must leave nothing behind.
    """

    class Sulking(FakeMonitor):
        hurt = 0

        def start(self):
            self.hurt += 1
            assert self.hurt == 1, "a window is open already"
            return super().start()

        def stop(self, token):
            self.hurt -= 1
            return super().stop(token)

    def fails(*_):
        raise OSError("broken")

    with pytest.raises(AssertionError, match="the call after it has a fault"):
        check_fault(Sulking, "stop", "raises OSError", lambda _: fails)


@pytest.mark.parametrize("last", [True, False], ids=["for good", "once"])
def test_a_poll_that_fails_is_in_the_record(last):
    """
    Also when a later one worked: the meter may have wrapped between them.
    """

    class Polled(FakeMonitor):
        polls = 0

        def poll(self):
            self.polls += 1
            if last or self.polls == 1:
                raise OSError("no poll")

    monitor = Polled(max_window_s=0.02)

    def wait():
        while monitor.polls < 3:
            time.sleep(0.005)

    with capture() as records:
        tracked_by(monitor, resources="full")(wait)()

    assert {"fake": "poll: OSError: no poll"} == records[0]["errors"]
