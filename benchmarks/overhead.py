"""
What one decorated call of an empty function costs, beside pyRAPL, pyJoules and zeus on the same counters.

All of them read the same powercap tree, one package with its memory, on a tmpfs, in turns, each in a process of its
own as its users have it (a library that brings threads along makes every system call of its process dearer). As root
the tree is put in place of /sys/class/powercap in a private mount namespace, because the other tools
can't be made to look elsewhere; otherwise greensdk runs alone.

    python benchmarks/overhead.py [--calls N] [--rounds N]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from greensdk import energy_tracked
from greensdk.testing import PowercapTree

INSIDE = "GREENSDK_BENCH_INSIDE"
SHM = "/dev/shm"


def noop() -> None:
    pass


def ours(root: str, folder: str) -> dict[str, Callable[[], object]]:
    """
    Return the empty function, bare and decorated in our ways.
    """
    rapl = {"monitors": ["rapl"], "plugins": {"rapl": {"root": root}}}
    os.environ["GREENSDK_DISABLED"] = "1"
    off = energy_tracked(noop)
    off()
    del os.environ["GREENSDK_DISABLED"]
    return {
        "bare function": noop,
        "greensdk, switched off": off,
        "greensdk, clocks only": energy_tracked(monitors=[], sink="memory:")(noop),
        "greensdk, RAPL, to memory": energy_tracked(sink="memory:", **rapl)(noop),
        "greensdk, RAPL, to a JSON line": energy_tracked(sink=f"{folder}/energy.jsonl", **rapl)(noop),
    }


def pyrapl() -> Callable[[], object]:
    import pyRAPL

    pyRAPL.setup()

    def call() -> None:
        measurement = pyRAPL.Measurement("noop")
        measurement.begin()
        noop()
        measurement.end()

    return call


def pyjoules() -> Callable[[], object]:
    from pyJoules.device.rapl_device import RaplDramDomain, RaplPackageDomain
    from pyJoules.energy_meter import measure_energy
    from pyJoules.handler import EnergyHandler

    class Drop(EnergyHandler):
        def process(self, trace: object) -> None:
            pass

    return measure_energy(handler=Drop(), domains=[RaplPackageDomain(0), RaplDramDomain(0)])(noop)


def zeus() -> Callable[[], object]:
    from zeus.monitor import ZeusMonitor

    monitor = ZeusMonitor(gpu_indices=[], cpu_indices=[0])

    def call() -> None:
        monitor.begin_window("noop", sync_execution=False)
        noop()
        monitor.end_window("noop", sync_execution=False)

    return call


PEERS = {"pyRAPL": pyrapl, "pyJoules": pyjoules, "zeus": zeus}


def work(functions: dict[str, Callable[[], object]], calls: int) -> None:
    """
    For each line on standard input, run each function `calls` times and print the microseconds per call.
    """
    for _ in sys.stdin:
        times = {}
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(calls):
                function()
            times[name] = (time.perf_counter() - start) / calls * 1e6
        print(json.dumps(times), flush=True)


def measure(tools: Iterable[str], arguments: list[str], rounds: int) -> dict[str, list[float]]:
    """
    Return microseconds per call of each function, one figure per round; the tools take turns.
    """
    command = [sys.executable, __file__, *arguments, "--tool"]
    workers = [
        subprocess.Popen([*command, tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for tool in tools
    ]
    times: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for worker in workers:
            with contextlib.suppress(BrokenPipeError):
                worker.stdin.write("go\n")
            answer = worker.stdout.readline()
            for name, value in json.loads(answer or "{}").items():
                times.setdefault(name, []).extend([value] if number else [])  # the first round warms up
    for worker in workers:
        worker.communicate()
    return times


def show(times: dict[str, list[float]]) -> None:
    base = statistics.median(times["greensdk, RAPL, to memory"])
    print(f"{'one call of an empty function':34} {'us, median':>11} {'least':>8} {'ratio':>7}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:34} {median:11.2f} {min(values):8.2f} {median / base:7.2f}")


def in_own_namespace(arguments: list[str]) -> int:
    """
    Run this script again where /sys/class is a tmpfs of our own.
    """
    script = (
        "set -e; mount --make-rprivate /; mkdir -p $1/class; mount --rbind /sys/class $1/class;"
        "mount -t tmpfs -o mode=755 none /sys/class;"
        'for e in $1/class/*; do n=$(basename "$e"); mkdir "/sys/class/$n"; mount --bind "$e" "/sys/class/$n"; done;'
        "umount -l /sys/class/powercap 2>/dev/null || true; rmdir /sys/class/powercap 2>/dev/null || true;"
        'shift; exec "$@"'
    )
    with tempfile.TemporaryDirectory(dir=SHM) as place:
        command = ["unshare", "-m", "sh", "-c", script, "sh", place, sys.executable, __file__, *arguments]
        return subprocess.run(command, env={**os.environ, INSIDE: place}, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    parser.add_argument("--tool", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tool in PEERS:
        work({options.tool: PEERS[options.tool]()}, options.calls)
        return 0
    inside = os.environ.get(INSIDE)
    if inside is None and os.geteuid() == 0 and shutil.which("unshare"):
        return in_own_namespace(sys.argv[1:])
    if options.tool:
        with tempfile.TemporaryDirectory() as folder:  # a file on a disk, as users have it
            work(ours(options.root, folder), options.calls)
        return 0
    with tempfile.TemporaryDirectory(dir=SHM if os.path.isdir(SHM) else None) as folder:
        tree = PowercapTree(Path(folder))
        tree.package(0).dram()
        root = str(tree.root)
        if inside:
            Path("/sys/class/powercap").symlink_to(root)
            root = "/sys/class/powercap"
        arguments = ["--calls", str(options.calls), "--root", root]
        show(measure(["greensdk", *(PEERS if inside else ())], arguments, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
