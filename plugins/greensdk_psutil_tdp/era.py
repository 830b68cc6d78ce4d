"""
When a part was launched, known by its name; and which kind of CPU it is to the power model.

Makers number their parts by generation, so the year of a whole generation is enough: the power model only asks
whether a part is from before 2014 (and by how many years), and whether it is from 2017, 2021 or 2022 on. Years of
launch: Intel ARK (ark.intel.com) and AMD's product pages (amd.com/en/products/specifications).
"""

import re

INTEL_OLD = "intel-server-old"
SERVER = "server"
AMD_DESKTOP = "amd-desktop"
INTEL_CLIENT = "intel-client"

MODERN = 2017
"""From this year on the parts are those that the wall model was fitted on."""

NEW_SERVERS = 2021
"""Intel's servers launched before (up to Cascade Lake) rest at a smaller part of their TDP than all later ones."""

LAPTOP_W = 60
"""Base power of a socket below which client silicon is taken for a laptop's: they have 15 to 55 W, desktops 65 W."""

# Kinds with a limit above base power: since which year, and how many times it at most. AMD's "Package Power Tracking",
# product pages of Ryzen 7000 and 9000: 65 W and 88, 105 and 142, 170 and 230. Intel ARK, "Maximum Turbo Power".
_PEAKS = {AMD_DESKTOP: (2022, 1.35), INTEL_CLIENT: (2021, 2.0)}
USUAL_THREAD_W = 4.0
SEEN_THREAD_W = (1.7, 10.0)
FEW_THREADS = -0.15
"""
Full load over TDP falls with this power of a server's watts a thread, within `SEEN_THREAD_W`: many slow cores run at
the power limit, a few fast ones at their highest clock, below it. It is not fitted with the rest: RAPL of 15 server
models says -0.08 (90%: -0.30 to 0.04); full load less rest of 43 CPU families of SPECpower, within maker and era, says
-0.17 (-0.34 to -0.01).
"""

_CLIENTS = ("intel-client", "arm-client", "apple")

_XEON = {"51": 2006, "30": 2006, "32": 2007, "52": 2007, "53": 2007, "54": 2007, "72": 2007, "73": 2007}
_XEON |= {"31": 2008, "33": 2008, "74": 2008, "34": 2009, "35": 2009, "55": 2009, "36": 2010, "56": 2010}
_XEON |= {"65": 2010, "75": 2010}
_OPTERON = {"12": 2006, "22": 2006, "82": 2006, "13": 2008, "23": 2008, "83": 2008, "24": 2009, "84": 2009}
_OPTERON |= {"41": 2010, "61": 2010, "32": 2011, "42": 2011, "62": 2011, "33": 2012, "43": 2012, "63": 2012}

# a word, a pattern, and what its group means, or the year itself. The first that fits decides. The word spares a
# worker the compiling of patterns that can't fit.
_GENERATIONS: tuple[tuple[str, str, dict[str, int] | int], ...] = (
    ("xeon", r"(?:bronze|silver|gold|platinum) \d(\d)", {"1": 2017, "2": 2019, "3": 2021, "4": 2023, "5": 2023}),
    ("xeon e-", r"e-2(\d)", {"1": 2018, "2": 2019, "3": 2021, "4": 2023}),
    (" v", r"e[357]-\d{4}\w* v(\d)", {"2": 2013, "3": 2014, "4": 2016, "5": 2015, "6": 2017}),
    ("xeon e", r"e[357]-[1248]\d{3}", 2012),
    ("xeon d", r"d-(\d)", {"1": 2015, "2": 2018}),
    ("xeon", r"xeon [elwx]?(\d\d)\d\d$", _XEON),
    ("xeon 6", r"xeon 6\d{3}[ep]", 2024),
    ("xeon max", "max", 2023),
    ("xeon w", r"xeon w\d-", 2023),
    ("xeon", r"xeon (?:w\d?-|[36]\d{3})", 2017),
    ("opteron", r"opteron (\d\d)\d\d", _OPTERON),
    ("epyc", r"epyc \d\w\w(\d)", {"1": 2017, "2": 2019, "3": 2021, "4": 2022, "5": 2024}),
    ("core i", r"core i[3579]-(1\d|\d)\d{3}", {"2": 2011, "3": 2012, "4": 2013, "5": 2015, "6": 2015}),
    ("core i", r"core i[3579]-\d{3}", 2010),
    ("core", r"core 2|core duo|core2", 2006),
    ("pentium", r"pentium [d4]", 2006),
    ("core", "core ", MODERN),
    ("ryzen", "ryzen", MODERN),
    ("phenom", "phenom", 2009),
    ("athlon ii", "athlon", 2009),
    ("amd fx", "fx", 2012),
)


