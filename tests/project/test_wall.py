"""
The wall between the measured path and the libraries: what a bare interpreter loads, and what it does not.

A Lithops call is a fresh process that pays our imports every time.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from greensdk.configure.config import resolve
from greensdk.testing import PowercapTree

HEAVY = {"asyncio", "concurrent", "dataclasses", "email", "logging", "multiprocessing", "socket", "ssl", "subprocess"}
"""Parts of the standard library that cost milliseconds and that measuring has no need of."""

ORJSON_BRINGS = {"dataclasses", "datetime", "uuid", "platform", "copy", "zoneinfo", "json", "enum"}
"""What importing orjson itself imports; it does so when a sink that writes lines takes its first record."""

REPORT = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules.keys() - before)))"
CALL = """
import sys
before = sys.modules.keys() | set()
from greensdk.calls import Call, bind

def work():
    return sum(range(1000))

spec = {spec!r}
assert 499500 == bind(Call, work, spec)()
assert {{"greensdk_rapl", "greensdk_psutil_tdp"}} <= sys.modules.keys()
"""


def modules(code: str, cwd) -> set[str]:
    """
    Return what `code` loads in a bare interpreter, over what that has loaded before.
    """
    done = subprocess.run([sys.executable, "-c", code + REPORT], cwd=cwd, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def foreign(found: set[str]) -> set[str]:
    """
    Return the packages in `found` that are neither the standard library's nor greensdk's own.
    """
    tops = {name.partition(".")[0] for name in found}
    return {top for top in tops - sys.stdlib_module_names if top.partition("_")[0] != "greensdk"}


def heavy(found: set[str]) -> set[str]:
    """
    Return the parts of the standard library in `found` that measuring must not load.
    """
    return {name for name in found if name.partition(".")[0] in HEAVY or name == "importlib.metadata"}


@pytest.fixture
def specification(tmp_path):
    """
    Return what a client hands its workers: RAPL on a tree of its own, and the estimate from the TDP.
    """
    tree = PowercapTree(tmp_path / "tree")
    tree.package(0)

    def settle(sink: str, resources: str = "light") -> dict:
        plugins = {"rapl": {"root": str(tree.root)}, "psutil-tdp": {"tdp_w": 65}}
        arguments = {"monitors": ["rapl", "psutil-tdp"], "sink": sink, "resources": resources, **plugins}
        return resolve(arguments, {})

    return settle


def test_importing_greensdk_loads_nothing_foreign(tmp_path):
    """
    Neither a library nor a heavy part of the standard library.
    """
    found = modules("import sys\nbefore = sys.modules.keys() | set()\nfrom greensdk import *", tmp_path)

    assert "greensdk.measure.decorator" in found
    assert set() == foreign(found)
    assert set() == heavy(found)


def test_a_call_in_a_worker_loads_nothing_foreign(tmp_path, specification):
    """
    From a resolved specification: no discovery, no configuration, no library.
    """
    found = modules(CALL.format(spec=specification("memory:")), tmp_path)

    assert set() == foreign(found)
    assert set() == heavy(found)
    assert not {"greensdk.configure.config", "greensdk.configure.plugins", "greensdk.hookspecs", "tomllib"} & found


def test_a_line_loads_orjson_and_nothing_else(tmp_path, specification):
    """
    A sink that writes lines may load orjson, with the modules that orjson itself asks for.
    """
    found = modules(CALL.format(spec=specification("x.jsonl")), tmp_path)

    assert foreign(found) <= {"orjson"}
    assert heavy(found) <= ORJSON_BRINGS
    assert 1 == len((tmp_path / "x.jsonl").read_text().splitlines())


def test_what_is_said_of_orjson_is_true(tmp_path):
    """
    The exception above is as small as it can be.
    """
    pytest.importorskip("orjson")
    found = modules("import sys\nbefore = sys.modules.keys() | set()\nimport orjson", tmp_path)

    assert {"orjson"} == foreign(found)
    assert heavy(found) <= ORJSON_BRINGS


def test_only_full_resources_load_psutil(tmp_path, specification):
    """
    Who asks for the process tree and the host gets the library that knows them.
    """
    pytest.importorskip("psutil")

    assert {"psutil"} == foreign(modules(CALL.format(spec=specification("memory:", "full")), tmp_path))


def test_a_call_without_configuration_loads_nothing_foreign(tmp_path):
    """
    Where no third party's plugin is installed, the first call of a script needs neither pluggy nor attrs.
    """
    code = (
        "import sys\nfrom greensdk.configure import plugins\nplugins.declared = lambda path: iter(())\n"
        "before = sys.modules.keys() | set()\nfrom greensdk import energy_tracked\n"
        "assert 7 == energy_tracked(sink='memory:')(lambda: 7)()\n"
    )
    found = modules(code, tmp_path)

    assert "greensdk.configure.config" in found
    assert set() == foreign(found)
    assert set() == heavy(found)


def test_a_third_partys_plugin_is_found_without_importlib_metadata(tmp_path):
    """
    pluggy loads it, and only where there is one.
    """
    site = tmp_path / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text("[greensdk]\nacme = acme_hooks\n")
    (site / "acme_hooks.py").write_text("from greensdk.hookspecs import hookimpl\n")
    code = (
        f"import sys\nsys.path.insert(0, {str(site)!r})\nbefore = sys.modules.keys() | set()\n"
        "from greensdk import energy_tracked\nassert 7 == energy_tracked(sink='memory:')(lambda: 7)()\n"
    )
    found = modules(code, tmp_path)

    assert {"pluggy", "acme_hooks"} <= foreign(found)
    assert "importlib.metadata" not in found


def test_no_thread_is_born_and_no_child(tmp_path, specification):
    """
    Measuring is reading and writing, nothing runs beside it.
    """
    code = CALL.format(spec=specification("x.jsonl")) + (
        "import os, threading\n"
        "assert 1 == threading.active_count() == len(os.listdir('/proc/self/task'))\n"
        "try:\n    os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError:\n    pass\n"
        "else:\n    raise AssertionError('there is a child')\n"
    )
    if sys.platform != "linux":
        pytest.skip("the kernel's list of threads is Linux's")

    modules(code, tmp_path)


def test_the_heavy_ones_are_real_names():
    """
    A misspelt name would forbid nothing.
    """
    assert HEAVY | ORJSON_BRINGS <= sys.stdlib_module_names
