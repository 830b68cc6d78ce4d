"""
``python -m greensdk_workloads NAME``: run one workload, unmeasured, measured, or through Lithops.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from greensdk.errors import GreensdkError
from greensdk_workloads.mappers import OnLithops, Tracked, local_config, plainly
from greensdk_workloads.workload import NAMES, Mapper, Workload, load


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Calls per stage.")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=0.01,
    show_default=True,
    help="Size; 1 is the full size.",
)
@click.option("--how", type=click.Choice(["plain", "tracked", "lithops"]), default="tracked", show_default=True)
def main(name: str, workers: int, scale: float, how: str) -> int:
    """
    Run a workload, check its result, and report its energy.
    """
    try:
        workload = load(name)
    except ImportError as missing:
        raise click.UsageError(f'{missing}: pip install "greensdk[workloads]"') from missing
    start_s = time.perf_counter()
    error, report = _run(workload, workers, scale, how)
    duration_s = time.perf_counter() - start_s
    click.echo(
        f"{workload.about}\n{workload.amount(scale):g} {workload.unit}s in {duration_s:.3g} s: {error or 'correct'}"
    )
    if report is not None:
        click.echo(str(report))
    return int(bool(error))


def _run(workload: Workload, workers: int, scale: float, how: str) -> tuple[str, Any]:
    from greensdk.report import EnergyReport

    if how == "lithops":
        return _on_lithops(workload, workers, scale)
    tracked = Tracked(sink="memory:")
    mapper: Mapper = tracked if how == "tracked" else plainly
    error = workload.check(workload.run(mapper, workers, scale), scale)
    return error, EnergyReport(tracked.records) if how == "tracked" else None


def _on_lithops(workload: Workload, workers: int, scale: float) -> tuple[str, Any]:
    from greensdk.cli.extras import need
    from greensdk_workloads.demo import private_temp

    need("lithops", "--how lithops")
    with private_temp():
        from greensdk_lithops import EnergyFunctionExecutor

        with EnergyFunctionExecutor(config=local_config(workers)) as executor:
            error = workload.check(workload.run(OnLithops(executor), workers, scale), scale)
            return error, executor.energy_report()


if __name__ == "__main__":
    try:
        sys.exit(main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except GreensdkError as error:
        sys.exit(f"Error: {error}")
