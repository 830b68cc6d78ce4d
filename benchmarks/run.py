"""
Run every benchmark and print its figures. Machines differ and are noisy: compare within one run, quote ratios.

    tox -e bench
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = ("overhead", "imports", "throughput", "ebpf", "law_cost", "law", "advisor")


def main() -> int:
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        code = subprocess.run(
            [sys.executable, Path(__file__).with_name(f"{name}.py"), *sys.argv[1:]], check=False
        ).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
