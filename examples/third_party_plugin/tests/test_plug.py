"""
The plugin, alone and in a record.
"""

from __future__ import annotations

import pytest
from greensdk_plug import PlugMonitor, greensdk_enrich

from greensdk import ConfigError, capture, energy_tracked
from greensdk.testing import check_faults, check_monitor

WATTS = {"plug": {"watts": 100.0, "tolerance": 0.1}}


def test_it_conforms_to_the_contract():
    """
    The conformance test of greensdk passes, and there is one metric.
    """
    assert ["wall"] == [metric.name for metric in check_monitor(PlugMonitor(watts=45.0))]


def test_calls_survive_whatever_it_does_wrong():
    """
    Each fault of greensdk's matrix in a call of its own.
    """
    assert check_faults(lambda: PlugMonitor(watts=45.0)) > 250


def test_energy_is_power_times_time():
    """
    With the tolerance as its interval.
    """
    monitor = PlugMonitor(watts=100.0, tolerance=0.1)

    measured = monitor.stop(monitor.start() - 1_000_000_000)

    assert pytest.approx(100.0, rel=0.01) == measured["energy_j"]
    assert pytest.approx(0.9 * measured["energy_j"]) == measured["energy_low_j"]
    assert pytest.approx(1.1 * measured["energy_j"]) == measured["energy_high_j"]


def test_without_watts_probe_returns_the_fix():
    """
    The power is unknown, and never guessed.
    """
    assert (False, "watts are not set", "set GREENSDK_PLUG_WATTS") == PlugMonitor().probe()


@pytest.mark.parametrize("wrong", [{"watts": 0.0}, {"watts": -1.0}, {"watts": 1.0, "tolerance": 1.0}])
def test_impossible_settings_are_refused(wrong):
    """
    A power of 0 and a tolerance of 1 are errors.
    """
    with pytest.raises(ConfigError, match="plug: "):
        PlugMonitor(**wrong)


def test_a_record_has_its_reading_and_its_fields():
    """
    Installed, it is found by its name, configured by its table, and adds its key.
    """

    @energy_tracked(monitors=["plug"], sink="memory:", plugins=WATTS)
    def work():
        return sum(range(200_000))

    with capture() as records:
        work()

    assert {} == records[0]["errors"]
    assert "plug" == records[0]["energy_source"]
    assert "wall" == records[0]["energy_boundary"]
    assert 100.0 == records[0]["plug"]["known_w"]
    assert pytest.approx(records[0]["energy_j"] / records[0]["duration_s"]) == records[0]["plug"]["call_w"]


def test_without_its_reading_the_power_is_unknown():
    """
    Without a reading the power is unknown.
    """
    assert {"call_w": None, "known_w": None} == greensdk_enrich({"readings": [], "duration_s": 1.0}, {})
