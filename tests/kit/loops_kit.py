"""
What tests of event loops have in common.
"""

from __future__ import annotations

import asyncio

from greensdk import capture


def recorded(main):
    """
    Run a coroutine, and return the records by label or the function's last name.
    """
    with capture() as records:
        asyncio.run(main)
    return {record["label"] or record["function"].rpartition(".")[2]: record for record in records}
