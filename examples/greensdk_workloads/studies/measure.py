"""
One run of a workload, and its results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from greensdk import track
from greensdk.cli.show import count
from greensdk.errors import GreensdkError
from greensdk.monitor import MACHINE
from greensdk.report import EnergyReport
from greensdk.schema.primary import primary_of
from greensdk.schema.text import digits
from greensdk_workloads.mappers import OnLithops, Tracked, local_config
from greensdk_workloads.workload import Mapper, Workload

SEED_NOTE = "all seeds are fixed: every run does the same work"


class Run(NamedTuple):
    """
    The results of one run.

    Attributes:
        seconds: From start to end.
        energy_j: Energy of all calls, each meter counted once.
        energy_low_j: Lower end of the 90% interval.
        energy_high_j: Upper end.
        machine_j: Energy of the whole machine in that time; None if unknown.
        cpu_s: CPU seconds of all calls.
        source: The method behind the energy, with its boundary.
        common_factor_low: Of a model: lower 90% factor of the error that all runs on this machine share.
        common_factor_high: Upper 90% factor of it.
        records: The record of each call.
    """

    seconds: float
    energy_j: float | None
    energy_low_j: float | None
    energy_high_j: float | None
    machine_j: float | None
    cpu_s: float
    source: str
    common_factor_low: float | None
    common_factor_high: float | None
    records: list[dict[str, Any]]


def here(workload: Workload, workers: int, scale: float, **settings: Any) -> Run:
    """
    Run a workload in this process, one call after the other, each measured.

    Raises:
        GreensdkError: The result is wrong.
    """
    mapper = Tracked(sink="memory:", **settings)
    return _timed(workload, mapper, workers, scale, lambda: EnergyReport(mapper.records), settings)


def on_lithops(workload: Workload, workers: int, scale: float, energy: Mapping[str, Any] | None = None) -> Run:
    """
    Run a workload through Lithops on this machine with `workers` concurrent workers.

    Raises:
        GreensdkError: The result is wrong.
    """
    from greensdk_lithops import EnergyFunctionExecutor

    settings = {"sink": "memory:", **(energy or {})}
    with EnergyFunctionExecutor(config=local_config(workers), energy=energy) as executor:
        mapper = OnLithops(executor)
        return _timed(workload, mapper, workers, scale, executor.energy_report, settings)


def _timed(
    workload: Workload, mapper: Mapper, workers: int, scale: float, report: Any, settings: Mapping[str, Any]
) -> Run:
    with track(workload.name, **{"sink": "memory:", **settings}) as around:
        result = workload.run(mapper, workers, scale)
    error = workload.check(result, scale)
    if error:
        raise GreensdkError(f"{workload.name} with {count(workers, 'worker')}: wrong result: {error}")
    summary: EnergyReport = report()
    whole = around.record
    if whole["duration_s"] is None:
        raise GreensdkError("GREENSDK_DISABLED turns measurement off; unset it to run a study")
    total = summary.total
    return Run(
        whole["duration_s"],
        total.energy_j,
        total.energy_low_j,
        total.energy_high_j,
        machine_j(whole),
        total.cpu_s,
        ", ".join(total.sources) or "no energy source works here",
        whole.get("common_factor_low"),
        whole.get("common_factor_high"),
        list(summary.records),
    )


def machine_j(record: Mapping[str, Any]) -> float | None:
    """
    Return the joules of the whole machine in a call's window, from the reading that provides the call's energy.
    """
    reading = primary_of(record)
    if reading is None or reading["scope"] != MACHINE or reading["energy_j"] is None:
        return None
    return float(reading["energy_j"])


def model_note(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """
    Return what is to be said of the error of a model behind some runs, and what of it cancels; nothing for a meter.
    """
    rows = [row for row in rows if row["energy_j"] and row["energy_low_j"] and row["common_factor_low"]]
    if not rows:
        return []
    low = min(row["energy_low_j"] / row["energy_j"] for row in rows)
    high = max(row["energy_high_j"] / row["energy_j"] for row in rows)
    common = " to ".join(f"×{digits(rows[0][f'common_factor_{end}'])}" for end in ("low", "high"))
    return [
        f"{rows[0]['source']} is an estimate: 90% of its errors lie between ×{digits(low)} and ×{digits(high)}. Of "
        f"that, {common} is one factor for all runs on this machine, which cancels where they are compared"
    ]


def mean_and_interval(values: Iterable[float]) -> tuple[float, float, float]:
    """
    Return the mean with its 90% interval by Student's t; the interval of a single value is that value.

    Student, "The probable error of a mean", Biometrika 6, 1908.
    """
    known = list(values)
    mean = sum(known) / len(known)
    if len(known) < 2:
        return mean, mean, mean
    from scipy.stats import t

    variance = sum((value - mean) ** 2 for value in known) / (len(known) - 1)
    half = float(t.ppf(0.95, len(known) - 1)) * (variance / len(known)) ** 0.5
    return mean, mean - half, mean + half
