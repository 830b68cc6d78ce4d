"""
Which instruments there are, and what one record adds to each.

Names, units and attributes are OpenTelemetry's where it has some, of semantic conventions 1.3x, all in development but
``code.function.name`` and ``error.type``:

- https://opentelemetry.io/docs/specs/semconv/hardware/common/ : ``hw.energy``, ``hw.power``, ``hw.id``, ``hw.type``
- https://opentelemetry.io/docs/specs/semconv/hardware/host/ : ``hw.host.energy``, ``hw.host.power``: the whole machine
- https://opentelemetry.io/docs/specs/semconv/system/process-metrics/ : ``process.cpu.time``, ``process.disk.io``
- https://opentelemetry.io/docs/specs/semconv/faas/faas-metrics/ : ``faas.invoke_duration`` and its like
- https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/ : ``code.function.name``
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from greensdk.deliver.metrics import JOULES, MAX_VALUES, SAMPLED, SECONDS, STATISTICS, Labels, by_process, number

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
FAAS_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The bounds that the convention asks for."""

FUNCTION, LABEL, BACKEND = "code.function.name", "greensdk.label", "greensdk.backend"


class Instrument(NamedTuple):
    """
    One instrument.

    Attributes:
        kind: `COUNTER`, `GAUGE` or `HISTOGRAM`.
        unit: In UCUM.
        text: What it is.
        bounds: A histogram's upper bounds.
    """

    kind: str
    unit: str
    text: str
    bounds: tuple[float, ...] = ()


class Point(NamedTuple):
    """
    What a record adds to an instrument.
    """

    name: str
    value: float
    attributes: Mapping[str, Any]


INSTRUMENTS: dict[str, Instrument] = {
    "greensdk.calls": Instrument(COUNTER, "{call}", "Measured calls, by how they ended."),
    "greensdk.calls.without_number": Instrument(COUNTER, "{call}", "Measured calls whose energy is unknown."),
    "greensdk.energy": Instrument(COUNTER, "J", "Joules of calls, without those of the calls inside them."),
    "greensdk.call.energy": Instrument(HISTOGRAM, "J", "Joules of one call, with the calls inside.", JOULES),
    "greensdk.call.duration": Instrument(HISTOGRAM, "s", "Wall seconds of one call.", SECONDS),
    "greensdk.overhead": Instrument(COUNTER, "s", "Seconds that measuring added."),
    "greensdk.carbon": Instrument(COUNTER, "g", "Emissions of the electricity of outermost calls, as CO2."),
    "greensdk.cost": Instrument(COUNTER, "USD", "What outermost calls are billed."),
    "hw.energy": Instrument(COUNTER, "J", "What outermost calls took of a meter."),
    "hw.host.energy": Instrument(COUNTER, "J", "What outermost calls took of a meter of the whole machine."),
    "hw.power": Instrument(GAUGE, "W", "Mean power of a meter in the newest sampled call."),
    "hw.host.power": Instrument(GAUGE, "W", "The same of a meter of the whole machine."),
    "process.cpu.time": Instrument(COUNTER, "s", "CPU seconds of outermost calls, with their children."),
    "process.disk.io": Instrument(COUNTER, "By", "Bytes that outermost calls moved from and to the block devices."),
    "faas.invocations": Instrument(COUNTER, "{invocation}", "Number of successful invocations."),
    "faas.errors": Instrument(COUNTER, "{error}", "Number of invocation errors."),
    "faas.coldstarts": Instrument(COUNTER, "{coldstart}", "Number of invocation cold starts."),
    "faas.invoke_duration": Instrument(
        HISTOGRAM, "s", "Measures the duration of the function's logic execution.", FAAS_BOUNDS
    ),
    "greensdk.network": Instrument(GAUGE, "By/s", "Bytes over all of the machine's interfaces in the newest call."),
    "greensdk.sample.cpu": Instrument(GAUGE, "%", "CPU of worker and children in the newest sampled call."),
    "greensdk.sample.memory": Instrument(GAUGE, "By", "Memory of worker and children in the newest sampled call."),
    "greensdk.sample.disk.read": Instrument(GAUGE, "By/s", "Disk reads of worker and children, newest sampled call."),
    "greensdk.sample.disk.write": Instrument(GAUGE, "By/s", "Disk writes of worker and children, newest sampled call."),
    "greensdk.sample.process.cpu.time": Instrument(COUNTER, "s", "CPU seconds of the worker, and of its children."),
    "greensdk.sample.process.memory": Instrument(GAUGE, "By", "Most memory of the worker, and of its children."),
}
"""Name to :class:`Instrument`."""

SAMPLE = dict(zip(SAMPLED, [name for name in INSTRUMENTS if name.startswith("greensdk.sample.")], strict=False))
"""Key of a record's ``samples`` to instrument."""

WALL = "wall"
"""The boundary of a meter that sees the whole machine."""


