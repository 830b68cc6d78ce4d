"""
The Grafana dashboard: what its file holds is what the code builds, and every expression answers on a live Prometheus.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import greensdk_prometheus
import pytest
from greensdk_prometheus import PushgatewaySink
from greensdk_prometheus.families import COUNTER, FAMILIES
from prometheus_kit import prometheus, pushgateway, query, record, wait_until

import greensdk
from greensdk import track

FILE = Path(greensdk_prometheus.__file__).with_name("dashboard.json")
SCRIPT = Path(__file__).parents[3] / "benchmarks" / "dashboard.py"
VARIABLES = {"$function": ".*", "$backend": ".*", "$__rate_interval": "1m", "$__range": "1m"}


def script() -> ModuleType:
    """
    Return the module that builds the file.
    """
    spec = importlib.util.spec_from_file_location("greensdk_dashboard", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def on_prometheus(expression: str) -> str:
    """
    Return an expression with Grafana's variables filled in as it would with "All".
    """
    for name, text in VARIABLES.items():
        expression = expression.replace(name, text)
    return expression


def test_the_file_is_what_the_code_builds():
    """
    Byte for byte.
    """
    pytest.importorskip("grafana_foundation_sdk")

    assert FILE.read_text() == script().build()


def test_the_file_holds_every_expression_and_no_foreign_metric():
    """
    Each panel has a query, each query is in the code, and each metric is one of ours.
    """
    panels = [panel for panel in json.loads(FILE.read_text())["panels"] if panel["type"] != "row"]
    found = [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]
    names = {name + "_total" * (family.kind == COUNTER) for name, family in FAMILIES.items()}
    used = {word for _, expression in found for word in expression.replace("(", " ").replace("{", " ").split()}
    metrics = {word.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for word in used}

    assert list(script().expressions()) == found
    assert {metric for metric in metrics if metric.startswith("greensdk_")} <= names


@pytest.mark.slow
def test_every_expression_has_an_answer_on_a_live_prometheus(tmp_path):
    """
    After real calls, sampled ones too, and records with everything in them have been pushed twice.
    """
    with pushgateway() as gateway, prometheus(tmp_path, f"127.0.0.1:{gateway.port}") as server:
        sink = PushgatewaySink(gateway.uri, push_every_s=3600, timeout_s=30)
        for calls in (1, 4):
            for _ in range(calls):
                sink.emit(record())
                sink.emit(record(energy_j=None, energy_self_j=None, status="error"))
            sink.flush()
            wait_until(lambda total=calls + (calls > 1): scraped(server) == 2 * total)
        found = {(title, text): query(server, on_prometheus(text)) for title, text in script().expressions()}

    assert [] == [key for key, answer in found.items() if not answer]
    assert [] == [key for key, answer in found.items() if all(row["value"][1] == "NaN" for row in answer)]
    energy = found[next(key for key in found if key[0] == "Energy")]
    assert {"package+dram"} == {row["metric"]["boundary"] for row in energy}
    assert all(float(row["value"][1]) > 0 for row in energy)


def scraped(server: str) -> float:
    """
    Return how many calls Prometheus knows of.
    """
    return sum(float(row["value"][1]) for row in query(server, "greensdk_calls_total"))


@pytest.mark.slow
def test_a_sampled_call_is_seen_from_end_to_end(tmp_path):
    """
    CPU, memory, disk and power of the worker and its child, as psutil and a meter read them while it ran; a process on
    several CPUs may show more than 100%.
    """
    code = "import time\nwhile time.process_time() < 0.3: sum(range(500))"
    with pushgateway() as gateway, prometheus(tmp_path, f"127.0.0.1:{gateway.port}") as server:
        table = {"prometheus": {"timeout_s": 30}}
        with track(
            "sampled",
            monitors=["sampling_kit:SteadyMonitor"],
            sink=gateway.uri,
            resources="full",
            sample_every_s=0.02,
            plugins=table,
        ) as call:
            subprocess.run([sys.executable, "-c", code], check=True)
        greensdk.reset()
        wait_until(lambda: scraped(server) == 1)
        samples = call.record["samples"]
        for key, name in (("cpu_percent", "cpu_percent"), ("rss_bytes", "memory_bytes")):
            for statistic in ("min", "mean", "max", "p95"):
                (row,) = query(server, f'greensdk_sampled_{name}{{label="sampled",statistic="{statistic}"}}')
                assert samples[key][statistic] == pytest.approx(float(row["value"][1]))
        (power,) = query(server, 'greensdk_sampled_power_watts{monitor="steady",statistic="mean"}')
        processes = query(server, "greensdk_sampled_process_cpu_seconds_total")

    assert samples["power_w"]["steady"]["mean"] == pytest.approx(float(power["value"][1]))
    assert {"worker", "children"} == {row["metric"]["process"] for row in processes}
