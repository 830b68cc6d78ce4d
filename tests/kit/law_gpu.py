"""
A GPU whose counter a law test turns: the calls of NVIDIA's library over a file, for any process that imports them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from law_kit import Tool, Track, meet_and_burn, multiprocessing, together

from greensdk.testing import PowercapTree

ROOT = "GREENSDK_LAW_GPU"
"""Names the folder of the stand-in: ``dev``, the processes on the GPU, and the tree with its counter."""


def made(root: Path) -> PowercapTree:
    """
    Make the stand-in's folder, have child processes find it, and return the tree with its one counter.
    """
    for folder in ("dev", "users"):
        (root / folder).mkdir(parents=True)
    (root / "dev" / "nvidiactl").touch()
    os.environ[ROOT] = str(root)
    tree = PowercapTree(root / "tree")
    tree.package(0)
    return tree


def library(root: Path) -> ModuleType:
    """
    Return what stands for ``pynvml``.
    """
    counter = next(root.rglob("energy_uj"))

    def users(_: object) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=int(file.name)) for file in (root / "users").iterdir()]

    functions: dict[str, Any] = {
        "Init": lambda: None,
        "Shutdown": lambda: None,
        "DeviceGetCount": lambda: 1,
        "DeviceGetHandleByIndex": lambda number: number,
        "DeviceGetName": lambda _: "stand-in",
        "DeviceGetUUID": lambda _: "GPU-0",
        "DeviceGetTotalEnergyConsumption": lambda _: int(counter.read_text()) // 1000,
        "DeviceGetComputeRunningProcesses": users,
        "DeviceGetGraphicsRunningProcesses": lambda _: [],
        "DeviceGetProcessUtilization": lambda _gpu, _since_us: [],
    }
    pynvml = ModuleType("pynvml")
    for name, function in functions.items():
        setattr(pynvml, f"nvml{name}", function)
    return pynvml


def gpu_tool(root: str, log: str) -> Track:
    """
    Return a decorator that measures with the counters below `root`, and with the GPU's.
    """
    import greensdk_nvml.users
    import greensdk_rapl.counters  # noqa: F401 - as in law_kit

    from greensdk import energy_tracked

    here = Path(os.environ[ROOT])
    sys.modules["pynvml"] = library(here)
    # The stand-in knows the pids of whatever namespace this is.
    greensdk_nvml.users.INITIAL_PID_NAMESPACE = os.readlink("/proc/self/ns/pid")
    plugins = {"rapl": {"root": root}, "nvml": {"root": str(here)}}
    return energy_tracked(monitors=["rapl", "nvml"], sink=log, resources="light", plugins=plugins)


def member(tool: Tool, barrier: Any, seconds: float, uses_gpu: bool) -> None:
    """
    Be one of :func:`on_gpu`.
    """
    if uses_gpu:
        Path(os.environ[ROOT], "users", str(os.getpid())).touch()
    tool()(meet_and_burn)(barrier, seconds)


def on_gpu(tool: Tool, number: int, seconds: float) -> None:
    """
    Calls in as many processes, of which the first has the GPU.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(number)
    members = [(tool, barrier, seconds, not place) for place in range(number)]
    together([context.Process(target=member, args=each) for each in members])