class Reader:
    """
    Turns records into points, with few values for each attribute.
    """

    def __init__(self, max_values: int = MAX_VALUES) -> None:
        self._labels = Labels(max_values)

    def points(self, record: Mapping[str, Any]) -> Iterator[Point]:
        """
        Yield what one record adds; what is unknown adds nothing.
        """
        worker = record.get("worker") or {}
        names = {FUNCTION: record.get("function"), LABEL: record.get("label"), BACKEND: worker.get("backend")}
        who = self._short(names)
        found = [*_of_calls(record)]
        if not record.get("depth"):
            found += [*_of_outermost(record), *_of_meters(record), *_of_faas(record, worker)]
        for name, value, more in (*found, *_of_samples(record)):
            if (known := number(value)) is not None:
                yield Point(name, known, {**who, **self._short(more)})

    def _short(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._labels.of(name, value) for name, value in attributes.items() if value is not None}


Told = Iterator[tuple[str, Any, Mapping[str, Any]]]


def _of_calls(record: Mapping[str, Any]) -> Told:
    runs, joules = number(record.get("runs", 1)) or 0, number(record.get("energy_j"))
    boundary = {"greensdk.boundary": record.get("energy_boundary")}
    nested = {"greensdk.nested": "true" if record.get("depth") else "false"}
    ended = {"greensdk.status": record.get("status"), "error.type": record.get("error_type")}
    yield "greensdk.calls", runs, {**nested, **ended}
    yield "greensdk.overhead", record.get("overhead_s"), {}
    yield "greensdk.call.duration", record.get("duration_s"), nested
    if joules is None:
        yield "greensdk.calls.without_number", runs, nested
        return
    own = number(record.get("energy_self_j"))
    how = {"greensdk.source": record.get("energy_source"), "greensdk.quality": record.get("energy_quality")}
    yield "greensdk.energy", joules if own is None else own, {**how, **boundary}
    # An instrument has no weights: of many runs in a record, one point with their mean.
    yield "greensdk.call.energy", joules / runs if runs else None, {**boundary, **nested}


def _of_outermost(record: Mapping[str, Any]) -> Told:
    resources, seconds = record.get("resources") or {}, number(record.get("duration_s"))
    for mode in ("user", "system"):
        yield "process.cpu.time", resources.get(f"cpu_{mode}_s"), {"cpu.mode": mode}
    yield "process.disk.io", resources.get("io_read_bytes"), {"disk.io.direction": "read"}
    yield "process.disk.io", resources.get("io_write_bytes"), {"disk.io.direction": "write"}
    for key, direction in (("net_sent_bytes", "transmit"), ("net_recv_bytes", "receive")):
        moved = number(resources.get(key))
        rate = moved / seconds if moved is not None and seconds else None
        yield "greensdk.network", rate, {"network.io.direction": direction}
    yield "greensdk.carbon", (record.get("carbon") or {}).get("g_co2e"), {}
    yield "greensdk.cost", (record.get("cost") or {}).get("usd"), {}


def _of_meters(record: Mapping[str, Any]) -> Told:
    """Yield the call's part of each physical meter, once where two monitors read the same one."""
    seen: set[str] = set()
    for reading in record.get("readings") or ():
        meter = reading.get("meter_id")
        if not meter or meter in seen or number(reading.get("call_j")) is None:
            continue
        seen.add(meter)
        # The machine is the resource's; hw.id is "unique within the monitored host".
        host_id = (record.get("host") or {}).get("host_id")
        about = {"hw.id": meter.removeprefix(f"{host_id}:"), "hw.type": _type(reading.get("boundary"))}
        if reading.get("boundary") == WALL:
            yield "hw.host.energy", reading["call_j"], {}
        else:
            yield "hw.energy", reading["call_j"], about


def _type(boundary: Any) -> str:
    return "gpu" if boundary == "gpu" else "cpu"


def _of_faas(record: Mapping[str, Any], worker: Mapping[str, Any]) -> Told:
    if worker.get("adapter") != "lambda":
        return
    yield "faas.invoke_duration", record.get("duration_s"), {}
    yield ("faas.invocations" if record.get("status") == "ok" else "faas.errors"), 1, {}
    if worker.get("cold_start"):
        yield "faas.coldstarts", 1, {}


def _of_samples(record: Mapping[str, Any]) -> Told:
    samples = record.get("samples") or {}
    boundaries = {reading.get("monitor"): reading.get("boundary") for reading in record.get("readings") or ()}
    for key, name in SAMPLE.items():
        for statistic in STATISTICS:
            yield name, (samples.get(key) or {}).get(statistic), {"greensdk.statistic": statistic}
    for monitor, watts in (samples.get("power_w") or {}).items():
        mean_w, boundary = (watts or {}).get("mean"), boundaries.get(monitor)
        if boundary == WALL:
            yield "hw.host.power", mean_w, {}
        else:
            yield "hw.power", mean_w, {"hw.id": monitor, "hw.type": _type(boundary)}
    for process, rows in by_process(samples.get("processes") or ()).items():
        about = {"greensdk.process": process}
        yield "greensdk.sample.process.cpu.time", sum(row.get("cpu_s") or 0.0 for row in rows), about
        yield "greensdk.sample.process.memory", sum(row.get("rss_max_bytes") or 0 for row in rows), about
