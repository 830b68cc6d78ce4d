"""
A board's sensors in a directory of the test, laid out as Linux, Documentation/hwmon/sysfs-interface.rst.
"""

from __future__ import annotations

from pathlib import Path

from greensdk.testing.counter import Counter

RANGE_UJ = 2**63


class FakePower:
    """
    A sensor that shows watts.
    """

    def __init__(self, file: Path, watts: float) -> None:
        self.file = file
        self.set_w(watts)

    def set_w(self, watts: float) -> None:
        """
        Show so many watts from now on.
        """
        self.file.write_text(f"{round(watts * 1e6)}\n")


class FakeChip:
    """
    One driver with its channels.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        path.mkdir(parents=True)
        (path / "name").write_text(f"{name}\n")

    def energy(self, label: str = "", uj: int = 1_000_000) -> Counter:
        """
        Add an energy counter.
        """
        return Counter(self._file("energy", "input", label), uj, RANGE_UJ)

    def power(self, label: str = "", watts: float = 0.0, average_s: float | None = None) -> FakePower:
        """
        Add a power sensor; with `average_s` one that shows the mean over so many seconds.
        """
        file = self._file("power", "input" if average_s is None else "average", label)
        if average_s is not None:
            file.with_name(f"{file.name}_interval").write_text(f"{round(average_s * 1000)}\n")
        return FakePower(file, watts)

    def _file(self, kind: str, what: str, label: str) -> Path:
        number = 1 + sum(1 for _ in self.path.glob(f"{kind}*_[ia]*[te]"))
        if label:
            (self.path / f"{kind}{number}_label").write_text(f"{label}\n")
        return self.path / f"{kind}{number}_{what}"


class FakeHwmon:
    """
    A sysfs with sensors.

    Attributes:
        root: What takes the place of ``/sys``.
    """

    def __init__(self, path: str | Path) -> None:
        self.root = str(path)
        self._chips = Path(path, "class", "hwmon")
        self._chips.mkdir(parents=True)

    def chip(self, name: str) -> FakeChip:
        """
        Add a chip by the name of its driver.
        """
        return FakeChip(self._chips / f"hwmon{len(list(self._chips.iterdir()))}", name)
