"""
Lithops' standalone mode, as far as it goes without a cloud: how its master splits a job, its workers' consumer of tasks
and its task runner are Lithops' own. Redis, SSH and HTTP, which bring a job from one to the next, are left out.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections import deque
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from lithops_kit import lithops_at, package_of_40_w, results

from greensdk.schema.check import problems

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("lithops") is None, reason="lithops is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Redis:
    """
    The queue between master and worker, without the bookkeeping.
    """

    def __init__(self):
        self.tasks = deque()

    def lpush(self, _queue, task):
        """
        Take a task.
        """
        self.tasks.append(task)

    def rpop(self, _queue):
        """
        Give the next task.
        """
        return self.tasks.popleft() if self.tasks else None

    def hget(self, *_args, **_mapping):
        """
        Know nothing.
        """
        return 0

    hset = rpush = hget


@pytest.fixture
def services(tmp_path, monkeypatch):
    """
    Return Lithops' master and worker service, with the runner where the worker looks for it.
    """
    for name in ("flask", "redis"):
        pytest.importorskip(name)
    if find_spec("gevent") is None:  # which serves the control endpoints, and is in the images of VMs only
        gevent, pywsgi = ModuleType("gevent"), ModuleType("gevent.pywsgi")
        pywsgi.WSGIServer = object
        monkeypatch.setitem(sys.modules, "gevent", gevent)
        monkeypatch.setitem(sys.modules, "gevent.pywsgi", pywsgi)
    from lithops.standalone import master, worker

    home = tmp_path / "opt"
    home.mkdir()
    shutil.copy(Path(worker.__file__).with_name("runner.py"), home)
    monkeypatch.setattr(worker, "SA_INSTALL_DIR", str(home))
    redis = Redis()
    monkeypatch.setattr(master, "redis_client", redis)
    monkeypatch.setattr(worker, "redis_client", redis)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    return master, worker


def test_a_task_of_a_virtual_machine_leaves_the_same_record(tmp_path, services):
    """
    As on localhost, but for the backend's name: good records, joules from the meter, the statistics.
    """
    master, worker = services
    with lithops_at(tmp_path / "lithops") as config, package_of_40_w(tmp_path):
        from greensdk_lithops import EnergyFunctionExecutor
        from lithops.constants import JOBS_DIR
        from lithops_functions import plus_one

        os.makedirs(JOBS_DIR, exist_ok=True)
        consumer = threading.Thread(target=worker.redis_queue_consumer, args=(0, "q", "create", "aws_ec2"), daemon=True)
        with EnergyFunctionExecutor(config=config, log_level=None) as executor:

            def invoke(payload):
                config = {**payload["config"], "standalone": {"exec_mode": "create"}}
                master.handle_job({**payload, "config": config}, "q")
                worker.worker_threads[0] = {}
                consumer.start()

            executor.compute_handler.invoke = invoke
            futures = executor.map(plus_one, [1, 2], stage="load")
            assert [2, 3] == results(executor, futures, timeout=600)
            records = executor.energy_report().records
        consumer.join(600)
        assert not consumer.is_alive()
    assert [[], []] == [problems(record) for record in records]
    assert [("aws_ec2", "load", 1, 2)] * 2 == [
        tuple(record["worker"][key] for key in ("backend", "stage", "attempt", "calls")) for record in records
    ]
    assert ["rapl"] * 2 == [record["energy_source"] for record in records]
    assert [record["energy_j"] for record in records] == pytest.approx(
        [future.stats["worker_func_energy_j"] for future in futures]
    )
