"""
Whether the CPU clock can work here, which right is missing if not, and what grants it.
"""

from __future__ import annotations

import os
import sys

from greensdk.machine.hardware import number_of
from greensdk.monitor import Availability
from greensdk_ebpf.layout import MAPS

CAPABILITIES = {39: "CAP_BPF", 38: "CAP_PERFMON"}
"""What loading takes since Linux 5.8 (include/uapi/linux/capability.h); CAP_SYS_ADMIN stands for both."""
CAP_SYS_ADMIN = 21

START_AGENT = "sudo greensdk agent start"


def pin(root: str, name: str) -> str:
    """
    Return where the agent that lives in `root` pins a map or link.
    """
    return os.path.join(root, "bpf", name)


def usable(root: str) -> bool:
    """
    Say whether the agent's maps are there and open to this process.
    """
    return all(os.access(pin(root, name), os.R_OK | os.W_OK) for name in MAPS)


def judge(root: str, proc: str = "/proc") -> Availability:
    """
    Say whether programs can be used, or loaded.
    """
    import platform

    if sys.platform != "linux":
        return Availability(False, f"eBPF is a part of Linux, and this is {platform.system()}")
    if usable(root):
        return Availability(True)
    verdict = _judge_loading(proc)
    closed = None if verdict.ok else _agents_group(root)
    if closed:
        return Availability(
            False,
            f"the agent in {root} shares its maps with the group {closed}, and this process is not in it",
            f"sudo usermod -aG {closed} $USER  (then log in again)",
        )
    return verdict


def _agents_group(root: str) -> str | None:
    import grp

    # The outermost door that is shut is the one to open.
    for place in (root, os.path.join(root, "bpf"), *(pin(root, name) for name in MAPS)):
        try:
            found = os.stat(place)
        except OSError:
            return None
        wanted = os.X_OK if os.path.isdir(place) else os.R_OK | os.W_OK
        if not os.access(place, wanted):
            try:
                return grp.getgrgid(found.st_gid).gr_name
            except KeyError:
                return str(found.st_gid)
    return None


def _judge_loading(proc: str) -> Availability:
    import platform

    disabled = number_of(f"{proc}/sys/kernel/unprivileged_bpf_disabled")
    if disabled is None:
        return Availability(False, "this kernel is built without CONFIG_BPF_SYSCALL")
    last = number_of(f"{proc}/sys/kernel/cap_last_cap")
    if last is not None and last < max(CAPABILITIES):
        return Availability(False, f"Linux {platform.release()} is too old for it: 5.8 is the first that is not")
    held = _capabilities(proc)
    missing = [] if held >> CAP_SYS_ADMIN & 1 else [name for bit, name in CAPABILITIES.items() if not held >> bit & 1]
    if missing:
        paranoid = number_of(f"{proc}/sys/kernel/perf_event_paranoid")
        return Availability(
            False,
            f"this process may not load eBPF programs: it lacks {' and '.join(missing)} "
            f"(kernel.unprivileged_bpf_disabled is {disabled}, kernel.perf_event_paranoid is {paranoid})",
            f"{START_AGENT}  (or for this interpreter alone: "
            f"sudo setcap cap_bpf,cap_perfmon=ep {os.path.realpath(sys.executable)})",
        )
    return _try()


def _capabilities(proc: str) -> int:
    with open(f"{proc}/self/status", encoding="utf-8", errors="replace") as file:
        return next((int(line.split()[1], 16) for line in file if line.startswith("CapEff:")), 0)


def _try() -> Availability:
    # In a user namespace, or under a container's seccomp filter, capabilities are not what they seem.
    from greensdk.errors import MonitorUnavailable
    from greensdk_ebpf.layout import ARRAY
    from greensdk_ebpf.syscall import map_create

    try:
        os.close(map_create(ARRAY, 4, 8, 1, "gs_probe"))
    except MonitorUnavailable as error:
        return Availability(False, error.reason, error.fix)
    except OSError as error:
        return Availability(
            False,
            f"the kernel refuses to make a map ({error.strerror}), although this process has the capabilities: it is "
            "in a user namespace or under a seccomp filter",
            f"{START_AGENT} on the host, or run the container with --cap-add BPF --cap-add PERFMON",
        )
    return Availability(True)
