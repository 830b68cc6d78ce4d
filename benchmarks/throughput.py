"""
How many records a second the file sink takes, and what a sleeping call leaves running.

    python benchmarks/throughput.py [--records N]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time

from greensdk import capture, energy_tracked
from greensdk.deliver.sinks import JsonlSink


def one_record() -> dict[str, object]:
    with capture() as records:
        energy_tracked(resources="full", sink="memory:")(lambda: None)()
    return records[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--records", type=int, default=100_000)
    count = parser.parse_args().records
    record = one_record()
    with tempfile.TemporaryDirectory() as folder:
        sink = JsonlSink(f"{folder}/energy.jsonl")
        start = time.perf_counter()
        for _ in range(count):
            sink.emit(record)
        seconds = time.perf_counter() - start
        size = os.path.getsize(sink.path)
        sink.close()
    print(f"file sink: {count / seconds:,.0f} records/s of {size / count:,.0f} bytes each, full resources")

    def asleep() -> int:
        time.sleep(1)
        return len(os.listdir("/proc/self/task"))

    cpu = time.process_time()
    threads = energy_tracked(sink="memory:")(asleep)()
    print(f"a call that sleeps 1 s: {threads - 1} threads beside it, {time.process_time() - cpu:.4f} CPU seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
