"""
The metrics: their names, labels and units, and what one record adds to each.

Names follow https://prometheus.io/docs/practices/naming/: base units, ``_total`` for what only grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from greensdk.deliver.metrics import JOULES, SECONDS, STATISTICS, by_process, number

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

WHO = ("function", "label", "backend")
NEWEST = "newest sampled call"


class Family(NamedTuple):
    """
    One metric.

    Attributes:
        kind: `COUNTER`, `GAUGE` or `HISTOGRAM`.
        labels: Names of its labels.
        text: What it is.
        bounds: A histogram's upper bounds.
    """

    kind: str
    labels: tuple[str, ...]
    text: str
    bounds: tuple[float, ...] = ()


class Observation(NamedTuple):
    """
    What a record adds to a metric.

    Attributes:
        name: The metric's.
        labels: Values for its labels, in order; None for what is not known.
        value: To add, to set, or to sort into a bucket.
        times: How often, into a bucket.
    """

    name: str
    labels: tuple[Any, ...]
    value: float
    times: int = 1


def _sampled(what: str) -> Family:
    return Family(GAUGE, (*WHO, "statistic"), f"{what}, {NEWEST}.")


FAMILIES: dict[str, Family] = {
    "greensdk_calls": Family(COUNTER, (*WHO, "nested", "status"), "Measured calls, by how they ended."),
    "greensdk_calls_without_number": Family(COUNTER, (*WHO, "nested"), "Measured calls whose energy is unknown."),
    "greensdk_energy_joules": Family(
        COUNTER, (*WHO, "source", "quality", "boundary"), "Joules of calls, without those of the calls inside them."
    ),
    "greensdk_call_joules": Family(HISTOGRAM, (*WHO, "boundary"), "Joules of one call, with the calls inside.", JOULES),
    "greensdk_call_duration_seconds": Family(HISTOGRAM, WHO, "Wall seconds of one call.", SECONDS),
    "greensdk_cpu_seconds": Family(COUNTER, (*WHO, "nested"), "CPU seconds of calls, with the calls inside them."),
    "greensdk_cpu_mode_seconds": Family(COUNTER, (*WHO, "mode"), "The same by mode, of outermost calls."),
    "greensdk_overhead_seconds": Family(COUNTER, WHO, "Seconds that measuring added."),
    "greensdk_carbon_grams": Family(COUNTER, WHO, "Emissions of the electricity of outermost calls, as CO2."),
    "greensdk_cost_usd": Family(COUNTER, WHO, "What outermost calls are billed, in US dollars."),
    "greensdk_disk_read_bytes": Family(COUNTER, WHO, "Bytes that outermost calls had the block devices read."),
    "greensdk_disk_written_bytes": Family(COUNTER, WHO, "Bytes that outermost calls had the block devices write."),
    "greensdk_peak_memory_bytes": Family(GAUGE, WHO, "Most memory the process ever had resident, newest call."),
    "greensdk_network_sent_bytes_per_second": Family(
        GAUGE, WHO, "Sent by all of the machine's interfaces, newest call."
    ),
    "greensdk_network_received_bytes_per_second": Family(
        GAUGE, WHO, "Received by all of the machine's interfaces, newest call."
    ),
    "greensdk_sampled_cpu_percent": _sampled("CPU of worker and children, 100 for each busy CPU"),
    "greensdk_sampled_memory_bytes": _sampled("Resident memory of worker and children"),
    "greensdk_sampled_disk_read_bytes_per_second": _sampled("Disk reads of worker and children"),
    "greensdk_sampled_disk_written_bytes_per_second": _sampled("Disk writes of worker and children"),
    "greensdk_sampled_power_watts": Family(GAUGE, (*WHO, "monitor", "statistic"), f"Power of a meter, {NEWEST}."),
    "greensdk_sampled_process_cpu_seconds": Family(
        COUNTER, (*WHO, "process"), "CPU seconds of the worker and of its children, as samples saw them."
    ),
    "greensdk_sampled_process_memory_bytes": Family(
        GAUGE, (*WHO, "process"), f"Most memory of the worker and of its children, {NEWEST}."
    ),
    "greensdk_labels_replaced": Family(
        COUNTER, ("name",), "Times that a label became other, because there are too many."
    ),
}
"""Name to :class:`Family`; a counter's name gets ``_total`` where it is shown."""

