"""
The table of CPU parts: exact names only, each with its watts, cores, threads, year and source; and what every name is
reduced to before it is looked up, and tells by itself.

The lines checked by hand (`parts`) win over Intel's client parts (`data.core`), and those over the generated ones
(`data.intel`, `data.amd`, made by ``benchmarks/cpu_table.py``), for which `data.threads` knows the threads. Each is
loaded when a name asks for it. The tables are text that is searched as it stands: nothing is parsed, and nothing is
held in memory twice.
"""

from importlib import import_module

from greensdk_psutil_tdp.parts import ARK, LINES

CODECARBON = "codecarbon 3.3.2 data/hardware/cpu_power.csv (MIT)"
_MARKS = ("(r)", "(tm)", "(c)", "\u00ae", "\u2122", "\u200b")
_TAILS = ("@", "(", " with ", " w/", " radeon ")
# A lone 0 follows the model number of Xeons from 2012: "CPU E5-2680 0 @ 2.70GHz".
_DROPPED = frozenset(("cpu", "processor", "apu", "gen", "0"))
_CORE_I = frozenset(("i3", "i5", "i7", "i9"))

# A named tuple costs a fresh worker a quarter of a millisecond to make.
Part = tuple[float | None, int | None, int | None, int | None, str, float | None]
"""
What a table says of one socket, None where it doesn't: thermal design power (base power where the maker publishes a
turbo power beside it), cores, hardware threads, year of launch, who says so, and the turbo power.
"""


def find(name: str) -> Part | None:
    """
    Return the part of exactly this name, as :func:`normalise` makes it; else None.
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


def normalise(model: str) -> str:
    """
    Reduce a brand string to the words that tell parts apart: ``Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz`` to
    ``intel xeon e5-2686 v4``, ``AMD FX(tm)-8350 Eight-Core Processor`` to ``amd fx-8350``.

    Two parts never become one: no letter of a model number is dropped. Doing it twice changes nothing.
    """
    name = model.lower()
    for mark in _MARKS:
        name = name.replace(mark, " ")
    name = " ".join(name.split())
    for tail in _TAILS:
        name = name.partition(tail)[0]
    words: list[str] = []
    for word in name.split():
        if word in _DROPPED or _is_count(word):
            continue
        # "FX(tm)-8350", and the "Core i7 860" of 2009, which its maker's list has as "i7-860"
        if words and word[:1] == "-":
            words[-1] += word
        elif words and words[-1] in _CORE_I and word[:1].isdigit():
            words[-1] += f"-{word}"
        else:
            words.append(word)
    return " ".join(words)


def cores(model: str) -> int | None:
    """
    Return the cores that AMD prints into its names, ``EPYC 7763 64-Core Processor``; None where there are none.
    """
    counts = [word.partition("-core") for word in model.lower().split()]
    return next((int(count) for count, core, _ in counts if core and count.isascii() and count.isdigit()), None)


def _is_count(word: str) -> bool:
    # "64-core", "64-cores", and the "11th" of "11th Gen"
    return word.endswith(("-core", "-cores")) or (word[:1].isdigit() and word.endswith(("st", "nd", "rd", "th")))


def letters(name: str) -> str:
    """
    Return the letters after a client part's model number, which say what it was made for; "" where there are none.

    >>> letters("intel core i7-13700hx"), letters("intel core ultra 7 356h"), letters("amd ryzen 9 9950x3d")
    ('hx', 'h', 'x3d')
    """
    plain = name.translate(str.maketrans("", "", " -+")).isalnum()
    if not plain or sum(sum(each.isdigit() for each in word) >= 3 for word in name.split()) != 1:
        return ""  # no model number, or two
    last = name.rpartition(" ")[2].rpartition("-")[2]
    number = last[: len(last) - len(last.lstrip("0123456789"))]
    ending = last[len(number) :]
    return ending if 3 <= len(number) <= 5 and ending.isalnum() else ""
