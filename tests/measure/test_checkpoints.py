"""
Calls that leave a record before they end: every so often, and when a signal ends their process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from greensdk import energy_tracked, track
from greensdk.deliver.sinks import memory
from greensdk.measure import checkpoints
from greensdk.report import EnergyReport
from greensdk.schema.check import problems

EVERY_S = 0.02

seen = []
"""What the callback sink has got."""


def interim(label=None):
    """
    Return the interim records so far, of one label or of all.
    """
    return [each for each in list(memory) if each["status"] == "interim" and label in (None, each["label"])]


def wait_for(condition):
    """
    Sleep until something is true.
    """
    end = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_long_call_leaves_records_of_what_it_has_taken_so_far(burn):
    """
    Each has the id of the last one, more seconds and more CPU than the one before (but for the skew of two clocks).
    """
    with track("long", checkpoint_s=EVERY_S, sink="memory:") as call:
        while len(interim()) < 3:
            burn(0.01)
    found = [*interim(), call.record]

    assert {call.record["record_id"]} == {each["record_id"] for each in found}
    assert [] == [problem for each in found for problem in problems(each)]
    for before, after in pairwise(found):
        assert before["duration_s"] < after["duration_s"]
        assert before["cpu_s"] < after["cpu_s"] + 0.005
    assert found[0]["cpu_s"] > 0.0
    assert found[0]["energy_j"] is not None or found[0]["reason"]


def test_the_last_record_is_as_without(burn):
    """
    A look from outside takes nothing away: neither CPU seconds nor those of children that were waited for.
    """
    script = "import time\nwhile time.process_time() < 0.2: pass"
    with track("outer", checkpoint_s=EVERY_S, sink="memory:") as outer:
        with track("inner", sink="memory:") as inner:
            burn(0.1)
        subprocess.run([sys.executable, "-c", script], check=True)
        reaped = len(interim("outer"))
        wait_for(lambda: len(interim("outer")) > reaped + 1)

    assert outer.record["cpu_s"] >= 0.3
    assert interim("outer")[-1]["cpu_s"] >= 0.3
    assert 0.1 <= inner.record["cpu_s"] < 0.3
    assert outer.record["record_id"] == inner.record["parent_id"]


def test_the_last_record_comes_last():
    """
    A call that ends while an interim record of it is being written waits for that.
    """
    written, begun = [], threading.Event()

    class Slow:
        takes_interim = True

        def emit(self, record):
            if record["status"] == "interim":
                begun.set()
                wait_for(lambda: window.stopped_ns)
            written.append((record["status"], record["duration_s"]))

        def close(self):
            pass

    with track("x", checkpoint_s=EVERY_S, sink="memory:") as call:
        window = call._blocks[-1].window
        runtime = window.runtime
        runtime.sinks = (("slow:", Slow()), *runtime.sinks)
        assert begun.wait(60)

    assert ["interim", "ok"] == [status for status, _ in written]
    assert written[0][1] < written[1][1]


def test_a_call_inside_another_says_so_before_it_ends():
    """
    Parent and depth are those of its last record.
    """
    with track("outer", sink="memory:"), track("inner", checkpoint_s=EVERY_S, sink="memory:") as inner:
        wait_for(interim)

    first = interim()[0]
    assert (inner.record["parent_id"], 1) == (first["parent_id"], first["depth"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets one thread read another's CPU clock")
def test_beside_others_each_has_its_own_threads_seconds(burn):
    """
    One thread works, one sleeps; neither claims the whole process.
    """
    done = threading.Event()

    @energy_tracked(checkpoint_s=EVERY_S, label="sleeps", sink="memory:")
    def sleeps():
        done.wait(60)

    thread = threading.Thread(target=sleeps)
    thread.start()
    with track("works", checkpoint_s=EVERY_S, sink="memory:"):
        burn(0.2)
        counted = len(interim("works"))
        wait_for(lambda: len(interim("works")) > counted + 1 and interim("sleeps"))
    done.set()
    thread.join()

    assert interim("works")[-1]["cpu_s"] >= 0.2
    assert interim("sleeps")[-1]["cpu_s"] < 0.1


def test_a_coroutine_that_waits_leaves_records_too():
    """
    Of the steps that it has made.
    """

    @energy_tracked(checkpoint_s=EVERY_S, sink="memory:")
    async def waits():
        while not interim():
            await asyncio.sleep(0.005)

    asyncio.run(waits())

    assert "steps" == interim()[0]["cpu_source"]
    assert "ok" == memory[-1]["status"]


def test_a_log_is_added_up_once_whatever_is_in_it():
    """
    The last record of a call takes the place of those before.
    """
    with track("x", checkpoint_s=EVERY_S, sink=["calls.jsonl", "memory:"]) as call:
        wait_for(interim)
    lines = Path("calls.jsonl").read_text().splitlines()

    assert len(lines) > 1
    assert [(call.record["record_id"], "ok")] == [
        (each["record_id"], each["status"]) for each in EnergyReport.load(["calls.jsonl"]).records
    ]


def test_what_adds_up_gets_the_last_record_alone():
    """
    A counter would count the call twice, a store of one object a call would keep the first.
    """
    seen.clear()
    with track("x", checkpoint_s=EVERY_S, sink=[f"callback:{__name__}:seen.append", "memory:"]):
        wait_for(interim)

    assert ["ok"] == [each["status"] for each in seen]


def test_nothing_of_it_is_there_unless_asked_for():
    """
    No thread and no module; afterwards the thread goes.
    """
    code = (
        "import sys, threading\nfrom greensdk import track\n"
        "with track('x', sink='memory:'): assert 1 == threading.active_count()\n"
        "assert 'greensdk.measure.checkpoints' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with track("x", checkpoint_s=EVERY_S, sink="memory:"):
        pass

    wait_for(lambda: "greensdk-checkpoints" not in {thread.name for thread in threading.enumerate()})


def test_a_shorter_period_does_not_wait_for_a_longer_one():
    """
    The thread is asleep when the second call comes.
    """
    with track("slow", checkpoint_s=3600, sink="memory:"):
        wait_for(lambda: "greensdk-checkpoints" in {thread.name for thread in threading.enumerate()})
        with track("quick", checkpoint_s=EVERY_S, sink="memory:"):
            wait_for(lambda: interim("quick"))

    assert [] == interim("slow")


def test_a_forked_child_does_not_speak_for_its_parent():
    """
    The call is the parent's.
    """
    with track("x", checkpoint_s=EVERY_S, sink=["calls.jsonl", "memory:"]):
        wait_for(interim)
        pid = os.fork()
        if pid == 0:
            os._exit(len(threading.enumerate()) - 1)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        before = len(interim())
        wait_for(lambda: len(interim()) > before)


PROGRAM = """
import os, signal, sys, threading, time
from greensdk import track, energy_tracked
{before}

