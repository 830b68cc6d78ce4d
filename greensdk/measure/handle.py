"""
What a handle of a call says of it: its numbers, None with a reason where there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greensdk.schema.types import Record


class Handle:
    """
    A call with a record.
    """

    __slots__ = ()

    @property
    def record(self) -> Record:
        """
        The call's record.
        """
        raise NotImplementedError

    @property
    def energy_j(self) -> float | None:
        """
        The call's joules; None where they are unknown, of which :attr:`reason` says why.
        """
        return self.record["energy_j"]

    @property
    def low_j(self) -> float | None:
        """
        Lower end of the joules' 90% interval.
        """
        return self.record["energy_low_j"]

    @property
    def high_j(self) -> float | None:
        """
        Upper end of the joules' 90% interval.
        """
        return self.record["energy_high_j"]

    @property
    def cpu_s(self) -> float | None:
        """
        The call's CPU seconds.
        """
        return self.record["cpu_s"]

    @property
    def duration_s(self) -> float | None:
        """
        How long the call took.
        """
        return self.record["duration_s"]

    @property
    def source(self) -> str | None:
        """
        The monitor that the joules are from.
        """
        return self.record["energy_source"]

    @property
    def quality(self) -> str | None:
        """
        How they are known: measured, attributed, estimated.
        """
        return self.record["energy_quality"]

    @property
    def boundary(self) -> str | None:
        """
        The part of the machine that they are of.
        """
        return self.record["energy_boundary"]

    @property
    def reason(self) -> str | None:
        """
        Why the joules are unknown, or what they lack.
        """
        return self.record["reason"]

    def per(self, unit: str) -> float | None:
        """
        Return joules for one unit of the work that ``add`` has counted, such as ``per("tokens")``.
        """
        return (self.record.get("energy_per_unit_j") or {}).get(unit)

    def line(self) -> str:
        """
        Return joules with their interval, how they are known, seconds and CPU seconds on one line.
        """
        from greensdk.schema.text import summary

        record = self.record
        name = record["label"] or record["function"]
        return f"{name}: {summary(record)}" if name else summary(record)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.line()}>"

    def _repr_html_(self) -> str:
        """
        Return the line for a notebook: no script, and nothing that is loaded.
        """
        from html import escape

        from greensdk.schema.text import joules, summary

        record = self.record
        energy = joules(record["energy_j"], record["energy_low_j"], record["energy_high_j"])
        rest = summary(record).partition("(")[2]
        name = escape(record["label"] or record["function"] or "")
        shown = "energy unknown" if energy == "-" else energy
        return f"<div>{name} <strong>{shown}</strong> <small>({escape(rest)}</small></div>"
