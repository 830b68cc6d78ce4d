"""
The numbers as prometheus-client's library has them: to be pushed, or to be scraped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, build_opener

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from greensdk.deliver.delivery import Refused
from greensdk_prometheus.families import COUNTER, FAMILIES, GAUGE, Family


class RecordCollector(Collector):
    """
    A collector for :class:`prometheus_client.CollectorRegistry`, or one to push by itself.
    """

    def __init__(self, state: Callable[[], Mapping[str, Iterable[tuple[Any, Any]]]]) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """
        Yield every metric that has a value.
        """
        for name, rows in self._state().items():
            yield _metric(name, FAMILIES[name], rows)

    def describe(self) -> Iterator[Metric]:
        """
        Yield every metric there may be, without values.
        """
        return (_metric(name, family, ()) for name, family in FAMILIES.items())


def _metric(name: str, family: Family, rows: Iterable[tuple[Any, Any]]) -> Metric:
    if family.kind == COUNTER:
        counter = CounterMetricFamily(name, family.text, labels=family.labels)
        for key, value in rows:
            counter.add_metric(key, value)
        return counter
    if family.kind == GAUGE:
        gauge = GaugeMetricFamily(name, family.text, labels=family.labels)
        for key, value in rows:
            gauge.add_metric(key, value)
        return gauge
    histogram = HistogramMetricFamily(name, family.text, labels=family.labels)
    for key, value in rows:
        histogram.add_metric(key, list(_buckets(family, value)), sum_value=value[-1])
    return histogram


def _buckets(family: Family, counts: list[float]) -> Iterator[tuple[str, float]]:
    """Yield each bucket's upper bound and how many values are not above it."""
    below = 0.0
    for bound, times in zip((*family.bounds, "+Inf"), counts, strict=False):
        below += times
        yield str(bound), below


def handler(username: str, password_file: str) -> Callable[..., Callable[[], None]]:
    """
    Return what prometheus-client calls to send a push. prometheus-client's own takes any page for a success.
    """

    def send(url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes) -> None:
        request = Request(url, data, dict(headers), method=method)  # noqa: S310 - address_of() lets http and https through
        if username:
            password = Path(password_file).read_text(encoding="utf-8").strip() if password_file else ""
            request.add_header("Authorization", f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}")
        with build_opener().open(request, timeout=timeout) as answer:
            if "html" in answer.headers.get("Content-Type", ""):
                raise Refused("a page answered, and no Pushgateway")

    return partial(partial, send)
