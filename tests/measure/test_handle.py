"""
What a handle says, at any time.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from greensdk import capture, energy_tracked, track
from greensdk.errors import ConfigError
from greensdk.testing import PowercapTree, ticking


@pytest.fixture
def metered(tmp_path):
    """
    The arguments of a package of 20 W.
    """
    tree = PowercapTree(tmp_path / "powercap")
    tree.package(0)
    with ticking(tree, {"package-0": 20.0}):
        yield {"sink": [], "monitors": ["rapl"], "plugins": {"rapl": {"root": str(tree.root)}}}


def test_it_has_every_number_of_its_record(metered, burn):
    """
    And says them on a line, in `repr` and for a notebook.
    """
    with track("<work>", **metered) as call:
        burn(0.02)
        call.add(tokens=4)
    record = call.record
    assert [record["energy_j"], record["energy_low_j"], record["energy_high_j"]] == [
        call.energy_j,
        call.low_j,
        call.high_j,
    ]
    assert [record["cpu_s"], record["duration_s"]] == [call.cpu_s, call.duration_s]
    assert ["rapl", "attributed", "package", None] == [call.source, call.quality, call.boundary, call.reason]
    assert pytest.approx(call.energy_j / 4) == call.per("tokens")
    assert None is call.per("rows")
    assert call.line().startswith("<work>: ")
    assert " J [" in call.line()
    assert "(rapl, attributed, package); 0." in call.line()
    assert f"<track {call.line()}>" == repr(call)
    assert call._repr_html_().startswith("<div>&lt;work&gt; <strong>")


def test_before_its_end_and_switched_off_it_has_none_and_a_reason(monkeypatch):
    """
    Nothing raises.
    """
    call = track("work", sink=[])
    assert [None, "the block has not ended"] == [call.energy_j, call.reason]
    assert "energy unknown (the block has not ended), CPU unknown" in repr(call)
    monkeypatch.setenv("GREENSDK_DISABLED", "1")
    with track("off", sink=[]) as call:
        pass
    assert [None, None, None] == [call.energy_j, call.cpu_s, call.per("tokens")]
    assert "energy unknown" in call._repr_html_()


def test_until_now_is_never_more_than_the_end_and_changes_nothing(metered, burn):
    """
    Read twice in a running block: rising, below the last, and the sum of the record is what it would have been.
    """
    with track("work", **metered) as call:
        burn(0.02)
        first = call.so_far()
        burn(0.02)
        second = call.so_far()
        burn(0.02)
    assert ["interim", "interim", "ok"] == [first["status"], second["status"], call.so_far()["status"]]
    assert 0 < first["energy_j"] < second["energy_j"] < call.energy_j
    assert 0.015 < first["cpu_s"] < second["cpu_s"] < call.cpu_s < 0.2
    assert first["record_id"] == call.record["record_id"]


def test_something_is_awaited_inside_of_it(burn):
    """
    The result is the awaitable's, the joules the block's.
    """

    async def work():
        burn(0.01)
        await asyncio.sleep(0)
        return 7

    async def main():
        call = track("awaited", sink=[])
        return await call.run(work()), call

    result, call = asyncio.run(main())
    assert [7, True] == [result, call.cpu_s >= 0.009]


def test_what_is_carried_to_threads_belongs_to_the_block(burn):
    """
    Side by side too; each call is one of the block's.
    """
    with capture() as records, track("block", sink=[], monitors=[]) as call, ThreadPoolExecutor(2) as pool:
        work = call.carry(burn)
        results = list(pool.map(work, [0.02, 0.02, 0.02]))
    *inside, block = records
    assert [[0.02] * 3, [block["record_id"]] * 3] == [results, [record["parent_id"] for record in inside]]
    assert all(record["cpu_s"] >= 0.015 for record in inside)


def test_blocks_begin_and_end_by_key():
    """
    One key, two hooks; an unknown key ends nothing; a key begun anew ends the first as lost.
    """
    with capture() as records:
        first = track.begin("fit", sink=[], monitors=[])
        again = track.begin("fit", sink=[], monitors=[], label="again")
        ended = track.end("fit", ValueError("no"))
    assert [None, again] == [track.end("fit"), ended]
    assert [("fit", "lost"), ("again", "error")] == [(record["label"], record["status"]) for record in records]
    assert first is not again


class TestCaptureOfAContext:
    """
    ``capture(scope="context")``.
    """

    def test_other_threads_are_not_in_it(self):
        """
        Of two threads that capture, each has its own calls.
        """
        found = {}

        def run(name):
            measured = energy_tracked(label=name, sink=[], monitors=[])(lambda: None)
            with capture(scope="context") as records:
                barrier.wait()
                measured()
                barrier.wait()
            found[name] = [record["label"] for record in records]

        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {"a": ["a"], "b": ["b"]} == found

    def test_tasks_made_inside_are_in_it(self):
        """
        Of requests side by side each has its own, tasks included.
        """

        @energy_tracked(sink=[], monitors=[])
        async def work():
            await asyncio.sleep(0.001)

        async def request(n):
            with capture(scope="context") as records:
                await asyncio.gather(*(work() for _ in range(n)))
            return len(records)

        async def main():
            return await asyncio.gather(request(1), request(2), request(3))

        assert [1, 2, 3] == asyncio.run(main())

    def test_another_scope_is_refused(self):
        """
        By name.
        """
        with pytest.raises(ConfigError, match="scope is 'thread', not process or context"):
            capture(scope="thread")
