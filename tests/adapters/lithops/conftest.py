"""
Lithops on this machine, beside a package whose counters turn.
"""

from __future__ import annotations

import pytest
from lithops_kit import lithops_at, package_of_40_w


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """
    Return a configuration for this machine.
    """
    with lithops_at(tmp_path_factory.mktemp("lithops")) as config:
        yield config


@pytest.fixture
def rapl(tmp_path):
    """
    A package whose counters turn.
    """
    with package_of_40_w(tmp_path) as tree:
        yield tree


@pytest.fixture
def fexec(request, config, rapl):
    """
    An executor that measures, with the settings that the module names.
    """
    from greensdk_lithops import EnergyFunctionExecutor

    with EnergyFunctionExecutor(config=config, log_level=None, energy=request.module.ENERGY) as executor:
        yield executor