@energy_tracked(label="in a thread")
def other():
    started.set()
    time.sleep(60)

started = threading.Event()
threading.Thread(target=other, daemon=True).start()
with track("outer"), track("inner"):
    started.wait()
    {inside}
    print("ready", flush=True)
    time.sleep(60)
"""


def ended(number, *words, before="", inside="", **variables):
    """
    Return the exit code and the records of a program that a signal ends.
    """
    program = [sys.executable, "-c", PROGRAM.format(before=before, inside=inside)]
    made = {"env": {**os.environ, **variables}, "stdout": subprocess.PIPE, "text": True}
    # Under nohup it is ignored, which is inherited.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    child = subprocess.Popen([*words, *program], **made)
    signal.signal(signal.SIGHUP, before)
    with child:
        assert "ready\n" == child.stdout.readline()
        child.send_signal(number)
        code = child.wait(60)
    log = Path("energy.jsonl")
    return code, [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_records_of_all_calls_where_asked(number):
    """
    Inner ones first, other threads' too; the process dies of the signal as it would without.
    """
    code, records = ended(number, GREENSDK_SIGNALS="1")

    assert -number == code
    assert ["inner", "outer", "in a thread"] == [each["label"] for each in records]
    assert [("cancelled", "Terminated")] * 3 == [(each["status"], each["error_type"]) for each in records]
    assert [] == [problem for each in records for problem in problems(each)]
    assert [1, 0, 0] == [each["depth"] for each in records]


def test_a_signal_is_nobodys_business_unless_asked():
    """
    A library that installs handlers by itself would break programs that have theirs.
    """
    assert (-signal.SIGTERM, []) == ended(signal.SIGTERM)


def test_a_handler_of_the_users_own_decides():
    """
    What it raises ends the calls as any exception does; the thread's own goes with the process.
    """
    handler = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))"
    code, records = ended(signal.SIGTERM, before=handler, GREENSDK_SIGNALS="1")

    assert 3 == code
    assert {"inner": "SystemExit", "outer": "SystemExit"} == {each["label"]: each["error_type"] for each in records}


def test_a_forked_child_that_is_ended_leaves_none_of_its_parents_records():
    """
    It has a copy of the parent's calls.
    """
    forks = "pid = os.fork()\n    if pid == 0: os.kill(os.getpid(), 15)\n    os.waitpid(pid, 0)"
    code, records = ended(signal.SIGTERM, inside=forks, GREENSDK_SIGNALS="1")

    assert -signal.SIGTERM == code
    assert ["in a thread", "inner", "outer"] == sorted(each["label"] for each in records)


def test_run_asks_for_the_calls_of_its_command():
    """
    The signal is passed on; then `run` leaves its own.
    """
    code, records = ended(signal.SIGTERM, sys.executable, "-m", "greensdk", "run", "--label", "run", "--")

    assert 128 + signal.SIGTERM == code
    assert ["inner", "outer", "in a thread", "run"] == [each["label"] for each in records]
    assert {"cancelled"} == {each["status"] for each in records}


def test_what_is_killed_leaves_its_interim_records():
    """
    SIGKILL and the end of power do not ask.
    """
    wait = "while not os.path.exists('energy.jsonl') or len(open('energy.jsonl').readlines()) < 4: time.sleep(0.01)"
    code, records = ended(signal.SIGKILL, inside=wait, GREENSDK_CHECKPOINT_S="0.05")

    assert -signal.SIGKILL == code
    assert {"inner", "outer", "in a thread"} >= {each["label"] for each in records}
    assert {"interim"} == {each["status"] for each in records}


def test_the_first_record_of_a_failing_look_is_the_last():
    """
    What goes wrong in the thread is noted in the call's own record, which comes as ever.
    """

    class Broken:
        takes_interim = True

        def emit(self, record):
            if record["status"] == "interim":
                raise OSError("full")

        def close(self):
            pass

    with track("x", checkpoint_s=EVERY_S, sink="memory:") as call:
        runtime = call._blocks[-1].window.runtime
        runtime.sinks = (("broken:", Broken()), *runtime.sinks)
        wait_for(lambda: call._blocks[-1].window.errors and interim())

    assert {"checkpoints": "broken:: OSError: full"} == call.record["errors"]
    assert "ok" == call.record["status"]


def test_only_the_main_thread_may_listen():
    """
    Python lets no other one set handlers.
    """
    done = []
    thread = threading.Thread(target=lambda: done.append(checkpoints.listen(checkpoints.Checkpoints())))
    thread.start()
    thread.join()

    assert [False] == done
    assert signal.SIG_DFL == signal.getsignal(signal.SIGTERM)
