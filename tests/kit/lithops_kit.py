"""
Lithops on this machine, in a folder of the test's own.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from greensdk.testing import PowercapTree, ticking

KIT = str(Path(__file__).parent)

NEEDS_LITHOPS = (
    pytest.mark.skipif(find_spec("lithops") is None, reason="lithops is not installed"),
    # Lithops leaves streams and sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
)
"""Marks of tests with real executors."""


@contextmanager
def lithops_at(folder: Path, **localhost: Any) -> Iterator[dict[str, Any]]:
    """
    Yield a configuration whose workers find this Python, this folder, and Lithops' files where the client put them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(folder))
        # Lithops decides when it is imported, which an earlier test may have done.
        from lithops.constants import TEMP_DIR

        patch.setenv("TMPDIR", TEMP_DIR)
        # Where it remembers which modules a runtime has, whatever PYTHONPATH was when it looked.
        patch.setattr("lithops.storage.storage.CACHE_DIR", str(folder / "cache"))
        patch.setenv("PYTHONPATH", os.pathsep.join([KIT, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
        general = {"backend": "localhost", "storage": "localhost", "monitoring_interval": 0.1, "data_cleaner": False}
        own = {"runtime": sys.executable, "worker_processes": 2, "storage_bucket": str(time.time_ns()), **localhost}
        try:
            yield {"lithops": general, "localhost": own}
        finally:
            collect_leftovers()


def collect_leftovers() -> None:
    """
    Let go what Lithops leaves to the garbage collector, so that no later test is blamed for it.
    """
    logger = logging.getLogger("lithops")
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        handler.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@contextmanager
def package_of_40_w(folder: Path) -> Iterator[PowercapTree]:
    """
    A package of 40 W with cores and memory, in the place of the machine's own.
    """
    tree = PowercapTree(folder / "powercap")
    package = tree.package(0)
    package.core()
    package.dram()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GREENSDK_RAPL_ROOT", tree.root)
        with ticking(tree, {"package-0": 40.0, "core-0": 30.0, "dram-0": 4.0}, every_s=0.005):
            yield tree


def results(executor: Any, futures: Any, **options: Any) -> Any:
    """
    Wait without a progress bar.
    """
    return executor.get_result(futures, show_progressbar=False, **options)


def until(found: Callable[[], Any], wait_s: float = 120.0) -> Any:
    """
    Return what `found` returns as soon as it is true, or in the end whatever it is.
    """
    until_s = time.monotonic() + wait_s
    while not (value := found()) and time.monotonic() < until_s:
        time.sleep(0.05)
    return value
