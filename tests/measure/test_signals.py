"""
Whose exception is it? What signal handlers raise in the middle of measuring reaches the user, after the record is out.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from greensdk import capture, energy_tracked, track
from greensdk.machine.signals import is_from_signal, is_from_signal_here, raise_again
from greensdk.measure.state import current, ledger
from greensdk.schema.check import problems
from greensdk.testing import FakeMonitor, tracked_by

CAMPAIGN = Path(__file__).parent / "interrupted.py"
NUMBERS = {"SIGALRM": 168, "SIGINT": 34}
# Every pair of a kind, a duration and a signal.
CAMPAIGNS = [
    (kind, microseconds, list(NUMBERS)[(row + column) % 2])
    for row, kind in enumerate(("function", "generator", "coroutine", "items"))
    for column, microseconds in enumerate((0, 100, 1000))
]


class Late(Exception):
    """
    The user's time-out.
    """


def late(*_):
    """
    Raise it.
    """
    raise Late


class Handler:
    """
    A handler that is a method.
    """

    def handle(self, number, frame):
        """
        Raise through a function of its own.
        """
        late(number, frame)


@contextmanager
def handled(handler):
    """
    Have SIGUSR1 handled by `handler` while the block runs.
    """
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        yield partial(signal.raise_signal, signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def raised(call, *arguments):
    """
    Return what a call raises.
    """
    try:
        call(*arguments)
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def wait_after(call, *arguments):
    """
    Call something that acts a moment later, and give it the time to.
    """
    call(*arguments)
    end = time.monotonic() + 600
    while time.monotonic() < end:
        time.sleep(0.005)


@pytest.mark.parametrize(("kind", "microseconds", "name"), CAMPAIGNS)
def test_every_signal_arrives_and_every_run_has_its_record(tmp_path, kind, microseconds, name):
    """
    A thousand time-outs and two hundred Ctrl-C over all kinds: none is lost, no record is, none is there twice.
    """
    log = tmp_path / "energy.jsonl"
    number = NUMBERS[name]
    command = [sys.executable, str(CAMPAIGN), kind, str(microseconds), name, str(number), str(log)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    found = json.loads(done.stdout or "{}")
    records = [json.loads(line) for line in log.read_text().splitlines()]

    assert ("", 0) == (done.stderr, done.returncode)
    assert (number, 0, 0, 0) == tuple(found[key] for key in ("arrived", "lost", "left_open", "descriptors"))
    assert found["finished"] <= len(records)
    assert {1} == set(Counter(record["record_id"] for record in records).values())
    assert [] == [problem for record in records for problem in problems(record)]
    assert {0} == {record["depth"] for record in records}
    assert [] == [record["errors"] for record in records if record["errors"]]


@pytest.mark.parametrize("handler", [late, Handler().handle, partial(late, "mine"), lambda number, frame: late()])
def test_what_a_handler_raises_is_told_from_what_a_plugin_raises(handler):
    """
    Whatever kind of function it is, and however deep below the plugin.
    """

    def plugin(interrupt):
        return sorted([2, 1], key=lambda _: interrupt())

    with handled(handler) as interrupt:
        assert is_from_signal(raised(plugin, interrupt))
        assert not is_from_signal_here(raised(lambda: plugin(interrupt)))
    assert not is_from_signal(raised(plugin, late))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Late, MemoryError])
def test_a_plugins_own_exception_is_its_own(error):
    """
    Also one that looks like Ctrl-C.
    """

    def plugin():
        raise error

    assert not is_from_signal(raised(plugin))


def test_ctrl_c_has_no_frame_and_is_the_users():
    """
    Python's own handler is written in C.
    """
    with handled(signal.default_int_handler) as interrupt:
        assert is_from_signal(raised(lambda: [interrupt() for _ in range(1)]))


def test_what_no_exception_can_leave_has_the_right_handler_called_again():
    """
    Also where Ctrl-C itself is ignored, as in jobs in the background, and its handler is another signal's.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with handled(signal.default_int_handler) as interrupt:
            error = raised(lambda: [interrupt() for _ in range(1)])
            with pytest.raises(KeyboardInterrupt):
                wait_after(raise_again, error)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("method", ["start", "stop"])
@pytest.mark.parametrize("handler", [late, signal.default_int_handler])
def test_a_monitor_that_is_interrupted_is_not_to_blame(method, handler):
    """
    The user gets the exception, the record is whole, and the next call measures as before.
    """
    monitor = FakeMonitor("meter", joules=2.0)
    inner = getattr(monitor, method)

    def interrupted(*arguments):
        setattr(monitor, method, inner)
        interrupt()
        return inner(*arguments)

    work = tracked_by(monitor)(lambda: "result")
    setattr(monitor, method, interrupted)
    with capture() as records, handled(handler) as interrupt:
        error = raised(work)
        assert "result" == work()

    assert (Late if handler is late else KeyboardInterrupt) is type(error)
    assert [{}, {}] == [record["errors"] for record in records]
    assert [2.0, 2.0] == [record["readings"][0]["energy_j"] for record in records]
    assert (0, None) == (ledger.open, current.get())


def test_a_sink_that_is_interrupted_gets_the_record_and_the_others_do_too():
    """
    Once each where it had come to its end.
    """
    taken = []

    def interrupting(record):
        taken.append(record)
        if len(taken) == 1:
            interrupt()

    sinks = sys.modules["sinks_of_this_test"] = type(sys)("sinks_of_this_test")
    sinks.first, sinks.second = interrupting, taken.append
    names = [f"callback:sinks_of_this_test:{name}" for name in ("first", "second")]
    work = energy_tracked(monitors=[], sink=names)(lambda: None)
    with handled(late) as interrupt:
        assert Late is type(raised(work))

    first, again, second = taken
    for record in taken:
        record.pop("overhead_s")  # which also tells what the sinks before have taken
    assert first == again == second


def test_an_interrupted_block_is_recorded():
    """
    A block's ends are interrupted like a function's.
    """

    class Interrupting(FakeMonitor):
        def stop(self, token):
            if not self.count("stop"):
                self._called("stop")
                interrupt()
            return super().stop(token)

    made = sys.modules["monitors_of_this_test"] = type(sys)("monitors_of_this_test")
    made.Interrupting = Interrupting
    block = track("block", monitors=["monitors_of_this_test:Interrupting"], sink="memory:")
    with handled(late) as interrupt, pytest.raises(Late), block:
        pass

    assert ("ok", 1.0) == (block.record["status"], block.record["readings"][0]["energy_j"])
    assert (0, None) == (ledger.open, current.get())


def test_a_handler_may_itself_call_measured_functions():
    """
    In the middle of a call; both have their records.
    """
    inner = tracked_by(FakeMonitor("inner"))(lambda: "inner")
    seen = []
    with capture() as records, handled(lambda *_: seen.append(inner())) as interrupt:
        assert "outer" == tracked_by(FakeMonitor("outer"))(lambda: (interrupt(), "outer")[1])()

    assert ["inner"] == seen
    assert [records[1]["record_id"], None] == [record["parent_id"] for record in records]


def test_other_threads_are_not_interrupted():
    """
    Python runs handlers in the main thread alone.
    """
    with capture() as records, handled(late) as interrupt:
        thread = threading.Thread(target=tracked_by(FakeMonitor())(lambda: None))
        thread.start()
        assert Late is type(raised(interrupt))
        thread.join()

    assert ["ok"] == [record["status"] for record in records]
