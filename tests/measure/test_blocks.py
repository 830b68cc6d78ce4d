"""
Blocks: every way in which people and hooks begin and end them.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from functools import partial

import pytest

from greensdk import ConfigError, capture, energy_tracked, track
from greensdk.measure.state import current, ledger, shared

block = partial(track, sink="memory:")
tracked = energy_tracked(sink="memory:")


def ends(records):
    """
    Return how each record's call has ended, and how deep it was.
    """
    return [(record["status"], record["depth"]) for record in records]


def begin(handle):
    """
    Be a hook that begins a block.
    """
    handle.__enter__()


def end(handle):
    """
    Be a hook that ends one.
    """
    handle.__exit__(None, None, None)


def test_a_block_that_is_never_ended_is_lost_when_its_handle_goes():
    """
    And the next call is not inside it.
    """
    with capture() as records:
        begin(block("epoch"))
        gc.collect()
        tracked(lambda: None)()

    assert [("lost", 0), ("ok", 0)] == ends(records)
    assert ("epoch", "Abandoned") == (records[0]["label"], records[0]["error_type"])
    assert "never ended" in records[0]["errors"]["track"]
    assert (0, {}) == (ledger.open, shared.unended)


def test_a_hook_that_begins_the_same_handle_anew_loses_the_block_before():
    """
    The function that had begun it has returned, and it was never ended.
    """
    handle = block("epoch")
    with capture() as records:
        begin(handle)
        begin(handle)
        end(handle)

    assert [("lost", 0), ("ok", 0)] == ends(records)


def test_hooks_that_begin_and_end_in_turn_lose_nothing():
    """
    One handle for all epochs.
    """
    handle = block("epoch")
    with capture() as records:
        for _ in range(3):
            begin(handle)
            end(handle)

    assert [("ok", 0)] * 3 == ends(records)


def test_one_handle_entered_twice_makes_two_blocks():
    """
    One inside the other, in a function, in recursion, and through a context manager of the user's.
    """
    handle = block("twice")

    def down(levels):
        with handle:
            if levels:
                down(levels - 1)

    @contextmanager
    def around():
        with handle:
            yield

    with capture() as records:
        with handle, handle:
            pass
        down(1)
        with around(), around():
            pass

    assert [("ok", 1), ("ok", 0)] * 3 == ends(records)
    assert None is current.get()


def test_a_block_is_lost_at_exit(tmp_path):
    """
    Its record is written before the sinks close.
    """
    code = 'from greensdk import track\ncall = track("epoch", sink="x.jsonl")\ncall.__enter__()\n'
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)

    assert '"status":"lost"' in (tmp_path / "x.jsonl").read_text().replace(": ", ":")


def test_a_block_that_another_thread_ends_has_its_own_threads_time(burn):
    """
    The clocks of two threads have nothing to do with each other.
    """
    handle, begun, done = block("handed"), threading.Event(), threading.Event()

    def beginner():
        begin(handle)
        burn(0.05)
        begun.set()
        done.wait(10)

    thread = threading.Thread(target=beginner)
    burn(0.2)
    with capture() as records, block("beside"):
        thread.start()
        begun.wait(10)
        end(handle)
        done.set()
        thread.join()

    assert 0.05 <= records[0]["cpu_s"] < 0.2


def test_a_block_needs_no_label_and_takes_the_configured_one(monkeypatch):
    """
    As decorated functions do.
    """
    monkeypatch.setenv("GREENSDK_LABEL", "of the environment")
    with block() as call:
        pass

    assert "of the environment" == call.record["label"]


def test_a_block_is_a_decorator_too():
    """
    The function keeps its name, and its record has the label.
    """
    with capture() as records:
        assert 3 == block("sum", tags={"n": 1})(lambda: 3)()

    assert [("sum", {"n": 1})] == [(record["label"], record["tags"]) for record in records]
    assert records[0]["function"].endswith("<lambda>")


def test_a_bare_decorator_is_refused_in_one_line():
    """
    It has no label.
    """
    with pytest.raises(ConfigError, match=r"^track measures blocks.*energy_tracked"):
        track(time.sleep)


def test_async_with_does_the_same(burn):
    """
    In a coroutine both are allowed.
    """

    async def main():
        async with block("later") as call:
            burn(0.02)
            await asyncio.sleep(0.01)
        return call

    assert asyncio.run(main()).record["cpu_s"] > 0.015


def test_a_librarys_function_is_pickled_with_its_measuring():
    """
    By the name of the function in it; put into the function's place, by that name alone.
    """
    measured = energy_tracked(label="sent", sink="memory:")(textwrap.dedent)
    again = pickle.loads(pickle.dumps(measured))
    with capture() as records:
        assert "x" == again(" x")

    assert ["sent"] == [record["label"] for record in records]
    assert ("dedent", textwrap.dedent) == (measured.__name__, measured.__wrapped__)


def test_one_in_the_functions_place_is_pickled_as_that(monkeypatch):
    """
    Who unpickles it finds what is there.
    """
    measured = tracked(textwrap.dedent)
    monkeypatch.setattr(textwrap, "dedent", measured)

    assert measured is pickle.loads(pickle.dumps(measured))


def test_what_has_its_function_run_by_others_is_refused_in_one_line():
    """
    A task of Celery would be run by its workers without the wrapper.
    """

    class Task:
        """
        What a registering decorator makes.
        """

        def __call__(self):
            """
            Run it here.
            """

        def apply_async(self):
            """
            Run it there.
            """

    with pytest.raises(ConfigError, match="below the decorator"):
        energy_tracked(Task())


@pytest.mark.parametrize("measured", [energy_tracked, energy_tracked(sink="memory:"), track("block")])
def test_above_a_decorator_that_registers_the_function_it_is_refused(measured):
    """
    A route of FastAPI or Flask, a command of Typer: what they keep would be run without the wrapper.
    """
    routes = {}
    with pytest.raises(ConfigError, match="below the decorator that registers it"):

        @measured
        @partial(routes.setdefault, "/")
        def route():
            """
            Be kept.
            """


def test_functions_that_nobody_has_registered_are_measured_wherever_they_stand():
    """
    In a class, in a function, in a list, under the name that they have.
    """
    kept = []

    class Methods:
        """
        Some.
        """

        @tracked
        def method(self):
            """
            Use the cell of the class.
            """
            return __class__

        @tracked
        @staticmethod
        def static():
            """
            Be held by an object below.
            """
            return "static"

    def plain():
        return "plain"

    kept.append(plain)
    again = [tracked(fn) for fn in kept]
    assert (Methods, "static", "plain", "plain") == (Methods().method(), Methods.static(), again[0](), tracked(plain)())


def test_overhead_holds_what_came_before_and_what_the_sinks_took():
    """
    Opening is in the first record, handing one over in the next.
    """
    slow = sys.modules["slow_sink_of_this_test"] = type(sys)("slow_sink_of_this_test")
    taken_s = []

    def take(_):
        taken_s.append(time.perf_counter())
        time.sleep(0.05)

    slow.take = take
    work = energy_tracked(monitors=[], sink="callback:slow_sink_of_this_test:take")(lambda: None)
    began_s = time.perf_counter()
    with capture() as records:
        work()
        work()

    assert records[0]["overhead_s"] <= taken_s[0] - began_s
    assert records[1]["overhead_s"] >= 0.05
