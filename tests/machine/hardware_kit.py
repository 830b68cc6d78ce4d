"""
The files of machines that are not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MACHINE_ID = "0123456789abcdef0123456789abcdef"


def x86(name: str, /, *, cpus: int, siblings: int, cores: int, flags: str = "fpu vme ht", **fields: object) -> str:
    """
    Make an x86 /proc/cpuinfo; `fields` are further lines, ``__`` in their names for a space.
    """
    more = "".join(f"{key.replace('__', ' ')}\t: {value}\n" for key, value in fields.items())
    return "".join(
        f"processor\t: {cpu}\n{more}model name\t: {name}\nsiblings\t: {siblings}\ncpu cores\t: {cores}\n"
        f"flags\t\t: {flags}\npower management:\n\n"
        for cpu in range(cpus)
    )


def arm(implementer: int, part: int, *, cpus: int) -> str:
    """
    Make an aarch64 /proc/cpuinfo, which has no name in it.
    """
    return "".join(
        f"processor\t: {cpu}\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: {implementer:#x}\n"
        f"CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: {part:#x}\nCPU revision\t: 1\n\n"
        for cpu in range(cpus)
    )


def machine(root: Path, cpuinfo: str, *, cpus: int, **files: str) -> str:
    """
    Write a machine's files under `root`; ``__`` in a name stands for a slash.
    """
    tree = {
        "proc/cpuinfo": cpuinfo,
        "proc/meminfo": "MemTotal:       16384000 kB\nMemFree:         1000 kB\n",
        "proc/sys/kernel/random/boot_id": "b00t\n",
        "etc/machine-id": f"{MACHINE_ID}\n",
        "sys/devices/system/cpu/online": f"0-{cpus - 1}\n",
        **{name.replace("__", "/"): text for name, text in files.items()},
    }
    for name, text in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return str(root)
