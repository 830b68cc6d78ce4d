"""
What measuring costs calls of Lithops on this machine, and whether the joules of many of them add up.

The worker: CPU of a call's process in a cold, a warm and a bare worker, and its parts (lithops_worker.py). The cost:
clients take turns, one with a plain executor and one that measures, each a process of its own with a job of
an empty function. The law: one job, whose calls read a meter of known truth (a powercap tree that a process of its own
turns); its records are collected, and their joules with the unattributed ones held against what the meter was given.

    python benchmarks/lithops_calls.py [--calls N] [--part worker|cost|law]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

KIT = Path(__file__).parents[1] / "tests" / "kit"
sys.path.insert(0, str(KIT))

import law_kit  # noqa: E402
from law_kit import Power  # noqa: E402
from lithops_worker import SPENT, workers  # noqa: E402

from greensdk.testing import PowercapTree  # noqa: E402

WORKERS = 2
ROUNDS = 5
LIMIT_S = 600
IDLE_W, BUSY_W = 10.0, 20.0
BURN_S = 0.2
MIB = 1 << 20


def empty(x: int) -> int:
    return x


def executor_of(folder: str, measuring: bool, energy: Mapping[str, Any], runtime: str = sys.executable) -> Any:
    """
    Return an executor whose files are in a folder, which has to be said before Lithops is imported.
    """
    tempfile.tempdir = os.environ["HOME"] = folder
    os.environ.update(law_kit.lithops_environment())
    config = law_kit.lithops_config(Path("calls"), WORKERS)
    config["localhost"]["runtime"] = runtime
    if measuring:
        from greensdk_lithops import EnergyFunctionExecutor

        return EnergyFunctionExecutor(config=config, log_level=None, energy=energy)
    from lithops import FunctionExecutor

    return FunctionExecutor(config=config, log_level=None)


def be_client(measuring: bool, calls: int, folder: str) -> None:
    """
    Be one client, and print what its calls took.
    """
    began_s = time.perf_counter()
    with executor_of(folder, measuring, {}) as executor:
        futures = executor.map(empty, range(calls))
        executor.get_result(futures, show_progressbar=False)
        took_s = time.perf_counter() - began_s
    found = {
        "exec_ms": [future.stats["worker_exec_time"] * 1e3 for future in futures],
        "func_ms": [future.stats["worker_func_exec_time"] * 1e3 for future in futures],
        "peak_mib": [future.stats["worker_peak_memory_end"] / MIB for future in futures],
        "client_mib": [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024],
        "total_ms": [took_s * 1e3 / calls],
    }
    print(json.dumps(found))


def be_client_of(energy: Mapping[str, Any] | None, runtime: str, folder: str) -> None:
    """
    Submit one call to a worker of a runtime, measured unless `energy` is None, and wait for the worker's figures.
    """
    spent, until_s = Path(folder, SPENT), time.monotonic() + LIMIT_S
    with executor_of(folder, energy is not None, energy or {}, runtime) as executor:
        executor.get_result(executor.map(empty, [0]), show_progressbar=False)
        while not spent.exists() and time.monotonic() < until_s:
            time.sleep(0.05)


def cost(calls: int, cache: str) -> None:
    """
    Print what calls take without us, with us, and the difference.

    Args:
        calls: Of both kinds together.
        cache: A folder for compiled modules.
    """
    each = max(1, calls // ROUNDS // 2)
    found: dict[bool, dict[str, list[float]]] = {False: {}, True: {}}
    for number in range(2 * ROUNDS):
        measuring = number % 2 == 1
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--client", str(int(measuring)), "--calls", str(each), "--in", folder]
            # An installed package has its bytecode; without it the first calls would time the compiler.
            environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S, env=environment)
        for key, values in json.loads(done.stdout.splitlines()[-1]).items():
            found[measuring].setdefault(key, []).extend(values)
    heads = ("plain", "measured", "more")
    print(f"{f'{each * ROUNDS} calls each':44} {'median of':>9} {'':>9} {'':>7} {'least of':>9}")
    print(f"{'':44} {heads[0]:>9} {heads[1]:>9} {heads[2]:>7} {heads[0]:>9} {heads[1]:>9} {heads[2]:>7}")
    for key, name in NAMES.items():
        cells = ""
        for pick in (statistics.median, min):
            plain, measured = pick(found[False][key]), pick(found[True][key])
            cells += f" {plain:9.2f} {measured:9.2f} {measured - plain:7.2f}"
        print(f"{name:44}{cells}")


NAMES = {
    "exec_ms": "a call in its worker, ms (worker_exec_time)",
    "func_ms": "the function in it, ms (worker_func_exec_time)",
    "total_ms": "a call at the client, start and end too, ms",
    "peak_mib": "peak memory of the call's process, MiB",
    "client_mib": "peak memory of the client, MiB",
}


def law(calls: int) -> None:
    """
    Print how far the joules of a job's calls, and the unattributed ones, are from what the meter was given.
    """
    from greensdk.report import EnergyReport

    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        tree = PowercapTree(Path(folder, "sys"))
        tree.package(0)
        # Full resources would be looked at between the wrapper's clock and the first read.
        energy = {"monitors": ["rapl"], "plugins": {"rapl": {"root": tree.root}}, "resources": "light"}
        with (
            law_kit.turning(tree, {"package-0": Power(IDLE_W, BUSY_W)}) as truth,
            executor_of(folder, True, energy) as executor,
        ):
            futures = executor.map(law_kit.burn, [BURN_S] * calls)
            executor.get_result(futures, show_progressbar=False)
            began_s = time.perf_counter()
            records = _collected(executor)
            took_s = time.perf_counter() - began_s
            low_j, high_j = truth.joules(law_kit.spans(records))
        report = EnergyReport(records)
    if report.energy_j is None or report.unattributed_j is None or len(records) != calls:
        raise SystemExit(f"{len(records)} records of {calls} calls, {report.energy_j} J: {list(report.remarks())}")
    sum_j, middle_j = report.energy_j + report.unattributed_j, (low_j + high_j) / 2
    print(f"{calls} calls: {report.energy_j:.2f} J + unattributed {report.unattributed_j:.2f} J = {sum_j:.2f} J")
    print(f"the meter was given {middle_j:.2f} J while they ran, known to {50 * (high_j - low_j) / middle_j:.2f} %")
    print(f"off by {100 * (sum_j / middle_j - 1):+.3f} %; collect took {took_s:.2f} s")


def _collected(executor: Any) -> list[dict[str, Any]]:
    from greensdk_lithops import collect

    records: list[dict[str, Any]] = collect(executor.futures)
    return records


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--part", choices=("worker", "cost", "law"))
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="folder", help=argparse.SUPPRESS)
    options = parser.parse_args(None if arguments is None else list(arguments))
    if options.client is not None:
        be_client(bool(options.client), options.calls, options.folder)
        return 0
    if options.one:
        be_client_of(*options.one)
        return 0
    with tempfile.TemporaryDirectory() as cache:
        if options.part in (None, "worker"):
            workers(cache)
        if options.part in (None, "cost"):
            cost(options.calls, cache)
    if options.part in (None, "law"):
        law(options.calls)
    return 0


if __name__ == "__main__":
    sys.exit(main())
