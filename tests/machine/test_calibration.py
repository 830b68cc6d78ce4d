"""
What the machine draws at rest, and the joules above it.
"""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk import capture
from greensdk.machine.calibration import (
    FRESH_DAYS,
    METER,
    WORK,
    add_reference,
    load,
    reference,
    references,
    save,
)
from greensdk.machine.hardware import calibration_path, host_id
from greensdk.measure.primaries import active
from greensdk.testing import FakeCpuClock, FakeMonitor, tracked_by

ROW = {"rapl package": {"idle_w": 12.5}}
amounts = st.floats(0, 1e6)


@pytest.fixture
def file(tmp_path):
    """
    A place for a calibration.
    """
    return str(tmp_path / "deep" / "calibration.json")


class TestFile:
    """
    Kept for one machine, one kernel and a quarter of a year.
    """

    def test_what_was_saved_is_loaded(self, file):
        """
        The watts, and no reason.
        """
        save(file, "host", ROW, 20)

        assert ({"rapl package": 12.5}, "") == load(file, "host")

    def test_nothing_was_measured_yet(self, file):
        """
        No watts, and the command that measures them.
        """
        assert ({}, "not measured yet: greensdk calibrate") == load(file, "host")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"host_id": "other"}, "of another machine (other, this is host): greensdk calibrate"),
            ({"kernel": "2.6"}, "of another kernel (2.6, this is "),
            ({"schema": "greensdk.calibration/9"}, "of another version (greensdk.calibration/9)"),
            ({"measured_s": 0.0}, " days old, of 2"),
            ({"meters": None}, "can't be read (AttributeError"),
            ({"meters": {"rapl package": {}}}, "can't be read (KeyError: 'idle_w')"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_what_does_not_fit_is_named_and_left_alone(self, file, changes, reason):
        """
        Never the watts of something else.
        """
        made = save(file, "host", ROW, 20)
        with open(file, "w", encoding="utf-8") as out:
            json.dump({**made, **changes}, out)
        idle_w, said = load(file, "host")

        assert {} == idle_w
        assert reason in said

    def test_garbage_is_named(self, file, tmp_path):
        """
        With the file's name.
        """
        save(file, "host", ROW, 20)
        with open(file, "w", encoding="utf-8") as out:
            out.write("{")

        assert file in load(file, "host")[1]

    def test_it_grows_old(self, file):
        """
        A day before the end it holds, a day after it no more.
        """
        save(file, "host", ROW, 20)
        day_s = 86400

        assert "" == load(file, "host", time.time() + (FRESH_DAYS - 1) * day_s)[1]
        assert f"{FRESH_DAYS + 1} days old" in load(file, "host", time.time() + (FRESH_DAYS + 1) * day_s + 60)[1]

    def test_the_place_is_the_users_own(self, monkeypatch, tmp_path):
        """
        As the XDG specification says.
        """
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

        assert str(tmp_path / "greensdk" / "calibration.json") == calibration_path()


def point(watts=30.0, model_w=20.0, days_ago=0.0):
    """
    Return a reading of a plug.
    """
    taken_s = time.time() - days_ago * 86400
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(taken_s))
    return {"watts": watts, "model_w": model_w, "source": "plug", "measured_at": at, "measured_s": taken_s}


