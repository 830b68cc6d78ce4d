"""
One reading stands for a call: the one of its monitor and its boundary, for everybody who asks.
"""

from __future__ import annotations

import doctest

import pytest

from greensdk import track
from greensdk.logs import worker_func
from greensdk.report import EnergyReport
from greensdk.report.compare import sides
from greensdk.schema import flat, primary
from greensdk.schema.primary import primary_of


@pytest.fixture
def record():
    """
    The record of a block that asked for the wall, by a monitor that has the package as well.
    """
    with track("x", sink="memory:", monitors=["psutil-tdp"], boundary="wall") as call:
        sum(range(100_000))
    return call.record


def test_flat_keys_report_and_comparison_name_the_same_reading(record):
    """
    The wall's, although the package's comes first.
    """
    (side,) = sides(EnergyReport([record]))

    assert ["package", "wall"] == [each["boundary"] for each in record["readings"]]
    assert "wall" == primary_of(record)["boundary"]
    assert "psutil-tdp:wall:estimated" == flat.energy(record)["worker_func_energy_source"]
    assert "psutil-tdp:wall:estimated" == worker_func(record)["worker_func_energy_source"]
    assert ("psutil-tdp (wall)",) == EnergyReport([record]).total.sources
    assert ("psutil-tdp", "wall", record["energy_j"]) == (side.source, side.boundary, side.methods[0].energy_j)


def test_a_call_without_energy_has_no_primary(record):
    """
    Whatever its readings say.
    """
    nothing = dict.fromkeys(("energy_j", "energy_source", "energy_boundary"))

    assert primary_of({**record, **nothing}) is None
    assert primary_of({}) is None


def test_examples_in_docstrings_run():
    """
    Every ``>>>`` prints what stands below it.
    """
    failed, tried = doctest.testmod(primary)

    assert not failed
    assert tried