def launch_year(name: str) -> int | None:
    """
    Return the year in which the part's generation came out; None where the name doesn't tell.

    A generation of Core that is not in the table is a later one.

    Example:
        >>> launch_year("intel xeon e5-2686 v4"), launch_year("amd epyc 7763"), launch_year("intel xeon")
        (2016, 2021, None)
    """
    for word, pattern, years in _GENERATIONS:
        found = re.search(pattern, name) if word in name else None
        if found:
            return years if isinstance(years, int) else years.get(found[1], MODERN if word == "core i" else None)
    return None


def spelled(cpu: str) -> str:
    """
    Return a part's name without its clock and with the maker in front, as tables and people write it in many ways.

    It brings ``2.6 GHz AMD Opteron 2435``, ``Intel Xeon E3-1220v2`` and ``Quad-Core AMD Opteron(tm) Processor 8376
    HE`` to the form of the CPU's own brand string. No letter of a model number is dropped.
    """
    name = cpu.lower().replace("(r)", " ").replace("(tm)", " ")
    name = " ".join(re.sub(r"\d[\d.]* ?[gm]hz", " ", name).split())
    for maker in ("intel", "amd"):
        name = name[name.find(maker) :] if f" {maker} " in name.partition("(")[0] else name
    name = re.sub(r"(e[357]-\d{4}[a-z]?)(v\d)", r"\1 \2", name)
    name = re.sub(r"(opteron \d{4})([a-z]{2})\b", r"\1 \2", name)
    return re.sub(r"^(?:intel )?(?=xeon |e[357]-\d|[elx]\d{4}\b)(?:xeon )?", "intel xeon ", name)


def kind_of(name: str, cpu_class: str, year: int | None, socket_w: float) -> str:
    """
    Return which of the power model's curves fits a CPU.

    Xeon E3 and E are made of client silicon. AMD's parts below `LAPTOP_W` are one die without the separate die for
    input and output that keeps a desktop Ryzen at a dozen watts, and rest like Intel's. Servers of unknown year count
    as new.
    """
    if cpu_class in _CLIENTS or name.startswith(("intel xeon e-", "intel xeon e3-")):
        return INTEL_CLIENT
    if cpu_class == "amd-client":
        return AMD_DESKTOP if socket_w >= LAPTOP_W else INTEL_CLIENT
    if "intel" in cpu_class and year is not None and year < NEW_SERVERS:
        return INTEL_OLD
    return SERVER


def peak_of(kind: str, socket_w: float, year: int | None, peak_w: float | None, thread_w: float) -> float:
    """
    Return how many times more a part takes for long at full load than the usual one of its kind and base power.

    Of a server its watts a thread tell it, see `FEW_THREADS`. Makers let desktops run at the limit that they publish
    beside the base power: AMD's PPT is 1.35 times the TDP from Ryzen 7000 (2022) on; Intel's maximum turbo power from
    the 12th generation on is 2 times for the K parts, and where it is more, cooling and boards end it there. A laptop
    falls back to its base power within a minute.
    """
    if kind in (INTEL_OLD, SERVER):
        return float((min(max(thread_w, SEEN_THREAD_W[0]), SEEN_THREAD_W[1]) / USUAL_THREAD_W) ** FEW_THREADS)
    since, most = _PEAKS.get(kind, (9999, 1.0))
    if socket_w < LAPTOP_W or (year or 0) < since:
        return 1.0
    return most if peak_w is None else max(1.0, min(most, peak_w / socket_w))
