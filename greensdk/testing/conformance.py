"""
Does a monitor keep to its contract?
"""

from __future__ import annotations

import json
import threading
import time

from greensdk.deliver.lines import encode
from greensdk.measure.blocks import capture
from greensdk.monitor import (
    ATTRIBUTED,
    CALL,
    ESTIMATED,
    MACHINE,
    MEASURED,
    Availability,
    CpuClock,
    CpuTime,
    Estimator,
    Metric,
    Monitor,
    Reading,
    Usage,
)
from greensdk.schema.check import problems
from greensdk.testing.tracking import tracked_by

UNITS = ("J", "W", "s", "1")
SCOPES = (MACHINE, CALL)
QUALITIES = (MEASURED, ATTRIBUTED, ESTIMATED)

USAGES = (
    Usage(1.0, 0.5, 1.5, "process"),
    Usage(0.0, 0.0, 0.0, "process"),
    Usage(2.0, 2.0, None, "process"),
    Usage(2.0, None, None, "none"),
)
"""An ordinary call, one that took no time, and two where clocks are missing."""


Checked = Monitor | Estimator | CpuClock


def check_monitor(monitor: Checked) -> list[Metric]:
    """
    Take a monitor, an estimator or a CPU clock, not open yet, through its whole life, and return its metrics.

    The monitor is opened and closed twice, windows nest, overlap and last some milliseconds; it must be able to work
    here, and the record of a call that it measures must pass ``greensdk validate``. It is closed at the end, also when
    a rule is broken.

    Raises:
        AssertionError: A rule of :mod:`greensdk.monitor` is broken; the text says which.
    """
    before = _running()
    assert isinstance(monitor.name, str), f"name must be a text, not {monitor.name!r}"
    assert monitor.name, "name must not be empty"
    assert isinstance(monitor.cheap, bool), f"{monitor.name}: cheap must be True or False"
    _check_probe(monitor)
    metrics: list[Metric] = []
    for _ in range(2):
        try:
            metrics = _check_metrics(monitor)
            if isinstance(monitor, Estimator):
                _estimate(monitor, metrics)
            elif isinstance(monitor, CpuClock):
                _count(monitor)
            else:
                _measure(monitor, metrics)
        finally:
            monitor.close()
    monitor.close()
    _check_record(monitor)
    assert not (left := _running() - before), f"{monitor.name}: close() leaves something running: {left}"
    return metrics


def _check_record(monitor: Checked) -> None:
    try:
        with capture() as records:
            tracked_by(monitor)(lambda: None)()
    finally:
        monitor.close()
    for record in records:
        wrong = problems(json.loads(encode(record)))
        assert not wrong, f"{monitor.name}: a record that greensdk validate refuses: {wrong}"


def _running() -> set[str]:
    import psutil

    threads = {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}
    return threads | {f"process {child.pid}" for child in psutil.Process().children(recursive=True)}


def _check_probe(monitor: Checked) -> None:
    found = monitor.probe()
    assert isinstance(found, Availability), f"{monitor.name}: probe() must return an Availability, not {found!r}"
    if found.ok:
        assert not found.reason, f"{monitor.name}: an ok probe has no reason, but says {found.reason!r}"
    else:
        assert found.reason, f"{monitor.name}: a probe that is not ok must say why"
        raise AssertionError(f"{monitor.name}: it can't work here, so there is nothing to check: {found.reason}")


def _check_metrics(monitor: Checked) -> list[Metric]:
    metrics = list(monitor.open())
    assert metrics, f"{monitor.name}: open() must name at least one metric"
    for metric in metrics:
        assert isinstance(metric, Metric), f"{monitor.name}: open() must return Metrics, not {metric!r}"
        where = f"{monitor.name}: metric {metric.name!r}"
        assert metric.unit in UNITS, f"{where}: unit {metric.unit!r} is none of {UNITS}"
        assert metric.scope in SCOPES, f"{where}: scope {metric.scope!r} is none of {SCOPES}"
        assert metric.quality in QUALITIES, f"{where}: quality {metric.quality!r} is none of {QUALITIES}"
        assert metric.domain, f"{where}: it belongs to no domain"
    names = [metric.name for metric in metrics]
    assert len(set(names)) == len(names), f"{monitor.name}: two metrics have one name: {sorted(names)}"
    return metrics


def _measure(monitor: Monitor, metrics: list[Metric]) -> None:
    limit_s = monitor.max_window_s
    assert limit_s is None or limit_s > 0, f"{monitor.name}: max_window_s must be None or above 0, not {limit_s}"
    outer = monitor.start()
    inner = monitor.start()
    time.sleep(0.003)
    readings = [monitor.stop(inner)]
    overlapping = monitor.start()
    monitor.poll()
    time.sleep(0.003)
    readings += [monitor.stop(outer), monitor.stop(overlapping), monitor.stop(monitor.start())]
    for found in readings:
        check_reading(monitor, found, metrics)


