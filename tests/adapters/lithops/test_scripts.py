"""
Scripts run as users run them: functions of the main module, workers without the client's modules.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("lithops")
pytestmark = pytest.mark.slow

METER = """
from greensdk.monitor import CALL, ESTIMATED, Availability, reading
import meter_table

class Meter:
    name, cheap = "meter", True
    def probe(self): return Availability(True)
    def open(self): return []
    def close(self): pass
    def estimate(self, usage):
        return reading("meter", scope=CALL, quality=ESTIMATED, boundary="package", energy_j=meter_table.JOULES)
"""

HEAD = """
    import json, os, sys
    from greensdk import energy_tracked
    from greensdk.schema.check import problems
    from greensdk_lithops import EnergyFunctionExecutor, collect
    LITHOPS = {"backend": "localhost", "storage": "localhost", "monitoring_interval": 0.1, "data_cleaner": False}

    def config(**localhost):
        return {"lithops": LITHOPS, "localhost": {"worker_processes": 2, **localhost}}

    def show(value):
        print("RESULT", json.dumps(value))
"""


@pytest.fixture
def script(tmp_path):
    """
    Return a function that runs a script in a process of its own and returns what it shows.
    """

    def run(body: str, **variables: str):
        path = tmp_path / "script.py"
        path.write_text(dedent(HEAD) + dedent(body))
        environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), **variables}
        command = [sys.executable, str(path)]
        done = subprocess.run(
            command, check=False, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=600
        )
        shown = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        assert shown, done.stderr
        return json.loads(shown[-1].removeprefix("RESULT "))

    return run


@pytest.fixture
def bare_python(tmp_path):
    """
    Return a Python that has all that this one has, but for greensdk.
    """
    links = tmp_path / "site"
    links.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.lstrip("_").startswith(("greensdk", "editable")) and package.suffix != ".pth":
            (links / package.name).symlink_to(package)
    python = tmp_path / "bare" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH={links} exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    return str(python)


def test_functions_of_the_main_module_travel_by_value(script):
    """
    With what they close over and call; decorated with the executor's settings beneath their own, or not.
    """
    shown = script("""
        factor = 10

        def helper(x):
            return x * factor

        def make(n):
            @energy_tracked(label="mine")
            def closure(x):
                return helper(x) + n
            return closure

        with EnergyFunctionExecutor(config=config(), log_level=None, energy={"label": "all", "tags": {"a": 1}}) as f:
            futures = f.map(make(5), [1]) + f.map(helper, [2])
            values = f.get_result(futures)
            show([values, [[r["function"], r["label"], r["tags"], problems(r)] for r in collect(futures)]])
    """)
    assert [
        [15, 20],
        [["__main__.make.<locals>.closure", "mine", {"a": 1}, []], ["__main__.helper", "all", {"a": 1}, []]],
    ] == shown


def test_a_worker_without_greensdk_gets_it_sent(script, tmp_path, bare_python):
    """
    And the monitor that only the client can import, with what that imports; a module that is not sent is named.
    """
    (tmp_path / "meter_plugin.py").write_text(METER)
    (tmp_path / "meter_table.py").write_text("JOULES = 3.0\n")
    (tmp_path / "my_helper.py").write_text("def add(x): return x + 1\n")
    shown = script(
        """
        def work(x):
            import my_helper
            return my_helper.add(x)

        class Object:
            def __call__(self, x):
                from greensdk_lithops import EnergyFunctionExecutor as _  # as a module of the user's may
                import my_helper
                return my_helper.add(x)

        def asks(x):
            try:
                import greensdk.report
            except ImportError as error:
                return str(error)

        energy = {"monitors": ["meter_plugin:Meter"]}
        with EnergyFunctionExecutor(config=config(runtime=os.environ["BARE"]), log_level=None,
                                    energy=energy) as f:
            futures = f.map(work, [1]) + f.map(Object(), [2]) + f.map(work, [3], include_modules=["my_helper"])
            futures += f.map(asks, [4])
            values = f.get_result(futures)
            sizes = [future.stats["func_module_size_bytes"] for future in futures]
            show([values, [[r["energy_j"], r["status"], r["energy_source"]] for r in collect(futures)], max(sizes)])
        """,
        BARE=bare_python,
    )
    assert [[2, 3], [[3.0, "ok", "meter"]] * 2] == [shown[0][:2], shown[1][:2]]
    # An explicit list is taken as it is, and what the plugin imports is not in it.
    assert 4 == shown[0][2]
    assert shown[1][2][1] == "ok"
    assert shown[0][3].startswith("greensdk.report is not among the modules of greensdk that workers get sent")
    assert shown[2] < 20_000


def test_a_runtime_without_bytecode_compiles_once(script, tmp_path):
    """
    Its first call leaves bytecode in a private folder, which the next one uses and doesn't write again.
    """
    python = tmp_path / "uncompiled"
    python.write_text(
        f'#!/bin/sh\nPYTHONDONTWRITEBYTECODE=1 PYTHONPYCACHEPREFIX=/nonexistent exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    shown = script(
        """
        from pathlib import Path

        def work(x):
            import sys
            return [x, sys.pycache_prefix, sys.dont_write_bytecode]

        with EnergyFunctionExecutor(config=config(runtime=os.environ["UNCOMPILED"]), log_level=None) as f:
            seen = []
            for number in range(2):
                futures = f.map(work, [number])
                values = f.get_result(futures)
                files = sorted(Path(os.environ["TMPDIR"]).glob("greensdk-code-*/bytecode/**/*.pyc"))
                seen.append([values[0], collect(futures)[0]["status"], [[f.name, f.stat().st_mtime_ns] for f in files]])
            show(seen)
        """,
        UNCOMPILED=str(python),
    )
    assert [[0, "/nonexistent", True], [1, "/nonexistent", True]] == [values for values, *_ in shown]
    assert ["ok", "ok"] == [status for _, status, _ in shown]
    assert shown[0][2] == shown[1][2]
    assert any(name.startswith("window.") for name, _ in shown[0][2])


def test_a_worker_that_gets_nothing_sent_runs_the_function_unmeasured(script, bare_python):
    """
    With ``include_modules=None`` nothing travels: the result is right, and the record says what is missing.
    """
    shown = script(
        """
        @energy_tracked
        def work(x):
            return x + 1

        with EnergyFunctionExecutor(config=config(runtime=os.environ["BARE"]), log_level=None) as f:
            futures = f.map(work, [1], include_modules=None)
            values = f.get_result(futures)
            (record,) = collect(futures)
            show([values, record["status"], record["reason"], futures[0].stats.get("worker_func_energy_pkg", 0)])
        """,
        BARE=bare_python,
    )
    assert [[2], "unmeasured", 0] == [shown[0], shown[1], shown[3]]
    assert "its worker has no greensdk" in shown[2]


def test_localhost_workers_run_this_python_unless_configured(script, tmp_path):
    """
    Also when the configuration comes from a file, and PATH leads to another Python.
    """
    (tmp_path / "lithops.yaml").write_text(
        "lithops: {backend: localhost, storage: localhost, monitoring_interval: 0.1, data_cleaner: false}\n"
    )
    shown = script(
        """
        def which(x):
            import sys
            return sys.executable

        with EnergyFunctionExecutor(log_level=None) as f:
            show([f.get_result(f.map(which, [1])), sys.executable])
        """,
        LITHOPS_CONFIG_FILE=str(tmp_path / "lithops.yaml"),
        PATH="/usr/bin:/bin",
    )
    assert [shown[1]] == shown[0]


def test_child_processes_of_a_call_do_not_disturb_its_record(script):
    """
    Forked ones run measured functions too: their records lie beside the call's, and their seconds are in it.
    """
    shown = script("""
        @energy_tracked(label="child")
        def child(x):
            return sum(range(200_000)) and x

        def parent(n):
            import multiprocessing
            workers = [multiprocessing.get_context("fork").Process(target=child, args=(i,)) for i in range(n)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            return n

        with EnergyFunctionExecutor(config=config(), log_level=None) as f:
            futures = f.map(parent, [2])
            values = f.get_result(futures)
            records = collect(futures)
            keys = f.storage.list_keys(f.storage.bucket, f"greensdk/v1/{f.executor_id}/")
            inside = [json.loads(f.storage.get_object(f.storage.bucket, key)) for key in sorted(keys, key=len)[1:]]
            show([values, [r["function"] for r in records], [[r["label"], r["depth"]] for r in inside],
                  {r["parent_id"] for r in inside} == {records[0]["record_id"]}])
    """)
    assert [[2], ["__main__.parent"], [["child", 1], ["child", 1]], True] == shown
