"""
Sampling in a Lithops worker, at the period of Lithops' own profiler.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from greensdk_lithops import worker


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"lithops": {"profiler_timeout": 5}}, 5),
        ({"lithops": {"profiler_timeout": 0.5}}, 0.5),
        ({"lithops": {"profiler_timeout": 0}}, None),
        ({"lithops": {"profiler_timeout": "often"}}, None),
        ({"lithops": {"profiler_timeout": True}}, None),
        ({"lithops": {}}, None),
        ({"lithops": None}, None),
        (None, None),
    ],
)
def test_the_profilers_period_is_taken_where_it_is_one(monkeypatch, config, expected):
    """
    Anything else is as if nobody had asked.
    """
    here = SimpleNamespace(runner=SimpleNamespace(job=SimpleNamespace(config=config)))
    monkeypatch.setattr(worker, "place", lambda: here)

    assert expected == worker.LithopsCall({}).sample_every_s


def test_outside_of_a_job_there_is_no_period():
    """
    Nor a job runner to ask.
    """
    assert None is worker.LithopsCall({}).sample_every_s


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_job_is_sampled_at_that_period(monkeypatch, tmp_path):
    """
    Its record has samples without a word of greensdk's own configuration.
    """
    pytest.importorskip("lithops")
    from greensdk_lithops import EnergyFunctionExecutor, collect
    from lithops.constants import TEMP_DIR
    from lithops_functions import nap
    from sampling_kit import good

    monkeypatch.setenv("TMPDIR", TEMP_DIR)
    # Where Lithops remembers which modules a runtime has, whatever PYTHONPATH was when it looked.
    monkeypatch.setattr("lithops.storage.storage.CACHE_DIR", str(tmp_path / "cache"))
    general = {"backend": "localhost", "storage": "localhost", "data_cleaner": False, "profiler_timeout": 0.05}
    place = {"runtime": sys.executable, "storage_bucket": tmp_path.name}
    with EnergyFunctionExecutor(config={"lithops": general, "localhost": place}, log_level="ERROR") as fexec:
        fexec.get_result(fexec.map(nap, [0.5]))
        (record,) = collect(fexec.futures)

    assert 0.05 == good(record)["asked_s"]
    assert record["samples"]["n"] >= 1
