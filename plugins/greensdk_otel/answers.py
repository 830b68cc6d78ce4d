"""
What a receiver answers, which OpenTelemetry's exporter looks at by its status only.

Taken is what a success says so of, in the protocol's own form and for all points
(https://opentelemetry.io/docs/specs/otlp/#otlphttp-response); not what a proxy has redirected to its login page.
"""

from __future__ import annotations

import json
import os
from typing import Any

import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

PROVIDERS = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER",
)
"""Variables by which a program has OpenTelemetry make the session, with its credentials."""

PASSING = frozenset({408, 429})
"""Statuses below 500 after which the same request may succeed."""


class Answers:
    """
    Listens to one exporter's requests.

    Attributes:
        refusal: Why the newest export is not taken and will not be; empty where it is, or may be later.
    """

    def __init__(self) -> None:
        self.refusal = ""

    def session(self) -> requests.Session | None:
        """
        Return a session for the exporter; None where the program has one of its own.
        """
        if any(os.environ.get(name) for name in PROVIDERS):
            return None
        session = requests.Session()
        session.hooks["response"].append(self._hear)
        return session

    def forget(self) -> None:
        """
        Begin with another export.
        """
        self.refusal = ""

    def _hear(self, response: Any, **_: Any) -> None:
        status = response.status_code
        if status // 100 == 3:
            self.refusal = f"HTTP {status}: it redirects elsewhere"
            response.headers.pop("Location", None)  # what is not there is not followed
        elif status // 100 == 2:
            self.refusal = _fault(response.content, response.headers.get("Content-Type", ""))
        elif 400 <= status < 500 and status not in PASSING:
            said = " ".join(response.text[:200].split())
            self.refusal = f"HTTP {status}: {said or response.reason}"


def _fault(body: bytes, kind: str) -> str:
    """Return what is wrong with a success."""
    try:
        if "json" in kind:
            partial = json.loads(body or b"{}").get("partialSuccess") or {}
            rejected, why = int(partial.get("rejectedDataPoints") or 0), partial.get("errorMessage")
        else:
            part = ExportMetricsServiceResponse.FromString(body).partial_success
            rejected, why = part.rejected_data_points, part.error_message
    except Exception:
        return "it answered something else than OTLP"
    return f"it rejected {rejected} data points: {why or 'no reason given'}" if rejected else ""
