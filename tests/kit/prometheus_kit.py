"""
A real Pushgateway and a real Prometheus on free ports of 127.0.0.1, gateways that don't work, and records to push.

Both are Debian's (``prometheus``, ``prometheus-pushgateway``). Prometheus scrapes the gateway every half second.
"""

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rights_kit import need

from greensdk.measure.record import blank

PATIENCE_S = 300.0
STATISTICS = {"n": 4, "min": 10.0, "mean": 120.0, "max": 180.0, "p95": 180.0}

CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: pushgateway
    honor_labels: true
    static_configs: [{{targets: ["{target}"]}}]
"""


def record(**more: Any) -> dict[str, Any]:
    """
    Return a record of a call that used 3 J in 0.5 s, sampled, with everything that metrics are made of.
    """
    samples = dict.fromkeys(("cpu_percent", "rss_bytes", "io_read_bytes_per_s", "io_write_bytes_per_s"), STATISTICS)
    processes = [
        {"pid": 10, "ppid": 1, "cpu_s": 0.25, "rss_max_bytes": 1000},
        {"pid": 11, "ppid": 10, "cpu_s": 0.5, "rss_max_bytes": 2000},
    ]
    found = {
        "record_id": "0" * 32,
        "function": "shop.price",
        "label": "nightly",
        "started_at": "2026-01-01T00:00:00.000000Z",
        "duration_s": 0.5,
        "cpu_s": 0.75,
        "energy_j": 3.0,
        "energy_self_j": 2.0,
        "energy_source": "rapl",
        "energy_quality": "attributed",
        "energy_boundary": "package+dram",
        "overhead_s": 0.001,
        "resources": {
            "cpu_user_s": 0.5,
            "cpu_system_s": 0.25,
            "io_read_bytes": 4096,
            "io_write_bytes": 8192,
            "net_sent_bytes": 100,
            "net_recv_bytes": 200,
            "peak_rss_bytes": 5000,
        },
        "readings": [
            {"monitor": "rapl", "scope": "machine", "boundary": "package+dram", "call_j": 3.0, "meter_id": "ab12:rapl"},
            {"monitor": "perf", "scope": "machine", "boundary": "package+dram", "call_j": 3.0, "meter_id": "ab12:rapl"},
        ],
        "samples": {**samples, "power_w": {"rapl": STATISTICS}, "processes": processes},
        "worker": {"adapter": "lithops", "backend": "localhost", "memory_mb": 1769.0, "cold_start": True},
        "cost": {"usd": 0.25},
        "carbon": {"g_co2e": 0.5},
    }
    return {**blank(), **found, **more}


class Pushgateway:
    """
    One gateway; it counts the pushes it took.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.uri = f"prometheus+{self.url}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """
        Start it, and wait until it answers.
        """
        words = ["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"]
        words += ["--persistence.file="]  # Debian's would keep everything in /var/lib/prometheus
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: answers(f"{self.url}/-/ready"))

    def stop(self) -> None:
        """
        Kill it; what it had is lost. Twice is harmless.
        """
        stop(self._process)
        self._process = None

    def groups(self) -> list[dict[str, Any]]:
        """
        Return its groups, as its own interface has them.
        """
        return get(f"{self.url}/api/v1/metrics")["data"]

    def pushes(self) -> int:
        """
        Return how many pushes it took.
        """
        lines = get_text(f"{self.url}/metrics").splitlines()
        return sum(
            int(float(line.rpartition(" ")[2]))
            for line in lines
            if line.startswith("pushgateway_http_requests_total") and 'handler="push"' in line and 'code="200"' in line
        )

    def value(self, name: str, **labels: str) -> float:
        """
        Return the sum of a metric's samples that have these labels, over all groups.
        """
        from prometheus_client.parser import text_string_to_metric_families

        families = text_string_to_metric_families(get_text(f"{self.url}/metrics"))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@contextmanager
def pushgateway() -> Iterator[Pushgateway]:
    """
    Yield a running Pushgateway, which is gone afterwards.
    """
    need(shutil.which("prometheus-pushgateway"), "prometheus-pushgateway (apt-get install prometheus-pushgateway)")
    gateway = Pushgateway()
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """
    Yield the address of a running Prometheus that scrapes `target` (HOST:PORT).
    """
    need(shutil.which("prometheus"), "prometheus (apt-get install prometheus)")
    port, place = free_port(), folder / "prometheus"
    place.mkdir()
    (place / "prometheus.yml").write_text(CONFIG.format(target=target))
    words = ["prometheus", f"--config.file={place / 'prometheus.yml'}", f"--storage.tsdb.path={place / 'data'}"]
    words += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"))
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def query(server: str, expression: str) -> list[dict[str, Any]]:
    """
    Return what Prometheus answers to an expression; it must be able to.
    """
    answer = get(f"{server}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


@contextmanager
def deaf() -> Iterator[str]:
    """
    Yield the address of a server that takes connections and never answers.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def server(answer: Any) -> Iterator[str]:
    """
    Yield the address of a server whose POST and PUT requests `answer(path, headers, body)` gets.

    It returns the status, or status, headers and body.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            given = answer(self.path, self.headers, body)
            status, headers, said = given if isinstance(given, tuple) else (given, {}, b"")
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_PUT = do_POST

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"login")

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def unreachable() -> str:
    """
    Return an address where nothing listens.
    """
    return f"http://127.0.0.1:{free_port()}"


def free_port() -> int:
    """
    Return a port of 127.0.0.1 that is free.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get_text(url: str) -> str:
    """
    Return what an address answers.
    """
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def get(url: str) -> Any:
    """
    Return the JSON that an address answers.
    """
    return json.loads(get_text(url))


def answers(url: str) -> bool:
    """
    Say whether an address answers.
    """
    try:
        get_text(url)
    except OSError:
        return False
    return True


def wait_until(happened: Any) -> None:
    """
    Sleep until something has happened, which a test that works never waits long for.
    """
    end_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end_s, "it does not happen"
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes] | None) -> None:
    """
    Kill a process and wait until it is gone.
    """
    if process is not None:
        process.kill()
        process.wait()
