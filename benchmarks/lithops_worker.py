"""
What a measured call costs its worker: CPU milliseconds of the process that Lithops forks for it.

A real client submits one call on localhost. Its runtime is this script, which gives the payload to Lithops' handler
several times, as a worker does that gets several calls, and reads the CPU time of its children after each.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

REPEATS = 6
ROUNDS = 3
LIMIT_S = 300
SPENT = "spent.json"
CLOCKS = {"monitors": [], "resources": "none", "sink": "memory:"}
WITHOUT_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/nowhere"}


class Case(NamedTuple):
    """
    A worker and what it is asked to measure; None for plain Lithops.
    """

    name: str
    energy: Mapping[str, Any] | None = {}
    warm: bool = False
    bare: bool = False
    environment: Mapping[str, str] = {}


PLAIN = "plain Lithops"
BARE = "shipped: a runtime without greensdk"
CASES = (
    Case(PLAIN, None),
    Case("  the wrapper and its record, statistics only", CLOCKS),
    Case("  and the record in storage", {"monitors": [], "resources": "none"}),
    Case("  and the monitors that work here", {"resources": "none"}),
    Case("  and light resources", {"resources": "light"}),
    Case("cold: all of it, with full resources"),
    Case("cold, without bytecode", environment=WITHOUT_BYTECODE),
    Case("warm: got ready before the fork", warm=True),
    Case(BARE, bare=True),
)


def be_interpreter(arguments: list[str]) -> None:
    """
    Be the Python of a localhost runtime, whose ``run_job`` runs the call several times.
    """
    if arguments[1] != "run_job":
        os.execv(sys.executable, [sys.executable, *(["-S"] if sys.flags.no_site else []), *arguments])
    if os.environ["WORKER_WARM"]:
        from greensdk_lithops.warm import up

        up()
    import multiprocessing

    from lithops.worker import function_handler

    multiprocessing.set_start_method("fork", force=True)
    payload = {**json.loads(Path(arguments[2]).read_text()), "worker_processes": 1}
    os.environ |= {"__LITHOPS_ACTIVATION_ID": uuid.uuid4().hex[:12], "__LITHOPS_BACKEND": "Localhost"}
    spent_ms = []
    with open(os.devnull, "w") as sys.stdout:
        for _ in range(REPEATS):
            before_s = _children_s()
            function_handler(dict(payload))
            spent_ms.append((_children_s() - before_s) * 1e3)
    out = Path(os.environ["WORKER_OUT"])
    out.with_suffix(".part").write_text(json.dumps(spent_ms))
    out.with_suffix(".part").rename(out)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def workers(cache: str) -> None:
    """
    Print the figures of all cases, which take turns.

    Args:
        cache: A folder for bytecode.
    """
    found: dict[str, list[list[float]]] = {case.name: [] for case in CASES}
    for _ in range(ROUNDS):
        for case in CASES:
            with tempfile.TemporaryDirectory() as folder:
                found[case.name].append(_spent_ms(case, Path(folder), cache))
    print(f"{'CPU of a call in its worker, ms':48} {'least':>7} {'median':>7} {'more':>7}")
    plain_ms = min(each for spent in found[PLAIN] for each in spent)
    for name, rows in found.items():
        if name == BARE:
            _show(f"{name}, first call", [row[0] for row in rows], plain_ms)
            _show(f"{name}, later", [each for row in rows for each in row[1:]], plain_ms)
        else:
            _show(name, [each for row in rows for each in row], plain_ms)


def _show(name: str, spent_ms: list[float], plain_ms: float) -> None:
    least_ms = min(spent_ms)
    print(f"{name:48} {least_ms:7.2f} {statistics.median(spent_ms):7.2f} {least_ms - plain_ms:7.2f}")


def _spent_ms(case: Case, folder: Path, cache: str) -> list[float]:
    out, runtime = folder / SPENT, folder / "python"
    environment = {"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": "", **case.environment}
    variables = {**environment, "WORKER_WARM": "1" if case.warm else "", "WORKER_OUT": str(out)}
    if case.bare:
        variables["PYTHONPATH"] = str(_site_without_greensdk(folder))
    words = [f"{name}='{value}'" for name, value in variables.items()]
    python = f"{sys.executable}{' -S' if case.bare else ''} {Path(__file__).resolve()}"
    runtime.write_text(f'#!/bin/sh\nexec env {" ".join(words)} {python} "$@"\n')
    runtime.chmod(0o755)
    asked = json.dumps([case.energy, str(runtime), str(folder)])
    command = [sys.executable, str(Path(__file__).with_name("lithops_calls.py")), "--one", asked]
    clean = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S, env=clean)
    spent: list[float] = json.loads(out.read_text())
    return spent


def _site_without_greensdk(folder: Path) -> Path:
    site = folder / "site"
    site.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.lstrip("_").startswith(("greensdk", "editable")) and package.suffix != ".pth":
            (site / package.name).symlink_to(package)
    return site


if __name__ == "__main__":
    be_interpreter(sys.argv[1:])