def _estimate(monitor: Estimator, metrics: list[Metric]) -> None:
    for usage in USAGES:
        made = monitor.estimate(usage)
        several = [made] if isinstance(made, dict) else list(made)
        assert several, f"{monitor.name}: estimate() must return at least one reading"
        boundaries = [each["boundary"] for each in several]
        assert len(set(boundaries)) == len(boundaries), f"{monitor.name}: two readings of one boundary: {boundaries}"
        for each in several:
            check_reading(monitor, each, metrics)


def _count(clock: CpuClock) -> None:
    outer, inner = clock.start(), clock.start()
    time.sleep(0.003)
    short = clock.cpu_time(inner)
    time.sleep(0.003)
    long = clock.cpu_time(outer)
    for found in (short, long):
        assert isinstance(found, CpuTime), f"{clock.name}: cpu_time() must return a CpuTime, not {found!r}"
        assert found.host_s >= 0, f"{clock.name}: the machine was busy for {found.host_s} s"
        assert found.tree_s is None or found.tree_s >= 0, f"{clock.name}: the process was busy for {found.tree_s} s"
        assert found.resolution_s >= 0, f"{clock.name}: resolution_s is {found.resolution_s}"
        _check_json(clock.name, found.attributes)
    assert short.host_s <= long.host_s, f"{clock.name}: a window inside another counted more"


def check_reading(monitor: Checked, found: Reading, metrics: list[Metric]) -> None:
    """
    Check one reading.

    Raises:
        AssertionError: A rule of :class:`greensdk.monitor.Reading` is broken.
    """
    who = monitor.name
    expected, keys = set(Reading.__annotations__), set(found)
    assert expected == keys, f"{who}: a reading has keys {sorted(keys - expected)} too many and lacks {expected - keys}"
    assert found["monitor"] == who, f"{who}: the reading says that it is of {found['monitor']!r}"
    assert found["scope"] in SCOPES, f"{who}: scope {found['scope']!r} is none of {SCOPES}"
    assert found["quality"] in QUALITIES, f"{who}: quality {found['quality']!r} is none of {QUALITIES}"
    assert found["boundary"], f"{who}: boundary must say what is inside the number"
    _check_numbers(who, found)
    names = {metric.name for metric in metrics}
    assert not (strange := set(found["domains"]) - names), f"{who}: open() did not name the domains {strange}"
    _check_json(who, found)


def _check_json(who: str, found: object) -> None:
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{who}: a reading must go into JSON as it is: {error}") from error


def _check_interval(
    who: str, number: float | None, low_key: str, low: float | None, high_key: str, high: float | None
) -> None:
    if number is None:
        assert (low, high) == (None, None), f"{who}: an interval around no number: {low_key} {low}, {high_key} {high}"
        return
    assert low is None or 0 <= low <= number, f"{who}: {low_key} {low} is not between 0 and {number}"
    assert high is None or number <= high, f"{who}: {high_key} {high} is below {number}"


def _check_numbers(who: str, found: Reading) -> None:
    energy_j, call_j, reason = found["energy_j"], found["call_j"], found["reason"]
    if energy_j is None:
        assert reason, f"{who}: energy_j is None without a reason"
        assert call_j is None, f"{who}: call_j is {call_j} where energy_j is None"
    else:
        assert energy_j >= 0, f"{who}: energy_j is negative: {energy_j}"
        _check_share(who, found, energy_j)
    _check_interval(who, energy_j, "energy_low_j", found["energy_low_j"], "energy_high_j", found["energy_high_j"])
    _check_interval(who, call_j, "low_j", found["low_j"], "high_j", found["high_j"])
    for name, joules in found["domains"].items():
        assert joules is None or joules >= 0, f"{who}: domain {name} is negative: {joules}"


def _check_share(who: str, found: Reading, energy_j: float) -> None:
    call_j, reason = found["call_j"], found["reason"]
    if found["scope"] == CALL:
        assert call_j is None, f"{who}: energy_j is the call's already, so attribution fills call_j"
    if call_j is None:
        may_stay_whole = found["scope"] == MACHINE and energy_j > 0
        assert may_stay_whole or not reason, f"{who}: a reading has a number ({energy_j} J) and a reason: {reason}"
    else:
        assert not reason, f"{who}: a reading has call_j ({call_j} J) and a reason why it has none: {reason}"
        assert 0 <= call_j <= energy_j, f"{who}: call_j {call_j} is no part of {energy_j}"
