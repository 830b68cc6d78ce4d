"""
Does a monitor keep to its contract?
"""

from __future__ import annotations

import json
import threading
import time

from greensdk.monitor import (
    ATTRIBUTED,
    CALL,
    ESTIMATED,
    MACHINE,
    MEASURED,
    Availability,
    Estimator,
    Metric,
    Monitor,
    Reading,
    Usage,
)

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


def check_monitor(monitor: Monitor | Estimator) -> list[Metric]:
    """
    Take a monitor or estimator through its whole life, and return its metrics.

    The monitor is opened and closed twice, windows nest, overlap and last some milliseconds; it must be
    able to work here. It is closed at the end, also when a rule is broken.

    Args:
        monitor: Not open yet.

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
            else:
                _measure(monitor, metrics)
        finally:
            monitor.close()
    monitor.close()
    assert not (left := _running() - before), f"{monitor.name}: close() leaves something running: {left}"
    return metrics


def _running() -> set[str]:
    import psutil

    threads = {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}
    return threads | {f"process {child.pid}" for child in psutil.Process().children(recursive=True)}


def _check_probe(monitor: Monitor | Estimator) -> None:
    found = monitor.probe()
    assert isinstance(found, Availability), f"{monitor.name}: probe() must return an Availability, not {found!r}"
    if found.ok:
        assert not found.reason, f"{monitor.name}: an ok probe has no reason, but says {found.reason!r}"
    else:
        assert found.reason, f"{monitor.name}: a probe that is not ok must say why"
        raise AssertionError(f"{monitor.name}: it can't work here, so there is nothing to check: {found.reason}")


def _check_metrics(monitor: Monitor | Estimator) -> list[Metric]:
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
        check_reading(monitor, monitor.estimate(usage), metrics)


def check_reading(monitor: Monitor | Estimator, found: Reading, metrics: list[Metric]) -> None:
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
    assert found["call_j"] is None, f"{who}: call_j is filled by the attribution, not by the monitor"
    _check_numbers(who, found)
    names = {metric.name for metric in metrics}
    assert not (strange := set(found["domains"]) - names), f"{who}: open() did not name the domains {strange}"
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{who}: a reading must go into JSON as it is: {error}") from error


def _check_numbers(who: str, found: Reading) -> None:
    energy_j, low_j, high_j, reason = found["energy_j"], found["low_j"], found["high_j"], found["reason"]
    if energy_j is None:
        assert reason, f"{who}: energy_j is None without a reason"
        assert (low_j, high_j) == (None, None), f"{who}: an interval around no number: {low_j} to {high_j}"
        return
    assert not reason, f"{who}: a reading has a number ({energy_j} J) and a reason why it has none: {reason}"
    assert energy_j >= 0, f"{who}: energy_j is negative: {energy_j}"
    assert low_j is None or 0 <= low_j <= energy_j, f"{who}: low_j {low_j} is not between 0 and {energy_j}"
    assert high_j is None or energy_j <= high_j, f"{who}: high_j {high_j} is below {energy_j}"
    for name, joules in found["domains"].items():
        assert joules is None or joules >= 0, f"{who}: domain {name} is negative: {joules}"
