"""
A comparison of functions over several processes: each lays out its memory anew.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection

from greensdk.ab.comparison import Comparison
from greensdk.ab.pairs import Plan, Side, run
from greensdk.errors import ConfigError


def in_processes(sides: Sequence[Side], plan: Plan, processes: int) -> list[Comparison]:
    """
    Compare in several processes one after the other, and put their pairs together.

    Raises:
        ConfigError: The number is no such number, there is no fork here, or a process ended without a result.
    """
    if processes.__class__ is not int or processes < 1:
        raise ConfigError(f"compare: processes is {processes!r}, not a whole number above 0")
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ConfigError("compare: processes needs fork, which this system has not; leave it out")
    context = multiprocessing.get_context("fork")
    share = plan._replace(budget_s=plan.budget_s / processes, most=max(plan.most // processes, 1))
    together: list[Comparison] = []
    for _ in range(processes):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_send, args=(theirs, sides, share))
        process.start()
        theirs.close()
        try:
            part: list[Comparison] = ours.recv()
        except EOFError:
            raise ConfigError("compare: a function ended its process; run it without processes to see why") from None
        finally:
            process.join()
        together = [_joined(*pair) for pair in zip(together, part, strict=True)] if together else part
    return together


def _send(pipe: Connection, sides: Sequence[Side], plan: Plan) -> None:
    pipe.send(run(sides, plan))


def _joined(one: Comparison, other: Comparison) -> Comparison:
    one.samples_a += other.samples_a
    one.samples_b += other.samples_b
    one.order += other.order
    one.seconds += other.seconds
    return one
