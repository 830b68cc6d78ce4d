"""
Records into OpenTelemetry: metrics over OTLP/HTTP, and the joules on the current span.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from greensdk.deliver import lifecycle
from greensdk.deliver.metrics import MAX_VALUES, MetricsSink, address_of
from greensdk_otel.resource import is_own
from greensdk_otel.spans import mark

if TYPE_CHECKING:
    from greensdk_otel.export import Export

__all__ = ["OtlpSink"]

PATH = "/v1/metrics"
"""Where a receiver takes metrics: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request."""

EVERY_S = 15.0
TIMEOUT_S = 2.0
EXAMPLE = "otlp+http://host:4318"
CREDENTIALS = "put the password into OTEL_EXPORTER_OTLP_HEADERS"


class OtlpSink(MetricsSink):
    """
    Exports metrics by OpenTelemetry's SDK, and marks the span that is current when a call ends.

    In a Lithops worker it only marks spans: the client exports what it has collected. In a Lambda, which is frozen
    between two calls, each outermost call is exported before its result is returned.

    Args:
        uri: ``otlp+http://host:4318`` or ``otlp+https://...``, with a path before ``/v1/metrics`` if there is one.
        export_every_s: Seconds between two exports.
        timeout_s: How long an export may take with all retries, also when the process ends.
        max_values: How many values an attribute may have; the others become ``other``.

    Raises:
        ConfigError: The URI has no host, or has a password in it; ``OTEL_EXPORTER_OTLP_HEADERS`` is the place for that.
    """

    def __init__(
        self,
        uri: str,
        *,
        export_every_s: float = EVERY_S,
        timeout_s: float = TIMEOUT_S,
        max_values: int = MAX_VALUES,
    ) -> None:
        endpoint = address_of(uri, EXAMPLE, CREDENTIALS) + PATH
        self._settings = endpoint, timeout_s, max_values, export_every_s
        super().__init__(uri, (OtlpSink, uri, self._settings))
        self._exports = not lifecycle.is_lithops_worker()

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Mark the current span, and leave the record to the thread that exports.

        Raises:
            SinkError: Too many records wait already.
        """
        if is_own(record):
            mark(record)
        if self._exports:
            lifecycle.shared(self._name, self._open).put(record)

    def _open(self) -> Export:
        from greensdk_otel.export import Export

        return Export(self.uri, *self._settings)
