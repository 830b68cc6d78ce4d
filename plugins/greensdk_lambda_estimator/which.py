"""
Which CPU a vCPU is a thread of, outside of AWS Lambda: containers, Cloud Run, Azure Functions, Fargate.

There the kernel shows the part, or numbers that tell its generation, as it does on a virtual machine. The watts are
then what psutil-tdp gives to one thread of it: at rest, and busy on a host of which the others are half busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greensdk_psutil_tdp.hosts import machine_of
from greensdk_psutil_tdp.power import PACKAGE, common, curve, watts
from greensdk_psutil_tdp.tdp import CLASS_DEFAULT, lookup

from greensdk_lambda_estimator.watts import MODEL, Part

if TYPE_CHECKING:
    from collections.abc import Mapping

LAMBDAS = ("masked-intel", "masked-amd", "graviton", "arm-server", "unknown")
"""Classes that say no more than the architecture and the maker: :func:`.watts.part_of` knows as much."""


def part_here(host: Mapping[str, Any], place: str = "") -> Part | None:
    """
    Return what stands for this machine's CPU; None where nothing more than its maker is known.

    Args:
        host: As :func:`greensdk.machine.hardware.describe` puts it.
        place: The name of the place; of AWS's own Arm cores Fargate shows no more than the core.
    """
    model, cpu_class = host.get("cpu_model") or "", host["cpu_class"]
    if place.startswith("aws") and cpu_class == "arm-server":
        from greensdk.machine.cores import graviton

        model, cpu_class = graviton(model, ""), "graviton"
    found = lookup(model, cpu_class, "", generation=host.get("cpu_generation"))
    if found.source is None or (found.source == CLASS_DEFAULT and cpu_class in LAMBDAS):
        return None
    one: dict[str, Any] = {"cpu_model": model, "cpu_class": cpu_class, "cpus_logical": 1, "sockets": None}
    machine = machine_of(found, {**one, "virtualised": True, "memory_bytes": 1 << 30})
    thread = curve(machine, PACKAGE)
    idle_w, (low_w, busy_w, high_w) = watts(thread, 0.0)[1], watts(thread, 1.0)
    name = model or host.get("cpu_generation") or cpu_class
    source = f"{MODEL}: {machine.words}"
    return Part(host["arch"], name, idle_w, busy_w, (low_w / busy_w, high_w / busy_w), common(machine, PACKAGE), source)
