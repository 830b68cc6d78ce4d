"""
Calls in event loops that run their callbacks in ways of their own: uvloop, trio, and those that can't be watched.
"""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from burn_kit import near
from loops_kit import recorded

from greensdk import capture, energy_tracked, track
from greensdk.measure import tasks
from greensdk.measure.stretches import TANGLED

tracked = energy_tracked(sink="memory:")
block = partial(track, sink="memory:")


@pytest.fixture
def foreign_loop(monkeypatch):
    """
    Have event loops that run their callbacks in a way of their own, as uvloop does: they can't be watched.
    """
    monkeypatch.setattr(tasks, "watch", lambda *_: False)


def test_blocks_on_a_loop_that_cannot_be_watched_have_no_number(burn_later, foreign_loop):
    """
    None with the reason, never all for one of them.
    """

    async def one(label):
        with block(label, monitors=["psutil-tdp"], plugins={"psutil-tdp": {"tdp_w": 65}}):
            await burn_later(0.02)

    async def main():
        await asyncio.gather(one("a"), one("b"))

    found = recorded(main())
    assert {(None, None)} == {(record["cpu_s"], record["energy_j"]) for record in found.values()}
    assert all(TANGLED in record["reason"] for record in found.values())


@pytest.fixture
def factory_loop(monkeypatch):
    """
    Have event loops of which only the tasks can be watched, as uvloop's.
    """
    monkeypatch.setattr(
        tasks, "watch", lambda loop, is_stepped: tasks._watch_tasks(loop) and (is_stepped or tasks.lanes.here.callbacks)
    )


def test_where_only_tasks_can_be_watched_child_tasks_count_too(burn_later, factory_loop):
    """
    Blocks in tasks that are made from then on overlap as they like.
    """

    @energy_tracked(sink="memory:", label="parent")
    async def parent():
        await asyncio.gather(burn_later(0.03), burn_later(0.03))

    async def one(label, seconds):
        with block(label):
            await asyncio.gather(burn_later(seconds / 2), burn_later(seconds / 2))

    async def main():
        await parent()
        await asyncio.gather(one("short", 0.02), one("long", 0.06), burn_later(0.02))

    found = {label: record["cpu_s"] for label, record in recorded(main()).items()}
    assert {"parent": near(0.06), "short": near(0.02), "long": near(0.06)} == found


def test_a_loops_own_task_factory_goes_on_making_its_tasks(burn_later, factory_loop):
    """
    And its tasks look as they did.
    """
    made = []

    def own(loop, coro, **options):
        made.append(coro.__qualname__)
        return asyncio.Task(coro, loop=loop, **options)

    async def main():
        asyncio.get_running_loop().set_task_factory(own)
        with block("first"):
            pass
        with pytest.raises(ZeroDivisionError):
            await asyncio.create_task(fails())
        cancelled = asyncio.create_task(burn_later(1.0))
        await asyncio.sleep(0)
        cancelled.cancel()
        return await asyncio.gather(cancelled, asyncio.sleep(0, "result"), return_exceptions=True)

    async def fails():
        return 1 / 0

    cancelled, result = asyncio.run(main())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert "result" == result
    assert ["fails", "burner", "sleep"] == [name.rpartition(".")[2] for name in made[:3]]


@pytest.mark.parametrize("library", ["uvloop", "trio"])
def test_other_libraries_loops_keep_tasks_apart(burn, library):
    """
    Child tasks are in the call that started them, and blocks that overlap have each their own.
    """
    loop = pytest.importorskip(library)

    async def together(*started):
        if library == "uvloop":
            await asyncio.gather(*(function(*each) for function, *each in started))
            return
        async with loop.open_nursery() as nursery:
            for each in started:
                nursery.start_soon(*each)

    async def burner(seconds):
        for _ in range(5):
            burn(seconds / 5)
            await (loop.sleep(0.001) if library == "trio" else asyncio.sleep(0.001))

    @energy_tracked(sink="memory:", label="parent")
    async def parent():
        await together((burner, 0.02), (burner, 0.02))

    async def one(label, seconds):
        with block(label):
            await burner(seconds)

    async def main():
        await parent()
        await together((one, "a", 0.01), (one, "b", 0.03))

    with capture() as records:
        loop.run(main()) if library == "uvloop" else loop.run(main)
    found = {record["label"]: record["cpu_s"] for record in records}
    assert {"parent": near(0.04), "a": near(0.01), "b": near(0.03)} == found


def test_a_lone_block_on_such_a_loop_has_its_number(burn, foreign_loop):
    """
    As have coroutines, the steps of which are measured by themselves.
    """

    @tracked
    async def coroutine(seconds):
        burn(seconds)
        await asyncio.sleep(0.01)
        burn(seconds)

    async def main():
        with block("lone"):
            burn(0.02)
        await asyncio.gather(coroutine(0.01), coroutine(0.01))

    found = recorded(main())
    assert (near(0.02), near(0.02)) == (found["lone"]["cpu_s"], found["coroutine"]["cpu_s"])
