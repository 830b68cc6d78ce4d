"""
The table of CPU parts: exact names only, each with its watts, cores, threads, year and source.

The lines checked by hand (`parts`) win over the generated ones (`table_intel`, `table_amd`, made by
``benchmarks/cpu_table.py``), which are loaded for their maker only, when the first name asks for them. The generated
lines are text that is searched as it stands: nothing is parsed, and nothing is held in memory twice.
"""

from .parts import PARTS, Part

CODECARBON = "codecarbon 3.3.2 data/hardware/cpu_power.csv (MIT)"


def find(name: str) -> Part | None:
    """
    Return the part of exactly this name, as :func:`~greensdk_psutil_tdp.names.normalise` makes it; else None.
    """
    part = PARTS.get(name)
    if part is not None:
        return part
    watts = _generated_w(name)
    return None if watts is None else (watts, None, None, None, CODECARBON)


def split(name: str) -> tuple[str, str, str]:
    """
    Split a name as the generated tables do: maker, family, the rest.

    >>> split("intel xeon gold 6130"), split("intel n100")
    (('intel', 'xeon', 'gold 6130'), ('intel', '', 'n100'))
    """
    maker, _, words = name.partition(" ")
    family, space, rest = words.partition(" ")
    return (maker, family, rest) if space else (maker, "", family)


def _generated_w(name: str) -> float | None:
    # No part is without a digit, so a masked name ("intel xeon", a Lambda's) loads no table.
    if ";" in name or "=" in name or not any("0" <= letter <= "9" for letter in name):
        return None
    maker, family, rest = split(name)
    lines = _lines(maker).get(family, "")
    found = lines.find(f";{rest};") if rest else -1
    # ";=65;name;name;": the watts of a name are the last before it.
    return float(lines[lines.rindex("=", 0, found) + 1 : found].partition(";")[0]) if found >= 0 else None


def _lines(maker: str) -> dict[str, str]:
    if maker == "intel":
        from .table_intel import LINES

        return LINES
    if maker == "amd":
        from .table_amd import LINES

        return LINES
    return {}