class TestReference:
    """
    What a plug or a battery reads over what a model says.
    """

    def test_one_reading_scales_by_its_ratio(self):
        """
        Its interval is that of other loads, and of the meter.
        """
        found = reference([point()], time.time())

        assert pytest.approx(1.5) == found.factor
        assert 1 / (WORK * METER) < found.low < 1 / WORK
        assert WORK < found.high < WORK * METER
        assert found.words.startswith("scaled ×1.50 by 1 reading (plug, ")
        assert ", 0 days ago), 90% between ×0.77 and ×1.31 of that" in found.words

    def test_more_readings_narrow_it(self):
        """
        The middle is the geometric mean, and four that agree halve the doubt about other loads.
        """
        one, four = (reading.high for reading in (reference([point()] * n, time.time()) for n in (1, 4)))

        assert METER < four < one
        assert pytest.approx(3.0) == reference([point(20.0), point(180.0)], time.time()).factor

    @given(st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4)), min_size=1, max_size=6))
    def test_readings_that_differ_widen_it(self, pairs):
        """
        A single one off by more than work explains is no reason to trust the rest.
        """
        found = reference([point(watts, model_w) for watts, model_w in pairs], time.time())

        assert 0 < found.low < 1 / METER * 1.001
        assert found.high > METER * 0.999
        ratios = [watts / model_w for watts, model_w in pairs]
        assert min(ratios) * 0.999 <= found.factor <= max(ratios) * 1.001

    def test_old_readings_do_not_count(self):
        """
        Neither alone nor beside others.
        """
        old = point(200.0, days_ago=FRESH_DAYS + 1)

        assert reference([old], time.time()) is None
        assert reference([point()], time.time()).factor == reference([old, point()], time.time()).factor

    def test_it_is_kept_beside_the_watts_at_rest(self, file):
        """
        Measuring rest keeps references; a reference keeps the rest of other meters, but not of the model it scales.
        """
        save(file, "host", {**ROW, "psutil-tdp wall": {"idle_w": 5.0}}, 20)
        add_reference(file, "host", "psutil-tdp", 30.0, 20.0, "battery")

        assert {"rapl package": 12.5} == load(file, "host")[0]
        save(file, "host", ROW, 20)
        assert pytest.approx(1.5) == references(file, "host")["psutil-tdp"].factor

    def test_without_watts_at_rest_it_stands_alone(self, file):
        """
        And what is missing is said.
        """
        add_reference(file, "host", "psutil-tdp", 30.0, 20.0, "battery")

        assert ({}, "without watts at rest: greensdk calibrate") == load(file, "host")
        assert "battery" in references(file, "host")["psutil-tdp"].words

    @pytest.mark.parametrize("changes", [{"host_id": "other"}, {"kernel": "2.6"}, {"references": 7}, {"schema": "x"}])
    def test_what_does_not_fit_scales_nothing(self, file, changes):
        """
        Another machine's, another kernel's, or nonsense.
        """
        add_reference(file, "host", "psutil-tdp", 30.0, 20.0, "battery")
        with open(file, encoding="utf-8") as text:
            made = json.load(text)
        with open(file, "w", encoding="utf-8") as out:
            json.dump({**made, **changes}, out)

        assert {} == references(file, "host")


class TestActive:
    """
    The joules above rest.
    """

    @given(amounts, amounts, amounts, st.floats(0, 1))
    def test_they_are_between_nothing_and_the_calls_part(self, machine_j, idle_w, duration_s, share):
        """
        Whatever was calibrated.
        """
        assert 0.0 <= active(machine_j, idle_w, duration_s, share) <= machine_j * share

    def record(self, file, monitor):
        """
        Return the record of a call that sleeps.
        """
        with capture() as records:
            tracked_by(monitor, FakeCpuClock(tree_s=1.0, host_s=2.0), calibration=file)(lambda: time.sleep(0.05))()
        return records[0]

    def test_a_calibrated_meter_tells_them(self, file):
        """
        20 J of the machine, less what it takes at rest, times a half.
        """
        save(file, host_id(), {"fake package": {"idle_w": 100.0}}, 20)
        record = self.record(file, FakeMonitor(joules=20.0))

        assert pytest.approx((20.0 - 100.0 * record["duration_s"]) / 2) == record["active_j"]
        assert 10.0 == record["energy_j"]

    def test_another_meter_has_none(self, file):
        """
        The package's watts say nothing of the wall's.
        """
        save(file, host_id(), {"fake package": {"idle_w": 100.0}}, 20)

        assert self.record(file, FakeMonitor(boundary="wall"))["active_j"] is None

    def test_a_foreign_calibration_has_none(self, file):
        """
        Rather than a number from somewhere else.
        """
        save(file, "elsewhere", {"fake package": {"idle_w": 100.0}}, 20)

        assert self.record(file, FakeMonitor())["active_j"] is None
