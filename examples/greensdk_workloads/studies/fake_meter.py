"""
A simulated meter for machines without one: a powercap tree whose counter a process advances with the CPUs' busy time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IDLE_W, BUSY_W = 10.0, 20.0
"""Constant watts, and additional watts for each busy CPU."""

PERIOD_S = 0.002


@contextmanager
def simulated_meter() -> Iterator[Path]:
    """
    Yield the root of a powercap tree with one package, whose counter advances while the block runs.
    """
    from greensdk.testing import PowercapTree

    with tempfile.TemporaryDirectory(prefix="greensdk-meter-") as folder:
        tree = PowercapTree(Path(folder))
        package = tree.package(0, range_uj=2**63)
        command = [sys.executable, "-m", "greensdk_workloads.studies.fake_meter", str(package.path / "energy_uj")]
        path = os.pathsep.join(filter(None, sys.path))
        with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield Path(tree.root)
            finally:
                process.kill()


def advance(file: str) -> None:
    """
    Advance the counter until the parent ends.
    """
    from greensdk.measure.cputime import host_clock

    clock, parent = host_clock(), os.getppid()
    assert clock is not None
    fd = os.open(file, os.O_WRONLY)
    start_s, busy0_s, first_uj = time.monotonic(), clock.read(), int(Path(file).read_text())
    print("running", flush=True)
    while os.getppid() == parent:
        joules = IDLE_W * (time.monotonic() - start_s) + BUSY_W * (clock.read() - busy0_s)
        os.pwrite(fd, b"%024d\n" % (first_uj + int(joules * 1e6)), 0)
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    advance(sys.argv[1])
