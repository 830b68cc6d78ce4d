"""
What tests of event loops have in common.
"""

from __future__ import annotations

import asyncio

import pytest

from greensdk import capture


def near(expected, within=0.02):
    """
    Equal within the jitter of a busy machine.
    """
    return pytest.approx(expected, abs=within)


def recorded(main):
    """
    Run a coroutine, and return the records by label or the function's last name.
    """
    with capture() as records:
        asyncio.run(main)
    return {record["label"] or record["function"].rpartition(".")[2]: record for record in records}
