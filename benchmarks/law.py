"""
Do the joules of overlapping calls add up? greensdk beside pyRAPL, pyJoules, codecarbon and zeus on one meter.

The meter is a powercap tree, which a process of its own turns by 10 W and 20 W for each busy CPU, and which keeps a log
of what it was given: the truth. It is put in place of /sys/class/powercap in a private mount namespace, because the
other libraries can't be made to look elsewhere, which takes root. Each library runs each scenario in processes of its
own.

    python benchmarks/law.py [--tool NAME ...] [--scenario NAME ...]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

KIT = Path(__file__).parents[1] / "tests" / "kit"
sys.path.insert(0, str(KIT))

import law_gpu  # noqa: E402
import law_kit  # noqa: E402
from law_kit import Power, Truth  # noqa: E402
from law_peers import DECORATORS, PEERS, decorator_tool, peer_tool  # noqa: E402

from greensdk.report import EnergyReport  # noqa: E402
from greensdk.testing import PowercapTree  # noqa: E402

INSIDE = "GREENSDK_LAW_INSIDE"
POWERCAP = "/sys/class/powercap"
OURS = "greensdk"
TOOLS = (OURS, *PEERS)
IDLE_W, BUSY_W = 10.0, 20.0
LIMIT_S = 60

HEADS = ("greensdk: calls + unattributed", "truth known to", "its calls alone", "off the fair share")

DECORATED = "50 coroutines, decorated"
ON_GPU = "GPU + CPU, 2 processes"
RUN = "`run` around 2 threads"
RUN_SETTINGS = {"GREENSDK_MONITORS": "rapl", "GREENSDK_RESOURCES": "light", "GREENSDK_RAPL_ROOT": POWERCAP}
"""As for the calls inside of it (:func:`law_kit.greensdk_tool`)."""
GPU_W = 300.0
GATHER = "gather in 4 coroutines"
BLOCKS = "50 blocks on one loop"


def lithops(tool: law_kit.Tool, number: int, workers: int, seconds: float) -> None:
    """
    Calls in as many workers of Lithops on this machine.
    """
    from lithops import FunctionExecutor

    os.environ.update(law_kit.lithops_environment())
    os.environ["PYTHONPATH"] += os.pathsep + str(Path(__file__).parent)
    with FunctionExecutor(config=law_kit.lithops_config(Path("law"), workers), log_level=None) as executor:
        law_kit.lithops_calls(executor, law_kit.one_in_worker, number, tool, seconds)


SCENARIOS: dict[str, Callable[[law_kit.Tool], None]] = {
    "1 thread": partial(law_kit.threads, number=1, seconds=1.0),
    "2 threads": partial(law_kit.threads, number=2, seconds=0.5),
    "8 threads": partial(law_kit.threads, number=8, seconds=0.15),
    "32 threads": partial(law_kit.threads, number=32, seconds=0.05),
    "50 coroutines": partial(law_kit.coroutines, number=50, seconds=0.06),
    DECORATED: partial(law_kit.coroutines, number=50, seconds=0.06),
    "3 levels, one inside the other": partial(law_kit.nested, levels=3, seconds=0.4),
    "4 processes": partial(law_kit.processes, number=4, seconds=0.5),
    BLOCKS: partial(law_kit.coroutines, number=50, seconds=0.06),
    GATHER: partial(law_kit.gathering, calls=4, number=5, seconds=0.05),
    RUN: partial(law_kit.threads, number=2, seconds=1.5),
    "a thread pool inside a call": partial(law_kit.pool, workers=2, tasks=4, seconds=0.3, method="threads"),
    "a process pool inside a call": partial(law_kit.pool, workers=2, tasks=4, seconds=0.4),
    ON_GPU: partial(law_gpu.on_gpu, number=2, seconds=2.0),
    "a fork server's pool inside a call": partial(law_kit.pool, workers=2, tasks=4, seconds=0.4, method="forkserver"),
    "loky inside a call": partial(law_kit.pool, workers=2, tasks=4, seconds=0.4, method="loky"),
    "8 Lithops calls on 2 workers": partial(lithops, number=8, workers=2, seconds=1.0),
}


class Found(NamedTuple):
    """
    What one library said of one scenario.

    Attributes:
        truth_j: What the meter counted while a call ran; where a tick fell into a read, of the values that may be it
            the one next to `sum_j`.
        vague: By how much of it those differ, either way.
        sum_j: The sum of what it said; of greensdk with what is unattributed.
        calls_j: Of greensdk the sum of the calls.
        unfair: Of greensdk the most that an equally busy call is off its fair share; None of one call.
        ended: Its processes ended by themselves.
    """

    truth_j: float
    vague: float
    sum_j: float
    calls_j: float | None = None
    unfair: float | None = None
    ended: bool = True


def on_gpu(tool: str, folder: str, log: Path) -> Found | str:
    """
    Run the scenario that has a GPU: two counters, each of which has a truth of its own, and their sum.
    """
    if tool != OURS:
        return "no stand-in"
    counter = law_gpu.made(Path(folder, "gpu"))
    with (
        law_kit.turning(in_place(Path(folder, "sys")), {"package-0": Power(IDLE_W, BUSY_W)}) as package,
        law_kit.turning(counter, {"package-0": Power(GPU_W)}) as gpu,
    ):
        ended, failure = lived(["--log", str(log), "--tool", tool, "--scenario", ON_GPU], folder)
        if failure or not log.exists():
            return f"fails: {failure}" if failure else f"nothing after {LIMIT_S} s"
        try:
            return ours(log, package, gpu)._replace(unfair=None, ended=ended)
        except ValueError as error:
            return f"fails: {error}"


def ours(log: Path, *truths: Truth) -> Found:
    """
    Read greensdk's records, of one meter or several.
    """
    records = law_kit.read_log(log)
    report = EnergyReport(records)
    calls = report.calls_j
    if report.energy_j is None or report.unattributed_j is None:
        raise ValueError("calls without a number")
    own_j = [record["energy_self_j"] for record in records] if len(calls) < len(records) else list(calls.values())
    fair_j = sum(own_j) / len(own_j)
    unfair = max(abs(joules / fair_j - 1.0) for joules in own_j) if len(own_j) > 1 else None
    sum_j = report.energy_j + report.unattributed_j
    return Found(*_known(report.counted, truths, sum_j), sum_j, report.energy_j, unfair)


def theirs(log: Path, truth: Truth) -> Found:
    """
    Read what another library's brackets came to.
    """
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    records = [
        {
            "monotonic_s": row["began_ns"] / 1e9,
            "duration_s": (row["ended_ns"] - row["began_ns"]) / 1e9,
            "phases": {"start_s": 0.0, "stop_s": 0.0},
        }
        for row in rows
        if row["ended_ns"]
    ]
    sum_j = sum(row["joules"] for row in rows)
    return Found(*_known(records, [truth], sum_j), sum_j)


def _known(records: Iterable[Mapping[str, Any]], truths: Iterable[Truth], sum_j: float) -> tuple[float, float]:
    spans = law_kit.spans(records)
    low_j, high_j = map(sum, zip(*(truth.joules(spans) for truth in truths), strict=True))
    return min(max(sum_j, low_j), high_j), (high_j - low_j) / (high_j + low_j)


def run(tool: str, scenario: str) -> Found | str:
    """
    Run a scenario with a library; a text says why there is no number.
    """
    if tool != OURS and (refused := lacks(tool, scenario)):
        return refused
    with tempfile.TemporaryDirectory(dir=os.environ[INSIDE], ignore_cleanup_errors=True) as folder:
        log = Path(folder, "law.jsonl")
        if scenario == ON_GPU:
            return on_gpu(tool, folder, log)
        with law_kit.turning(in_place(Path(folder, "sys")), {"package-0": Power(IDLE_W, BUSY_W)}) as truth:
            ended, failure = lived(["--log", str(log), "--tool", tool, "--scenario", scenario], folder)
            if failure or not log.exists():
                return f"fails: {failure}" if failure else f"nothing after {LIMIT_S} s"
            try:
                found = (ours if tool == OURS else theirs)(log, truth)._replace(ended=ended)
                return found._replace(unfair=None) if scenario == RUN else found
            except ValueError as error:
                return f"fails: {error}"


def lacks(tool: str, scenario: str) -> str:
    """
    Return why another library has no part in a scenario; empty where it has.
    """
    if not importlib.util.find_spec(tool):
        return "not installed"
    if scenario in {DECORATED, GATHER} and tool not in DECORATORS:
        return "no decorator"
    return {RUN: "not run", BLOCKS: "as 50 coroutines"}.get(scenario, "")


def in_place(folder: Path) -> PowercapTree:
    """
    Put a tree of one package in the place of the machine's.
    """
    tree = PowercapTree(folder)
    tree.package(0).dram()  # pyRAPL's decorator wants one; it stands still
    for control in Path(tree.root).glob("*[a-z]"):
        (control / "subsystem").unlink(missing_ok=True)
        (control / "subsystem").symlink_to(tree.root)  # where codecarbon looks
    link = Path(POWERCAP)
    link.unlink(missing_ok=True)
    link.symlink_to(tree.root)
    return tree


def lived(arguments: list[str], folder: str) -> tuple[bool, str]:
    """
    Be a library's process, in a group of its own; return whether it ended by itself, and if it failed its last words.
    """
    command, environment = [sys.executable, __file__, *arguments], {**os.environ, "TMPDIR": folder}
    if RUN in arguments and OURS in arguments:
        command = [sys.executable, "-m", "greensdk", "run", "--out", arguments[1], "--", *command]
        environment |= RUN_SETTINGS
    with (
        open(Path(folder, "said"), "w+", encoding="utf-8", errors="replace") as said,
        subprocess.Popen(command, env=environment, start_new_session=True, stdout=said, stderr=said) as process,
    ):
        try:
            process.wait(LIMIT_S)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a library's helper processes may outlive it
        if not ended or not process.returncode:
            return ended, ""
        said.seek(0)
        return True, (said.read().strip().splitlines() or [f"status {process.returncode}"])[-1][:100]


def be(tool: str, scenario: str, log: str) -> None:
    """
    Be the process that a library measures.
    """
    make: law_kit.Tool
    if tool == OURS:
        tool_of = law_kit.greensdk_blocks if scenario == BLOCKS else law_kit.greensdk_tool
        make = partial(law_gpu.gpu_tool if scenario == ON_GPU else tool_of, POWERCAP, log)
    else:
        make = partial(decorator_tool if scenario in {DECORATED, GATHER} else peer_tool, tool, log)
    SCENARIOS[scenario](make)


def heading(tools: Iterable[str]) -> str:
    """
    Return the head of the table.
    """
    heads = ["scenario"]
    for tool in tools:
        heads += HEADS if tool == OURS else [tool]
    return "| " + " | ".join(heads) + " |\n|---" + "|---:" * (len(heads) - 1) + "|"


def _cells(tool: str, found: Found | str) -> list[str]:
    if isinstance(found, str):
        return [found, *[""] * (len(HEADS) - 1)] if tool == OURS else [found]
    ratio = found.sum_j / found.truth_j
    if found.calls_j is None:
        return [f"{ratio:.2f}" + ("" if found.ended else ", does not end")]
    return [
        f"{ratio:.4f}",
        f"{100 * found.vague:.2f} %",
        f"{found.calls_j / found.truth_j:.2f}",
        "" if found.unfair is None else f"{100 * found.unfair:.1f} %",
    ]


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
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as place:
        command = ["unshare", "-m", "sh", "-c", script, "sh", place, sys.executable, __file__, *arguments]
        return subprocess.run(command, env={**os.environ, INSIDE: place}, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--tool", action="append", choices=TOOLS)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--log", help=argparse.SUPPRESS)
    options = parser.parse_args()
    tools, scenarios = options.tool or TOOLS, options.scenario or SCENARIOS
    if options.log:
        be(tools[0], next(iter(scenarios)), options.log)
        return 0
    if INSIDE not in os.environ:
        if os.geteuid() or not shutil.which("unshare"):
            print("law: needs root and unshare, to put its meter in the place of the machine's")
            return 0
        return in_own_namespace(sys.argv[1:])
    print(heading(tools), flush=True)
    for scenario in scenarios:
        cells = [scenario]
        for tool in tools:
            print(f"{scenario}: {tool}", file=sys.stderr, flush=True)
            cells += _cells(tool, run(tool, scenario))
        print("| " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
