"""
Workloads to measure: plain functions with known answers, and the studies made of them.

    >>> from greensdk_workloads import load, plainly
    >>> pi = load("pi")
    >>> pi.check(pi.run(plainly, 2, 0.0001), 0.0001)
    ''

From a shell: ``python -m greensdk_workloads pi --workers 2 --scale 0.01``.
"""

from __future__ import annotations

from greensdk_workloads.mappers import OnLithops, Tracked, plainly
from greensdk_workloads.workload import NAMES, Mapper, Workload, load

__all__ = ["NAMES", "Mapper", "OnLithops", "Tracked", "Workload", "load", "plainly"]
