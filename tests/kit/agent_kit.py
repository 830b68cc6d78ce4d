"""
An agent in a directory of the test, which is gone after it.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ebpf_kit import need_ebpf
from greensdk_ebpf import agent

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
        if os.path.isdir(root):
            agent.stop(root)
        shutil.rmtree(above)


def mode_of(path: str) -> tuple[int, int]:
    """
    Return group and mode of a file.
    """
    found = os.stat(path)
    return found.st_gid, stat.S_IMODE(found.st_mode)


def is_mounted(place: str) -> bool:
    """
    Say whether anything is mounted below `place`.
    """
    with open("/proc/self/mounts", encoding="utf-8") as file:
        return any(line.split()[1].startswith(place) for line in file)
