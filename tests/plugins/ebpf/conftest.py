"""
Agents in folders of the tests.
"""

from __future__ import annotations

import pytest
from agent_kit import GROUP, counters, place
from ebpf_kit import BOTH
from ebpf_kit import running as running_programs
from greensdk_ebpf import agent


@pytest.fixture
def root():
    """
    Where an agent may live.
    """
    with place() as where:
        yield where


@pytest.fixture(scope="module")
def running():
    """
    An agent for the group, which several tests read.
    """
    with place() as where:
        agent.start(where, str(GROUP))
        yield where


@pytest.fixture
def tree(root):
    """
    Energy counters that root alone may read.
    """
    return counters(root)


@pytest.fixture(scope="module", params=BOTH)
def loaded(request):
    """
    Everything in the kernel, in each form; with the event that the module names for cycles.
    """
    with running_programs(request.param, getattr(request.module, "EVENT", None)) as everything:
        yield everything
