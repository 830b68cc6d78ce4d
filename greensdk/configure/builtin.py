"""
The first-party plugins, one line each: name to ``module:attribute``.

A name in these tables resolves without pluggy or importlib.metadata, which is what a worker, a
Lambda and an explicit ``monitors=[...]`` need. :func:`register` hands the same tables to the hooks,
so that from there on a first-party plugin is like any other.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greensdk.configure.registry import Registry

LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"
"""
The variable that is set in every AWS Lambda function and nowhere else:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Defined runtime environment variables".
"""

MONITORS = {
    "rapl": "greensdk_rapl:RaplMonitor",
    "perf": "greensdk_perf:PerfMonitor",
    "ebpf": "greensdk_ebpf:EbpfClock",
    "hwmon": "greensdk_hwmon:HwmonMonitor",
    "nvml": "greensdk_nvml:NvmlMonitor",
    "msr": "greensdk_msr:MsrMonitor",
    "perf-stat": "greensdk_perf.stat:PerfStatMonitor",
    "lambda-estimator": "greensdk_lambda_estimator:LambdaEstimator",
    "psutil-tdp": "greensdk_psutil_tdp:PsutilTdpEstimator",
}

TRACES = {
    "lambda-estimator": f"${LAMBDA} $K_SERVICE $CLOUD_RUN_JOB $FUNCTIONS_WORKER_RUNTIME $KUBERNETES_SERVICE_HOST",
    "rapl": "/sys/class/powercap",
    "perf": "/sys/bus/event_source/devices/power",
    "ebpf": "/run/greensdk/bpf",
    "hwmon": "/sys/class/hwmon/hwmon0",
    "nvml": "/dev/nvidiactl",
    "msr": "",
    "perf-stat": "",
}
"""
Where one of these paths or variables has to exist for ``monitors="auto"`` to import a monitor at all; no path
keeps it out, for it is never cheap.
"""

SINKS = {
    "file": "greensdk.sink:JsonlSink",
    "stdout": "greensdk.sink:StdoutSink",
    "memory": "greensdk.sink:MemorySink",
    "callback": "greensdk.sink:CallbackSink",
    "lithops": "greensdk_lithops.storage:StorageSink",
    "s3": "greensdk_s3:S3Sink",
    "prometheus": "greensdk_prometheus:RegistrySink",
    "prometheus+http": "greensdk_prometheus:PushgatewaySink",
    "prometheus+https": "greensdk_prometheus:PushgatewaySink",
    "otlp+http": "greensdk_otel:OtlpSink",
    "otlp+https": "greensdk_otel:OtlpSink",
}

ADAPTERS = {
    "lambda": ("greensdk_aws_lambda:adapter", LAMBDA),
    "lithops": ("greensdk_lithops.worker:LithopsCall", "LITHOPS_WORKER"),
    "pod": ("greensdk_lithops.pod:PodCall", "KUBERNETES_SERVICE_HOST"),
}
"""Name to (``module:attribute``, the environment variable that says we run there)."""


ENRICHERS = {
    "carbon": "greensdk_carbon:Carbon",
    "cost": "greensdk_cost:Cost",
}
"""They run where the configuration has a table of their name; cost in every AWS Lambda as well."""


def is_absent(name: str) -> bool:
    """
    Say whether ``monitors="auto"`` can do without importing a monitor to know that it can't work here.
    """
    traces = TRACES[name].split() if name in TRACES else ("/",)
    return not any(trace[1:] in os.environ if trace[0] == "$" else os.path.exists(trace) for trace in traces)


def register(registry: Registry) -> None:
    """
    Offer everything in the tables.
    """
    for name, target in MONITORS.items():
        registry.monitor(name, target)
    for scheme, target in SINKS.items():
        registry.sink(scheme, target)
    for name, (target, when) in ADAPTERS.items():
        registry.adapter(name, target, when=when)
