"""
Records into OpenTelemetry: metrics over OTLP/HTTP, and the joules on the current span.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from greensdk_prometheus import address_of, is_worker

from greensdk.configure.builtin import LAMBDA
from greensdk.errors import SinkError
from greensdk_otel.resource import is_own
from greensdk_otel.spans import mark

if TYPE_CHECKING:
    from greensdk_otel.delivery import Delivery, Settings

__all__ = ["OtlpSink"]

PATH = "/v1/metrics"
"""Where a receiver takes metrics: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request."""

EVERY_S = 15.0
TIMEOUT_S = 2.0
MAX_VALUES = 100

_deliveries: dict[tuple[int, Settings], Delivery] = {}


class OtlpSink:
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

    client_side = True

    def __init__(
        self,
        uri: str,
        *,
        export_every_s: float = EVERY_S,
        timeout_s: float = TIMEOUT_S,
        max_values: int = MAX_VALUES,
    ) -> None:
        self.uri = uri
        self._delivery: Delivery | None = None
        endpoint = address_of(uri) + PATH
        if is_worker():
            return
        self._frozen = LAMBDA in os.environ
        from greensdk_otel.delivery import Delivery, Settings

        settings = Settings(uri, endpoint, timeout_s, max_values)
        # One for the process: two would export the same series.
        key = os.getpid(), settings
        if key not in _deliveries:
            _deliveries[key] = Delivery(settings, export_every_s)
        self._delivery = _deliveries[key]

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Mark the current span, and leave the record to the thread that exports.

        Raises:
            SinkError: Too many records wait already.
        """
        if is_own(record):
            mark(record)
        if self._delivery is None:
            return
        self._delivery.put(record)
        if self._frozen and not record.get("depth"):
            self._delivery.finish()

    def flush(self) -> None:
        """
        Export now.

        Raises:
            SinkError: The receiver did not take it; it goes with the next export.
        """
        if self._delivery is not None and not self._delivery.flush():
            raise SinkError(f"{self.uri}: {self._delivery.error or 'no answer in time'}")

    def close(self) -> None:
        """
        Export what has not been exported; where that fails, the records go to the spool.
        """
        if self._delivery is not None:
            self._delivery.finish()
