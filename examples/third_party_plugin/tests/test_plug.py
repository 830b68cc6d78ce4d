"""
The plugin, alone and in a record.
"""

from __future__ import annotations

import pytest
from greensdk_plug import PlugMonitor, greensdk_enrich

from greensdk import ConfigError, capture, energy_tracked
from greensdk.testing import check_monitor

WATTS = {"plug": {"watts": 100.0, "tolerance": 0.1}}


def test_it_keeps_to_the_contract():
    """
    The conformance test of greensdk passes, and there is one metric.
    """
    assert ["wall"] == [metric.name for metric in check_monitor(PlugMonitor(watts=45.0))]


def test_a_second_counts_as_many_joules_as_there_are_watts():
    """
    Energy is power times time, with the tolerance around it.
    """
    monitor = PlugMonitor(watts=100.0, tolerance=0.1)

    found = monitor.stop(monitor.start() - 1_000_000_000)

    assert pytest.approx(100.0, rel=0.01) == found["energy_j"]
    assert pytest.approx(0.9 * found["energy_j"]) == found["energy_low_j"]
    assert pytest.approx(1.1 * found["energy_j"]) == found["energy_high_j"]


def test_without_watts_it_says_what_would_help():
    """
    Nobody has read the meter: there is no number to make up.
    """
    assert (False, "nobody has said what the plug meter shows", "set GREENSDK_PLUG_WATTS") == PlugMonitor().probe()


@pytest.mark.parametrize("wrong", [{"watts": 0.0}, {"watts": -1.0}, {"watts": 1.0, "tolerance": 1.0}])
def test_impossible_settings_are_refused(wrong):
    """
    A power of nothing, and a tolerance of everything, are mistakes.
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


def test_a_record_without_its_reading_says_so():
    """
    Where the plug's number is missing, so is the power.
    """
    assert {"call_w": None, "known_w": None} == greensdk_enrich({"readings": [], "duration_s": 1.0}, {})
