"""
arm64 compared with x86_64, in per cent: published times on AWS Lambda, cost by the price list, energy by the estimator;
and how much of the difference in energy comes from assumed watts alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import Any

from greensdk_cost.prices import SOURCES, gb_s_usd, source
from greensdk_lambda_estimator.model import Model
from greensdk_lambda_estimator.places import MB_PER_VCPU
from greensdk_lambda_estimator.watts import AMD, ARM, INTEL, MEMORY_W_PER_GB, Part

from greensdk.cli.show import count
from greensdk_workloads.studies.arm_times import TIMES_MS
from greensdk_workloads.studies.command import Settings
from greensdk_workloads.studies.dte import ARM_TIME, REGION, cells_of
from greensdk_workloads.studies.measure import mean_and_interval
from greensdk_workloads.studies.page import Page
from greensdk_workloads.studies.pictures import COLOURS, figure
from greensdk_workloads.studies.table import Row, Table

COLUMNS = ("time_pct", "cost_pct", "energy_pct_intel", "energy_pct_amd", "watts_part_intel", "time_from")
QUANTITIES = {
    "time_pct": "time",
    "cost_pct": "cost",
    "energy_pct_intel": "energy, if x86 is\nIntel Xeon",
    "energy_pct_amd": "energy, if x86 is\nAMD EPYC",
}
LIVE, PUBLIC = "applications", "public runs"


def make(settings: Settings) -> list[str]:
    """
    Compare, draw, and return the lines to print.
    """
    path = settings.folder / "compare-arch.csv"
    path.unlink(missing_ok=True)
    table = Table(path, ("what", "name", "memory_mb"), COLUMNS)
    for row in [*_public(), *_applications(settings)]:
        table.add(row)
    return _show(table.rows, settings)


def _public() -> list[Row]:
    """
    Return a row for each runtime and memory that was run on both architectures of AWS Lambda.
    """
    return [
        pair(PUBLIC, runtime, memory_mb, arm_ms / x86_ms, "measured on AWS Lambda")
        for runtime, memories in TIMES_MS.items()
        for memory_mb, (arm_ms, x86_ms) in memories.items()
    ]


def _applications(settings: Settings) -> list[Row]:
    """
    Return a row for each application and memory of the study dte: x86_64 run here, arm64 by the assumed ratio.
    """
    cells = [row for row in cells_of(settings) if row["arch"] == "x86_64"]
    return [pair(LIVE, row["workload"], row["memory_mb"], ARM_TIME, f"assumed: ×{ARM_TIME}") for row in cells]


def pair(what: str, name: str, memory_mb: int, time_ratio: float, time_from: str, busy: float = 1.0) -> Row:
    """
    Return by how many per cent arm64 takes more than x86_64 (below 0: less).

    Args:
        what: Kind of row.
        name: Runtime or application.
        memory_mb: Memory of the function.
        time_ratio: Time on arm64 relative to x86_64.
        time_from: Source of the ratio.
        busy: Utilisation of the function's share of a CPU, from 0 to 1.
    """
    arm_usd, x86_usd = (gb_s_usd(REGION, arch, 1) for arch in ("arm64", "x86_64"))
    assert arm_usd
    assert x86_usd
    intel, amd = (watts(ARM, memory_mb, busy) / watts(x86, memory_mb, busy) for x86 in (INTEL, AMD))
    return {
        "what": what,
        "name": name,
        "memory_mb": memory_mb,
        "time_pct": 100 * (time_ratio - 1),
        "cost_pct": 100 * (time_ratio * arm_usd / x86_usd - 1),
        "energy_pct_intel": 100 * (time_ratio * intel - 1),
        "energy_pct_amd": 100 * (time_ratio * amd - 1),
        "watts_part_intel": part_of_watts(time_ratio, intel),
        "time_from": time_from,
    }


def watts(part: Part, memory_mb: int, busy: float) -> float:
    """
    Return the estimator's watts of a function that uses `busy` of its share of a CPU.
    """
    share = memory_mb / MB_PER_VCPU
    model = Model(share, memory_mb / 1024, part.idle_w, part.busy_w, MEMORY_W_PER_GB)
    return sum(model.joules(1.0, busy * share))


def part_of_watts(time_ratio: float, watts_ratio: float) -> float:
    """
    Return the part of an energy ratio's logarithm that comes from watts rather than time, from 0 to 1.

    Example:
        >>> part_of_watts(0.5, 0.5), part_of_watts(1.0, 0.6), part_of_watts(0.9, 1.0)
        (0.5, 1.0, 0.0)
    """
    by_watts, by_time = abs(log(watts_ratio)), abs(log(time_ratio))
    return by_watts / (by_watts + by_time) if by_watts + by_time else 0.0


def _show(rows: Sequence[Row], settings: Settings) -> list[str]:
    stem = settings.folder / "compare-arch"
    _draw(stem, rows)
    findings = [_line(rows, what, column) for what in (PUBLIC, LIVE) for column in QUANTITIES]
    shares = [100 * row["watts_part_intel"] for row in rows]
    findings.append(
        f"{min(shares):.0f}% to {max(shares):.0f}% (mean {sum(shares) / len(shares):.0f}%) of the energy "
        "difference to Intel comes from the assumed watts of a vCPU, not from measurements; no ARM server's watts were "
        "measured, and arm64's energy lies between ×{:.2g} and ×{:.2g} of this".format(*ARM.factors)
    )
    page = Page("How does arm64 compare with x86_64?", settings.command)
    page.findings("Difference of arm64 to x86_64 in per cent; below 0 arm64 takes less.", *findings)
    page.picture(stem, "Each dot is a pair: the same function and memory size on both; bars are means")
    page.table(
        "All pairs: difference in per cent of x86_64",
        ("data", "name", "memory MB", "time", "cost", "energy (Intel)", "energy (AMD)", "from watts", "source of time"),
        [[row[key] for key in ("what", "name", "memory_mb", *COLUMNS)] for row in rows],
    )
    page.sources(_sources())
    page.write(settings.folder / "compare-arch.html")
    return [*findings, str(settings.folder / "compare-arch.html")]


def _sources() -> list[str]:
    where = source(REGION)
    return [
        f"{PUBLIC}: github.com/mbwilding/lambda-benchmark, commit d8e8775, MIT: four runtimes, 16 memory sizes, S3",
        f"{LIVE}: time by the median of 353 pairs of these applications on Lambda (×{ARM_TIME}), assumed for all of "
        "them, so their dots differ by memory size alone",
        f"cost: prices of {REGION}, {where}, read on {SOURCES[where]}",
        f"energy: estimates. Watts of a busy vCPU: {INTEL.cpu} {INTEL.busy_w:.2f}, {AMD.cpu} {AMD.busy_w:.2f}, "
        f"{ARM.cpu} {ARM.busy_w:.2f}; no measurements on Lambda are published. Functions are "
        "assumed to be busy all the time",
    ]


def _line(rows: Sequence[Row], what: str, column: str) -> str:
    values = [row[column] for row in rows if row["what"] == what]
    mean, low, high = mean_and_interval(values)
    name = QUANTITIES[column].replace("\n", " ")
    interval = f"90% interval of the mean {low:+.1f}% to {high:+.1f}%" if what == PUBLIC else "with the assumed time"
    return f"{what}, {name}: {mean:+.1f}% ({interval}; {count(len(values), 'pair')})"


def _draw(stem: Path, rows: Sequence[Row]) -> None:
    with figure(stem, columns=2, size=(11.0, 4.6)) as axes:
        for axis, what in zip(axes[0], (PUBLIC, LIVE), strict=True):
            for index, column in enumerate(QUANTITIES):
                _strip(axis, index, [row[column] for row in rows if row["what"] == what])
            axis.axvline(0, color="black", lw=1)
            axis.set(yticks=range(len(QUANTITIES)), yticklabels=QUANTITIES.values(), ylim=(len(QUANTITIES) - 0.5, -0.5))
            axis.set(
                xlabel="difference of arm64 to x86_64 (%): left of 0, arm64 takes less",
                title=f"{what}: one dot per pair",
            )
            axis.grid(visible=False, axis="y")
            axis.margins(x=0.1)


def _strip(axis: Any, row: int, values: list[float]) -> None:
    mean, low, high = mean_and_interval(values)
    axis.barh(row, mean, height=0.5, color=COLOURS[row], alpha=0.35, zorder=1)
    # Spread the dots vertically so that they don't hide each other; the same in each picture.
    for number, value in enumerate(sorted(values)):
        axis.plot(value, row + ((number * 7) % 9 - 4) / 24, ".", color=COLOURS[row], ms=5, alpha=0.7, zorder=2)
    axis.plot([low, high], [row, row], color="black", lw=2, zorder=3)
    axis.text(mean, row - 0.3, f"{mean:+.0f}%", ha="center", va="bottom", fontsize=9)
