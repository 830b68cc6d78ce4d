"""
What sampling does when something is in its way: failing meters, forks, no threads, no room.
"""

from __future__ import annotations

import json
import os
import threading
from functools import partial

import pytest
from sampling_kit import good, threads, wait_for

from greensdk import capture, energy_tracked, track
from greensdk.measure.slots import slot_for
from greensdk.measure.state import shared
from greensdk.sample import sampler as sampling


def tracked(label="x", every_s=0.01, monitors=()):
    """
    Return a block that is sampled.
    """
    return track(label, sample_every_s=every_s, monitors=list(monitors), sink="memory:")


def test_a_meter_that_fails_in_the_thread_is_named_and_measuring_goes_on():
    """
    Its own reading of the call is untouched, the other meter and the processes are sampled.
    """
    with tracked(monitors=["sampling_kit:ShyMonitor", "sampling_kit:SteadyMonitor"]) as call:
        wait_for(4)

    samples = good(call.record)
    assert {"sampling": "steady: SystemExit: not for you"} == call.record["errors"]
    assert all(reading["energy_j"] > 0 for reading in call.record["readings"])
    assert samples["n"] >= 3
    assert samples["rss_bytes"]["n"] == samples["n"]


def test_a_meter_without_a_number_has_no_power_and_its_reason():
    """
    None and why, which is no error.
    """
    with tracked(monitors=["sampling_kit:BlindMonitor"]) as call:
        wait_for(2)

    assert {"blind": None} == good(call.record)["power_w"]
    assert "power_w: blind: the script has no number here" == call.record["samples"]["reason"]
    assert {} == call.record["errors"]


def test_only_meters_of_the_machine_have_a_power():
    """
    What a monitor knows of this call alone is no power of the machine.
    """
    with tracked(monitors=["sampling_kit:CallMonitor"]) as call:
        wait_for(2)

    assert {} == good(call.record)["power_w"]
    assert "no monitor here reads a meter of the machine" in call.record["samples"]["reason"]


def test_processes_that_cannot_be_read_are_an_error_in_the_record(monkeypatch):
    """
    The meters go on being sampled.
    """

    def refuse(ours_s):
        raise PermissionError("not here")

    monkeypatch.setattr("greensdk.sample.observer.tree", refuse)
    with tracked(monitors=["sampling_kit:SteadyMonitor"]) as call:
        wait_for(3)

    samples = good(call.record)
    assert "processes: PermissionError: not here" == call.record["errors"]["sampling"]
    assert (None, []) == (samples["rss_bytes"], samples["processes"])
    assert samples["power_w"]["steady"]["n"] >= 1
    assert "rss_bytes: no process could be read" in samples["reason"]


def test_without_a_thread_the_call_is_measured_all_the_same(monkeypatch):
    """
    A machine at its limit of threads says so in the record; the next call tries again.
    """

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with tracked() as call:
            pass
    with tracked() as later:
        wait_for(2)

    assert "RuntimeError: can't start new thread" == call.record["errors"]["sampling"] == good(call.record)["reason"]
    assert ("ok", 0) == (call.record["status"], call.record["samples"]["n"])
    assert good(later.record)["n"] >= 1


def test_a_summary_that_fails_costs_the_samples_and_nothing_else(monkeypatch):
    """
    The record has its joules and says what went wrong; no thread is left.
    """

    def fail(*_):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(sampling, "summary", fail)
    with tracked(monitors=["sampling_kit:SteadyMonitor"]) as call:
        wait_for(1)

    assert (None, []) == (good(call.record), threads())
    assert {"sampling": "ZeroDivisionError: on purpose"} == call.record["errors"]
    assert call.record["energy_j"] is not None


def test_a_call_that_cannot_begin_leaves_no_thread(monkeypatch):
    """
    If greensdk itself fails at the beginning, the function runs unmeasured and unsampled.
    """
    work = energy_tracked(sample_every_s=0.01, monitors=["sampling_kit:SteadyMonitor"], sink="memory:")(threads)
    work()
    monkeypatch.setattr("greensdk.measure.bracket.Bracket.start_meters", lambda self: 1 / 0)
    with pytest.warns(match="could not measure"):
        during = work()

    assert [] == during == threads()


def test_old_samples_are_dropped_and_counted(monkeypatch):
    """
    The memory is bounded; the record tells how many samples of the call are gone.
    """
    monkeypatch.setattr(sampling, "KEPT", 20)
    with tracked(every_s=0.001) as call:
        wait_for(60)
        ring = shared.sampler.ring
        assert len(ring.samples) <= 21

    samples = good(call.record)
    assert samples["dropped"] >= 30
    assert 1 <= samples["n"] <= 21


def test_every_s_and_samples_do_not_go_together():
    """
    Its window is open between the calls, where a thread would go on for ever.
    """
    with capture() as records:
        work = energy_tracked(every_s=600, sample_every_s=0.01, monitors=[], sink="memory:")(partial(threads))
        assert [] == work() == work()
        work.__closure__[0].cell_contents.slot.close()

    assert 0 == good(records[0])["n"]
    assert "with every_s" in records[0]["samples"]["reason"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_samples_with_a_thread_of_its_own():
    """
    A call that was open in the fork has no samples in the child and the reason; the parent's go on.
    """
    read, write = os.pipe()
    with tracked("forking") as forking:
        wait_for(2)
        pid = os.fork()
        if pid == 0:
            with tracked("inside") as inside:
                wait_for(3)
                inner = len(threads())
            forking.__exit__(None, None, None)
            found = [inside.record["samples"]["n"], inner, len(threads()), forking.record["samples"]["reason"]]
            os.write(write, json.dumps(found).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        wait_for(2)

    n, during, after, reason = json.loads(os.read(read, 10_000))
    assert (True, 1, 0) == (n >= 2, during, after)
    assert sampling.FORKED == reason
    assert good(forking.record)["n"] >= 3


@pytest.mark.parametrize(("own", "expected"), [({}, 5.0), ({"sample_every_s": 2.0}, 2.0)])
def test_a_place_may_have_a_period_of_its_own(monkeypatch, own, expected):
    """
    An adapter to something that samples already says how often; what the user has set wins.
    """
    monkeypatch.setenv("SAMPLING_KIT", "1")
    spec = {"sources": [], "sinks": [], "adapters": [["sampling_kit:Place", "SAMPLING_KIT"]], **own}

    assert expected == slot_for(spec).open().sample_every_s
