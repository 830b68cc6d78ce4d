"""
What a worker can do before its first call: import what calls need, and look up what stays the same.

Lithops forks a process for each call, which inherits what its worker has by then. The images of
``greensdk k8s dockerfile`` and ``greensdk lambda image`` call :func:`up` when a worker starts.
"""

from __future__ import annotations

import gc
from contextlib import suppress


def up() -> None:
    """
    Get a worker ready before Lithops forks its calls. Never raises.
    """
    with suppress(Exception):
        _measure_nothing()
    gc.collect()
    gc.freeze()


def _measure_nothing() -> None:
    """
    Measure an empty function with all that may work here: it imports what calls import, and looks up the machine.
    """
    import greensdk_lithops.worker  # noqa: F401 - the adapter, which is chosen in a call only
    from greensdk import energy_tracked, reset
    from greensdk.configure import builtin
    from greensdk.deliver.lines import encode

    names = [name for name in builtin.MONITORS if builtin.TRACES.get(name) != "" and not builtin.is_absent(name)]
    energy_tracked(monitors=names, resources="full", sink="memory:")(_nothing)()
    reset()
    encode({})  # chooses the library for JSON


def _nothing() -> None:
    pass
