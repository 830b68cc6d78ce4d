"""
Agents in folders of the tests.
"""

from __future__ import annotations

import pytest
from agent_kit import GROUP, counters, place
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
