"""
OpenTelemetry's SDK, put together: instruments, a reader that is asked, an exporter that tells how it went.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from greensdk.errors import SinkError

try:
    from opentelemetry import context
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
    from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.version import __version__ as sdk_version
except ImportError as error:
    raise SinkError('opentelemetry is not installed: pip install "greensdk[otel]"') from error

from greensdk.deliver.delivery import Refused
from greensdk.version import __version__
from greensdk_otel.answers import Answers
from greensdk_otel.metrics import COUNTER, HISTOGRAM, INSTRUMENTS, Reader
from greensdk_otel.resource import attributes

SCOPE = "greensdk"
THREAD = "greensdk-otel"


class Pipeline:
    """
    Instruments of one process, made with its first record.

    Not OpenTelemetry's global provider, which is the program's own.
    """

    def __init__(self, endpoint: str, timeout_s: float, max_values: int) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._read = Reader(max_values)
        self._answers = Answers()
        self._exporter = OTLPMetricExporter(endpoint=endpoint, timeout=timeout_s, session=self._answers.session())
        self._reader = InMemoryMetricReader(
            preferred_temporality=self._exporter._preferred_temporality,
            preferred_aggregation=self._exporter._preferred_aggregation,
        )
        self._provider: MeterProvider | None = None
        self._adders: dict[str, Any] = {}
        self._complaints: list[str] = []
        _Ear.attach(self._complaints)

    def add(self, record: Mapping[str, Any]) -> None:
        """
        Add one record to the instruments.
        """
        if self._provider is None:
            self._make(record)
        for name, value, labels in self._read.points(record):
            self._adders[name](value, labels)

    def export(self) -> None:
        """
        Export everything.

        Raises:
            Refused: The receiver will not take it.
            SinkError: It did not take it.
        """
        data = self._reader.get_metrics_data()
        if data is None:
            return
        del self._complaints[:]
        self._answers.forget()
        key = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", None)
        token = context.attach(context.set_value(key, True)) if key else None
        try:
            result = self._exporter.export(data, timeout_millis=self._timeout_s * 1e3)
        finally:
            if token is not None:
                context.detach(token)
        if self._answers.refusal:
            raise Refused(f"{self._endpoint}: {self._answers.refusal}")
        if result is not MetricExportResult.SUCCESS:
            raise SinkError(self._complaints[-1] if self._complaints else f"{self._endpoint}: not taken")

    def _make(self, record: Mapping[str, Any]) -> None:
        views = [
            View(instrument_name=name, aggregation=ExplicitBucketHistogramAggregation(about.bounds))
            for name, about in INSTRUMENTS.items()
            if about.kind == HISTOGRAM
        ]
        sdk = {"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "python"}
        found = Resource({**attributes(record), **sdk, "telemetry.sdk.version": sdk_version})
        # Not Resource.create, which has threads detect: none can be born when the interpreter ends.
        resource = found.merge(OTELResourceDetector().detect())
        self._provider = MeterProvider([self._reader], resource, shutdown_on_exit=False, views=views)
        meter = self._provider.get_meter(SCOPE, __version__)
        for name, about in INSTRUMENTS.items():
            if about.kind == COUNTER:
                self._adders[name] = meter.create_counter(name, about.unit, about.text).add
            elif about.kind == HISTOGRAM:
                self._adders[name] = meter.create_histogram(name, about.unit, about.text).record
            else:
                self._adders[name] = meter.create_gauge(name, about.unit, about.text).set


class _Ear(logging.Filter):
    """
    Keeps what the exporter logs in our thread for the one warning there will be, instead of a line at each attempt.
    """

    LOGGER = "opentelemetry.exporter.otlp.proto.http.metric_exporter"

    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    @classmethod
    def attach(cls, heard: list[str]) -> None:
        """Listen, in place of whoever of us did before."""
        logger = logging.getLogger(cls.LOGGER)
        for old in [each for each in logger.filters if isinstance(each, cls)]:
            logger.removeFilter(old)
        logger.addFilter(cls(heard))

    def filter(self, record: logging.LogRecord) -> bool:
        """Let through what other threads' exporters say."""
        if threading.current_thread().name != THREAD:
            return True
        self.heard.append(record.getMessage())
        return False
