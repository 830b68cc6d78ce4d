"""
Calls in an event loop: which call the CPU time of a task, a callback or a thread is in.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from burn_kit import near
from loops_kit import recorded

from greensdk import capture, energy_tracked, track

tracked = energy_tracked(sink="memory:")
block = partial(track, sink="memory:")


def test_blocks_that_overlap_on_one_loop_have_each_their_own(burn_later):
    """
    However their steps are mixed, in each is what its own task has burnt.
    """
    loads = {"a": 0.01, "b": 0.02, "c": 0.04, "d": 0.08}

    async def one(label):
        with block(label):
            await burn_later(loads[label])

    async def main():
        await asyncio.gather(*map(one, loads))

    found = recorded(main())
    assert {label: near(load, 0.01) for label, load in loads.items()} == {name: r["cpu_s"] for name, r in found.items()}
    assert {None} == {record["parent_id"] for record in found.values()}


def test_a_block_takes_nothing_of_tasks_that_no_call_tracks(burn_later):
    """
    What runs while it waits is not its own, though it is the only call of the process.
    """

    async def main():
        other = asyncio.create_task(burn_later(0.1))
        with block("waits"):
            await asyncio.sleep(0.05)
        await other

    assert recorded(main())["waits"]["cpu_s"] < 0.02


@pytest.mark.parametrize("how", ["gather", "TaskGroup", "wait_for", "create_task", "call_soon", "to_thread"])
@pytest.mark.parametrize("kind", ["coroutine", "block"])
def test_what_a_call_starts_and_awaits_is_in_it(burn, burn_later, how, kind):
    """
    Child tasks, callbacks, and the threads of a lone call.
    """

    async def start():
        if how == "gather":
            await asyncio.gather(burn_later(0.05), burn_later(0.05))
        elif how == "TaskGroup":
            async with asyncio.TaskGroup() as group:
                group.create_task(burn_later(0.05))
                group.create_task(burn_later(0.05))
        elif how == "wait_for":
            await asyncio.wait_for(burn_later(0.1), 10)
        elif how == "create_task":
            await asyncio.create_task(burn_later(0.1))
        elif how == "call_soon":
            asyncio.get_running_loop().call_soon(burn, 0.1)
            await asyncio.sleep(0.01)
        else:
            await asyncio.to_thread(burn, 0.1)

    @energy_tracked(sink="memory:", label="call")
    async def coroutine():
        await start()

    async def main():
        if kind == "coroutine":
            await coroutine()
        else:
            async with block("call"):
                await start()

    found = recorded(main())["call"]
    assert ("steps", near(0.1)) == (found["cpu_source"], found["cpu_s"])


def test_every_level_has_what_the_levels_below_have_burnt(burn_later):
    """
    Through tasks of tasks, up to the outermost.
    """

    @tracked
    async def inner():
        await asyncio.create_task(burn_later(0.05))

    @tracked
    async def middle():
        await asyncio.gather(inner(), burn_later(0.05))

    @tracked
    async def outer():
        await asyncio.create_task(middle())
        await burn_later(0.05)

    found = recorded(outer())
    assert {"inner": near(0.05), "middle": near(0.1), "outer": near(0.15)} == {n: r["cpu_s"] for n, r in found.items()}
    assert [0, 1, 2] == [found[name]["depth"] for name in ("outer", "middle", "inner")]


def test_two_requests_at_once_never_nest(burn_later):
    """
    A server's requests, the second of which is begun by a callback of the first: it outlives it, so it is not inside.
    """

    async def main():
        started = []

        @energy_tracked(sink="memory:", label="first")
        async def first():
            started.append(asyncio.create_task(second()))
            await burn_later(0.02)

        @energy_tracked(sink="memory:", label="second")
        async def second():
            await burn_later(0.02)
            await done.wait()

        done = asyncio.Event()
        await first()
        late = asyncio.create_task(third())
        done.set()
        await asyncio.gather(*started, late)

    @energy_tracked(sink="memory:", label="third")
    async def third():
        await burn_later(0.02)

    found = recorded(main())
    assert {None} == {record["parent_id"] for record in found.values()}
    assert {0} == {record["depth"] for record in found.values()}
    assert [near(0.02, 0.01)] * 3 == [record["cpu_s"] for record in found.values()]


def test_a_call_that_has_ended_is_no_parent(burn):
    """
    A task that outlives the request in which it was made is no child.
    """

    async def main():
        async with block("request"):
            task = asyncio.create_task(later())
        await task

    @energy_tracked(sink="memory:", label="later")
    async def later():
        await asyncio.sleep(0.01)

    assert None is recorded(main())["later"]["parent_id"]


def test_a_loop_inside_a_call_runs_for_it(burn_later):
    """
    A plain function that runs a loop has all that happens in it.
    """

    @tracked
    def work():
        asyncio.run(burn_later(0.05))

    with capture() as records:
        work()

    assert near(0.05) == records[0]["cpu_s"]


def test_a_callback_for_a_call_on_another_thread_counts_for_that(burn):
    """
    A loop on a thread of its own works for whoever has handed it a coroutine.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def ran(coroutine):
        asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    async def burning():
        burn(0.05)

    async def begins():
        with block("watches"):
            await asyncio.sleep(0)

    with capture() as records, block("around"), block("asks"):
        ran(begins())
        ran(burning())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

    found = {record["label"]: record for record in records}
    assert [near(0.05)] * 2 == [found[label]["cpu_s"] for label in ("asks", "around")]


def test_threads_beside_several_calls_are_told(burn):
    """
    Two requests at once that leave their work to threads: whose that was is unknown, and the records say so.
    """

    async def request(label, meet):
        with block(label):
            await meet.wait()
            await asyncio.to_thread(burn, 0.05)
            await meet.wait()

    async def main():
        meet = asyncio.Barrier(2)
        await asyncio.gather(request("a", meet), request("b", meet))

    found = recorded(main())
    assert all(record["cpu_s"] < 0.02 for record in found.values())
    assert all("of threads that no call tracks" in record["errors"]["threads"] for record in found.values())


def test_calls_on_other_threads_are_not_taken_for_such(burn):
    """
    They are tracked, and under way or ended.
    """
    threads = [threading.Thread(target=tracked(burn), args=(seconds,)) for seconds in (0.05, 0.1, 0.15)]
    with capture() as records:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [{}] * 3 == [record["errors"] for record in records]


def test_a_thread_pool_in_or_before_a_lone_block_is_in_it(burn):
    """
    The block is alone in its process, so helper threads are its own, wherever they were made.
    """
    with ThreadPoolExecutor(2) as before:
        before.submit(time.sleep, 0).result()
        with capture() as records, block("block"):
            with ThreadPoolExecutor(2) as inside:
                list(inside.map(burn, [0.05]))
            list(before.map(burn, [0.05]))

    assert near(0.1) == records[0]["cpu_s"]


def test_a_context_of_ones_own_is_no_task(burn):
    """
    A call in an empty context, inside a block on the same thread, leaves the block its number.
    """
    with capture() as records, block("around"):
        contextvars.Context().run(tracked(burn), 0.02)

    assert [near(0.02)] * 2 == [record["cpu_s"] for record in records]
