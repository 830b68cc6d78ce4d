"""
The conformance test finds what breaks a contract, and passes what keeps it.
"""

import subprocess
import threading

import pytest

from greensdk.monitor import CALL, ESTIMATED, MACHINE, Availability, Metric, Usage, reading
from greensdk.testing import FakeMonitor, check_monitor


class Changed(FakeMonitor):
    """
    Keeps the contract but for one key of its readings.
    """

    def __init__(self, **changes):
        super().__init__(joules=2.0)
        self.changes = changes

    def stop(self, token):
        """
        The reading, changed.
        """
        return {**super().stop(token), **self.changes}


class FakeEstimator:
    """
    10 W per CPU second.
    """

    name = "model"
    cheap = True
    missing_j = None

    def probe(self):
        """
        Works everywhere.
        """
        return Availability(True)

    def open(self):
        """
        One metric.
        """
        return [Metric("vcpu", "J", "vcpu", CALL, ESTIMATED)]

    def close(self):
        """
        Nothing.
        """

    def estimate(self, usage: Usage):
        """
        None without a clock.
        """
        energy_j = self.missing_j if usage.cpu_s is None else 10.0 * usage.cpu_s
        reason = "no CPU time" if usage.cpu_s is None else None
        return reading(self.name, scope=CALL, quality=ESTIMATED, boundary="vcpu", energy_j=energy_j, reason=reason)


class TestConformance:
    """
    Each broken rule is named.
    """

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"more": 1}, "'more'"),
            ({"monitor": "else"}, "of 'else'"),
            ({"scope": "host"}, "scope 'host'"),
            ({"quality": "good"}, "quality 'good'"),
            ({"boundary": ""}, "boundary must say"),
            ({"call_j": 9.0}, "call_j 9.0 is no part of 2.0"),
            ({"call_j": 1.0, "scope": "call"}, "attribution fills call_j"),
            ({"energy_j": None}, "None without a reason"),
            ({"energy_j": None, "reason": "broken"}, "interval around no number"),
            ({"energy_j": 0.0, "reason": "could not"}, "a number .0.0 J. and a reason"),
            ({"energy_j": -1.0}, "negative: -1.0"),
            ({"energy_low_j": 3.0}, "energy_low_j 3.0 is not between"),
            ({"energy_low_j": -3.0}, "energy_low_j -3.0 is not between"),
            ({"energy_high_j": 1.0}, "energy_high_j 1.0 is below"),
            ({"low_j": 1.0}, "interval around no number"),
            ({"domains": {"fake": -2.0}}, "domain fake is negative"),
            ({"domains": {"other": 1.0}}, "did not name the domains {'other'}"),
            ({"attributes": {"raw": b"1"}}, "must go into JSON"),
            ({"attributes": {"raw": float("nan")}}, "must go into JSON"),
        ],
    )
    def test_a_broken_reading_is_found(self, changes, text):
        """
        And the sentence says what is wrong with it.
        """
        with pytest.raises(AssertionError, match=text):
            check_monitor(Changed(**changes))

    def test_a_missing_key_is_found(self):
        """
        Readings go into the record as they are.
        """

        class Short(FakeMonitor):
            def stop(self, token):
                return {key: value for key, value in super().stop(token).items() if key != "meter_id"}

        with pytest.raises(AssertionError, match=r"lacks {'meter_id'}"):
            check_monitor(Short())

    @pytest.mark.parametrize(
        ("available", "text"),
        [
            (Availability(True, "because"), "an ok probe has no reason"),
            (Availability(False), "must say why"),
            (Availability(False, "no meter here"), "no meter here"),
            (True, "must return an Availability"),
        ],
    )
    def test_a_broken_probe_is_found(self, available, text):
        """
        A monitor that can't work here can't be checked here, either.
        """
        with pytest.raises(AssertionError, match=text):
            check_monitor(FakeMonitor(available=available))

    @pytest.mark.parametrize(
        ("metrics", "text"),
        [
            ([], "at least one metric"),
            (["package"], "must return Metrics"),
            ([Metric("a", "Wh", "package", MACHINE, ESTIMATED)], "unit 'Wh'"),
            ([Metric("a", "J", "package", "host", ESTIMATED)], "scope 'host'"),
            ([Metric("a", "J", "package", MACHINE, "fine")], "quality 'fine'"),
            ([Metric("a", "J", "", MACHINE, ESTIMATED)], "no domain"),
            ([Metric("a", "J", "package", MACHINE, ESTIMATED)] * 2, "one name"),
        ],
    )
    def test_broken_metrics_are_found(self, metrics, text):
        """
        The monitor is closed nevertheless.
        """
        monitor = FakeMonitor()
        monitor.open = lambda: metrics
        with pytest.raises(AssertionError, match=text):
            check_monitor(monitor)

        assert 1 == monitor.count("close")

    @pytest.mark.parametrize(
        ("name", "cheap", "max_window_s", "text"),
        [
            ("", True, None, "name must not be empty"),
            (3, True, None, "name must be a text"),
            ("x", 1, None, "cheap must be"),
            ("x", True, 0, "max_window_s must be None or above 0"),
        ],
    )
    def test_broken_attributes_are_found(self, name, cheap, max_window_s, text):
        """
        They are part of the contract.
        """
        with pytest.raises(AssertionError, match=text):
            check_monitor(FakeMonitor(name, cheap=cheap, max_window_s=max_window_s))

    def test_a_monitor_that_opens_only_once_is_found(self):
        """
        A forked child closes and opens again.
        """

        class Once(FakeMonitor):
            def open(self):
                assert not self.count("open"), "only once"
                return super().open()

        with pytest.raises(AssertionError, match="only once"):
            check_monitor(Once())

    def test_a_token_that_is_no_token_is_found(self):
        """
        A monitor that keeps its state in itself breaks when windows overlap.
        """

        class Stateful(FakeMonitor):
            began = None

            def start(self):
                assert self.began is None, "a window is open already"
                self.began = super().start()
                return self.began

        with pytest.raises(AssertionError, match="open already"):
            check_monitor(Stateful())

    def test_a_thread_left_behind_is_found(self):
        """
        close() gives everything back.
        """
        end = threading.Event()

        class Busy(FakeMonitor):
            def open(self):
                threading.Thread(target=end.wait, name="left-over").start()
                return super().open()

        try:
            with pytest.raises(AssertionError, match=r"leaves something running: .*thread left-over"):
                check_monitor(Busy())
        finally:
            end.set()

    def test_a_process_left_behind_is_found(self):
        """
        Child processes outlive the call and count as its own.
        """
        children = []

        class Parent(FakeMonitor):
            def open(self):
                children.append(subprocess.Popen(["sleep", "60"]))
                return super().open()

        try:
            with pytest.raises(AssertionError, match=r"leaves something running: .*process"):
                check_monitor(Parent())
        finally:
            for child in children:
                child.kill()
                child.wait()

    def test_an_estimator_is_asked_about_calls_without_clocks(self):
        """
        A silent default for a missing CPU time is the mistake to find.
        """
        assert ["vcpu"] == [metric.name for metric in check_monitor(FakeEstimator())]

        guessing = FakeEstimator()
        guessing.missing_j = 20.0
        with pytest.raises(AssertionError, match=r"a number .20.0 J. and a reason"):
            check_monitor(guessing)
