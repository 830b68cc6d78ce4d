"""
What a window counts: wall and CPU time, nesting, threads, coroutines, children, faults.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time

import pytest
from burn_kit import near

from greensdk import capture, energy_tracked, track
from greensdk.testing import FakeMonitor, tracked_by

tracked = energy_tracked(sink="memory:")

BURN_CHILD = "import time\nwhile time.process_time() < 0.3: sum(range(500))"


def test_a_sleep_takes_wall_time_and_no_cpu_time():
    """
    A second asleep is a second of wall time and next to none of CPU time.
    """
    with capture() as records:
        tracked(lambda: time.sleep(0.3))()

    assert records[0]["duration_s"] >= 0.3
    assert records[0]["cpu_s"] < 0.02


def test_a_loop_takes_cpu_time(burn):
    """
    What the function burns is what the record says.
    """
    with capture() as records:
        tracked(burn)(0.2)

    assert near(0.2) == records[0]["cpu_s"]
    assert near(0.2, 0.02) == records[0]["resources"]["cpu_user_s"] + records[0]["resources"]["cpu_system_s"]


@pytest.mark.parametrize("kind", ["coroutine", "generator", "async generator"])
def test_stepped_functions_count_wall_from_first_step_to_end_and_cpu_while_stepped(burn, kind):
    """
    Half the second is slept in between; only the burnt part is CPU time, and creation counts for nothing.
    """

    @tracked
    async def coroutine():
        await asyncio.sleep(0.5)
        burn(0.1)

    @tracked
    def generator():
        burn(0.05)
        yield
        burn(0.05)

    @tracked
    async def async_generator():
        burn(0.05)
        yield
        await asyncio.sleep(0.5)
        burn(0.05)

    async def consume():
        async for _ in async_generator():
            burn(0.05)  # the consumer's time, not the generator's

    with capture() as records:
        if kind == "coroutine":
            asyncio.run(coroutine())
        elif kind == "generator":
            for _ in generator():
                time.sleep(0.5)
                burn(0.05)
        else:
            asyncio.run(consume())

    (record,) = records
    assert record["duration_s"] >= 0.5
    assert near(0.1) == record["cpu_s"]
    assert "steps" == record["cpu_source"]


def test_coroutines_on_one_loop_share_the_thread(burn):
    """
    Interleaved coroutines have each their own steps: together they never exceed the thread's time.
    """

    @tracked
    async def slice_up(n):
        for _ in range(n):
            burn(0.01)
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(slice_up(2), slice_up(6))

    start = time.thread_time()
    with capture() as records:
        asyncio.run(main())
    spent = time.thread_time() - start

    assert [near(0.02), near(0.06)] == sorted(record["cpu_s"] for record in records)
    assert sum(record["cpu_s"] for record in records) <= spent


def test_children_started_as_tasks_are_in_their_parent(burn):
    """
    A coroutine's CPU time includes the tracked tasks it gathered, though the loop stepped them elsewhere.
    """

    @tracked
    async def child():
        await asyncio.sleep(0)
        burn(0.05)

    @tracked
    async def parent():
        await asyncio.gather(child(), child())

    with capture() as records:
        asyncio.run(parent())

    by_depth = {record["depth"]: record for record in records}
    assert near(0.1) == by_depth[0]["cpu_s"]
    assert by_depth[0]["record_id"] == by_depth[1]["parent_id"]


def test_four_threads_each_get_their_own_cpu_time(burn):
    """
    Overlapping calls never claim one another's seconds.
    """
    loads = [0.05, 0.1, 0.15, 0.2]
    threads = [threading.Thread(target=tracked(burn), args=(load,)) for load in loads]
    with capture() as records:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [near(load) for load in loads] == sorted(record["cpu_s"] for record in records)


def test_helper_threads_of_a_lone_call_are_its_own(burn):
    """
    A call alone in its process owns what its untracked threads burn.
    """

    def work():
        threads = [threading.Thread(target=burn, args=(0.1,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with capture() as records:
        tracked(work)()

    assert near(0.2, 0.03) == records[0]["cpu_s"]
    assert "process" == records[0]["cpu_source"]


def test_child_processes_count_even_when_gone():
    """
    A child that burnt its seconds and exited before the end is in the call's CPU time.
    """
    with capture() as records:
        tracked(lambda: subprocess.run([sys.executable, "-c", BURN_CHILD], check=True))()

    assert 0.3 <= records[0]["cpu_s"] < 0.6


def test_overlapping_calls_share_out_reaped_children_once():
    """
    Two threads that each wait for a child claim two children's seconds together, not four's.
    """
    work = tracked(lambda: subprocess.run([sys.executable, "-c", BURN_CHILD], check=True))
    threads = [threading.Thread(target=work) for _ in range(2)]
    with capture() as records:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert 0.6 <= sum(record["cpu_s"] for record in records) < 1.2


def test_nested_energy_is_inclusive_and_self_is_without_children(burn):
    """
    The parent's joules include the child's; its self energy does not.
    """

    @tracked
    def child():
        burn(0.1)

    @tracked
    def parent():
        burn(0.05)
        child()

    with capture() as records:
        parent()

    inner, outer = records
    assert outer["record_id"] == inner["parent_id"]
    assert outer["energy_self_j"] == pytest.approx(outer["energy_j"] - inner["energy_j"])
    assert outer["energy_self_j"] == pytest.approx(outer["energy_j"] / 3, rel=0.25)
    assert inner["energy_j"] == inner["energy_self_j"]


def test_interleaved_blocks_of_two_tasks_do_not_double(burn):
    """
    Two ``track`` blocks open at once on one thread share its seconds: the first to end takes what is unclaimed.
    """

    async def task(label, wait):
        with track(label, sink="memory:"):
            burn(0.05)
            await asyncio.sleep(wait)

    async def main():
        await asyncio.gather(task("a", 0.05), task("b", 0.1))

    start = time.thread_time()
    with capture() as records:
        asyncio.run(main())

    assert sum(record["cpu_s"] for record in records) <= time.thread_time() - start
    assert [None, None] == [record["parent_id"] for record in records]


@pytest.mark.parametrize("method", ["start", "stop"])
@pytest.mark.parametrize("error", [OSError("gone"), SystemExit(1), KeyboardInterrupt(), MemoryError()])
def test_a_monitor_that_raises_is_named_and_changes_nothing(method, error):
    """
    The result is untouched, the other monitor has its reading, the culprit is in errors with a reason.
    """
    monitors = FakeMonitor("bad", fail_in=(method,), error=error), FakeMonitor("good", joules=2.0)
    with capture() as records:
        assert "result" == tracked_by(*monitors)(lambda: "result")()

    bad, good = records[0]["readings"]
    assert f"{method}: {type(error).__name__}: {error}" == records[0]["errors"]["bad"]
    assert (None, records[0]["errors"]["bad"]) == (bad["energy_j"], bad["reason"])
    assert 2.0 == good["energy_j"]


@pytest.mark.parametrize(
    "nonsense", [None, "5 J", {}, {"energy_j": 5.0}, 7], ids=["none", "text", "empty", "one key", "number"]
)
def test_a_monitor_that_returns_nonsense_is_named_and_changes_nothing(nonsense):
    """
    What is not a reading is that plugin's error; the others keep their numbers and the record is whole.
    """
    bad = FakeMonitor("bad")
    bad.stop = lambda token: nonsense
    with capture() as records:
        assert "result" == tracked_by(bad, FakeMonitor("good", joules=2.0))(lambda: "result")()

    assert records[0]["errors"]["bad"].startswith("stop: ")
    assert [None, 2.0] == [each["energy_j"] for each in records[0]["readings"]]


@pytest.mark.parametrize("joules", [float("nan"), -1.0, float("inf"), "5"])
def test_what_is_no_number_of_joules_is_refused(joules):
    """
    NaN, infinite, negative and textual joules never reach a record.
    """
    with capture() as records:
        tracked_by(FakeMonitor("bad", joules=[joules]))(lambda: None)()

    assert None is records[0]["energy_j"]
    assert repr(joules) in records[0]["reason"] or "TypeError" in records[0]["reason"]


def test_strict_raises_the_monitors_error_after_the_call():
    """
    With strict=True the call runs and leaves its record, then the monitor's error comes out.
    """
    monitor = FakeMonitor("bad", fail_in=("stop",), error=OSError("gone"))
    with capture() as records, pytest.raises(OSError, match="gone"):
        tracked_by(monitor, strict=True)(lambda: None)()

    assert "ok" == records[0]["status"]


def test_monitors_start_in_order_and_stop_in_reverse():
    """
    The monitor that is started last has the tightest bracket, and the record is made after the function.
    """
    calls: list[tuple[str, str]] = []
    work = tracked_by(*(FakeMonitor(name, calls=calls) for name in ("outer", "inner")))(lambda: calls.append(("", "")))
    calls.clear()
    work()

    assert [("outer", "start"), ("inner", "start"), ("", ""), ("inner", "stop"), ("outer", "stop")] == calls


def test_all_brackets_lie_within_the_phases():
    """
    The record tells how long before and after the call its monitors started and stopped.
    """
    with capture() as records:
        tracked_by(FakeMonitor("one"))(lambda: None)()

    phases = records[0]["phases"]
    assert phases["start_s"] > 0
    assert phases["stop_s"] > 0
    assert records[0]["overhead_s"] >= phases["start_s"] + phases["stop_s"]


def test_a_sleeping_call_has_no_thread_beside_it():
    """
    Nothing of ours runs while a tracked function sleeps.
    """

    def threads():
        # The kernel also counts those that libraries of other tests have started.
        return threading.active_count(), len(os.listdir("/proc/self/task"))

    assert threads() == tracked(threads)()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_its_own_ids_and_monitors():
    """
    After a fork the child measures anew: other record ids, the forking call as parent.
    """
    read, write = os.pipe()

    @tracked
    def inner():
        return None

    @tracked
    def outer():
        pid = os.fork()
        if pid == 0:
            with capture() as records:
                inner()
            os.write(write, f"{records[0]['record_id']} {records[0]['parent_id']}".encode())
            os._exit(0)
        os.waitpid(pid, 0)

    inner()
    with capture() as records:
        outer()
    child_id, child_parent = os.read(read, 200).decode().split()

    assert records[0]["record_id"] == child_parent
    assert records[0]["record_id"][:20] != child_id[:20]


def test_a_meter_that_wraps_within_a_minute_is_polled_by_one_thread_that_dies_with_the_window():
    """
    The ticker is born with the window of such a meter, polls it, and is gone afterwards.
    """
    monitor = FakeMonitor("fast", max_window_s=0.02)
    work = tracked_by(monitor)(lambda: (time.sleep(0.2), [thread.name for thread in threading.enumerate()])[1])

    assert "greensdk-ticker" in work()
    assert monitor.count("poll") >= 3
    assert "greensdk-ticker" not in [thread.name for thread in threading.enumerate()]


def test_a_slow_meter_is_polled_by_the_calls_themselves():
    """
    A meter that wraps within hours gets no thread: a call that opens when a poll is due makes it.
    """
    monitor = FakeMonitor("slow", max_window_s=3600.0)
    work = tracked_by(monitor)(threading.active_count)

    assert (threading.active_count(), 1) == (work(), monitor.count("poll"))
    work()
    assert 1 == monitor.count("poll")


def test_a_busy_call_is_polled_by_the_garbage_collector():
    """
    A lone call on a slow meter polls without a thread, whenever Python collects garbage and a poll is due.
    """
    monitor = FakeMonitor("slow", max_window_s=3600.0)

    def busy():
        poller.due_ns = 0.0
        gc.collect()
        return monitor.count("poll"), [thread.name for thread in threading.enumerate() if "ticker" in thread.name]

    work = tracked_by(monitor)(busy)
    poller = work.slot.runtime.poller

    assert (2, []) == work()
    gc.collect()
    poller.due_ns = 0.0
    gc.collect()
    assert 2 == monitor.count("poll"), "no window is open, so no poll is needed"
    work.slot.close()
    poller.due_ns = 0.0
    gc.collect()
    assert 2 == monitor.count("poll")


def test_a_poll_that_fails_is_in_the_record():
    """
    Under its monitor's name, however often it has failed, until a poll succeeds again.
    """
    monitor = FakeMonitor("bad", max_window_s=3600.0, fail_in={"poll"}, error=OSError("gone"))

    def poll():
        work.slot.runtime.poller.poll()

    work = tracked_by(monitor)(poll)
    with capture() as records:
        work()
        monitor.fail_in.clear()
        work()

    assert [{"bad": "poll: OSError: gone"}, {}] == [record["errors"] for record in records]
