"""
Numbers that wait for Prometheus: in the default registry, in one's own, or at an address.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from greensdk_prometheus import RegistrySink, collector, serve
from prometheus_kit import free_port, get_text, record

from greensdk import ConfigError, SinkError, energy_tracked

pytestmark = pytest.mark.slow

prometheus_client = pytest.importorskip("prometheus_client")

SCRIPT = """
import sys, urllib.request
from prometheus_client import start_http_server
from greensdk import energy_tracked
from greensdk_prometheus import serve

@energy_tracked(monitors=[], sink=[sys.argv[1], "prometheus:"])
def work():
    return 1

work()
work()
server, thread = start_http_server(0, "127.0.0.1")
own = serve()
for url in (f"http://127.0.0.1:{server.server_port}/metrics", own.url, *sys.argv[2:]):
    lines = urllib.request.urlopen(url).read().decode().splitlines()
    print([line.rpartition(" ")[2] for line in lines if line.startswith("greensdk_calls_total")])
own.close()
server.shutdown()
thread.join()
server.server_close()
"""


def test_a_service_shows_its_calls_in_three_ways():
    """
    Through its own server of the default registry, through ours, and at the address in the sink's URI.
    """
    port = free_port()
    words = [sys.executable, "-c", SCRIPT, f"prometheus://127.0.0.1:{port}", f"http://127.0.0.1:{port}/metrics"]
    done = subprocess.run(words, env={**os.environ, "TMPDIR": os.getcwd()}, capture_output=True, text=True, check=True)

    assert ["['2.0']"] * 3 == done.stdout.splitlines()


def test_a_registry_of_ones_own_may_have_the_collector():
    """
    It describes all metrics, so that a clash of names is found at once.
    """
    registry = prometheus_client.CollectorRegistry()
    registry.register(collector())
    RegistrySink().emit(record(function="mine"))

    labels = {"function": "mine", "label": "nightly", "backend": "localhost", "nested": "false", "status": "ok"}
    assert 1 == registry.get_sample_value("greensdk_calls_total", labels)
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(collector())


def test_an_endpoint_is_gone_when_it_is_closed():
    """
    Its port is free again.
    """
    endpoint = serve()
    RegistrySink().emit(record())
    assert "greensdk_calls_total" in get_text(endpoint.url)
    endpoint.close()

    with pytest.raises(OSError, match="refused"):
        get_text(endpoint.url)


def test_an_address_in_use_is_one_line():
    """
    As is one without a port.
    """
    endpoint = serve()
    try:
        port = endpoint.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(SinkError, match=f"127.0.0.1:{port}: Address already in use"):
            serve(int(port))
    finally:
        endpoint.close()
    with pytest.raises(ConfigError, match=r"expected prometheus://127\.0\.0\.1:9095"):
        RegistrySink("prometheus://127.0.0.1")


def test_a_worker_of_lithops_serves_nothing(monkeypatch):
    """
    Nothing would come for it: its client has the record.
    """
    monkeypatch.setenv("LITHOPS_WORKER", "True")
    sink = RegistrySink(f"prometheus://127.0.0.1:{free_port()}")
    before = calls()
    sink.emit(record())
    sink.flush()
    sink.close()

    assert before == calls()


def test_it_is_a_sink_like_any_other():
    """
    By its scheme.
    """
    before = calls()
    assert 7 == energy_tracked(monitors=[], sink="prometheus:")(lambda: 7)()

    assert before + 1 == calls()


def calls() -> float:
    """
    Return how many calls wait to be scraped.
    """
    families = {family.name: family for family in collector().collect()}
    return sum(sample.value for sample in families["greensdk_calls"].samples) if "greensdk_calls" in families else 0
