"""
A machine with one package.
"""

import pytest
from perf_kit import counting


@pytest.fixture
def pmu(tmp_path):
    """
    One package whose joules the test counts.
    """
    return counting(tmp_path / "sys")
