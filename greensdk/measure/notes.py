"""
What a call says of itself while it runs: a label, tags, and how much work it has done.
"""

from __future__ import annotations

from math import isfinite
from threading import get_ident
from typing import TYPE_CHECKING, Any

from greensdk.measure.state import current as under_way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greensdk.schema.types import Record


class Notes:
    """
    What was said so far.

    Attributes:
        label: Replaces the call's; None leaves it.
        tags: Added to the call's.
        units: How much of what each thread has added. By thread, so that none overwrites what another adds meanwhile.
        wrong: What could not be taken, by unit.
    """

    __slots__ = ("label", "tags", "units", "wrong")

    def __init__(self) -> None:
        self.label: str | None = None
        self.tags: dict[str, Any] = {}
        self.units: dict[tuple[int, str], float] = {}
        self.wrong: dict[str, str] = {}

    def add(self, unit: str, amount: Any) -> None:
        """
        Add to what was counted of a unit; what is no number is noted in the record.
        """
        try:
            number = amount if type(amount) in (int, float) else float(amount)
            if not isfinite(number):
                raise ValueError(number)
        except Exception:
            self.wrong[unit] = f"a {type(amount).__name__} was added that is no finite number"
            return
        key = get_ident(), unit
        self.units[key] = self.units.get(key, 0) + number

    def put(self, record: Record) -> None:
        """
        Fill in a record that has its joules.
        """
        if self.label is not None:
            record["label"] = self.label
        if self.tags:
            record["tags"] = {**record["tags"], **self.tags}
        units: dict[str, float] = {}
        for (_, unit), amount in self.units.copy().items():
            units[unit] = units.get(unit, 0) + amount
        record["units"] = units
        energy_j = record["energy_j"]
        record["energy_per_unit_j"] = {
            unit: energy_j / amount if energy_j is not None and amount > 0 else None for unit, amount in units.items()
        }
        for unit, text in self.wrong.copy().items():
            record["errors"][f"units.{unit}"] = text


class Annotated:
    """
    A call that can be annotated.
    """

    __slots__ = ()

    def _notes(self) -> Notes:
        raise NotImplementedError

    @property
    def tags(self) -> dict[str, Any]:
        """
        Tags that were set while the call ran; setting some, or all at once, adds them to the record's.
        """
        return self._notes().tags

    @tags.setter
    def tags(self, tags: Mapping[str, Any]) -> None:
        self._notes().tags.update(tags)

    def annotate(self, label: str | None = None, **tags: Any) -> None:
        """
        Set the record's label, and add tags to it.

        Args:
            label: Replaces the call's label; None leaves it.
            tags: Each by its name.
        """
        notes = self._notes()
        if label is not None:
            notes.label = str(label)
        notes.tags.update(tags)

    def add(self, **units: float) -> None:
        """
        Count work that the call has done; the record has the sums in ``units`` and joules for one in
        ``energy_per_unit_j``.

        Args:
            units: How much more, by the name of the unit: tokens, rows, requests.
        """
        notes = self._notes()
        for unit, amount in units.items():
            notes.add(unit, amount)


class Current(Annotated):
    """
    The innermost call under way where :func:`current` was called. Once it has ended nothing is recorded any more.
    """

    __slots__ = ("_window",)

    def __init__(self, window: Any) -> None:
        self._window = window

    @property
    def record_id(self) -> str | None:
        """
        The id that its record will have; None outside any call.
        """
        return None if self._window is None else self._window.record_id

    def _notes(self) -> Notes:
        window = self._window
        if window is None:
            return Notes()
        if window.notes is None:
            window.notes, window.adds = Notes(), True
        notes: Notes = window.notes
        return notes


def current() -> Current:
    """
    Return the innermost measured call under way here, to tell its record more.

    Outside any call, and with ``GREENSDK_DISABLED=1``, it takes everything and records nothing.

    Example:
        >>> from greensdk import capture, current, energy_tracked
        >>> @energy_tracked(sink="memory:")
        ... def generate():
        ...     current().add(tokens=3)
        >>> with capture() as records:
        ...     generate()
        >>> records[0]["units"]
        {'tokens': 3}
    """
    window: Any = under_way.get()
    while window is not None and window.closed:  # a task that goes on after the call that made it
        window = window.parent
    return Current(window)


def annotate(label: str | None = None, **tags: Any) -> None:
    """
    Set label and tags of the innermost call under way here.

    Args:
        label: As for :meth:`Current.annotate`.
        tags: As for :meth:`Current.annotate`.
    """
    current().annotate(label, **tags)
