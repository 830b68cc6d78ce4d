"""
The table of CPU parts: exact names only, each with its watts, cores, threads, year and source.

The lines checked by hand (`parts`) win over Intel's client parts (`data.core`), and those over the generated ones
(`data.intel`, `data.amd`, made by ``benchmarks/cpu_table.py``), for which `data.threads` knows the threads. Each is
loaded when a name asks for it. The tables are text that is searched as it stands: nothing is parsed, and nothing is
held in memory twice.
"""

from importlib import import_module

from greensdk_psutil_tdp.parts import ARK, LINES

CODECARBON = "codecarbon 3.3.2 data/hardware/cpu_power.csv (MIT)"


# A named tuple costs a fresh worker a quarter of a millisecond to make.
Part = tuple[float | None, int | None, int | None, int | None, str, float | None]
"""
What a table says of one socket, None where it doesn't: thermal design power (base power where the maker publishes a
turbo power beside it), cores, hardware threads, year of launch, who says so, and the turbo power.
"""


def find(name: str) -> Part | None:
    """
    Return the part of exactly this name, as :func:`~greensdk_psutil_tdp.names.normalise` makes it; else None.
    """
    for source, lines in LINES.items():
        if by_hand := _before(lines, name):
            tdp_w, cores, threads, year = (int(number) if number else None for number in by_hand.split("/"))
            return tdp_w, cores, threads, year, source, None
    if name.startswith("intel ") and (client := _said("core", name)):
        base_w, peak_w, *counted = (int(number) for number in client.split("/"))
        return float(base_w), counted[0], counted[1], counted[2], ARK, float(peak_w) or None
    watts = _said(name.partition(" ")[0], name)
    if not watts:
        return None
    counts: list[int | None] = [int(count) for count in _said("threads", name).split("/") if count]
    counts = counts or [None, None]
    return float(watts), counts[0], counts[1], None, CODECARBON, None


def split(name: str) -> tuple[str, str, str]:
    """
    Split a name as the tables do: maker, family, the rest.

    >>> split("intel xeon gold 6130"), split("intel n100")
    (('intel', 'xeon', 'gold 6130'), ('intel', '', 'n100'))
    """
    maker, _, words = name.partition(" ")
    family, space, rest = words.partition(" ")
    return (maker, family, rest) if space else (maker, "", family)


def _said(table: str, name: str) -> str:
    """Return what a table of text says of a name; "" where it has none."""
    # No part is without a digit, so a masked name ("intel xeon", a Lambda's) loads no table.
    maker, family, rest = split(name)
    if maker not in ("intel", "amd") or ";" in name or "=" in name or not any("0" <= letter <= "9" for letter in name):
        return ""
    tables: dict[str, str] = import_module(f"{__package__}.data.{table}").LINES
    return _before(tables.get(family, ""), rest)


def _before(lines: str, name: str) -> str:
    # ";=65;name;name;": what is said of a name is the last before it.
    found = lines.find(f";{name};") if name else -1
    return lines[lines.rindex("=", 0, found) + 1 : found].partition(";")[0] if found >= 0 else ""
