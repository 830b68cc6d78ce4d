"""
The client of a Lithops job: what hundreds of short-lived workers have recorded goes out from one place.

A worker that pushed would leave a group behind in the Pushgateway, a thousand workers a thousand. So the sinks that say
``client_side`` of themselves do nothing in a worker, and get the records that the client has collected. Where Lithops'
own telemetry is on (3.8 and later), it gets the joules too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from greensdk.deliver import spool
from greensdk.deliver.metrics import Labels, number
from greensdk.errors import warn_once
from greensdk_lithops.records import NOT_OVER

METRIC = "greensdk_energy_joules"
UNKNOWN = "unknown"

_given: set[str] = set()
_labels = Labels()


def hand_over(records: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    """
    Give collected records, each once in this process, to Lithops' telemetry and to the client's sinks. Never raises.

    Args:
        records: As ``collect`` returns them; calls that are not over are left for the next time.
        settings: The arguments of the executor's ``energy``.
    """
    fresh = [record for record in records if _is_over(record) and record["record_id"] not in _given]
    _given.update(record["record_id"] for record in fresh)
    if not fresh:
        return
    try:
        feed(fresh)
        sinks = _sinks(settings)
    except Exception as error:
        warn_once(f"greensdk could not hand over the records of a Lithops job: {error}")
        return
    for uri, target, config in sinks:
        _give(fresh, uri, target, config)


def feed(records: Iterable[Mapping[str, Any]]) -> int:
    """
    Add records to Lithops' own telemetry, if that is on, as the counter ``greensdk_energy_joules_total``.

    Its labels are those of Lithops' metrics, and ``source``. Returns how many records had joules and were added.
    """
    telemetry: Any = sys.modules.get("lithops.telemetry")
    if telemetry is None or not hasattr(telemetry, "current_telemetry"):
        return 0
    added = 0
    for record in records:
        worker = record.get("worker") or {}
        bound = telemetry.current_telemetry(worker.get("backend"))
        # The only way to its registry, and not a public one.
        exporter = getattr(bound, "_exporter", None)
        joules = number(record.get("energy_self_j", record.get("energy_j")))
        if exporter is not None and joules is not None:
            exporter.observe(_metric(), joules, _labels_of(record, worker, bound))
            added += 1
    return added


def _metric() -> Any:
    from lithops.telemetry.metrics import COUNTER, MetricSpec

    return MetricSpec(
        METRIC, COUNTER, "Joules of calls, without those of the calls inside them", extra_labels=("source",)
    )


def _labels_of(record: Mapping[str, Any], worker: Mapping[str, Any], bound: Any) -> dict[str, str]:
    memory_mb = worker.get("memory_mb")
    found = {
        "backend": worker.get("backend") or getattr(bound, "_backend", None) or UNKNOWN,
        "runtime_name": worker.get("runtime_name") or UNKNOWN,
        "runtime_memory": int(memory_mb or 0),
        "function_name": record.get("function") or UNKNOWN,
        "source": record.get("energy_source") or UNKNOWN,
    }
    return {name: _labels.of(name, value) for name, value in found.items()}


def _sinks(settings: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return (URI, target, keyword arguments) of the sinks that are the client's."""
    from greensdk.configure.settings import KEYS
    from greensdk.measure.build import settle

    found = {**settings, **(settings.get("plugins") or {})}
    # An executor takes more than a decorator: names of stages and workflows.
    known = {
        name: each for name, each in found.items() if name in KEYS or (isinstance(each, Mapping) and name != "plugins")
    }
    wanted = settle(settings if "sources" in settings else known).get("sinks") or ()
    return [(uri, target, config) for uri, target, config in wanted if _is_clients(target)]


def _is_clients(target: str) -> bool:
    from greensdk.configure.targets import load

    try:
        return getattr(load(target), "client_side", False) is True
    except Exception:
        return False  # the workers meet the same error, and have a record to put it in


def _give(records: Iterable[Mapping[str, Any]], uri: str, target: str, config: Mapping[str, Any]) -> None:
    from greensdk.configure.targets import load

    try:
        sink = load(target)(uri, **config)
    except Exception as error:
        for record in records:
            spool.keep(record, uri, error)
        return
    for record in records:
        try:
            sink.emit(record)
        except Exception as error:
            spool.keep(record, uri, error)
    with suppress(Exception):  # what it could not deliver it keeps, and says so itself
        sink.close()


def _is_over(record: Mapping[str, Any]) -> bool:
    return not (record.get("status") == "lost" and record.get("reason") == NOT_OVER)
