"""
What records add up to: each meter's joules shared out once, and everything else beside it.
"""

from __future__ import annotations

from greensdk.report.energy import EnergyReport, Group

__all__ = ["EnergyReport", "Group"]
