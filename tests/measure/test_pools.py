"""
Process pools around and inside calls: their CPU time is in the call, wherever they were made.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import pytest
from law_kit import burn

from greensdk import capture, track
from greensdk.machine.pools import grown_s, pool_cpu_s

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other processes' CPU clocks are Linux's")
METHODS = ["fork", "spawn", "forkserver"]


def block():
    """
    A block that records to memory.
    """
    return track("block", sink="memory:")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_pool_made_before_the_block_is_in_it(method):
    """
    Its processes have not ended, and what they had burnt before is not the block's.
    """
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        list(pool.map(burn, [0.3] * 2))
        with block() as call:
            list(pool.map(burn, [0.1] * 2))
        with block() as idle:
            time.sleep(0.01)

    assert 0.2 <= call.record["cpu_s"] < 0.6
    assert 0.0 <= idle.record["cpu_s"] < 0.2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_pool_made_in_the_block_is_in_it_whole(method):
    """
    Its processes have ended; a fork server's have been waited for by that.
    """
    multiprocessing.get_context(method).Process(target=burn, args=(0.0,)).start()
    with block() as call, ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        list(pool.map(burn, [0.2] * 2))

    # They import this module first, which takes a second of its own.
    assert call.record["cpu_s"] >= 0.38  # a fork server counts in hundredths


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_pool_that_ends_in_a_later_block_is_counted_once():
    """
    The second block gets what the processes burn in it, though their whole lives come to it when they end.
    """
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    with block() as first:
        pool.submit(burn, 0.6).result()
    with block() as second:
        pool.submit(burn, 0.1).result()
        pool.shutdown()

    assert 0.6 <= first.record["cpu_s"] < 1.2
    assert 0.1 <= second.record["cpu_s"] < 0.6


def test_jobs_of_joblib_are_in_the_block():
    """
    Loky's processes are never waited for, and work on after the block.
    """
    joblib = pytest.importorskip("joblib")
    parallel = joblib.Parallel(2)
    parallel([joblib.delayed(burn)(0.3)] * 2)
    with block() as call:
        parallel([joblib.delayed(burn)(0.1)] * 2)

    assert 0.2 <= call.record["cpu_s"] < 0.6


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_pool_beside_several_calls_is_told():
    """
    Whose work it does is unknown: it is in none of them, and the records say so.
    """
    import threading

    barrier = threading.Barrier(2)

    def other():
        with block():
            barrier.wait()
            barrier.wait()

    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        pool.submit(burn, 0.0).result()
        thread = threading.Thread(target=other)
        with capture() as records:
            thread.start()
            with block() as call:
                barrier.wait()
                pool.submit(burn, 0.2).result()
                barrier.wait()
            thread.join()

    assert call.record["cpu_s"] < 0.2
    assert all("of process pools" in record["errors"]["processes"] for record in records)


def test_who_has_ended_takes_its_seconds_back():
    """
    They have come to who waited for it, in one piece.
    """
    assert -0.5 == grown_s({1: 2.0, 2: 1.0}, {1: 3.0, 3: -0.5})
    assert {} == pool_cpu_s() or multiprocessing.active_children()
