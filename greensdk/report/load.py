"""
From logs to a report.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from greensdk.logs import Problem, read
from greensdk.report.energy import EnergyReport


def load(
    sources: Iterable[str | os.PathLike[str]],
    attribution: str = "cpu",
    *,
    skip: Callable[[Problem], Any] | None = None,
) -> EnergyReport:
    """
    Read logs and add them up.

    Args:
        sources: Each as for :func:`greensdk.logs.read`.
        attribution: One of :data:`greensdk.report.split.RULES`.
        skip: Called with each line that can't be read; None raises instead.

    Raises:
        RecordError: A source is missing, or `skip` is None and a line is not a record.
    """
    return EnergyReport([record for source in sources for record in read(source, skip=skip)], attribution)
