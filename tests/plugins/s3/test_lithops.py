"""
Real jobs on Lithops' localhost backend whose records go to an S3.
"""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from lithops_kit import lithops_at, results
from s3_kit import seaweed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("lithops") is None, reason="lithops is not installed"),
    # Lithops leaves streams and sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_each_call_leaves_one_object_under_its_job(tmp_path, monkeypatch):
    """
    It is there when the results are, whether one call recorded once or three times.
    """
    from greensdk_lithops import EnergyFunctionExecutor
    from lithops_functions import calls_inner, plus_one

    with seaweed(tmp_path) as s3, lithops_at(tmp_path / "lithops") as config:
        for name, value in {**s3.environment(), "GREENSDK_S3_BUDGET_S": "60"}.items():
            monkeypatch.setenv(name, value)
        energy = {"monitors": [], "sink": "s3://results/runs"}
        with EnergyFunctionExecutor(config=config, log_level=None, energy=energy) as fexec:
            futures = fexec.map(plus_one, [1, 2, 3])
            assert [2, 3, 4] == results(fexec, futures)
            once = s3.objects("runs")
            nested = fexec.call_async(calls_inner, 2)
            results(fexec, nested)
        objects = s3.objects("runs")

    folder = f"runs/{futures[0].executor_id}/{futures[0].job_id}/"
    assert 3 == len(once)
    assert all(key.startswith(folder) for key in once)
    assert {f"{call:05d}" for call in range(3)} == {key.removeprefix(folder).partition("-")[0] for key in once}
    assert [1, 1, 1] == [len(data.splitlines()) for data in once.values()]
    (more,) = (data for key, data in objects.items() if key not in once)
    records = [json.loads(line) for line in more.splitlines()]
    assert ["inner", "inner", None] == [record["label"] for record in records]
