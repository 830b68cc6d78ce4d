"""
Sampling on request: what one thread sees while calls run, and that there is nothing of it without the request.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import threading
import time
from bisect import bisect_right

import pytest
from sampling_kit import SteadyMonitor, child, good, taken, threads, until, wait_for

from greensdk import capture, energy_tracked, track
from greensdk.measure.state import shared
from greensdk.testing import PowercapTree, ticking

STEADY = "sampling_kit:SteadyMonitor"


def sampled(every_s=0.01, monitors=(), **more):
    """
    Return a decorator for calls that are sampled.
    """
    return energy_tracked(sample_every_s=every_s, monitors=list(monitors), sink="memory:", **more)


def samples_of(fn, **more):
    """
    Run a function sampled and return its samples, checked.
    """
    with capture() as records:
        sampled(**more)(fn)()
    return good(records[-1])


def shown_j(truth, moment_ns):
    """
    Return the least and the most joules that counters can have shown at a moment: a tick may have been under way.
    """
    ticks = bisect_right(truth.times_ns, moment_ns)
    return [sum(totals.values()) / 1e6 for totals in (truth.totals_uj[ticks - 1 :] + truth.totals_uj[-1:])[:2]]


def test_the_power_of_a_meter_is_what_it_counted(tmp_path):
    """
    The mean over the samples is the joules that the counter was given over the time that they span.
    """
    tree = PowercapTree(tmp_path / "tree")
    tree.package(0)
    tree.package(1)
    kept = {}

    def work():
        kept.update(after_first_look_ns=time.perf_counter_ns(), samples=shared.sampler.ring.samples)
        wait_for(10)

    with ticking(tree, {"package-0": 30.0, "package-1": 12.0}) as truth:
        samples = samples_of(work, every_s=0.03, monitors=["rapl"], plugins={"rapl": {"root": tree.root}})

    power_w = samples["power_w"]["rapl"]
    spans = kept["samples"][: power_w["n"]]
    counted_j = power_w["mean"] * sum(seconds for each in spans for _, seconds in each.power.values())
    least_j = shown_j(truth, spans[-1].at_ns)[0] - shown_j(truth, kept["after_first_look_ns"])[1]
    most_j = shown_j(truth, spans[-1].done_ns)[1] - shown_j(truth, spans[0].since_ns)[0]
    assert 0.0 < least_j - 1e-6 <= counted_j <= most_j + 1e-6
    assert power_w["n"] >= 10
    assert None is samples["reason"]


def test_the_process_is_seen_with_its_memory_and_its_parent():
    """
    What it allocates shows as growth; pid and ppid are its own.
    """

    def work():
        wait_for(2)
        # A mapping of its own: what malloc() gives may have been this process's before.
        with mmap.mmap(-1, 64_000_000) as block:
            for _ in range(64):
                block.write(b"x" * 1_000_000)
            wait_for(2)
            return len(block)

    samples = samples_of(work)

    assert samples["rss_bytes"]["max"] - samples["rss_bytes"]["min"] > 50_000_000
    (process,) = [each for each in samples["processes"] if each["pid"] == os.getpid()]
    assert (os.getpid(), os.getppid()) == (process["pid"], process["ppid"])
    assert 50_000_000 < process["rss_max_bytes"] <= samples["rss_bytes"]["max"]


def test_children_and_their_children_are_seen_with_pid_and_ppid():
    """
    Each process of the tree is named, with the CPU seconds that it took; the tree's percentage has them all.
    """
    pids = []

    def work():
        with child("-c", "import time\nwhile time.process_time() < 0.25: pass\ninput()") as burning:
            pids.extend((burning.pid, int(burning.stdout.readline())))
            until(lambda: burnt() >= set(pids))
            for pid in reversed(pids):
                os.kill(pid, 9)

    def burnt():
        seen = [part for sample in shared.sampler.ring.samples for part in sample.processes]
        return {pid for pid in pids if sum(part.cpu_s for part in seen if part.pid == pid) > 0.05}

    samples = samples_of(work)

    rows = {row["pid"]: row for row in samples["processes"]}
    assert [os.getpid(), pids[0]] == [rows[pid]["ppid"] for pid in pids]
    assert all(rows[pid]["cpu_s"] > 0.05 and rows[pid]["rss_max_bytes"] > 1_000_000 for pid in pids)
    assert samples["cpu_percent"]["max"] > 0.0
    assert samples["cpu_percent"]["n"] >= 1


def test_overlapping_calls_share_one_thread():
    """
    However many calls are open, in however many threads.
    """
    together = threading.Barrier(5)

    @sampled()
    def work():
        together.wait()
        wait_for(3)
        counts.append(len(threads()))
        together.wait()

    counts: list[int] = []
    workers = [threading.Thread(target=work) for _ in range(5)]
    with capture() as records:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    assert [1] * 5 == counts
    assert [] == threads()
    assert all(good(record)["n"] >= 2 for record in records)
    assert 5 == len(records)


def test_the_thread_is_gone_after_the_last_call_also_when_it_raises():
    """
    An exception leaves its samples in the record, and no thread.
    """

    @sampled()
    def fail():
        wait_for(2)
        assert threads()
        raise ValueError("on purpose")

    with capture() as records, pytest.raises(ValueError, match="on purpose"):
        fail()

    assert [] == threads()
    assert ("error", True) == (records[0]["status"], good(records[0])["n"] >= 1)


def test_a_call_inside_another_keeps_the_thread_and_begins_no_second():
    """
    The outer call's samples go on when the inner one has ended.
    """

    @sampled()
    def inner():
        wait_for(2)

    @sampled()
    def outer():
        inner()
        assert 1 == len(threads())
        wait_for(2)

    with capture() as records:
        outer()

    first, second = (good(record) for record in records)
    assert 1 <= first["n"] < second["n"]


def test_the_shortest_period_is_everybodys():
    """
    A slow call's thread speeds up as soon as a fast one comes, and the slow one gets those samples as well.
    """
    slow = track("slow", sample_every_s=3000, sink="memory:", monitors=[])
    fast = track("fast", sample_every_s=0.01, sink="memory:", monitors=[])
    with slow, fast:
        wait_for(4)

    assert (3000, 0.01) == (slow.record["samples"]["asked_s"], fast.record["samples"]["asked_s"])
    assert good(slow.record)["n"] >= good(fast.record)["n"] >= 3
    assert [] == threads()


def test_a_generator_is_sampled_between_its_steps_and_until_it_is_closed():
    """
    Its call is open until then.
    """

    @sampled()
    def numbers():
        yield 1
        yield 2

    with capture() as records:
        generator = numbers()
        assert [] == threads()
        next(generator)
        wait_for(3)
        generator.close()

    assert ("cancelled", []) == (records[0]["status"], threads())
    assert good(records[0])["n"] >= 2


def test_without_the_request_there_is_no_thread_and_not_even_the_module():
    """
    What is not asked for costs nothing.
    """
    code = (
        "import sys, threading\nfrom greensdk import track\n"
        "with track('x', sink='memory:') as call:\n    assert 1 == threading.active_count()\n"
        "assert call.record['samples'] is None\n"
        "assert not {'greensdk.sample', 'greensdk.machine.processes'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_call_that_did_not_ask_has_no_samples_though_another_did():
    """
    Null stands for: not asked.
    """
    with track("asked", sample_every_s=0.01, sink="memory:"), track("not", sink="memory:") as call:
        wait_for(2)

    assert None is good(call.record)


def test_a_call_shorter_than_the_period_has_no_sample_and_the_reason():
    """
    Zero samples, nothing but nulls, and a sentence.
    """
    samples = samples_of(lambda: None, every_s=600)

    assert (600, 0, None) == (samples["asked_s"], samples["n"], samples["achieved_s"])
    assert None is samples["cpu_percent"] is samples["rss_bytes"]
    assert "shorter than the sampling period" in samples["reason"]


def test_the_environment_asks_for_all_functions(monkeypatch):
    """
    As every setting can be given.
    """
    monkeypatch.setenv("GREENSDK_SAMPLE_EVERY_S", "0.02")
    with track("x", sink="memory:") as call:
        wait_for(2)

    samples = good(call.record)
    assert 0.02 == samples["asked_s"] <= samples["achieved_s"]
    assert samples["n"] == samples["cpu_percent"]["n"] == samples["rss_bytes"]["n"]


def test_a_call_that_sleeps_is_not_charged_for_the_thread():
    """
    What sampling takes of the CPU is recorded, and is not the call's.
    """
    with capture() as records:
        sampled(every_s=0.001, monitors=[STEADY])(lambda: time.sleep(0.4))()

    spent_s = good(records[0])["sampler_cpu_s"]
    assert spent_s > 0.0
    assert ("process", True) == (records[0]["cpu_source"], records[0]["cpu_s"] < 0.5 * spent_s)
    assert pytest.approx(SteadyMonitor.WATTS, rel=0.2) == records[0]["samples"]["power_w"]["steady"]["mean"]


def test_nothing_of_a_call_is_left_when_it_has_ended():
    """
    Calls are no garbage for the collector, and samples are thrown away with the last call.
    """
    with track("x", sample_every_s=0.01, sink="memory:"):
        wait_for(3)

    assert [] == shared.sampler.ring.samples
    assert taken() >= 3
