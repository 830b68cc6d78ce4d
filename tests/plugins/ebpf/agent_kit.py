"""
An agent in a directory of the test, which is gone after it.
"""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ebpf_kit import ids, need_ebpf
from greensdk_ebpf import agent
from greensdk_ebpf.syscall import obj_get

from greensdk.testing import PowercapTree

GROUP = 4242
OTHERS = 4243


@contextmanager
def place() -> Iterator[str]:
    """
    Return the name of a directory that is not there yet, below one that everybody can reach.
    """
    need_ebpf()
    above = tempfile.mkdtemp(prefix="greensdk-test-", dir="/tmp")
    os.chmod(above, 0o755)
    root = os.path.join(above, "agent")
    try:
        yield root
    finally:
        try:
            if os.path.isdir(root):
                agent.stop(root)
        finally:
            subprocess.run(["umount", "-q", "-l", f"{root}/bpf"], check=False)
            shutil.rmtree(above)


def counters(root: str) -> PowercapTree:
    """
    Return energy counters beside the agent's directory, which root alone may read, as the kernel's.
    """
    where = os.path.join(os.path.dirname(root), "sys")
    os.mkdir(where, 0o755)
    made = PowercapTree(where)
    package = made.package(0, max_w=100.0)
    package.dram()
    package.core()
    for zone in made.zones.values():
        os.chmod(zone.file, 0o400)
    return made


def mode_of(path: str) -> tuple[int, int]:
    """
    Return group and mode of a file.
    """
    found = os.stat(path)
    return found.st_gid, stat.S_IMODE(found.st_mode)


def kept(root: str) -> dict[str, set[int]]:
    """
    Return the ids of the links, programs and maps that an agent keeps in the kernel; those of others don't matter.
    """
    found: dict[str, set[int]] = {"link": set(), "prog": set(), "map": set()}
    for name in os.listdir(f"{root}/bpf"):
        if not name.endswith(".debug"):
            fd = obj_get(f"{root}/bpf/{name}")
            with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
                for kind, number in re.findall(r"^(link|prog|map)_id:\s*(\d+)", file.read(), re.MULTILINE):
                    found[kind].add(int(number))
            os.close(fd)
    return found


def is_gone(before: dict[str, set[int]]) -> bool:
    """
    Say whether none of these is in the kernel.
    """
    return not any(numbers & ids(kind) for kind, numbers in before.items())


def is_mounted(place: str) -> bool:
    """
    Say whether anything is mounted below `place`.
    """
    with open("/proc/self/mounts", encoding="utf-8") as file:
        return any(line.split()[1].startswith(place) for line in file)
