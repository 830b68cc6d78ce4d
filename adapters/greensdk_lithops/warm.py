"""
What a worker can do before its first call: import what calls need, and look up what stays the same.

Lithops forks a process for each call. What the worker has imported by then, no call has to import again. The images of
``greensdk k8s dockerfile`` and ``greensdk lambda image`` call :func:`up` when their worker starts.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module

from greensdk.configure import builtin
from greensdk.configure.targets import SPEC_VARIABLE

MODULES = (
    "greensdk.calls",
    "greensdk.machine.cores",
    "greensdk.machine.resources",
    "greensdk.measure.build",
    "greensdk_lithops.worker",
    "greensdk_psutil_tdp.hosts",
    "greensdk_psutil_tdp.power",
    "greensdk_psutil_tdp.tdp",
)
"""With what these import, all that every call imports; the tests hold it to that."""


def up() -> None:
    """
    Get a worker ready before Lithops forks its calls. Never raises.
    """
    with suppress(Exception):
        load()
        _measure_nothing()
    gc.collect()
    gc.freeze()


def load() -> None:
    """
    Import what calls need: always, and for what the job's specification names, or what may work here.
    """
    for name in (*MODULES, *_asked_for()):
        with suppress(ImportError):
            import_module(name)


def _asked_for() -> Iterator[str]:
    spec = json.loads(os.environ.get(SPEC_VARIABLE) or "{}")
    rows = spec.get("sources") or [(name, target) for name, target in builtin.MONITORS.items()]
    for name, target, *_ in rows:
        if not builtin.is_absent(name):
            yield target.partition(":")[0]


def _measure_nothing() -> None:
    """
    Measure an empty function, for what is looked up once per process and inherited: the machine, its sensors.
    """
    from greensdk import energy_tracked, reset
    from greensdk.deliver.lines import encode

    names = [name for name in builtin.MONITORS if builtin.TRACES.get(name) != "" and not builtin.is_absent(name)]
    energy_tracked(monitors=names, resources="full", sink="memory:")(_nothing)()
    reset()
    encode({})  # chooses the library for JSON


def _nothing() -> None:
    pass
