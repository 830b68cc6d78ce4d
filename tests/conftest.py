"""
What all tests share: nothing of the developer's configuration, nothing left behind.
"""

from __future__ import annotations

import multiprocessing.util
import os
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

import greensdk
from greensdk import errors
from greensdk.deliver import sinks as sink
from greensdk.deliver.lines import encode
from greensdk.testing import PowercapTree

# A busy machine is no fault, so there are no deadlines.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_configure(config):
    """
    Give each of xdist's workers a temporary directory: in it Lithops replaces what the processes of its jobs import.
    """
    if hasattr(config, "workerinput"):
        own = Path(f"{config.option.basetemp}-tmp")
        own.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(own)
    # Under nohup, or in the background of a shell, commands of tests would ignore what they are sent, as we do.
    for number, default in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)
    multiprocessing.util.get_temp_dir()  # for sockets, whose paths must be shorter than those of a test's folder


@pytest.fixture(autouse=True)
def clean_slate(monkeypatch, tmp_path):
    """
    Each test starts in an empty folder, without GREENSDK_* variables, open monitors or old records.
    """
    for variable in [name for name in os.environ if name.startswith("GREENSDK_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    greensdk.reset()
    sink.memory.clear()
    errors.warned.clear()
    yield
    greensdk.reset()
    # Lithops counts its executors there: clients of later tests would go on counting, and give two jobs the same name.
    for variable in [name for name in os.environ if name.startswith("__LITHOPS_")]:
        del os.environ[variable]


@pytest.fixture
def burn():
    """
    Return a function that burns CPU seconds of its thread.
    """
    import burn_kit

    burn_kit.begin()
    return burn_kit.burn


@pytest.fixture
def burn_later(burn):
    """
    Return a coroutine function that does it in five steps.
    """
    import asyncio

    async def burner(seconds: float) -> None:
        for _ in range(5):
            burn(seconds / 5)
            await asyncio.sleep(0.001)

    return burner


@pytest.fixture
def command(tmp_path):
    """
    Return a function that runs ``greensdk ARGUMENTS`` as a process of its own, in the test's folder.

    Warnings are errors in it, but for those that `ignore` names (other people's libraries have some).
    """
    import subprocess
    import sys

    def run(*arguments: str, ignore: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "TMPDIR": str(tmp_path), **variables}
        flags = ["-W", "error", *(["-W", f"ignore::{ignore}"] if ignore else [])]
        words = [sys.executable, *flags, "-m", "greensdk", *arguments]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600, check=False)

    return run


@pytest.fixture
def tree(tmp_path):
    """
    An empty powercap tree.
    """
    return PowercapTree(tmp_path)


@pytest.fixture
def line():
    """
    Return one good line.
    """
    with greensdk.track("x", sink="memory:") as call:
        pass
    return encode(call.record)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """
    Return a function that installs a plugin: ``install("acme", source)``; importable until the test ends.
    """
    import importlib
    import sys
    from textwrap import dedent

    from plugins_kit import GOOD

    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    before = sys.modules.keys() | set()

    def put(name: str, source: str = GOOD, *, target: str | None = None, entry: str | None = None) -> Path:
        (site / f"{name}_hooks.py").write_text(dedent(source.replace("{name}", name)))
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[greensdk]\n{entry or name} = {target or f'{name}_hooks'}\n")
        importlib.invalidate_caches()
        return site

    yield put
    for name in sys.modules.keys() - before:
        if name.endswith("_hooks"):
            del sys.modules[name]
