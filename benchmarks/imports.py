"""
What importing greensdk and its first call cost, in a fresh interpreter each.

    python benchmarks/imports.py [--rounds N]
"""

from __future__ import annotations

import argparse
import compileall
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

import greensdk

SPEC = {
    "sources": [
        ["rapl", "greensdk_rapl:RaplMonitor", {}, "auto"],
        ["psutil-tdp", "greensdk_psutil_tdp:PsutilTdpEstimator", {}, "auto"],
    ],
    "sinks": [],
    "order": ["rapl", "psutil-tdp"],
    "resources": "full",
}

CLOCK = "import time; start = time.perf_counter()\n"
PRINT = "\nprint((time.perf_counter() - start) * 1e3)"
MAKE = "import greensdk\nwork = greensdk.energy_tracked(sink='memory:')(lambda: None)\n"
WORKER = "import lithops.worker.handler\n"
CALL = f"from greensdk.calls import Call, bind\nwork = bind(Call, lambda: None, {SPEC!r})\n"

CASES = {
    "import greensdk": CLOCK + "import greensdk" + PRINT,
    "first call, with discovery of plugins": MAKE + CLOCK + "work()" + PRINT,
    "second call": MAKE + "work()\n" + CLOCK + "work()" + PRINT,
    "in a Lithops worker: imports": WORKER + CLOCK + CALL + "work.slot.open()" + PRINT,
    "in a Lithops worker: a call, full resources": WORKER + CALL + "work()\n" + CLOCK + "work()" + PRINT,
}


def milliseconds(code: str) -> float:
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    # An installed package has its bytecode; without it this would time the compiler.
    for place in {Path(greensdk.__file__).parents[1], Path(sysconfig.get_path("purelib"))}:
        for package in place.glob("*/greensdk_*" if (place / "plugins").is_dir() else "greensdk*"):
            compileall.compile_dir(package, quiet=2)
    compileall.compile_dir(Path(greensdk.__file__).parent, quiet=2)
    print(f"{'milliseconds, fresh interpreter':44} {'median':>8} {'least':>8}")
    for name, code in CASES.items():
        try:
            times = [milliseconds(code) for _ in range(rounds)]
        except subprocess.CalledProcessError as error:
            print(f"{name:44} not run: {error.stderr.strip().splitlines()[-1]}")
            continue
        print(f"{name:44} {statistics.median(times):8.2f} {min(times):8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
