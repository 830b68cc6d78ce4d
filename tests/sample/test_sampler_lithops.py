"""
Sampling in a Lithops worker, at the period of Lithops' own profiler.
"""

from __future__ import annotations

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
    Anything else is as if it had not been asked.
    """
    here = SimpleNamespace(runner=SimpleNamespace(job=SimpleNamespace(config=config)))
    monkeypatch.setattr(worker, "context", lambda: here)

    assert expected == worker.LithopsCall({}).sample_every_s


def test_outside_of_a_job_there_is_no_period():
    """
    Nor a job runner to ask.
    """
    assert None is worker.LithopsCall({}).sample_every_s


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_job_is_sampled_at_that_period(tmp_path):
    """
    Its record has samples without a word of greensdk's own configuration.
    """
    pytest.importorskip("lithops")
    from greensdk_lithops import EnergyFunctionExecutor, collect
    from lithops_functions import nap
    from lithops_kit import lithops_at
    from sampling_kit import good

    with lithops_at(tmp_path) as config:
        config["lithops"]["profiler_timeout"] = 0.05
        with EnergyFunctionExecutor(config=config, log_level="ERROR") as fexec:
            fexec.get_result(fexec.map(nap, [0.5]))
            (record,) = collect(fexec.futures)

    assert 0.05 == good(record)["asked_s"]
    assert record["samples"]["n"] >= 1
