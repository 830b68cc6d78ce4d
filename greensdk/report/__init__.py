"""
What records add up to: each meter's joules shared out once, and everything else beside it.

A record becomes a row of columns (:mod:`~greensdk.report.columns`), wherever it comes from
(:mod:`~greensdk.report.source`). Then one rule after the other: which rows count (:mod:`~greensdk.report.inclusion`),
where a counter goes on (:mod:`~greensdk.report.counters`), which calls ran at once
(:mod:`~greensdk.report.stretches`), whose joules these are (:mod:`~greensdk.report.split`,
:mod:`~greensdk.report.meters`), and how calls add up (:mod:`~greensdk.report.groups`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greensdk.report.energy import EnergyReport
    from greensdk.report.groups import Group

__all__ = ["EnergyReport", "Group"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from greensdk.report import energy
    except ModuleNotFoundError as error:
        if error.name not in ("msgspec", "numpy"):
            raise
        text = f'greensdk.report needs {error.name}, which is not installed: pip install "greensdk[report]"'
        raise ImportError(text, name=error.name) from None
    return getattr(energy, name)
