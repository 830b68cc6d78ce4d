"""
``greensdk demo``: Monte Carlo pi in parallel on this machine through Lithops, every call measured.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from greensdk.errors import GreensdkError, SinkError

if TYPE_CHECKING:
    from greensdk_lithops import EnergyReport

CALLS = 8


@click.command()
@click.option("--points", type=click.IntRange(min=1), default=20_000_000, show_default=True, help="Number of points.")
@click.option("--workers", type=click.IntRange(min=1), help="Concurrent calls. [default: the number of CPUs]")
@click.option(
    "--out", metavar="FILE", default="energy.jsonl", show_default=True, help="Append the records to this file."
)
def demo(points: int, workers: int | None, out: str) -> int:
    """
    Compute pi with Lithops and report each call's energy.

    The exit code is 1 when the result is more than 4 standard deviations from pi.
    """
    from math import pi
    from shlex import quote

    from greensdk.cli.extras import need
    from greensdk.configure.targets import is_disabled
    from greensdk.deliver import spool
    from greensdk.deliver.sinks import JsonlSink
    from greensdk_workloads.pi import SIGMAS, estimate
    from greensdk_workloads.workload import split

    need("lithops", "greensdk demo")
    if is_disabled():
        raise GreensdkError("GREENSDK_DISABLED turns measurement off; unset it to run the demo")
    sink = JsonlSink(out)  # fails before the work, not after it
    workers = workers or _cpus()
    parts = split(points, max(1, min(points, max(CALLS, workers))))
    with private_temp():
        inside, report = measure(parts, workers)
    for record in report.records:
        try:
            sink.emit(record)
        except SinkError as error:
            spool.keep(record, sink.path, error)
    sink.close()
    pi_hat, sigma = estimate(inside, points)
    off = abs(pi_hat - pi) / sigma
    show_calls(report.records)
    show_sums(report, sink.path)
    click.echo(f"pi       {pi_hat:.6f} ± {sigma:.6f}, {off:.1f} standard deviations off, from {points} points")
    click.echo(f"next     greensdk validate {quote(out)}")
    click.echo("         greensdk doctor\n         greensdk run -- COMMAND")
    return int(off >= SIGMAS)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def private_temp() -> Iterator[None]:
    """
    Give Lithops a temporary folder of its own, which it reads when it is imported, and remove it afterwards.
    """
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="greensdk-demo-", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"], tempfile.tempdir = folder, None
        try:
            yield
        finally:
            tempfile.tempdir = None
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


def measure(parts: Sequence[int], workers: int) -> tuple[int, EnergyReport]:
    """
    Run one call per part, and return the points inside and the energy report.
    """
    from greensdk_lithops import EnergyFunctionExecutor

    from greensdk_workloads.pi import count_inside

    # data_cleaner would start a process at exit, to clean a folder that is gone by then.
    config = {
        "lithops": {"backend": "localhost", "storage": "localhost", "log_level": "ERROR", "data_cleaner": False},
        "localhost": {"runtime": sys.executable, "worker_processes": workers},
    }
    with EnergyFunctionExecutor(config=config, energy={"label": "demo"}) as executor:
        futures = executor.map(count_inside, [(points, seed) for seed, points in enumerate(parts)])
        watch(executor, futures)
        inside = sum(executor.get_result(futures, show_progressbar=False))
        return inside, executor.energy_report()


def watch(executor: Any, futures: Sequence[Any]) -> None:
    """
    Show a progress bar on a terminal until all calls have ended.
    """
    if not sys.stderr.isatty():
        return
    from lithops.wait import ANY_COMPLETED
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("calls", total=len(futures))
        waiting = futures
        while waiting:
            _, waiting = executor.wait(waiting, return_when=ANY_COMPLETED, show_progressbar=False)
            progress.update(task, completed=len(futures) - len(waiting))


def show_calls(records: Sequence[Mapping[str, Any]]) -> None:
    """
    Print a row for each call.
    """
    from greensdk.cli.show import table
    from greensdk.schema.text import joules

    rows = []
    for record in sorted(records, key=lambda record: str((record["worker"] or {}).get("call_id"))):
        energy = joules(record["energy_j"], record["energy_low_j"], record["energy_high_j"])
        call = (record["worker"] or {}).get("call_id")
        seconds = [None if record[key] is None else f"{record[key]:.3f}" for key in ("duration_s", "cpu_s")]
        rows.append([call, *seconds, energy, record["energy_source"] or record["reason"], record["energy_quality"]])
    table(["call", "seconds", "CPU s", "energy (90%)", "method", "quality"], rows)


def show_sums(report: EnergyReport, path: str) -> None:
    """
    Print the total energy, and where the records are.
    """
    from greensdk.schema.text import joules

    total = joules(report.energy_j, report.energy_low_j, report.energy_high_j)
    click.echo(f"\nenergy   {total} in {len(report.records)} calls")
    click.echo(f"records  {path}")
