"""
``greensdk calibrate``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import click

from greensdk.cli.models import WINDOW_S, Modelled, listed, modelled, place, said

if TYPE_CHECKING:
    from typing import TypeAlias

    from greensdk.monitor import Monitor, Reading
    from greensdk.report.drift import Drift

    Meter: TypeAlias = Monitor | Modelled

NOTHING = "calibrate: no meter and no model of the whole machine works here; run `greensdk doctor`"
QUIET = 0.05
"""A machine whose CPUs are busy for more than this part of the time is not at rest."""
WATCH_S = 0.1
"""How long a counter is watched for its update interval."""


@click.command()
@click.option("--seconds", default=20, type=click.IntRange(3, 3600), show_default=True, help="How long to measure.")
@click.option("--out", metavar="FILE", help="Where to keep it, instead of the configured place.")
@click.option(
    "--reference",
    metavar="WATTS|battery",
    help="Scale the model by what a plug or a management controller shows on average meanwhile, or the battery.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibrate(seconds: int, out: str | None, reference: str | None, as_json: bool) -> None:
    """
    Measure idle power.

    Records then have active_j as well: the energy above idle. Keep the machine idle meanwhile. A calibration
    holds for this machine and this kernel, for 90 days. Without a meter it is the model's watts, at the load that the
    machine has when idle.

    With --reference the model of the machine's wall is compared with a real reading, at whatever load the machine has:
    the watts that a plug meter or a management controller (BMC) shows on average, or `battery`, the battery's own gauge
    of a laptop that runs on it. From then on the model is scaled by the ratio, and its interval is narrower. Repeat it
    at other loads: all readings of the last 90 days count.
    """
    from greensdk.cli import show
    from greensdk.errors import GreensdkError
    from greensdk.machine.calibration import save
    from greensdk.machine.hardware import host_id
    from greensdk.report.drift import compare

    path = out or place()
    _check(path)
    if reference is not None:
        from greensdk.cli.reference import refer

        refer(reference, path, seconds, as_json)
        return
    meters: Sequence[Meter] = _meters() or modelled()
    if not meters:
        raise GreensdkError(NOTHING)
    windows, busy = watch(meters, seconds, quiet=as_json)
    steps = {meter.name: update_interval_s(meter) for meter in meters}
    rows = {name: summary(readings, steps) for name, readings in _by_meter(windows).items()}
    if not rows:
        raise GreensdkError(NOTHING)
    drifts = compare({"duration_s": WINDOW_S, "readings": readings} for readings in windows)
    made = save(path, host_id(), rows, seconds)
    if as_json:
        show.json({**made, "path": path, "busy": busy, "drifts": [each._asdict() for each in drifts]})
        return
    _print(rows, busy, drifts)
    said(path)


def _check(path: str) -> None:
    """Say at once, and not after the measurement, that the file can't be written."""
    from greensdk.cli.survey import unwritable
    from greensdk.errors import GreensdkError

    if problem := unwritable(os.path.abspath(path)):
        raise GreensdkError(f"calibrate: {path}: {problem}; name another file with --out")


def _meters() -> list[Monitor]:
    """Return the monitors that a call would be measured with, open."""
    from greensdk.measure.slots import slot_for

    return list(slot_for({"sink": []}).open().monitors)


def watch(meters: Sequence[Meter], seconds: float, quiet: bool) -> tuple[list[list[Reading]], float | None]:
    """
    Return what each meter said in each second, and the part of the time the CPUs were busy.

    A meter that fails in one second is left out of that second.
    """
    from rich.progress import track

    from greensdk.measure.cputime import host_clock

    clock = host_clock()
    began, busy0_s = time.perf_counter(), clock.read() if clock else 0.0
    rounds = range(max(1, round(seconds / WINDOW_S)))
    windows = [_one(meters) for _ in track(rounds, "at rest", disable=quiet, transient=True)]
    if clock is None:
        return windows, None
    busy_s, elapsed_s = clock.read() - busy0_s, time.perf_counter() - began
    clock.close()
    return windows, busy_s / (elapsed_s * (os.cpu_count() or 1))


def _one(meters: Sequence[Meter]) -> list[Reading]:
    tokens: list[tuple[Meter, Any]] = []
    readings: list[Reading] = []
    for meter in meters:
        try:
            tokens.append((meter, meter.start()))
        except Exception:  # noqa: S112 - its row is missing, which says it
            continue
    time.sleep(WINDOW_S)
    for meter, token in reversed(tokens):
        try:
            readings += listed(meter.stop(token))[::-1]
        except Exception:  # noqa: S112
            continue
    return readings[::-1]


def _by_meter(windows: Sequence[Sequence[Reading]]) -> dict[str, list[Reading]]:
    from greensdk.measure.primaries import key_of
    from greensdk.monitor import MACHINE

    found: dict[str, list[Reading]] = {}
    for each in (each for window in windows for each in window):
        if each["scope"] == MACHINE and each["energy_j"] is not None:
            found.setdefault(key_of(each["monitor"], each["boundary"]), []).append(each)
    return found


def update_interval_s(meter: Meter) -> float | None:
    """
    Return the median time between two changes of a meter's counters; None where it does not show them.
    """
    if isinstance(meter, Modelled):
        return None
    changes: list[int] = []
    last: Any = None
    end_ns = time.perf_counter_ns() + int(WATCH_S * 1e9)
    while time.perf_counter_ns() < end_ns:
        attributes = meter.stop(meter.start())["attributes"]
        counters = attributes.get("start_uj") or attributes.get("start_counts")
        if counters != last:
            changes.append(time.perf_counter_ns())
            last = counters
    steps = [later - earlier for earlier, later in pairwise(changes[1:])]
    return median(steps) / 1e9 if steps else None


def summary(readings: Sequence[Reading], steps: Mapping[str, float | None]) -> dict[str, Any]:
    """
    Return a meter's watts at rest: the median of readings a second apart, and what 90% of them lie between.
    """
    watts = [(each["energy_j"] or 0.0) / WINDOW_S for each in readings]
    ends = quantiles(watts, n=20, method="inclusive") if len(watts) > 1 else [watts[0]]
    return {
        "idle_w": median(watts),
        "low_w": ends[0],
        "high_w": ends[-1],
        "windows": len(watts),
        "update_interval_s": steps.get(readings[0]["monitor"]),
    }


def _print(rows: Mapping[str, Mapping[str, Any]], busy: float | None, drifts: Sequence[Drift]) -> None:
    from greensdk.cli.show import table

    table(
        ["meter", "W at rest", "90% of the seconds", "seconds", "counter moves every"],
        [
            [
                name,
                f"{row['idle_w']:.4g}",
                f"{row['low_w']:.4g} .. {row['high_w']:.4g}",
                row["windows"],
                f"{row['update_interval_s'] * 1e3:.3g} ms" if row["update_interval_s"] else "(a model)",
            ]
            for name, row in rows.items()
        ],
    )
    if busy is None:
        click.echo("nothing tells how busy the CPUs were")
    elif busy > QUIET:
        click.echo(f"the CPUs were busy for {busy:.0%} of the time: this is not rest; stop what runs and repeat it")
    for drift in drifts:
        if drift.disagree:
            click.echo(str(drift))
