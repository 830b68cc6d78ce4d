"""
A real receiver of OTLP over HTTP: it decodes the protobuf of opentelemetry-proto and keeps what it took.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_kit import server


class Receiver:
    """
    What a receiver took.

    Attributes:
        url: Its address.
        uri: The same as a sink has it.
        status: What it answers.
        requests: (path, headers, decoded request) of each export that it took.
        asked: How many exports it was asked to take.
    """

    def __init__(self) -> None:
        self.url = self.uri = ""
        self.status = 200
        self.requests: list[tuple[str, Any, Any]] = []
        self.asked = 0

    def answer(self, path: str, headers: Any, body: bytes) -> int:
        """
        Take one export, or refuse it.
        """
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        self.asked += 1
        if self.status == 200:
            request = ExportMetricsServiceRequest()
            request.ParseFromString(body)
            self.requests.append((path, headers, request))
        return self.status

    def resource(self) -> dict[str, str]:
        """
        Return the newest export's resource.
        """
        return attributes_of(self.requests[-1][2].resource_metrics[0].resource)

    def metrics(self) -> dict[str, Any]:
        """
        Return the newest state of every metric, by name.
        """
        found = {}
        for _, _, request in self.requests:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    assert "greensdk" == scope.scope.name
                    found.update({metric.name: metric for metric in scope.metrics})
        return found

    def value(self, name: str, **attributes: str) -> float:
        """
        Return the sum over all points with these attributes (``_`` for a dot) of a counter or gauge, or a
        histogram's count.
        """
        metric = self.metrics()[name]
        kind = metric.WhichOneof("data")
        wanted = {key.replace("_", "."): value for key, value in attributes.items()}
        points = [each for each in getattr(metric, kind).data_points if wanted.items() <= attributes_of(each).items()]
        assert points, f"{name} has no point with {wanted}"
        return sum(each.count if kind == "histogram" else each.as_double or each.as_int for each in points)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """
    Yield a running receiver.
    """
    running = Receiver()
    with server(running.answer) as url:
        running.url, running.uri = url, f"otlp+{url}"
        yield running


def attributes_of(holder: Any) -> dict[str, str]:
    """
    Return the attributes of a resource or of a point.
    """
    return {each.key: each.value.string_value or str(each.value.int_value) for each in holder.attributes}