REPLACED = "greensdk_labels_replaced"
SAMPLED = {
    "cpu_percent": "greensdk_sampled_cpu_percent",
    "rss_bytes": "greensdk_sampled_memory_bytes",
    "io_read_bytes_per_s": "greensdk_sampled_disk_read_bytes_per_second",
    "io_write_bytes_per_s": "greensdk_sampled_disk_written_bytes_per_second",
}
"""Key of a record's ``samples`` to metric."""


def observations(record: Mapping[str, Any]) -> Iterator[Observation]:
    """
    Yield what one record adds. Keys that it lacks add nothing, and neither does what is unknown.
    """
    told_who = record.get("function"), record.get("label"), (record.get("worker") or {}).get("backend")
    who = tuple("" if each is None else each for each in told_who)
    outer = not record.get("depth")
    yield from _of_calls(record, who, "false" if outer else "true")
    found: list[tuple[str, tuple[Any, ...], Any]] = [("greensdk_overhead_seconds", (), record.get("overhead_s"))]
    if outer:
        found += _of_outermost(record)
    for name, more, value in (*found, *_of_samples(record.get("samples") or {})):
        if (known := number(value)) is not None:
            yield Observation(name, (*who, *more), known)


def _of_calls(record: Mapping[str, Any], who: tuple[Any, ...], nested: str) -> Iterator[Observation]:
    runs = int(number(record.get("runs", 1)) or 0)
    yield Observation("greensdk_calls", (*who, nested, record.get("status")), runs)
    boundary = record.get("energy_boundary")
    joules = number(record.get("energy_j"))
    if joules is None:
        yield Observation("greensdk_calls_without_number", (*who, nested), runs)
    else:
        own = number(record.get("energy_self_j"))
        how = record.get("energy_source"), record.get("energy_quality"), boundary
        yield Observation("greensdk_energy_joules", (*who, *how), joules if own is None else own)
        if runs:
            yield Observation("greensdk_call_joules", (*who, boundary), joules / runs, runs)
    if (duration_s := number(record.get("duration_s"))) is not None:
        yield Observation("greensdk_call_duration_seconds", who, duration_s)
    if (cpu_s := number(record.get("cpu_s"))) is not None:
        yield Observation("greensdk_cpu_seconds", (*who, nested), cpu_s)


def _of_outermost(record: Mapping[str, Any]) -> list[tuple[str, tuple[Any, ...], Any]]:
    """Return what calls inside others must not add again."""
    resources, duration_s = record.get("resources") or {}, number(record.get("duration_s"))
    sent, received = number(resources.get("net_sent_bytes")), number(resources.get("net_recv_bytes"))
    return [
        ("greensdk_cpu_mode_seconds", ("user",), resources.get("cpu_user_s")),
        ("greensdk_cpu_mode_seconds", ("system",), resources.get("cpu_system_s")),
        ("greensdk_carbon_grams", (), (record.get("carbon") or {}).get("g_co2e")),
        ("greensdk_cost_usd", (), (record.get("cost") or {}).get("usd")),
        ("greensdk_disk_read_bytes", (), resources.get("io_read_bytes")),
        ("greensdk_disk_written_bytes", (), resources.get("io_write_bytes")),
        ("greensdk_peak_memory_bytes", (), resources.get("peak_rss_bytes")),
        ("greensdk_network_sent_bytes_per_second", (), sent / duration_s if duration_s and sent is not None else None),
        (
            "greensdk_network_received_bytes_per_second",
            (),
            received / duration_s if duration_s and received is not None else None,
        ),
    ]


def _of_samples(samples: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    for key, name in SAMPLED.items():
        for statistic in STATISTICS:
            yield name, (statistic,), (samples.get(key) or {}).get(statistic)
    for monitor, watts in (samples.get("power_w") or {}).items():
        for statistic in STATISTICS:
            yield "greensdk_sampled_power_watts", (monitor, statistic), (watts or {}).get(statistic)
    for process, rows in by_process(samples.get("processes") or ()).items():
        yield "greensdk_sampled_process_cpu_seconds", (process,), sum(row.get("cpu_s") or 0.0 for row in rows)
        yield "greensdk_sampled_process_memory_bytes", (process,), sum(row.get("rss_max_bytes") or 0 for row in rows)
