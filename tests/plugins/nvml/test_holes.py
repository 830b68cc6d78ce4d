"""
GPUs of which one can't be counted: the others are, and the reading says what is missing.
"""

from __future__ import annotations

import pytest
from greensdk_nvml.gpus import NEVER, TOO_OLD
from greensdk_nvml.users import DIVIDED
from meter_kit import opened
from nvml_kit import Gpu, machine, ours, window

from greensdk.errors import MonitorUnavailable
from greensdk.testing import check_monitor

FORBIDDEN = PermissionError("Insufficient Permissions")
LOST = RuntimeError("GPU is lost")
UNSUPPORTED = RuntimeError("Not Supported")


def broken(**faults):
    """
    An unused GPU with these faults.
    """
    gpu = Gpu("broken")
    for name, value in faults.items():
        setattr(gpu, name, value)
    return gpu


class TestMissing:
    """
    One GPU that works beside one that does not.
    """

    @pytest.mark.parametrize(
        ("faults", "text"),
        [
            ({"forbidden": FORBIDDEN}, "Insufficient Permissions"),
            ({"lost": LOST}, "GPU is lost"),
            ({"mj": LOST}, "GPU is lost"),
            ({"mj": UNSUPPORTED}, TOO_OLD),
            ({"mj": 0}, NEVER),
        ],
    )
    @pytest.mark.parametrize("first", [True, False])
    def test_the_other_gpu_is_the_calls(self, tmp_path, faults, text, first):
        """
        Each keeps the driver's number in its name, and the broken one its reason.
        """
        good, bad = ours("good"), broken(**faults)
        keys = ("gpu-1", "gpu-0") if first else ("gpu-0", "gpu-1")
        found = window(machine(tmp_path, *([bad, good] if first else [good, bad])), [0, 5000] if first else [5000, 0])

        assert (5.0, 5.0, None) == (found["energy_j"], found["call_j"], found["reason"])
        assert {keys[0]: 5.0, keys[1]: None} == found["domains"]
        assert ({keys[1]: text}, [keys[1]]) == (found["attributes"]["reasons"], found["attributes"]["missing"])

    @pytest.mark.parametrize("spent_mj", [5000, 0])
    def test_a_gpu_that_we_use_and_that_is_not_counted_leaves_the_call_without(self, tmp_path, spent_mj):
        """
        The joules of the other GPU would be a part of its own.
        """
        old = ours("TITAN X", UNSUPPORTED)
        found = window(machine(tmp_path, ours("V100"), old), [spent_mj, 0])

        assert (5.0 if spent_mj else None, None) == (found["energy_j"], found["call_j"])
        assert f"gpu-1, which this process uses: {TOO_OLD}" == found["reason"]
        assert {"gpu-0": spent_mj / 1000, "gpu-1": None} == found["domains"]

    def test_without_any_counter_every_gpus_reason_is_said(self, tmp_path):
        """
        By the probe, and by the open that fails.
        """
        monitor = machine(tmp_path, broken(forbidden=FORBIDDEN), broken(mj=UNSUPPORTED))

        assert (False, f"Insufficient Permissions; {TOO_OLD}", "") == monitor.probe()
        with pytest.raises(MonitorUnavailable, match="Insufficient Permissions"):
            monitor.open()
        assert 0 == monitor.nvml.entered

    def test_it_keeps_the_contract(self, tmp_path):
        """
        With every hole that there is.
        """
        gpus = [ours("good"), broken(forbidden=FORBIDDEN), broken(lost=LOST), broken(mj=UNSUPPORTED), broken(mj=0)]
        metrics = check_monitor(machine(tmp_path, *gpus))

        assert [f"gpu-{number}" for number in range(5)] == [metric.name for metric in metrics]


class TestCounters:
    """
    Counters that count nothing, or too much.
    """

    def test_a_counter_at_0_is_no_measurement(self, tmp_path):
        """
        As in a virtual GPU.
        """
        found = window(machine(tmp_path, ours("GRID", mj=0)), [0])

        assert (None, f"gpu-0: {NEVER}") == (found["energy_j"], found["reason"])

    @pytest.mark.parametrize(("seconds", "expected"), [(1.9, 0.0), (2.0, None)])
    def test_a_counter_that_stands_still_is_stuck(self, tmp_path, seconds, expected):
        """
        After 20 updates: a GPU draws watts even when it is idle.
        """
        found = window(machine(tmp_path, ours("H200")), [0], seconds)

        assert expected == found["energy_j"]
        assert (expected is None) == ("it is stuck" in (found["reason"] or ""))

    def test_a_counter_that_never_moves_has_no_number_in_short_windows_either(self, tmp_path):
        """
        It has stood still since it was opened.
        """
        good, frozen = ours("good"), Gpu("frozen")
        with opened(machine(tmp_path, good, frozen)) as (monitor, clock):
            clock.advance(2.0)
            token = monitor.start()
            good.mj += 5000
            clock.advance(0.5)
            found = monitor.stop(token)

        assert {"gpu-0": 5.0, "gpu-1": None} == found["domains"]
        assert "it is stuck" in found["attributes"]["reasons"]["gpu-1"]

    @pytest.mark.parametrize(("limit_mw", "expected"), [(700_000, None), (None, 28_800.0)])
    def test_a_counter_that_jumped_has_no_number(self, tmp_path, limit_mw, expected):
        """
        Where the driver says what the GPU may draw.
        """
        gpu = ours("H200")
        gpu.limit_mw = limit_mw
        found = window(machine(tmp_path, gpu), [28_800_000])

        assert expected == found["energy_j"]
        assert (expected is None) == ("28800 J in 1 s can't be drawn under a limit of 700 W" in (found["reason"] or ""))

    def test_a_divided_gpu_counts_for_all_its_instances(self, tmp_path):
        """
        Its joules are the machine's, and whose they are is unknown, unless none of them can be ours.
        """
        used, unused = ours("A100"), Gpu("A100")
        used.mig = unused.mig = [1, 1]
        one, other = tmp_path / "one", tmp_path / "other"
        one.mkdir(), other.mkdir()
        found = window(machine(one, used, unused), [5000, 3000])
        idle = window(machine(other, unused), [3000])

        assert (8.0, None, DIVIDED) == (found["energy_j"], found["call_j"], found["reason"])
        assert (3.0, 0.0, None) == (idle["energy_j"], idle["call_j"], idle["reason"])
